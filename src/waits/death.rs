//! Who or what has killed a process: the signal alone does not tell.

use std::fmt;

use nix::libc;

use super::memory_kills::MemoryEvidence;
use crate::model::Certainty;
use crate::process::trace::{End, Sender};

/// What is known of how a process was killed, beside the signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Death {
    /// The tracer saw who sent it.
    Sent(Sender),
    /// The kernel has killed it for want of memory, or it may have.
    OutOfMemory(MemoryEvidence),
    /// The process did something, or used up something: the kernel raised it.
    Kernel(&'static str),
    /// Nobody is told who sends SIGKILL.
    Unknown,
}

impl Death {
    /// What is known of an end; nothing if there is nothing to say.
    pub fn of(end: End, sender: Option<Sender>, memory: Option<MemoryEvidence>) -> Option<Death> {
        let End::Killed { signal, .. } = end else {
            return None;
        };
        Some(match (signal, sender, memory) {
            (_, Some(sender), _) => Death::Sent(sender),
            (libc::SIGKILL, _, Some(evidence)) => Death::OutOfMemory(evidence),
            (libc::SIGKILL, ..) => Death::Unknown,
            _ => Death::Kernel(raised_for(signal)?),
        })
    }

    pub fn certainty(&self) -> Certainty {
        match self {
            Death::Sent(_) | Death::Kernel(_) => Certainty::Certain,
            Death::OutOfMemory(MemoryEvidence::Counted { .. }) => Certainty::Likely,
            Death::OutOfMemory(_) => Certainty::Certain,
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
            Death::OutOfMemory(evidence) => {
                let likely = match self.certainty() {
                    Certainty::Certain => "",
                    _ => "likely ",
                };
                write!(f, "{likely}the kernel's out-of-memory killer: {evidence}")
            }
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
        let counted = MemoryEvidence::Counted { before: 0, now: 1 };
        let (certainty, text) = said(libc::SIGKILL, None, Some(counted.clone())).unwrap();
        assert_eq!(certainty, Certainty::Likely);
        assert!(text.starts_with("likely the kernel"));
        assert!(text.ends_with("oom_kill of its cgroup went from 0 to 1"));
        let of_ours = MemoryEvidence::CountedOfOurs { before: 0, now: 1 };
        let (certainty, text) = said(libc::SIGKILL, None, Some(of_ours)).unwrap();
        assert_eq!(certainty, Certainty::Certain);
        assert!(text.starts_with("the kernel"), "{text}");
        let (certainty, text) = said(libc::SIGKILL, None, None).unwrap();
        assert_eq!(certainty, Certainty::Unknown);
        assert_eq!(text, "sender unknown");
        assert_eq!(said(libc::SIGTERM, None, Some(counted)), None);
        assert_eq!(Death::of(End::Exited { code: 1 }, None, None), None);
    }
}
