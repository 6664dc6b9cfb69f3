//! Memory that a process hands on itself, where nobody else may look into it.
//!
//! The kernel asks who may read when `/proc/self/mem` is opened (`mem_open`, `fs/proc/base.c`), and never again: whoever has the file reads it, whatever
//! Yama says of those who attach.

use std::fs::File;
use std::os::fd::{BorrowedFd, RawFd};
use std::path::PathBuf;

use crate::model::Pid;
use crate::process::ProcessError;

/// The memory of a process, by the number of a file that pmdb was started with.
pub fn memory_of(pid: Pid, number: RawFd) -> Result<File, ProcessError> {
    let path = PathBuf::from(format!("/proc/self/fd/{number}"));
    let failed = |error| ProcessError::Io {
        action: "use the memory handed on as",
        path: path.clone(),
        error,
    };
    let link = std::fs::read_link(&path).map_err(failed)?;
    if link.as_os_str() != format!("/proc/{pid}/mem").as_str() {
        return Err(failed(std::io::ErrorKind::InvalidInput.into()));
    }
    // SAFETY: it is open, as the link says, and nobody in pmdb closes a number that it was started with.
    let handed = unsafe { BorrowedFd::borrow_raw(number) };
    handed.try_clone_to_owned().map(File::from).map_err(failed)
}
