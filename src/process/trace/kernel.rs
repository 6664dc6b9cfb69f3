//! The few calls that nix cannot make: its signals end at 31, and a thread may get a real-time one.

use nix::errno::Errno;
use nix::libc;

use crate::model::Tid;

/// `PTRACE_EVENT_STOP`, `include/uapi/linux/ptrace.h`: the stop that `PTRACE_INTERRUPT` asked for, or a group-stop.
const EVENT_STOP: i32 = 128;
/// How a stop at a system call is marked with `PTRACE_O_TRACESYSGOOD`.
pub(super) const SYSTEM_CALL_MARK: i32 = 0x80;

/// A signal's number, also of a real-time signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SignalNumber(pub(super) i32);

/// What has become of a tracee: `ptrace(2)`, "Stopped states".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// Nothing since the last time.
    Unchanged,
    /// Stopped by `PTRACE_INTERRUPT`, or with its whole process.
    Interrupted,
    /// About to get a signal.
    Signal(SignalNumber),
    /// Before or after a system call.
    SystemCall,
    /// Any other stop, such as an exec.
    Other,
    Ended,
}

/// The change of state of a tracee that has not been asked for yet; does not wait for one.
pub(super) fn status(tid: Tid) -> Status {
    let mut status = 0;
    // SAFETY: waitpid(2) writes one int.
    let found = unsafe {
        libc::waitpid(
            tid.0.cast_signed(),
            &raw mut status,
            libc::__WALL | libc::WNOHANG,
        )
    };
    match found {
        0 => Status::Unchanged,
        // ECHILD: it has been replaced by an exec, or collected.
        -1 => Status::Ended,
        _ if !libc::WIFSTOPPED(status) => Status::Ended,
        _ => stopped(libc::WSTOPSIG(status), status >> 16),
    }
}

fn stopped(signal: i32, event: i32) -> Status {
    match (signal, event) {
        (_, EVENT_STOP) => Status::Interrupted,
        (_, 1..) => Status::Other,
        (signal, _) if signal == libc::SIGTRAP | SYSTEM_CALL_MARK => Status::SystemCall,
        (signal, _) => Status::Signal(SignalNumber(signal)),
    }
}

/// How a stopped tracee goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resume {
    Continue,
    /// To the next beginning or end of a system call.
    ToSystemCall,
}

/// Lets a stopped tracee go on, with the signal that it is about to get, if any.
pub(super) fn resume(tid: Tid, how: Resume, signal: Option<SignalNumber>) -> Result<(), Errno> {
    let request = match how {
        Resume::Continue => libc::PTRACE_CONT,
        Resume::ToSystemCall => libc::PTRACE_SYSCALL,
    };
    let signal = libc::c_long::from(signal.map_or(0, |signal| signal.0));
    // SAFETY: both requests take a signal's number and touch no memory of pmdb.
    let result = unsafe { libc::ptrace(request, tid.0.cast_signed(), 0_usize, signal) };
    Errno::result(result).map(drop)
}
