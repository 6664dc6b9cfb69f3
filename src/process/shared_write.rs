//! Writing to memory that a process shares, for a user who has asked for it: the one thing that is written without holding a process.

use std::io::IoSlice;

use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, process_vm_writev};

use super::live::refusal;
use crate::model::{Addr, Pid};

/// Writes bytes to the memory of a process. Fails if they do not all fit there, or may not be written.
pub fn write_shared(pid: Pid, address: Addr, bytes: &[u8]) -> Result<(), String> {
    let place = RemoteIoVec {
        base: address.0 as usize,
        len: bytes.len(),
    };
    let raw = nix::unistd::Pid::from_raw(pid.0.cast_signed());
    match process_vm_writev(raw, &[IoSlice::new(bytes)], &[place]) {
        Ok(count) if count == bytes.len() => Ok(()),
        Ok(_) => Err(format!("process {pid} does not map all of it any more")),
        Err(errno @ (Errno::EPERM | Errno::EACCES)) => {
            let why = refusal::why_not_permitted(pid, errno);
            Err(why.unwrap_or_else(|| format!("process {pid} has ended")))
        }
        Err(errno) => Err(format!("process {pid} does not take it: {errno}")),
    }
}
