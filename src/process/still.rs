//! A live process as it was at one moment, for the shortest pause: what is to be read is known before it is stopped,
//! and is copied while it stands still; decoding comes after it runs on. `docs/internals/pausing.md`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::trace::{Custody, Hold, TraceError};
use super::{
    Identity, Mapping, Mappings, Process, ProcessError, ReadError, ReadMemory, Registers,
    SystemCall, ThreadStatus,
};
use crate::model::{Addr, Pid, Tid};

/// Times that a copy is made anew because it lacked something, before the process is held while it is looked at.
const MOST_COPIES: usize = 3;

/// What is copied at most, in bytes. Who looks at more holds the process meanwhile.
const MOST_BYTES: u64 = 64 << 20;

/// One `process_vm_readv`.
const PIECE: u64 = 64 * 1024;

/// What is copied of each stack with the registers, in bytes. Of a deeper one the rest is copied the next time.
const STACK: u64 = 256 * 1024;

/// Below the stack pointer a function may keep something, too: the red zone, in bytes (System V ABI for x86-64, 3.2.2).
const RED_ZONE: u64 = 128;

/// Looks at a process as it is at one moment.
///
/// `custody` says who can hold it: whoever traces it already, if somebody does.
///
/// `rehearse` does what `look` will do, and what it gives is thrown away: it shows what has to be read, while the process
/// runs. `look` may be called several times; its last answer counts. Both must ask nothing but the process that they
/// are given.
pub fn look_at_one_moment<T: Send>(
    process: &dyn Process,
    (pid, custody): (Pid, &Custody),
    rehearse: impl FnOnce(&dyn Process),
    look: impl Fn(&dyn Process) -> T + Sync,
) -> Result<T, TraceError> {
    let rehearsal = Observed::new(process);
    rehearse(&rehearsal);
    let mut wanted = rehearsal.into_wanted();
    // While it is stopped the state of every thread is that, and when it goes on it runs.
    let threads = process.threads().unwrap_or_default();
    for _ in 0..MOST_COPIES {
        if wanted.bytes() > MOST_BYTES {
            break;
        }
        let mut moment = Moment::prepare(process, &wanted, &threads);
        custody.hold(pid, |hold| moment.fill(hold))?;
        let answer = look(&moment);
        let missed = moment.process.into_wanted();
        if missed == Wanted::default() {
            return Ok(answer);
        }
        wanted.add(missed);
    }
    wanted.memory.clear();
    let mut moment = Moment::prepare(process, &wanted, &threads);
    custody.hold(pid, |hold| {
        moment.fill(hold);
        look(&moment)
    })
}

/// What a look asks of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Wanted {
    /// Start and end of stretches of memory, without overlap and not adjacent.
    memory: BTreeMap<u64, u64>,
    system_calls: Vec<Tid>,
    /// The registers of all threads, and their stacks.
    stacks: bool,
}

impl Wanted {
    fn bytes(&self) -> u64 {
        let stretches = self.memory.iter();
        stretches
            .map(|(start, end)| end.saturating_sub(*start))
            .sum()
    }

    fn add_memory(&mut self, address: Addr, length: u64) {
        let (mut start, mut end) = (address.0, address.0.saturating_add(length));
        // Those that begin at or before the end, the last first, as long as they reach the start.
        while let Some((&other, &other_end)) = self.memory.range(..=end).next_back() {
            if other_end < start {
                break;
            }
            self.memory.remove(&other);
            (start, end) = (start.min(other), end.max(other_end));
        }
        self.memory.insert(start, end);
    }

    fn add(&mut self, other: Wanted) {
        for (start, end) in other.memory {
            self.add_memory(Addr(start), end.saturating_sub(start));
        }
        self.system_calls.extend(other.system_calls);
        self.stacks |= other.stacks;
    }
}

/// A process that notes what it is asked for.
struct Observed<'p> {
    process: &'p dyn Process,
    wanted: Mutex<Wanted>,
}

impl<'p> Observed<'p> {
    fn new(process: &'p dyn Process) -> Observed<'p> {
        Observed {
            process,
            wanted: Mutex::default(),
        }
    }

    fn note(&self, note: impl FnOnce(&mut Wanted)) {
        note(&mut self.wanted.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn into_wanted(self) -> Wanted {
        self.wanted
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadMemory for Observed<'_> {
    fn read(&self, address: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.process.read(address, buffer)?;
        self.note(|wanted| wanted.add_memory(address, buffer.len() as u64));
        Ok(())
    }

    fn extent(&self, address: Addr) -> Option<Range<Addr>> {
        self.process.extent(address)
    }
}

/// What was wanted of a process, as it was while it stood still.
struct Moment<'p> {
    /// For what is not memory, or was not expected.
    process: Observed<'p>,
    /// By start address, without overlap.
    pieces: BTreeMap<u64, Piece>,
    system_calls: BTreeMap<Tid, Option<SystemCall>>,
    /// If they are wanted. A thread in an uninterruptible wait has none.
    registers: Option<BTreeMap<Tid, Registers>>,
    /// By start address, which is at a stack pointer. They may overlap each other and `pieces`.
    stacks: BTreeMap<u64, Piece>,
    threads: Vec<ThreadStatus>,
}

struct Piece {
    bytes: Box<[u8]>,
    is_there: bool,
}

impl<'p> Moment<'p> {
    /// Does all that can be done before the process is stopped.
    fn prepare(process: &'p dyn Process, wanted: &Wanted, threads: &[ThreadStatus]) -> Moment<'p> {
        let mut pieces = BTreeMap::new();
        for (&start, &end) in &wanted.memory {
            for at in (start..end).step_by(PIECE as usize) {
                let mut bytes = Vec::new();
                // Written to, so that pmdb has the pages before the process is stopped.
                bytes.resize((end - at).min(PIECE) as usize, 0xff);
                let bytes = bytes.into_boxed_slice();
                let is_there = false;
                pieces.insert(at, Piece { bytes, is_there });
            }
        }
        let calls = wanted.system_calls.iter().map(|&tid| (tid, None));
        Moment {
            process: Observed::new(process),
            pieces,
            system_calls: calls.collect(),
            registers: wanted.stacks.then(BTreeMap::new),
            stacks: BTreeMap::new(),
            threads: threads.to_vec(),
        }
    }

    /// What happens while the process stands still, and nothing else does.
    fn fill(&mut self, hold: &Hold) {
        let process = self.process.process;
        for (&start, piece) in &mut self.pieces {
            piece.is_there = process.read(Addr(start), &mut piece.bytes).is_ok();
        }
        for (&tid, call) in &mut self.system_calls {
            *call = process.system_call(tid);
        }
        if let Some(registers) = &mut self.registers {
            let mut room = MOST_BYTES;
            for tid in hold.stopped() {
                // It fails for one that was killed meanwhile.
                let Ok(of_thread) = hold.registers(tid) else {
                    continue;
                };
                registers.insert(tid, of_thread);
                if let Some((start, stack)) = copy_of_stack(process, of_thread.rsp, room) {
                    room = room.saturating_sub(stack.bytes.len() as u64);
                    self.stacks.insert(start, stack);
                }
            }
        }
    }

    /// The piece that holds an address, and where it begins.
    fn piece(&self, address: Addr) -> Option<(u64, &[u8])> {
        let in_one_of = |pieces: &'_ BTreeMap<u64, Piece>| {
            let (&start, piece) = pieces.range(..=address.0).next_back()?;
            let is_within = address.0 - start < piece.bytes.len() as u64;
            (piece.is_there && is_within).then_some(start)
        };
        let (pieces, start) = match in_one_of(&self.pieces) {
            Some(start) => (&self.pieces, start),
            None => (&self.stacks, in_one_of(&self.stacks)?),
        };
        Some((start, &*pieces.get(&start)?.bytes))
    }
}

/// What is in use of the stack that a stack pointer points into, or the first part of it; and where that begins.
fn copy_of_stack(process: &dyn Process, pointer: u64, room: u64) -> Option<(u64, Piece)> {
    let extent = process.extent(Addr(pointer))?;
    let start = pointer.saturating_sub(RED_ZONE).max(extent.start.0);
    let length = extent.end.0.saturating_sub(start).min(STACK).min(room);
    let mut bytes = vec![0; usize::try_from(length).ok()?].into_boxed_slice();
    let is_there = process.read(Addr(start), &mut bytes).is_ok();
    Some((start, Piece { bytes, is_there }))
}

impl ReadMemory for Moment<'_> {
    fn read(&self, address: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        let mut filled = 0;
        while filled < buffer.len() {
            let at = address.plus(filled as u64);
            let Some((start, bytes)) = self.piece(at) else {
                // Not of the moment: the answer will be asked for again.
                return self.process.read(address, buffer);
            };
            let from = bytes.get((at.0 - start) as usize..).unwrap_or_default();
            let count = from.len().min(buffer.len() - filled);
            buffer[filled..filled + count].copy_from_slice(&from[..count]);
            filled += count;
        }
        Ok(())
    }

    fn lend(&self, address: Addr, length: usize) -> Option<&[u8]> {
        let (start, bytes) = self.piece(address)?;
        bytes.get((address.0 - start) as usize..)?.get(..length)
    }

    fn extent(&self, address: Addr) -> Option<Range<Addr>> {
        match self.piece(address) {
            Some((start, bytes)) => Some(Addr(start)..Addr(start).plus(bytes.len() as u64)),
            None => self.process.extent(address),
        }
    }
}

/// All of a process but its memory and its threads, handed on.
macro_rules! hand_on {
    ($($member:tt)+) => {
        fn identity(&self) -> &Identity {
            self.$($member)+.identity()
        }

        fn mappings(&self) -> &Mappings {
            self.$($member)+.mappings()
        }

        fn mapping_at(&self, address: Addr) -> Option<Mapping> {
            self.$($member)+.mapping_at(address)
        }

        fn code_mappings(&self) -> Vec<Mapping> {
            self.$($member)+.code_mappings()
        }

        fn open_file(&self, mapping: &Mapping) -> Result<std::fs::File, ProcessError> {
            self.$($member)+.open_file(mapping)
        }

        fn environment(&self, name: &str) -> Option<String> {
            self.$($member)+.environment(name)
        }

        fn notes(&self) -> Vec<String> {
            self.$($member)+.notes()
        }

        fn has_changed(&self) -> Option<ProcessError> {
            self.$($member)+.has_changed()
        }

        fn resolve(&self, path: &Path) -> PathBuf {
            self.$($member)+.resolve(path)
        }
    };
}

impl Process for Observed<'_> {
    hand_on!(process);

    fn threads(&self) -> Result<Vec<ThreadStatus>, ProcessError> {
        self.process.threads()
    }

    fn system_call(&self, tid: Tid) -> Option<SystemCall> {
        self.note(|wanted| wanted.system_calls.push(tid));
        self.process.system_call(tid)
    }

    fn registers(&self, tid: Tid) -> Option<Registers> {
        self.note(|wanted| wanted.stacks = true);
        self.process.registers(tid)
    }
}

impl Process for Moment<'_> {
    hand_on!(process.process);

    fn threads(&self) -> Result<Vec<ThreadStatus>, ProcessError> {
        if self.threads.is_empty() {
            return self.process.threads();
        }
        Ok(self.threads.clone())
    }

    fn system_call(&self, tid: Tid) -> Option<SystemCall> {
        match self.system_calls.get(&tid) {
            Some(call) => *call,
            None => self.process.system_call(tid),
        }
    }

    fn registers(&self, tid: Tid) -> Option<Registers> {
        match &self.registers {
            Some(registers) => registers.get(&tid).copied(),
            None => self.process.registers(tid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_that_touch_become_one() {
        let mut wanted = Wanted::default();
        for (start, length) in [(10, 10), (30, 10), (50, 5), (20, 5), (0, 1)] {
            wanted.add_memory(Addr(start), length);
        }
        assert_eq!(
            wanted.memory,
            BTreeMap::from([(0, 1), (10, 25), (30, 40), (50, 55)])
        );
        wanted.add_memory(Addr(24), 30);
        assert_eq!(wanted.memory, BTreeMap::from([(0, 1), (10, 55)]));
        wanted.add_memory(Addr(u64::MAX), 10);
        assert_eq!(wanted.memory.len(), 3);
    }
}
