//! The few calls that nix cannot make: its signals end at 31, and a thread may get a real-time one.

use nix::errno::Errno;
use nix::libc;

use crate::model::{Pid, Tid};
use crate::process::live::stat::Stat;

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

/// What `waitpid(2)` gives of any tracee of the calling thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// The status as `waitpid` gives it.
    Ended(i32),
    /// `PTRACE_EVENT_STOP`: by `PTRACE_INTERRUPT` or as the first of a new tracee; or with its process by the signal.
    StoppedItself(SignalNumber),
    /// It has made a process or a thread, `PTRACE_EVENT_FORK`, `…_VFORK` or `…_CLONE`.
    GaveBirth(i32),
    Executed,
    /// About to end, with all that it has still there: `PTRACE_EVENT_EXIT`.
    Exiting,
    Signal(SignalNumber),
    /// A stop that is of no interest.
    Other,
}

/// The next change of any tracee or child of this thread that has not been asked for yet; does not wait for one.
pub(super) fn next_change() -> Option<(Tid, Change)> {
    let mut status = 0;
    // Not those of pmdb's other threads.
    let options = libc::__WALL | libc::__WNOTHREAD | libc::WNOHANG;
    // SAFETY: waitpid(2) writes one int.
    let found = unsafe { libc::waitpid(-1, &raw mut status, options) };
    let tid = Tid(u32::try_from(found).ok().filter(|&found| found > 0)?);
    if !libc::WIFSTOPPED(status) {
        return Some((tid, Change::Ended(status)));
    }
    let signal = libc::WSTOPSIG(status);
    let change = match status >> 16 {
        EVENT_STOP => Change::StoppedItself(SignalNumber(signal)),
        event @ (libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE) => {
            Change::GaveBirth(event)
        }
        libc::PTRACE_EVENT_EXEC => Change::Executed,
        libc::PTRACE_EVENT_EXIT => Change::Exiting,
        0 if signal != libc::SIGTRAP | SYSTEM_CALL_MARK => Change::Signal(SignalNumber(signal)),
        _ => Change::Other,
    };
    Some((tid, change))
}

/// Waits until there is a [change](next_change), or a signal comes for this thread.
pub(super) fn wait_for_change() {
    let options = libc::WEXITED | libc::WSTOPPED | libc::WNOWAIT | libc::__WALL | libc::__WNOTHREAD;
    // SAFETY: all bytes zero are a valid siginfo_t, and waitid(2) writes one.
    unsafe {
        let mut found: libc::siginfo_t = std::mem::zeroed();
        libc::waitid(libc::P_ALL, 0, &raw mut found, options);
    }
}

/// The change of state of a tracee that has not been asked for yet; does not wait for one.
///
/// The end of a child of pmdb is left for the thread that has started it: whoever of pmdb's threads collects it is the only one to know.
pub(super) fn status(tid: Tid) -> Status {
    match changed(tid, libc::WEXITED | libc::WSTOPPED | libc::WNOWAIT) {
        // ECHILD: it has been replaced by an exec, or collected.
        None => return Status::Ended,
        Some((0, ..)) => return Status::Unchanged,
        Some((_, libc::CLD_TRAPPED | libc::CLD_STOPPED, _)) => {}
        Some(_) => {
            let own = Pid(std::process::id());
            let is_child = |stat: Stat| stat.parent == own && stat.is_leader();
            if !Stat::of_process(Pid(tid.0)).is_ok_and(is_child) {
                changed(tid, libc::WEXITED);
            }
            return Status::Ended;
        }
    }
    match changed(tid, libc::WSTOPPED) {
        // Of a stop, `si_status` is the signal and above that the event (`wait_task_stopped`, Linux `kernel/exit.c`).
        Some((1.., _, status)) => stopped(status & 0xff, status >> 8),
        // It was killed meanwhile.
        _ => Status::Unchanged,
    }
}

/// What waitid(2) finds of a tracee now: its number, or 0, with the code and the status. Nothing if it is none.
fn changed(tid: Tid, what: libc::c_int) -> Option<(libc::pid_t, libc::c_int, libc::c_int)> {
    let options = what | libc::WNOHANG | libc::__WALL;
    // SAFETY: all bytes zero are a valid siginfo_t, waitid(2) writes one, and for what it reports the fields of SIGCHLD are those in use.
    unsafe {
        let mut found: libc::siginfo_t = std::mem::zeroed();
        let result = libc::waitid(libc::P_PID, tid.0, &raw mut found, options);
        (result == 0).then(|| (found.si_pid(), found.si_code, found.si_status()))
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
    /// It stays stopped with its process, until the kernel lets that go on.
    Listen,
}

/// Lets a stopped tracee go on, with the signal that it is about to get, if any.
pub(super) fn resume(tid: Tid, how: Resume, signal: Option<SignalNumber>) -> Result<(), Errno> {
    let request = match how {
        Resume::Continue => libc::PTRACE_CONT,
        Resume::ToSystemCall => libc::PTRACE_SYSCALL,
        Resume::Listen => libc::PTRACE_LISTEN,
    };
    let signal = libc::c_long::from(signal.map_or(0, |signal| signal.0));
    // SAFETY: the requests take a signal's number and touch no memory of pmdb.
    let result = unsafe { libc::ptrace(request, tid.0.cast_signed(), 0_usize, signal) };
    Errno::result(result).map(drop)
}

/// How a thread goes on that stands in a stop of `PTRACE_EVENT_STOP`: if its whole process is stopped, it stays so.
pub(super) fn way_on(tid: Tid) -> Resume {
    match stop_signal(tid) {
        Some(signal) if signal != libc::SIGTRAP => Resume::Listen,
        _ => Resume::Continue,
    }
}

/// The signal of a stop of `PTRACE_EVENT_STOP`: that which stopped the process, else SIGTRAP.
fn stop_signal(tid: Tid) -> Option<i32> {
    let info = nix::sys::ptrace::getsiginfo(super::hold::raw(tid)).ok()?;
    (info.si_code >> 8 == EVENT_STOP).then_some(info.si_signo)
}

/// Lets a stopped tracee go for good, with the signal that it is about to get, if any.
pub(super) fn detach(tid: Tid, signal: Option<SignalNumber>) {
    let signal = libc::c_long::from(signal.map_or(0, |signal| signal.0));
    // SAFETY: the request takes a signal's number. It fails for a thread that was killed meanwhile: nothing is left to detach from.
    unsafe { libc::ptrace(libc::PTRACE_DETACH, tid.0.cast_signed(), 0_usize, signal) };
}
