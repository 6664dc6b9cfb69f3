//! What a process shares with others: its mappings with `MAP_SHARED`, and the files that it has open.
//!
//! Asked of every process of the machine, so it costs as little as can be: neither memory nor mappings of its own are looked at.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::stat::Stat;
use super::{file, maps, open_address_space, proc_file, refusal, threads};
use crate::model::{Pid, Tid};
use crate::process::file_facts::FileFacts;
use crate::process::shared_file::SharedFile;
use crate::process::{Mapping, ProcessError};

/// Descriptors of a process that are looked at. A service may have a million open.
const MOST_DESCRIPTORS: usize = 1 << 16;

/// The kernel's own names for memory that is in no folder: `mm/memfd.c`, `mm/shmem.c`, `fs/hugetlbfs/inode.c`.
const NAMELESS_MEMORY: [&str; 3] = ["/memfd:", "/dev/zero", "/anon_hugepage"];

/// The folder of shm_open(3), wherever a container or a chroot has it.
pub const SHM_FOLDER: &str = "dev/shm";

#[derive(Debug)]
pub struct Sharing {
    pub pid: Pid,
    /// Of memory, not of devices; by address.
    pub mappings: Vec<Mapping>,
    /// What has a path, also one that is gone.
    pub open: Vec<OpenFile>,
    /// The inodes of the pipes that it has an end of.
    pub pipes: Vec<u64>,
}

/// A descriptor as the kernel names what it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFile {
    pub descriptor: u32,
    pub path: PathBuf,
    pub deleted: bool,
}

impl Sharing {
    /// Fails if the process has ended, or may not be looked into.
    pub fn of(pid: Pid) -> Result<Sharing, ProcessError> {
        let (task, mappings) = mappings_of_task(pid)?;
        let mut sharing = Sharing {
            pid,
            mappings,
            open: Vec::new(),
            pipes: Vec::new(),
        };
        // It may end meanwhile: then nothing is open.
        let _ = sharing.look_at_descriptors(task);
        Ok(sharing)
    }
}

/// What a process has mapped with `MAP_SHARED`: of memory, not of devices; by address.
pub fn shared_mappings(pid: Pid) -> Result<Vec<Mapping>, ProcessError> {
    mappings_of_task(pid).map(|(_, mappings)| mappings)
}

/// With a thread of it that still has memory.
fn mappings_of_task(pid: Pid) -> Result<(Tid, Vec<Mapping>), ProcessError> {
    let stat = match Stat::of_process(pid) {
        Ok(stat) => stat,
        Err(error) if proc_file::is_gone(&error) => return Err(refusal::missing(pid)),
        Err(error) => {
            let path = format!("/proc/{pid}/stat");
            return Err(super::io_error("read", path, error));
        }
    };
    if let Some(error) = refusal::unsuitable(pid, &stat) {
        return Err(error);
    }
    let task = threads::one_with_memory(pid, &stat);
    let mut mappings = open_address_space(pid, task)?.shared_mappings();
    mappings.retain(|mapping| mapping.path().is_some() && maps::is_plain_memory(&mapping.backing));
    Ok((task, mappings))
}

impl Sharing {
    /// Threads that have descriptors of their own (`unshare(CLONE_FILES)`) are not asked.
    fn look_at_descriptors(&mut self, task: Tid) -> io::Result<()> {
        let folder = PathBuf::from(format!("/proc/{task}/fd"));
        for entry in fs::read_dir(&folder)?.take(MOST_DESCRIPTORS).flatten() {
            let Some(descriptor) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            let Ok(link) = fs::read_link(entry.path()) else {
                continue;
            };
            let bytes = link.as_os_str().as_bytes();
            if !bytes.starts_with(b"/") {
                // Else a socket, an eventfd.
                self.pipes.extend(pipe_at(&link));
                continue;
            }
            let (path, deleted) = match bytes.strip_suffix(maps::DELETED) {
                Some(path) => (PathBuf::from(OsString::from_vec(path.to_vec())), true),
                None => (link, false),
            };
            self.open.push(OpenFile {
                descriptor,
                path,
                deleted,
            });
        }
        Ok(())
    }
}

/// `pipe:[4242]`, proc_pid_fd(5).
fn pipe_at(link: &Path) -> Option<u64> {
    let text = link.to_str()?.strip_prefix("pipe:[")?;
    text.strip_suffix(']')?.parse().ok()
}

/// The inode of the pipe that a descriptor of a process leads to, if it does.
pub fn pipe_of(pid: Pid, descriptor: u32) -> Option<u64> {
    let link = fs::read_link(format!("/proc/{pid}/fd/{descriptor}"));
    pipe_at(&link.ok()?)
}

impl OpenFile {
    /// Whether its path alone says that it is memory.
    pub fn is_memory(&self) -> bool {
        let bytes = self.path.as_os_str().as_bytes();
        (self.deleted
            && NAMELESS_MEMORY
                .iter()
                .any(|name| bytes.starts_with(name.as_bytes())))
            || in_shm_folder(&self.path).is_some()
    }

    /// Nothing if it is no regular file, or is closed by now.
    pub fn facts(&self, pid: Pid) -> Option<FileFacts> {
        let link = format!("/proc/{pid}/fd/{}", self.descriptor);
        file::facts_at(Path::new(&link)).ok()
    }
}

/// What stands behind `/dev/shm/` in a path.
pub fn in_shm_folder(path: &Path) -> Option<&Path> {
    let folder = path
        .ancestors()
        .skip(1)
        .find(|folder| folder.ends_with(SHM_FOLDER))?;
    path.strip_prefix(folder).ok()
}

/// The file behind a mapping of a process.
pub fn file_behind(pid: Pid, mapping: &Mapping) -> Result<FileFacts, ProcessError> {
    file::facts(Tid(pid.0), mapping)
}

/// The same, opened to be read.
pub fn open_behind(pid: Pid, mapping: &Mapping) -> Result<fs::File, ProcessError> {
    file::open(Tid(pid.0), mapping)
}

/// What a descriptor of a process leads to, opened anew to be read.
pub fn open_descriptor(pid: Pid, descriptor: u32) -> io::Result<fs::File> {
    let link = format!("/proc/{pid}/fd/{descriptor}");
    SharedFile::open(Path::new(&link), true)
}

/// How much of the file behind a mapping is in memory and in swap space: bytes.
pub fn in_memory(pid: Pid, mapping: &Mapping) -> Option<(u64, u64)> {
    let opened = file::open(Tid(pid.0), mapping).ok()?;
    crate::process::file_facts::in_memory(&opened)
}

/// The IPC namespace that a process is in: the identities of System V memory are numbered in it.
pub fn ipc_namespace(pid: Pid) -> Option<u64> {
    let namespace = fs::metadata(format!("/proc/{pid}/ns/ipc")).ok()?;
    Some(namespace.ino())
}

/// The user that a process belongs to, which everybody may know.
pub fn owner(pid: Pid) -> Option<u32> {
    Some(fs::metadata(format!("/proc/{pid}")).ok()?.uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_known_by_its_path() {
        let is_memory = |path: &str, deleted| {
            let path = PathBuf::from(path);
            OpenFile {
                descriptor: 3,
                path,
                deleted,
            }
            .is_memory()
        };
        assert!(is_memory("/memfd:x", true));
        assert!(is_memory("/dev/shm/psm_1", false));
        assert!(is_memory("/srv/container/dev/shm/a/b", false));
        assert!(!is_memory("/dev/shm", false));
        assert!(!is_memory("/dev/zero", false));
        assert!(!is_memory("/tmp/x", true));
    }
}
