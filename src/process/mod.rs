//! A process as identity, memory, mappings, files and threads, wherever it comes from.
//!
//! Everything that only looks is written once, against [`Process`], so that it works on a live process
//! (`live`) and on a core (`core`) alike. Nobody above this floor opens `/proc` or a core.

mod budget;
pub mod core;
pub mod elf;
mod error;
pub mod family;
pub mod file_facts;
pub mod live;
pub mod mapped;
mod mapping;
mod memory;
pub mod page_buffer;
mod pages;
mod registers;
pub mod shared_file;
pub mod shared_write;
pub mod still;
pub mod sysv;
pub mod trace;
mod user;
pub mod user_cache;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use budget::{Budget, Spent};
pub use error::{ProcessError, ReadError};
pub use mapping::{Backing, Mapping, Mappings, Protection};
pub use memory::{Memory, Piece, ReadMemory};
pub use pages::Habits;
pub use registers::{RegisterSets, Registers};

use crate::model::{Absence, Addr, CauseFacts, Pid, ThreadState, Tid};

/// Where a process comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// It runs (or hangs) on this machine.
    Live,
    /// A core dump, at this path.
    Core(PathBuf),
}

/// Who a process is. Read once; a live one's command line may have changed since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub source: Source,
    /// As numbered by the namespace that pmdb runs in; in a core, by that of the crashed process.
    /// A damaged core may not say it.
    pub pid: Option<Pid>,
    pub parent: Option<Pid>,
    /// argv. A core holds only its first 80 bytes, split at spaces (`NT_PRPSINFO`), unless the stack is there.
    pub command: Vec<String>,
    /// The executable's path as the process itself sees it.
    pub executable: Option<PathBuf>,
    pub state: ThreadState,
}

/// One kernel thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadStatus {
    pub tid: Tid,
    /// The tid in the innermost pid namespace of the process: what the process itself calls it.
    pub inner_tid: Tid,
    /// The kernel's name (`comm`).
    pub name: Option<String>,
    pub state: ThreadState,
}

/// A system call that a thread sits in: number and arguments, registers rdi, rsi, rdx, r10, r8, r9.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemCall {
    pub number: u64,
    pub arguments: [u64; 6],
}

/// Looking into a process. No method stops it, runs code in it or writes to it.
pub trait Process: ReadMemory + Send + Sync {
    fn identity(&self) -> &Identity;

    /// The mappings, sorted by address: as they were when they were first asked for. Empty if the process had
    /// ended by then. Asking a live process costs a third of a millisecond: who needs one, asks for `mapping_at`.
    fn mappings(&self) -> &Mappings;

    /// The mapping that holds an address: as it is now, if the process lives.
    fn mapping_at(&self, address: Addr) -> Option<Mapping> {
        self.mappings().find(address).cloned()
    }

    /// One executable mapping of each file that has any, by address: of the programs and libraries that it runs.
    fn code_mappings(&self) -> Vec<Mapping> {
        mapping::first_of_each_file(self.mappings().iter().cloned())
    }

    /// The threads, the thread-group leader first.
    fn threads(&self) -> Result<Vec<ThreadStatus>, ProcessError>;

    /// The system call that a thread is blocked in; `None` if it is running, gone, or may not be asked.
    fn system_call(&self, tid: Tid) -> Option<SystemCall>;

    /// The general registers of a thread. A live process tells them only while it is held ([`still`]).
    fn registers(&self, _tid: Tid) -> Option<Registers> {
        None
    }

    /// The file behind a mapping, opened through the process's own root, also if it was deleted.
    /// Only such a file is returned as is the same file (inode, or build-id for a core).
    fn open_file(&self, mapping: &Mapping) -> Result<std::fs::File, ProcessError>;

    /// The value of an environment variable, as it was at exec.
    fn environment(&self, name: &str) -> Option<String>;

    /// When it was started; `None` if that is not known.
    fn started(&self) -> Option<SystemTime> {
        None
    }

    /// The folder that its relative paths begin in: of a live process the one that it is in, of a core the one that
    /// it was started in, as the shell tells it.
    fn working_folder(&self) -> Option<PathBuf> {
        let folder = PathBuf::from(self.environment("PWD")?);
        folder.is_absolute().then_some(folder)
    }

    /// What the user should know about this source: "truncated: 10 of 30 MiB are there".
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Why it stood still when it was written down, if that was noted.
    fn cause(&self) -> Option<&CauseFacts> {
        None
    }

    /// What this source lacks of the process's own memory, if it is so much that a search may fail for it.
    fn lacks(&self) -> Option<String> {
        None
    }

    /// Why what is read is not the process that was opened any more: it has ended, or runs another program. Worth asking
    /// when something that was read makes no sense.
    fn has_changed(&self) -> Option<ProcessError> {
        None
    }

    /// A file of the inferior as pmdb can open it: below `/proc/PID/root` for a live process.
    fn resolve(&self, path: &Path) -> PathBuf {
        path.to_path_buf()
    }
}

impl ReadError {
    /// The absence that stands where a value would have been.
    pub fn absence(&self) -> Absence {
        match *self {
            ReadError::NotDumped { address } => Absence::NotDumped { address },
            ReadError::NotKept { address } => Absence::NotKept { address },
            ReadError::Spent { limit, .. } => Absence::LimitReached {
                limit: limit.to_string(),
            },
            ReadError::Unmapped { address, .. } | ReadError::Gone { address, .. } => {
                Absence::Unreadable { address }
            }
        }
    }

    /// The address that the read began at.
    pub fn address(&self) -> Addr {
        match *self {
            ReadError::NotDumped { address }
            | ReadError::NotKept { address }
            | ReadError::Unmapped { address, .. }
            | ReadError::Gone { address, .. }
            | ReadError::Spent { address, .. } => address,
        }
    }
}
