//! Waiting for a debugger.

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::FromRawFd;
use std::thread::sleep;
use std::time::Duration;

/// How often the thread looks whether one is there.
const GLANCE: Duration = Duration::from_millis(50);
/// The name of a file without a place, which lies among those that the process has open. `pmdb attach` finds it there, and
/// writes a byte to it when the process is to go on: pmdb looks without a trace otherwise.
const MARK: &CStr = c"pmdb-waits";

/// A thread that waits.
pub(super) struct Wait {
    /// Not where the kernel or a filter of system calls has none to give.
    mark: Option<File>,
}

impl Wait {
    /// Nothing if a debugger is there already.
    pub fn begin() -> Option<Wait> {
        if is_traced() {
            return None;
        }
        permit_tracing();
        // SAFETY: the name ends in a NUL, and who gets the file descriptor owns it.
        let mark = unsafe {
            let fd = libc::memfd_create(MARK.as_ptr(), libc::MFD_CLOEXEC);
            (fd >= 0).then(|| File::from_raw_fd(fd))
        };
        Some(Wait { mark })
    }

    pub fn until_attached(self) {
        let is_let_go = || {
            let metadata = self.mark.as_ref().map(File::metadata);
            metadata.is_some_and(|metadata| metadata.is_ok_and(|it| it.len() > 0))
        };
        while !is_traced() && !is_let_go() {
            sleep(GLANCE);
        }
    }
}

/// Where Yama's ptrace_scope is 1, only an ancestor may attach to a process that does not allow others. It is EINVAL without Yama.
pub(super) fn permit_tracing() {
    // SAFETY: the call takes two numbers.
    unsafe { libc::prctl(libc::PR_SET_PTRACER, libc::PR_SET_PTRACER_ANY) };
}

/// Takes that back. The kernel does not tell whether it was allowed before.
pub(super) fn forbid_tracing() {
    // SAFETY: the call takes two numbers.
    unsafe { libc::prctl(libc::PR_SET_PTRACER, 0) };
}

pub(super) fn is_traced() -> bool {
    tracer().is_some()
}

/// proc(5): the pid of the tracer, or 0.
pub(super) fn tracer() -> Option<u32> {
    let status = std::fs::read("/proc/self/status").unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    let tracer = status
        .lines()
        .find_map(|line| line.strip_prefix("TracerPid:"));
    tracer?.trim().parse().ok().filter(|&pid| pid != 0)
}
