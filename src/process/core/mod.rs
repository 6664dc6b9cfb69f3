//! A process that left a core: the ELF file that the kernel, `gcore` or a crash handler wrote.
//!
//! The file is mapped, not read, and lent to readers in place. What it left out because a file has the same is read
//! from that file, if the file still is what the process had (`docs/internals/cores.md`).
//!
//! Nothing that a core says is believed: every offset, count and length in it is checked before use.

mod address_space;
mod backing_files;
pub mod bundle;
mod compressed;
mod field;
mod headers;
mod image;
mod initial_stack;
mod mapped_files;
mod notes;
mod open;
pub mod own_notes;
mod registers;
mod remarks;
mod signal;
pub mod sources;
mod sparse;

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use memmap2::Mmap;
use rustc_hash::FxHashMap;

use self::address_space::{Absent, AddressSpace, Content, Region};
use self::backing_files::BackingFile;
use self::initial_stack::InitialStack;
use self::mapped_files::MappedFiles;
use self::notes::{Notes, ThreadNote};
pub use self::signal::{FatalSignal, SignalCause};
use super::{
    Identity, Mapping, Mappings, Process, ProcessError, ReadError, ReadMemory, Registers,
    SystemCall, ThreadStatus,
};
use crate::model::{Addr, CauseFacts, SnapshotFacts, ThreadFacts, ThreadState, Tid};

/// Memory that nobody has written to is lent from here. Its length is a power of two, in bytes.
static BLANK: [u8; 64 * 1024] = [0; 64 * 1024];

/// How to open a core.
#[derive(Debug, Clone, Default)]
pub struct CoreOptions {
    /// The executable, where the one at the path that the core names is gone or another.
    pub executable: Option<PathBuf>,
    /// Where the file system of the process is: its paths are looked for below.
    pub sysroot: Option<PathBuf>,
}

/// A process read from its core.
#[derive(Debug)]
pub struct CoreProcess {
    core: Mmap,
    /// The bundle that it is a part of, if it is one.
    whole: Option<Mmap>,
    identity: Identity,
    notes: Notes,
    space: AddressSpace,
    mapped: MappedFiles,
    /// In the order of [`MappedFiles::files`].
    files: Vec<BackingFile>,
    /// Which of `files` the process executes.
    executable: Option<usize>,
    stack: InitialStack,
    sysroot: Option<PathBuf>,
    condition: Condition,
    /// If pmdb has made it: what it noted.
    snapshot: Option<SnapshotFacts>,
    /// Where among the threads of `notes` and of `snapshot` a thread is: of garbage there may be hundreds of thousands.
    notes_by_tid: FxHashMap<Tid, usize>,
    facts_by_tid: FxHashMap<Tid, usize>,
}

/// The place of each thread; of several with one number the first.
fn by_tid(tids: impl Iterator<Item = Tid>) -> FxHashMap<Tid, usize> {
    let mut places = FxHashMap::default();
    for (place, tid) in tids.enumerate() {
        places.entry(tid).or_insert(place);
    }
    places
}

/// In what condition the core file itself is.
#[derive(Debug, Default)]
struct Condition {
    /// How long it must be to hold all that it speaks of, in bytes.
    expected_length: u64,
    /// Program headers that were not read.
    unread_headers: u64,
    /// What was found while it was opened.
    found: Vec<String>,
}

impl CoreProcess {
    /// The signal that ended the process; `None` if it was dumped alive, or the core does not tell.
    pub fn fatal_signal(&self) -> Option<FatalSignal> {
        FatalSignal::find(&self.notes)
    }

    /// What pmdb noted, if it has made this.
    pub fn snapshot(&self) -> Option<&SnapshotFacts> {
        self.snapshot.as_ref()
    }

    /// How many bytes of a range are not in the core, for whatever reason.
    pub fn lacking(&self, range: &Range<Addr>) -> u64 {
        let first = self
            .space
            .regions
            .partition_point(|region| region.end <= range.start.0);
        let there: u64 = (self.space.regions[first..].iter())
            .take_while(|region| region.start < range.end.0)
            .filter(|region| !matches!(region.content, Content::Absent(_)))
            .map(|region| region.end.min(range.end.0) - region.start.max(range.start.0))
            .sum();
        (range.end.0 - range.start.0).saturating_sub(there)
    }

    fn facts_of(&self, tid: Tid) -> Option<&ThreadFacts> {
        let threads = &self.snapshot.as_ref()?.threads;
        threads.get(*self.facts_by_tid.get(&tid)?)
    }

    fn thread(&self, tid: Tid) -> Option<&ThreadNote> {
        self.notes.threads.get(*self.notes_by_tid.get(&tid)?)
    }

    /// The file that the core is in.
    fn outer(&self) -> &[u8] {
        self.whole.as_ref().unwrap_or(&self.core)
    }

    /// The bytes of a region, and the region's part that they are, which has the address if anything has. A file may be shorter than
    /// its mapping.
    fn bytes_of(&self, region: &Region, address: u64) -> Result<(&[u8], Range<u64>), Absent> {
        let from = match region.content {
            Content::Zeros => {
                let start = (address & !(BLANK.len() as u64 - 1)).max(region.start);
                let length = (region.end - start).min(BLANK.len() as u64);
                return Ok((&BLANK[..length as usize], start..start + length));
            }
            Content::Elsewhere { offset } => {
                let from = usize::try_from(offset).ok();
                from.and_then(|offset| self.outer().get(offset..))
            }
            Content::Held { offset } => self.core.get(offset..),
            Content::File { file, offset } => {
                let file = self.files.get(file as usize).ok_or(Absent::NotDumped)?;
                let opened = file.get().map_err(|_| Absent::NotDumped)?;
                usize::try_from(offset)
                    .ok()
                    .and_then(|offset| opened.bytes.get(offset..))
            }
            Content::Absent(absent) => return Err(absent),
        };
        let from = from.ok_or(Absent::NotDumped)?;
        let length = (region.end - region.start).min(from.len() as u64);
        Ok((
            &from[..length as usize],
            region.start..region.start + length,
        ))
    }

    /// The bytes from an address on, as far as they lie in one place; at least one.
    fn bytes_at(&self, address: u64) -> Result<&[u8], Absent> {
        let region = self.space.find(address).ok_or(Absent::Inaccessible)?;
        let (bytes, range) = self.bytes_of(region, address)?;
        if !range.contains(&address) {
            return Err(Absent::NotDumped);
        }
        Ok(&bytes[(address - range.start) as usize..])
    }
}

impl ReadMemory for CoreProcess {
    fn read(&self, address: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        let failed = |absent| match absent {
            Absent::Inaccessible => ReadError::Unmapped {
                address,
                length: buffer.len() as u64,
            },
            Absent::NotDumped if self.snapshot.is_some() => ReadError::NotKept { address },
            Absent::NotDumped | Absent::CutOff => ReadError::NotDumped { address },
        };
        let mut pieces = Vec::new();
        let mut wanted = buffer.len();
        let mut at = address.0;
        while wanted > 0 {
            let bytes = self.bytes_at(at).map_err(failed)?;
            let piece = &bytes[..bytes.len().min(wanted)];
            wanted -= piece.len();
            at = at.wrapping_add(piece.len() as u64);
            pieces.push(piece);
        }
        let mut rest = buffer;
        for piece in pieces {
            let (head, tail) = rest.split_at_mut(piece.len());
            head.copy_from_slice(piece);
            rest = tail;
        }
        Ok(())
    }

    fn lend(&self, address: Addr, length: usize) -> Option<&[u8]> {
        self.bytes_at(address.0).ok()?.get(..length)
    }

    fn extent(&self, address: Addr) -> Option<Range<Addr>> {
        let region = self.space.find(address.0)?;
        let (_, range) = self.bytes_of(region, address.0).ok()?;
        range
            .contains(&address.0)
            .then_some(Addr(range.start)..Addr(range.end))
    }
}

impl Process for CoreProcess {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn mappings(&self) -> &Mappings {
        &self.space.mappings
    }

    fn threads(&self) -> Result<Vec<ThreadStatus>, ProcessError> {
        let leader = self.identity.pid.map(|pid| Tid(pid.0));
        let name = self.notes.process.as_ref().map(|process| &process.name);
        let status = |thread: &ThreadNote| match self.facts_of(thread.tid) {
            Some(facts) => facts.into(),
            None => ThreadStatus {
                tid: thread.tid,
                inner_tid: thread.tid,
                name: name.filter(|_| Some(thread.tid) == leader).cloned(),
                state: ThreadState::Unknown,
            },
        };
        let mut threads: Vec<ThreadStatus> = self.notes.threads.iter().map(status).collect();
        // Those that could not be stopped have no registers.
        let facts = self.snapshot.iter().flat_map(|snapshot| &snapshot.threads);
        let others = facts.filter(|thread| self.thread(thread.tid).is_none());
        threads.extend(others.map(ThreadStatus::from));
        threads.sort_by_key(|thread| Some(thread.tid) != leader);
        Ok(threads)
    }

    fn system_call(&self, tid: Tid) -> Option<SystemCall> {
        /// `syscall`.
        const INSTRUCTION: [u8; 2] = [0x0f, 0x05];
        let registers = self.registers(tid)?;
        let number = u64::try_from(registers.orig_rax).ok()?;
        let mut before = [0; 2];
        let at = Addr(registers.rip).minus(INSTRUCTION.len() as u64);
        self.read(at, &mut before).ok()?;
        (before == INSTRUCTION).then_some(SystemCall {
            number,
            arguments: [
                registers.rdi,
                registers.rsi,
                registers.rdx,
                registers.r10,
                registers.r8,
                registers.r9,
            ],
        })
    }

    fn registers(&self, tid: Tid) -> Option<Registers> {
        self.thread(tid)?.registers(&self.core)
    }

    fn open_file(&self, mapping: &Mapping) -> Result<File, ProcessError> {
        let path = mapping.path().unwrap_or(Path::new("anonymous memory"));
        let gone = |path: &Path, why: String| ProcessError::FileGone {
            path: path.to_path_buf(),
            address: mapping.start,
            why,
        };
        let range = self.mapped.find(mapping.start.0);
        let file = range
            .and_then(|range| self.files.get(range.file as usize))
            .ok_or_else(|| gone(path, "no file lies behind it".to_owned()))?;
        file.reopen()
            .map_err(|refusal| gone(file.candidate(), refusal.to_string()))
    }

    fn started(&self) -> Option<SystemTime> {
        let milliseconds = self.snapshot.as_ref()?.process.started_ms?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds))
    }

    fn working_folder(&self) -> Option<PathBuf> {
        let noted = self.snapshot.as_ref();
        let folder = match noted.and_then(|facts| facts.process.working_folder.clone()) {
            Some(folder) => folder,
            None => self.environment("PWD")?,
        };
        Some(PathBuf::from(folder)).filter(|folder| folder.is_absolute())
    }

    fn environment(&self, name: &str) -> Option<String> {
        self.stack.variable(&self.core, &self.space, name)
    }

    fn notes(&self) -> Vec<String> {
        remarks::remarks(self)
    }

    fn cause(&self) -> Option<&CauseFacts> {
        self.snapshot.as_ref()?.cause.as_ref()
    }

    fn lacks(&self) -> Option<String> {
        remarks::lack(self)
    }

    fn resolve(&self, path: &Path) -> PathBuf {
        open::below(self.sysroot.as_deref(), path)
    }
}

impl From<&ThreadFacts> for ThreadStatus {
    fn from(facts: &ThreadFacts) -> ThreadStatus {
        ThreadStatus {
            tid: facts.tid,
            inner_tid: facts.inner_tid,
            name: facts.name.clone(),
            state: facts.state,
        }
    }
}
