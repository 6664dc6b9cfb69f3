//! What a report says, and how it leaves the process.

use std::fs::File;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;
use std::panic::PanicHookInfo;

use super::place;
use super::stack::{self, Stack};

/// A panic, and where in which process it is.
pub(super) struct Report {
    /// `None` if it was raised with something that is no text.
    pub message: Option<String>,
    /// File, line, column.
    pub location: Option<(String, u32, u32)>,
    pub pid: u32,
    pub program: Option<String>,
    pub thread: Option<String>,
    /// As the kernel counts it.
    pub tid: Option<u32>,
    /// Variables of the environment that hold a rank, the most telling first.
    pub ranks: Vec<(&'static str, String)>,
    pub stack: Stack,
    /// The thread waits for a debugger.
    pub waits: bool,
}

impl Report {
    pub fn of(panic: &PanicHookInfo<'_>, waits: bool) -> Report {
        let payload = panic.payload();
        let message = payload
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| payload.downcast_ref::<String>().cloned());
        let location = panic.location();
        Report {
            message,
            location: location.map(|at| (at.file().to_string(), at.line(), at.column())),
            pid: std::process::id(),
            program: place::program(),
            thread: std::thread::current().name().map(ToString::to_string),
            tid: place::tid(),
            ranks: place::ranks(),
            stack: stack::of_panic(),
            waits,
        }
    }

    /// What a user types to come with a debugger.
    pub fn attach(&self) -> String {
        format!("pmdb attach {}", self.pid)
    }
}

/// Writes to standard error, in one system call if the kernel takes all at once. Not through `std::io::Stderr`, whose lock the thread that
/// panics, or another one that hangs, may hold. If nobody can read it, there is nobody to tell.
pub(super) fn write(bytes: &[u8]) {
    // SAFETY: it is not closed in the end, and if the program has closed it, the write fails.
    let stderr = ManuallyDrop::new(unsafe { File::from_raw_fd(libc::STDERR_FILENO) });
    let _ = (&*stderr).write_all(bytes);
}
