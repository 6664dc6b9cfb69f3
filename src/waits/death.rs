//! Who or what has killed a process: the signal alone does not tell.

use std::fmt;

use nix::libc;

use crate::process::trace::{End, Sender};

/// How sure a verdict is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// It was seen.
    Certain,
    /// The evidence speaks for it, and nothing against it.
    Likely,
    Unknown,
}

/// What is known of how a process was killed, beside the signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Death {
    /// The tracer saw who sent it.
    Sent(Sender),
    /// The kernel has killed processes of its memory cgroup since the command began.
    OutOfMemory { before: u64, now: u64 },
    /// The process did something, or used up something: the kernel raised it.
    Kernel(&'static str),
    /// Nobody is told who sends SIGKILL.
    Unknown,
}

impl Death {
    /// What is known of an end; nothing if there is nothing to say. `kills` are those of the kernel for want of memory in the cgroup of
    /// the process, before and now, if they are more than those that are known of.
    pub fn of(end: End, sender: Option<Sender>, kills: Option<(u64, u64)>) -> Option<Death> {
        let End::Killed { signal, .. } = end else {
            return None;
        };
        Some(match (signal, sender, kills) {
            (_, Some(sender), _) => Death::Sent(sender),
            (libc::SIGKILL, _, Some((before, now))) => Death::OutOfMemory { before, now },
            (libc::SIGKILL, ..) => Death::Unknown,
            _ => Death::Kernel(raised_for(signal)?),
        })
    }

    pub fn certainty(&self) -> Certainty {
        match self {
            Death::Sent(_) | Death::Kernel(_) => Certainty::Certain,
            Death::OutOfMemory { .. } => Certainty::Likely,
            Death::Unknown => Certainty::Unknown,
        }
    }
}

/// Why the kernel raises signals other than those of a fault: signal(7).
fn raised_for(signal: i32) -> Option<&'static str> {
    Some(match signal {
        libc::SIGALRM => "its alarm clock (alarm, setitimer) has rung",
        libc::SIGHUP => "its terminal was closed",
        libc::SIGINT | libc::SIGQUIT => "a key of the terminal",
        libc::SIGSYS => "a system call that it may not make",
        libc::SIGXCPU => "it has used up its processor time (RLIMIT_CPU)",
        libc::SIGXFSZ => "a file has come to its largest size (RLIMIT_FSIZE)",
        _ => return None,
    })
}

/// `sent by process 17 (bash)`.
impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Death::Sent(Sender::Itself) => f.write_str("it sent it to itself"),
            Death::Sent(Sender::Process { pid, name }) if name.is_empty() => {
                write!(f, "sent by process {pid}")
            }
            Death::Sent(Sender::Process { pid, name }) => {
                write!(f, "sent by process {pid} ({name})")
            }
            Death::Sent(Sender::Elsewhere) => {
                f.write_str("sent by a process of another pid namespace")
            }
            Death::OutOfMemory { before, now } => write!(
                f,
                "likely the kernel's out-of-memory killer: oom_kill of its cgroup went from {before} to {now}"
            ),
            Death::Kernel(why) => f.write_str(why),
            Death::Unknown => f.write_str("sender unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Pid;

    fn killed(signal: i32) -> End {
        End::Killed {
            signal,
            dumped_core: false,
        }
    }

    #[test]
    fn a_verdict_says_what_it_rests_on() {
        let said = |signal, sender, kills| {
            let death = Death::of(killed(signal), sender, kills)?;
            Some((death.certainty(), death.to_string()))
        };
        let bash = Sender::Process {
            pid: Pid(17),
            name: "bash".to_string(),
        };
        let (certainty, text) = said(libc::SIGTERM, Some(bash), None).unwrap();
        assert_eq!(certainty, Certainty::Certain);
        assert_eq!(text, "sent by process 17 (bash)");
        let (certainty, text) = said(libc::SIGKILL, None, Some((0, 1))).unwrap();
        assert_eq!(certainty, Certainty::Likely);
        assert!(text.ends_with("oom_kill of its cgroup went from 0 to 1"));
        let (certainty, text) = said(libc::SIGKILL, None, None).unwrap();
        assert_eq!(certainty, Certainty::Unknown);
        assert_eq!(text, "sender unknown");
        assert_eq!(said(libc::SIGTERM, None, Some((0, 1))), None);
        assert_eq!(Death::of(End::Exited { code: 1 }, None, None), None);
    }
}
