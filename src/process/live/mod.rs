//! A process that runs (or hangs) on this machine, looked into through `/proc` and `process_vm_readv`.
//!
//! Nothing here stops it, writes to it or attaches to it; so another debugger on it is no obstacle. What is read
//! may change between two reads: `docs/internals/reading-memory.md`.

pub mod circumstances;
pub(in crate::process) mod disposition;
pub mod ending;
mod file;
pub mod handed;
pub mod host;
pub mod inherited;
pub mod kernel_log;
mod kernel_name;
pub mod lease;
pub(in crate::process) mod maps;
pub mod mark;
mod memory;
pub mod memory_group;
pub mod modified_pages;
pub(in crate::process) mod proc_file;
mod query;
pub(in crate::process) mod refusal;
mod root;
pub mod shared_memory;
pub mod sharing;
pub mod shm_folder;
mod space;
pub mod spare_memory;
pub(in crate::process) mod stat;
mod threads;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use nix::errno::Errno;

pub use self::kernel_name::{kernel_name, thread_name};
use self::memory::Reader;
pub use self::refusal::runs_as_pmdb;
use self::space::AddressSpace;
use self::stat::Stat;
use super::{
    Identity, Mapping, Mappings, Piece, Process, ProcessError, ReadError, ReadMemory, Source,
    SystemCall, ThreadStatus,
};
use crate::model::{Addr, Pid, ThreadState, Tid};

/// Command lines and environments are cut here: more than the kernel lets a program be started with by default
/// (6 MiB, execve(2)). Bytes.
const LONGEST_ARGUMENTS: usize = 8 << 20;

/// A live process.
#[derive(Debug)]
pub struct LiveProcess {
    pid: Pid,
    /// The thread through which the address space is reached: the leader, unless that has ended before its threads.
    task: Tid,
    /// When it was started, in clock ticks since boot: tells it from a later process with the same pid.
    started: u64,
    identity: Identity,
    /// [`Stat::image`], by which a program that it starts later is known.
    image: (u64, u64),
    space: AddressSpace,
    reader: Reader,
    environment: OnceLock<Vec<u8>>,
}

impl LiveProcess {
    /// Looks at a process. Fails if it is not there, is no process of user space, or may not be looked into.
    pub fn open(pid: Pid) -> Result<LiveProcess, ProcessError> {
        LiveProcess::open_with(pid, None)
    }

    /// The same through the file of its memory that the process itself has opened and handed on: for where nobody else may.
    pub fn open_handed(pid: Pid, memory: fs::File) -> Result<LiveProcess, ProcessError> {
        LiveProcess::open_with(pid, Some(memory))
    }

    fn open_with(pid: Pid, handed: Option<fs::File>) -> Result<LiveProcess, ProcessError> {
        let stat = match Stat::of_process(pid) {
            Ok(stat) => stat,
            Err(error) if proc_file::is_gone(&error) => return Err(refusal::missing(pid)),
            Err(error) => return Err(io_error("read", format!("/proc/{pid}/stat"), error)),
        };
        if let Some(error) = refusal::unsuitable(pid, &stat) {
            return Err(error);
        }
        let task = threads::one_with_memory(pid, &stat);
        let space = open_address_space(pid, task)?;
        // Memory is given back before the process becomes a zombie.
        let probe = space.any_readable().ok_or(ProcessError::Gone { pid })?;
        let reader = match handed {
            Some(memory) => Reader::handed(memory),
            None => {
                Reader::open(task, probe).map_err(|errno| refusal::not_permitted(pid, errno))?
            }
        };
        Ok(LiveProcess {
            pid,
            task,
            started: stat.started,
            image: stat.image,
            identity: Identity {
                source: Source::Live,
                pid: Some(pid),
                parent: (stat.parent.0 != 0).then_some(stat.parent),
                command: command(task),
                executable: executable(task),
                state: stat.state,
            },
            space,
            reader,
            environment: OnceLock::new(),
        })
    }

    pub fn pid(&self) -> Pid {
        self.pid
    }
}

impl ReadMemory for LiveProcess {
    fn read(&self, address: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        let length = buffer.len() as u64;
        if self.space.is_off_limits(address, length) {
            return Err(ReadError::Unmapped { address, length });
        }
        self.reader.read(self.pid, address, buffer)
    }

    fn read_together(&self, pieces: &mut [Piece]) -> Result<(), ReadError> {
        let forbidden = pieces.iter().find(|piece| {
            self.space
                .is_off_limits(piece.address, piece.bytes.len() as u64)
        });
        if let Some(piece) = forbidden {
            return Err(ReadError::Unmapped {
                address: piece.address,
                length: piece.bytes.len() as u64,
            });
        }
        self.reader.read_together(self.pid, pieces)
    }

    fn read_first(&self, pieces: &mut [Piece]) -> usize {
        let may_be_read = |piece: &&Piece| {
            let extent = self.space.extent(piece.address);
            let end = piece.address.plus(piece.bytes.len() as u64);
            extent.is_some_and(|extent| end <= extent.end)
        };
        let count = pieces.iter().take_while(may_be_read).count();
        self.reader.read_first(&mut pieces[..count])
    }

    fn extent(&self, address: Addr) -> Option<Range<Addr>> {
        self.space.extent(address)
    }
}

impl Process for LiveProcess {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn mappings(&self) -> &Mappings {
        self.space.all()
    }

    fn mapping_at(&self, address: Addr) -> Option<Mapping> {
        self.space.at(address)
    }

    fn code_mappings(&self) -> Vec<Mapping> {
        self.space.code_mappings()
    }

    fn threads(&self) -> Result<Vec<ThreadStatus>, ProcessError> {
        let gone = ProcessError::Gone { pid: self.pid };
        let listed = match threads::list(self.pid, self.task) {
            Ok(listed) => listed,
            Err(error) if proc_file::is_gone(&error) => return Err(gone),
            Err(error) => {
                return Err(io_error("read", format!("/proc/{}/task", self.pid), error));
            }
        };
        // The leader is in the list as long as any thread lives, and its start time is that of the process.
        let (_, leader) = listed.first().ok_or(gone)?;
        let only_a_zombie = listed.len() == 1 && leader.has_ended();
        if leader.started != self.started || only_a_zombie {
            return Err(ProcessError::Gone { pid: self.pid });
        }
        Ok(listed.into_iter().map(|(status, _)| status).collect())
    }

    fn system_call(&self, tid: Tid) -> Option<SystemCall> {
        threads::system_call(self.pid, tid)
    }

    fn open_file(&self, mapping: &Mapping) -> Result<fs::File, ProcessError> {
        file::open(self.task, mapping)
    }

    fn environment(&self, name: &str) -> Option<String> {
        let variables = self.environment.get_or_init(|| {
            let path = format!("/proc/{}/environ", self.task);
            proc_file::read(path, LONGEST_ARGUMENTS).unwrap_or_default()
        });
        variables
            .split(|&byte| byte == 0)
            .find_map(|variable| variable.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
            .map(|value| String::from_utf8_lossy(value).into_owned())
    }

    fn has_changed(&self) -> Option<ProcessError> {
        let pid = self.pid;
        match Stat::of_process(pid) {
            Err(error) if proc_file::is_gone(&error) => Some(ProcessError::Gone { pid }),
            Err(_) => None,
            Ok(stat) if stat.started != self.started => Some(ProcessError::Gone { pid }),
            // The leader may have ended before its threads.
            Ok(stat) if stat.threads <= 1 && (stat.has_ended() || stat.is_exiting()) => {
                Some(ProcessError::Gone { pid })
            }
            Ok(stat) if stat.threads > 1 && stat.has_ended() => None,
            Ok(stat) => (stat.image != self.image).then_some(ProcessError::Replaced { pid }),
        }
    }

    fn resolve(&self, path: &Path) -> PathBuf {
        root::resolve(self.task, path)
    }

    fn started(&self) -> Option<SystemTime> {
        stat::time_of(self.started)
    }

    fn working_folder(&self) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{}/cwd", self.task)).ok()
    }
}

/// A file of a process as pmdb can open it, for when all that is known of the process is its pid.
pub fn path_of(pid: Pid, path: &Path) -> PathBuf {
    root::resolve(Tid(pid.0), path)
}

/// Whether the leader of a process stands still since job control has stopped it; true also if it has ended, so that the other threads
/// are to be asked.
pub fn may_be_suspended(pid: Pid) -> bool {
    Stat::of_process(pid).is_ok_and(|stat| stat.state == ThreadState::Stopped || stat.has_ended())
}

/// When a process was started that has not ended, in clock ticks since boot: that tells it from a later one with the same number.
pub fn started(pid: Pid) -> Option<u64> {
    let stat = Stat::of_process(pid).ok()?;
    (!stat.has_ended()).then_some(stat.started)
}

/// What processor time the threads of a process have used, also those that have ended.
pub fn processor_time(pid: Pid) -> Option<Duration> {
    Stat::of_process(pid).ok().map(|stat| stat::ticks(stat.cpu))
}

/// How long ago a process was started.
pub fn age(pid: Pid) -> Option<Duration> {
    let started = stat::time_of(Stat::of_process(pid).ok()?.started)?;
    Some(started.elapsed().unwrap_or_default())
}

/// Whether a process has pmdb's root, so that both mean the same by a path; nothing if it cannot be known.
pub fn has_root_of_pmdb(pid: Pid) -> Option<bool> {
    root::is_pmdbs_root(Tid(pid.0))
}

/// Hands bytes to every reader of a text of `/proc`, for tests that damage them. Gives how many mappings they tell of.
#[doc(hidden)]
pub fn read_any_text(text: &[u8]) -> usize {
    Stat::parse(text);
    split_arguments(text);
    threads::parse_system_call(text);
    threads::status_field(text, "NSpid");
    maps::parse(text).len()
}

fn open_address_space(pid: Pid, task: Tid) -> Result<AddressSpace, ProcessError> {
    AddressSpace::open(task).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => refusal::not_permitted(pid, Errno::EACCES),
        _ if proc_file::is_gone(&error) => ProcessError::Gone { pid },
        _ => io_error("read", format!("/proc/{task}/maps"), error),
    })
}

/// argv. Empty if it cannot be read, or if the process has overwritten it with nothing.
pub(in crate::process) fn command(task: Tid) -> Vec<String> {
    let text = proc_file::read(format!("/proc/{task}/cmdline"), LONGEST_ARGUMENTS);
    split_arguments(&text.unwrap_or_default())
}

fn split_arguments(text: &[u8]) -> Vec<String> {
    let text = text.strip_suffix(b"\0").unwrap_or(text);
    // A title that the process gave itself (setproctitle) is followed by NULs up to the end of what was argv.
    let (first, rest) = text.split_at(
        text.iter()
            .position(|&byte| byte == 0)
            .unwrap_or(text.len()),
    );
    let arguments = if rest.len() > 1 && rest.iter().all(|&byte| byte == 0) {
        first
    } else {
        text
    };
    if arguments.is_empty() {
        return Vec::new();
    }
    arguments
        .split(|&byte| byte == 0)
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect()
}

/// The executable's path as the process sees it, without the mark of a deleted one.
fn executable(task: Tid) -> Option<PathBuf> {
    let path = fs::read_link(format!("/proc/{task}/exe")).ok()?;
    match path.as_os_str().as_bytes().strip_suffix(b" (deleted)") {
        Some(plain) => Some(PathBuf::from(OsString::from_vec(plain.to_vec()))),
        None => Some(path),
    }
}

fn io_error(action: &'static str, path: String, error: io::Error) -> ProcessError {
    ProcessError::Io {
        action,
        path: PathBuf::from(path),
        error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_keep_empty_ones_and_drop_the_padding_of_a_title() {
        assert_eq!(split_arguments(b"sh\0-c\0\0"), ["sh", "-c", ""]);
        assert_eq!(
            split_arguments(b"gunicorn: worker\0\0\0\0\0"),
            ["gunicorn: worker"]
        );
        assert_eq!(split_arguments(b"a\0\0"), ["a", ""]);
        assert_eq!(split_arguments(b"title without end"), ["title without end"]);
        assert!(split_arguments(b"").is_empty());
        assert!(split_arguments(b"\0\0\0\0").is_empty());
    }
}
