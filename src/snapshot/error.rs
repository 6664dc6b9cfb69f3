//! Why no snapshot was written.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::model::Pid;
use crate::process::ProcessError;
use crate::process::still::ForkError;
use crate::process::trace::TraceError;

#[derive(Debug, Error)]
pub enum SnapshotError {
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error(
        "no copy by a fork: it may take {} MiB, and {} MiB of {of} are left; without --fork the process stands still instead",
        needed.div_ceil(1 << 20), free >> 20
    )]
    NoMemoryForCopy {
        /// Bytes, as is `free`.
        needed: u64,
        free: u64,
        of: &'static str,
    },
    #[error(
        "no copy by a fork: process {pid} has a filter of system calls (seccomp), which might end it for one; without --fork it stands still instead"
    )]
    Filtered { pid: Pid },
    #[error("cannot write {}: {error}; no snapshot was left there", path.display())]
    Write {
        path: PathBuf,
        #[source]
        error: io::Error,
    },
    #[error(
        "{} needs {} MiB and its disk has {} MiB left: name a file on another one; nothing was written",
        path.display(), needed.div_ceil(1 << 20), free >> 20
    )]
    NoRoom {
        path: PathBuf,
        /// Bytes, as is `free`.
        needed: u64,
        free: u64,
    },
    #[error("cannot make the folder {}: {error}", folder.display())]
    NoFolder {
        folder: PathBuf,
        #[source]
        error: io::Error,
    },
    #[error("less than a twentieth of the disk of {} is free", folder.display())]
    NearlyFull { folder: PathBuf },
    #[error("{} is a folder: name a file in it with -o", path.display())]
    IsFolder { path: PathBuf },
    #[error("{} is a device, a pipe or a socket: name a file with -o, of which there may be one already", path.display())]
    NotAFile { path: PathBuf },
}

impl From<ForkError> for SnapshotError {
    fn from(error: ForkError) -> SnapshotError {
        match error {
            ForkError::Trace(error) => error.into(),
            ForkError::Process(error) => error.into(),
        }
    }
}
