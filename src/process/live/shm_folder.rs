//! `/dev/shm` as a process sees it: a container has its own, a chroot may.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::path_of;
use super::sharing::SHM_FOLDER;
use crate::model::Pid;
use crate::process::file_facts::{FileFacts, FileSystem};

/// Files that are looked at, and folders within folders.
const MOST_FILES: usize = 1 << 20;
const DEEPEST: usize = 16;

/// A file in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// Behind `/dev/shm/`.
    pub name: PathBuf,
    /// As pmdb can open it.
    pub path: PathBuf,
    pub facts: FileFacts,
}

/// A folder of shared memory. Two processes have the same if they are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShmFolder {
    device: u64,
    inode: u64,
    path: PathBuf,
}

impl ShmFolder {
    /// That of pmdb itself.
    pub fn own() -> Option<ShmFolder> {
        ShmFolder::at(PathBuf::from("/dev/shm"))
    }

    pub fn of(pid: Pid) -> Option<ShmFolder> {
        let plain = PathBuf::from(format!("/proc/{pid}/root")).join(SHM_FOLDER);
        let is_link = fs::symlink_metadata(&plain).ok()?.is_symlink();
        ShmFolder::at(if is_link {
            path_of(pid, Path::new("/dev/shm"))
        } else {
            plain
        })
    }

    fn at(path: PathBuf) -> Option<ShmFolder> {
        let metadata = fs::metadata(&path).ok().filter(fs::Metadata::is_dir)?;
        Some(ShmFolder {
            device: metadata.dev(),
            inode: metadata.ino(),
            path,
        })
    }

    /// What tells it from other folders: device and inode.
    pub fn identity(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// The regular files in it and in its folders; links are not followed. What may not be listed is left out.
    pub fn files(&self) -> Vec<NamedFile> {
        let Ok(opened) = File::open(&self.path) else {
            return Vec::new();
        };
        let file_system = FileSystem::of(&opened);
        let mut files = Vec::new();
        let mut waiting = vec![(self.path.clone(), 0)];
        while let Some((folder, depth)) = waiting.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let Ok(metadata) = entry.metadata() else {
                    continue;
                };
                let path = entry.path();
                if metadata.is_dir() && depth < DEEPEST {
                    waiting.push((path, depth + 1));
                } else if metadata.is_file() && files.len() < MOST_FILES {
                    files.push(NamedFile {
                        name: path.strip_prefix(&self.path).unwrap_or(&path).to_path_buf(),
                        facts: FileFacts::of(&metadata, file_system),
                        path,
                    });
                }
            }
        }
        files
    }
}
