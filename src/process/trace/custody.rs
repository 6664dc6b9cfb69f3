//! Who holds a process still when that is needed.

use super::tracer::{Follower, Orders};
use super::{Hold, TraceError};
use crate::model::Pid;

/// How a process can be held: the kernel lets only one thread trace it.
#[derive(Clone)]
pub enum Custody {
    /// Nobody traces it: whoever wants to hold it does, for a moment.
    Nobody,
    /// A [tracer](super::Tracer) follows it, and holds it when it is asked to.
    Tracer(Orders),
}

impl Custody {
    /// Stops all threads of the process, does something with them, and lets them go on.
    pub fn hold<T: Send>(
        &self,
        pid: Pid,
        what: impl FnOnce(&mut Hold) -> T + Send,
    ) -> Result<T, TraceError> {
        match self {
            Custody::Nobody => Hold::seize(pid).map(|mut hold| what(&mut hold)),
            Custody::Tracer(orders) => orders.ask(|follower| follower.hold(pid, what))?,
        }
    }

    /// Whether job control has stopped a process that is followed: its threads look as if they were held.
    pub fn is_suspended(&self, pid: Pid) -> bool {
        match self {
            Custody::Nobody => false,
            Custody::Tracer(orders) => {
                let asked = orders.ask(|follower| follower.is_suspended(pid));
                asked.unwrap_or(false)
            }
        }
    }

    /// Lets a process go on that is followed and stands still since a thread of it has come to a tripwire.
    pub fn pass_tripwire(&self, pid: Pid) {
        if let Custody::Tracer(orders) = self {
            let pass = |follower: &mut Follower| {
                if follower.is_kept_at_tripwire(pid) {
                    follower.thaw(pid);
                }
            };
            // If that fails, the tracer has ended, and nothing stands still any more.
            let _ = orders.ask(pass);
        }
    }

    /// Whether the process stands still before a signal that will end it: nothing in it answers any more.
    pub fn is_crashing(&self, pid: Pid) -> bool {
        match self {
            Custody::Nobody => false,
            Custody::Tracer(orders) => {
                let asked = orders.ask(|follower| follower.is_crashing(pid));
                asked.unwrap_or(false)
            }
        }
    }
}
