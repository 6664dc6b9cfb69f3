//! Who holds a process still when that is needed.

use super::lending::Standing;
use super::tracer::{Follower, Orders};
use super::{Hold, TraceError};
use crate::model::{Pid, Tid};
use crate::process::{RegisterSets, Registers};

/// How a process can be held: the kernel lets only one thread trace it.
#[derive(Clone)]
pub enum Custody {
    /// Nobody traces it: whoever wants to hold it does, for a moment.
    Nobody,
    /// A [tracer](super::Tracer) follows it, and holds it when it is asked to.
    Tracer(Orders),
    /// Nobody can: it has asked for this itself, and keeps as still as it can.
    Itself,
}

/// A process of which no thread was stopped.
struct Unheld;

impl Standing for Unheld {
    fn stopped(&self) -> Vec<Tid> {
        Vec::new()
    }

    fn registers(&self, _: Tid) -> Option<Registers> {
        None
    }

    fn register_sets(&self, _: Tid) -> Option<RegisterSets> {
        None
    }
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
            Custody::Itself => Err(TraceError::NotPermitted {
                pid,
                why: "only what it keeps still itself stands still".to_owned(),
            }),
        }
    }

    /// Does something while all threads of the process are stopped, or, if it keeps still itself, while it does.
    pub fn still<T: Send>(
        &self,
        pid: Pid,
        what: impl FnOnce(&dyn Standing) -> T + Send,
    ) -> Result<T, TraceError> {
        match self {
            Custody::Itself => Ok(what(&Unheld)),
            _ => self.hold(pid, |hold| what(&*hold)),
        }
    }

    /// Whether job control has stopped a process that is followed: its threads look as if they were held.
    pub fn is_suspended(&self, pid: Pid) -> bool {
        match self {
            Custody::Nobody | Custody::Itself => false,
            Custody::Tracer(orders) => {
                let asked = orders.ask(|follower| follower.is_suspended(pid));
                asked.unwrap_or(false)
            }
        }
    }

    /// The thread at a tripwire for which a process that is followed is kept still.
    pub fn kept_at_tripwire(&self, pid: Pid) -> Option<Tid> {
        match self {
            Custody::Nobody | Custody::Itself => None,
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
            Custody::Nobody | Custody::Itself => false,
            Custody::Tracer(orders) => {
                let asked = orders.ask(|follower| follower.is_crashing(pid));
                asked.unwrap_or(false)
            }
        }
    }
}
