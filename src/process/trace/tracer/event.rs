//! What the tracer tells of the processes that it follows.

use super::fault::{Fault, Sender};
use crate::model::{Addr, Pid, Tid};
use crate::process::Registers;

/// How a process came to be (`ptrace(2)`, `PTRACE_EVENT_FORK` and its sisters).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Birth {
    Fork,
    /// The parent waits until the child has executed a program or ended.
    Vfork,
    /// `clone(2)` with another signal than SIGCHLD at the end.
    Clone,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Exited {
        code: i32,
    },
    /// `signal` by its number, since it may be a real-time one.
    Killed {
        signal: i32,
        dumped_core: bool,
    },
}

impl End {
    /// As `waitpid(2)` gives it.
    pub(super) fn of_status(status: i32) -> End {
        use nix::libc;
        if libc::WIFEXITED(status) {
            End::Exited {
                code: libc::WEXITSTATUS(status),
            }
        } else {
            End::Killed {
                signal: libc::WTERMSIG(status),
                dumped_core: libc::WCOREDUMP(status),
            }
        }
    }

    /// What a shell would give back for it: 128 and the signal's number for one that was killed.
    pub fn exit_code(self) -> i32 {
        match self {
            End::Exited { code } => code,
            End::Killed { signal, .. } => 128 + signal,
        }
    }
}

/// What has happened to a process that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TraceEvent {
    /// It has made another process, which is followed too.
    Forked {
        parent: Pid,
        child: Pid,
        birth: Birth,
    },
    ThreadStarted {
        pid: Pid,
        tid: Tid,
    },
    /// Another program runs in it. Its thread stands still before the first instruction until [`Tracer::go_on`](super::Tracer::go_on), if
    /// that was [wanted](super::Interests::exec).
    Executed {
        pid: Pid,
        /// The thread that called `execve(2)`. It has the leader's number now, and all others have ended.
        former: Tid,
    },
    /// A thread is about to get a signal that is [wanted](super::Interests::signals), and stands still until
    /// [`Tracer::go_on`](super::Tracer::go_on).
    Signal {
        pid: Pid,
        tid: Tid,
        signal: i32,
        /// Who sent it with `kill(2)` or the like; None for what the kernel raised.
        sender: Option<Pid>,
    },
    /// A thread is about to get a signal that ends its process, and that comes of what the process itself did, if that is
    /// [wanted](super::Interests::crashes). It stands still until [`Tracer::go_on`](super::Tracer::go_on).
    Crashing {
        pid: Pid,
        tid: Tid,
        fault: Fault,
    },
    /// A thread has come to a tripwire that was [strung](super::Follower::string), and stands still before the instruction there until
    /// [`Follower::pass`](super::Follower::pass).
    Tripped {
        pid: Pid,
        tid: Tid,
        place: Addr,
        /// By which this is told from another time that the thread comes to one: it may have been kept still with its process meanwhile.
        visit: u64,
        registers: Registers,
    },
    /// A thread has written to what is [watched](super::Follower::watch), and stands behind the instruction until its process is
    /// [kept still](super::Follower::freeze_written) and goes on.
    Wrote {
        pid: Pid,
        tid: Tid,
        visit: u64,
    },
    /// A process is about to end with another exit code than 0 or of a signal, if that is [wanted](super::Interests::exits). All its threads
    /// stand still, with all that they have still there, until [`Follower::thaw`](super::Follower::thaw).
    Exiting {
        pid: Pid,
        end: End,
        /// Who sent the signal that ends it, if the tracer saw that.
        sender: Option<Sender>,
    },
    ThreadEnded {
        pid: Pid,
        tid: Tid,
    },
    Ended {
        pid: Pid,
        end: End,
        /// Who sent the signal that ended it, if the tracer saw that. Nobody sees who sends SIGKILL.
        sender: Option<Sender>,
    },
    /// The process is not followed any more: it was let go.
    Released {
        pid: Pid,
    },
}
