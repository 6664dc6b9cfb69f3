//! Opening the file behind a mapping, as the process itself sees it.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::root::below_root;
use crate::model::Tid;
use crate::process::file_facts::{FileFacts, FileSystem};
use crate::process::{Backing, Mapping, ProcessError};

/// How sure it is that a file is the one that is mapped.
#[derive(Debug, PartialEq, Eq)]
enum Match {
    /// Device and inode agree.
    Same,
    /// The inode agrees and the mapping begins inside the file, but the device differs. Overlayfs and btrfs give
    /// `stat` another device than `/proc/PID/maps`, so this is taken if nothing better is found.
    Likely,
    Different,
}

pub(super) fn open(task: Tid, mapping: &Mapping) -> Result<File, ProcessError> {
    find(task, mapping)?.reopen(mapping.path().unwrap_or(Path::new("")))
}

/// What is to be known of the file without opening it.
pub(super) fn facts(task: Tid, mapping: &Mapping) -> Result<FileFacts, ProcessError> {
    let handle = find(task, mapping)?;
    Ok(FileFacts::of(
        &handle.metadata,
        FileSystem::of(&handle.file),
    ))
}

/// The same of the regular file at a path of `/proc`.
pub(super) fn facts_at(path: &Path) -> io::Result<FileFacts> {
    let handle = Handle::open(path)?;
    if !handle.metadata.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(FileFacts::of(
        &handle.metadata,
        FileSystem::of(&handle.file),
    ))
}

fn find(task: Tid, mapping: &Mapping) -> Result<Handle, ProcessError> {
    let Backing::File { path, .. } = &mapping.backing else {
        return Err(gone(
            mapping,
            Path::new("(no file)"),
            "no file is mapped there",
        ));
    };
    let mut likely = None;
    let mut last_error = None;
    for candidate in candidates(task, path, mapping) {
        let found = match Handle::open(&candidate) {
            Ok(handle) => handle,
            Err(error) => {
                last_error = Some(error);
                continue;
            }
        };
        match found.compare(mapping) {
            Match::Same => return Ok(found),
            Match::Likely => likely = likely.or(Some(found)),
            Match::Different => {}
        }
    }
    match (likely, last_error) {
        (Some(handle), _) => Ok(handle),
        (None, Some(error)) if error.kind() == io::ErrorKind::PermissionDenied => Err(gone(
            mapping,
            path,
            "it was deleted or replaced, and opening it through /proc/PID/map_files needs root \
             (CAP_CHECKPOINT_RESTORE)",
        )),
        (None, _) => Err(gone(mapping, path, "it was deleted or replaced")),
    }
}

fn gone(mapping: &Mapping, path: &Path, why: &str) -> ProcessError {
    ProcessError::FileGone {
        path: path.to_path_buf(),
        address: mapping.start,
        why: why.to_owned(),
    }
}

/// Where the file may be found, the cheapest first.
fn candidates(task: Tid, path: &Path, mapping: &Mapping) -> [PathBuf; 4] {
    let Mapping { start, end, .. } = mapping;
    [
        below_root(task, path),
        // The process has changed its root: the kernel names the path from pmdb's root.
        path.to_path_buf(),
        PathBuf::from(format!("/proc/{task}/map_files/{:x}-{:x}", start.0, end.0)),
        // Deleted, but the executable, for which no capability is needed.
        PathBuf::from(format!("/proc/{task}/exe")),
    ]
}

/// A file that is named and not yet opened: a FIFO or a device does not notice it (`O_PATH`, open(2)).
struct Handle {
    file: File,
    metadata: Metadata,
}

impl Handle {
    fn open(path: &Path) -> io::Result<Handle> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags((OFlag::O_PATH | OFlag::O_CLOEXEC).bits())
            .open(path)?;
        let metadata = file.metadata()?;
        Ok(Handle { file, metadata })
    }

    fn compare(&self, mapping: &Mapping) -> Match {
        let Backing::File {
            offset,
            device,
            inode,
            ..
        } = mapping.backing
        else {
            return Match::Different;
        };
        if !self.metadata.is_file() || self.metadata.ino() != inode {
            Match::Different
        } else if self.metadata.dev() == device {
            Match::Same
        } else if offset < self.metadata.size() {
            Match::Likely
        } else {
            Match::Different
        }
    }

    /// Only regular files come here, and opening one does not block.
    fn reopen(self, path: &Path) -> Result<File, ProcessError> {
        fs::File::open(format!("/proc/self/fd/{}", self.file.as_raw_fd())).map_err(|error| {
            ProcessError::Io {
                action: "open",
                path: path.to_path_buf(),
                error,
            }
        })
    }
}
