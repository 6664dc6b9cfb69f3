//! Who holds a process still when that is needed.

use super::tracer::{Follower, Orders};
use super::{Hold, TraceError};
use crate::model::{Pid, Tid};

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

    /// The thread at a tripwire for which a process that is followed is kept still.
    pub fn kept_at_tripwire(&self, pid: Pid) -> Option<Tid> {
        match self {
            Custody::Nobody => None,
            Custody::Tracer(orders) => {
                let asked = orders.ask(|follower| follower.kept_at_tripwire(pid));
                asked.unwrap_or_default()
            }
        }
    }

    /// Lets such a process go on: all of it, or without that thread, which stays where it is.
    pub fn leave_tripwire(&self, pid: Pid, with_it: bool) {
        if let Custody::Tracer(orders) = self {
            let leave = |follower: &mut Follower| match with_it {
                true => follower.thaw(pid),
                false => drop(follower.set_aside(pid)),
            };
            // If that fails, the tracer has ended, and nothing stands still any more.
            let _ = orders.ask(leave);
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
