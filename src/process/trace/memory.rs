//! The memory of a process that is held.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;

use super::TraceError;
use super::hold::Hold;
use crate::model::Addr;

impl Hold {
    /// A file of `/proc` about the process. Asked of a thread that is held: a main thread that has ended before the others has no
    /// memory any more.
    pub(super) fn proc_path(&self, name: &str) -> String {
        match self.stopped().next() {
            Some(tid) => format!("/proc/{}/task/{tid}/{name}", self.pid),
            None => format!("/proc/{}/{name}", self.pid),
        }
    }

    fn memory(&self, options: &mut OpenOptions) -> io::Result<File> {
        options.open(self.proc_path("mem"))
    }

    /// Reads memory, also what the process itself may not read.
    pub fn read(&self, address: Addr, bytes: &mut [u8]) -> Result<(), TraceError> {
        let file = self.memory(OpenOptions::new().read(true));
        file.and_then(|file| file.read_exact_at(bytes, address.0))
            .map_err(|error| self.failed("read", address, bytes.len(), &error))
    }

    /// Writes into the process, also where it may not write itself.
    pub fn write(&self, address: Addr, bytes: &[u8]) -> Result<(), TraceError> {
        let file = self.memory(OpenOptions::new().write(true));
        file.and_then(|file| file.write_all_at(bytes, address.0))
            .map_err(|error| self.failed("written", address, bytes.len(), &error))
    }

    fn failed(
        &self,
        action: &'static str,
        address: Addr,
        length: usize,
        error: &io::Error,
    ) -> TraceError {
        TraceError::Memory {
            pid: self.pid,
            address,
            length,
            action,
            errno: error.raw_os_error().map_or(Errno::EIO, Errno::from_raw),
        }
    }
}
