//! What was wanted of a process, as it was while it stood still.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::observed::{Grain, Observed, PAGE, hand_on};
use super::wanted::Wanted;
use crate::model::{Addr, Tid};
use crate::process::trace::Standing;
use crate::process::{
    Identity, Mapping, Mappings, Process, ProcessError, ReadError, ReadMemory, RegisterSets,
    Registers, SystemCall, ThreadStatus,
};

/// What is copied of all stacks at most, in bytes.
const MOST_BYTES: u64 = 64 << 20;

/// One `process_vm_readv`.
const PIECE: u64 = 64 * 1024;

/// What is copied of each stack with the registers, in bytes. Of a deeper one the rest is copied the next time.
const STACK: u64 = 256 * 1024;

/// The same where all that is copied is kept: no deeper stack is usual, and a stack may lie in a mapping with other things.
const WHOLE_STACK: u64 = 16 << 20;

/// Below the stack pointer a function may keep something, too: the red zone, in bytes (System V ABI for x86-64, 3.2.2).
const RED_ZONE: u64 = 128;

/// `syscall`, which a thread has behind it that waits in the kernel: bytes.
const LONGEST_CALL: u64 = 2;

/// What the C library has of a thread lies at the end of its stack, from where `fs` points to: `struct pthread` of glibc
/// 2.31 to 2.41 is 2.3 KiB long. Bytes.
const THREAD_BLOCK: u64 = 4096;

/// What was wanted of a process, as it was while it stood still.
pub(super) struct Moment<'p> {
    /// For what is not memory, or was not expected.
    pub process: Observed<'p>,
    /// By start address, without overlap.
    pub pieces: BTreeMap<u64, Piece>,
    system_calls: BTreeMap<Tid, Option<SystemCall>>,
    /// If they are wanted. A thread in an uninterruptible wait has none.
    registers: Option<BTreeMap<Tid, Registers>>,
    /// By start address, which is at a stack pointer. They may overlap each other and `pieces`.
    pub stacks: BTreeMap<u64, Piece>,
    threads: Vec<ThreadStatus>,
    /// All registers of the threads that stood still, if everything is kept.
    pub register_sets: BTreeMap<Tid, RegisterSets>,
}

pub(super) struct Piece {
    pub bytes: Box<[u8]>,
    pub is_there: bool,
}

impl<'p> Moment<'p> {
    /// Does all that can be done before the process is stopped.
    pub fn prepare(
        process: &'p dyn Process,
        grain: Grain,
        wanted: &Wanted,
        threads: &[ThreadStatus],
    ) -> Moment<'p> {
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
            process: Observed::new(process, grain),
            pieces,
            system_calls: calls.collect(),
            registers: wanted.stacks.then(BTreeMap::new),
            stacks: BTreeMap::new(),
            threads: threads.to_vec(),
            register_sets: BTreeMap::new(),
        }
    }

    /// What happens while the process stands still, and nothing else does.
    pub fn fill(&mut self, hold: &dyn Standing) {
        let process = self.process.process;
        let keeps_all = self.process.grain == Grain::Page;
        self.fill_new();
        for (&tid, call) in &mut self.system_calls {
            *call = process.system_call(tid);
        }
        if let Some(registers) = &mut self.registers {
            let mut room = MOST_BYTES;
            let mut stopped: BTreeSet<Tid> = hold.stopped().into_iter().collect();
            if keeps_all {
                // Of a process that is followed, some may stand still already.
                stopped.extend(self.threads.iter().map(|thread| thread.tid));
            }
            for tid in stopped {
                let Some(of_thread) = hold.registers(tid) else {
                    continue;
                };
                registers.insert(tid, of_thread);
                if keeps_all {
                    if let Some(sets) = hold.register_sets(tid) {
                        self.register_sets.insert(tid, sets);
                    }
                    // A thread that runs is somewhere else at each stop.
                    for address in [of_thread.rip, of_thread.rip.saturating_sub(LONGEST_CALL)] {
                        let start = address & !(PAGE - 1);
                        let code = || copy_of_page(process, Addr(start));
                        self.stacks.entry(start).or_insert_with(code);
                    }
                }
                let longest = if keeps_all { WHOLE_STACK } else { STACK };
                if let Some((start, stack)) = copy_of_stack(process, &of_thread, longest.min(room))
                {
                    room = room.saturating_sub(stack.bytes.len() as u64);
                    self.stacks.insert(start, stack);
                }
            }
        }
    }

    /// Copies the pieces that are not there yet.
    pub fn fill_new(&mut self) {
        let process = self.process.process;
        for (&start, piece) in self.pieces.iter_mut().filter(|(_, piece)| !piece.is_there) {
            piece.is_there = process.read(Addr(start), &mut piece.bytes).is_ok();
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

fn copy_of_page(process: &dyn Process, start: Addr) -> Piece {
    let mut bytes = vec![0; PAGE as usize].into_boxed_slice();
    let is_there = process.read(start, &mut bytes).is_ok();
    Piece { bytes, is_there }
}

/// What is in use of the stack that a thread's stack pointer points into, or the first part of it; and where that begins.
fn copy_of_stack(
    process: &dyn Process,
    registers: &Registers,
    longest: u64,
) -> Option<(u64, Piece)> {
    let pointer = registers.rsp;
    let extent = process.extent(Addr(pointer))?;
    let start = pointer.saturating_sub(RED_ZONE).max(extent.start.0);
    // Behind the stack of a thread other memory may follow in the same mapping.
    let block = registers.fs_base;
    let end = match (pointer..extent.end.0).contains(&block) {
        true => block.saturating_add(THREAD_BLOCK).min(extent.end.0),
        false => extent.end.0,
    };
    let length = end.saturating_sub(start).min(longest);
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
        // A cache that fetches around what it was asked for is not to reach beyond the copy.
        match self.piece(address) {
            Some((start, bytes)) if !self.is_frugal() => {
                Some(Addr(start)..Addr(start).plus(bytes.len() as u64))
            }
            _ => self.process.extent(address),
        }
    }

    fn is_frugal(&self) -> bool {
        self.process.is_frugal()
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
