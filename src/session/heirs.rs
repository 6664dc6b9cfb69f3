//! Forked children from which nothing was heard yet: each has a copy of its parent's agent, by which it can be reached.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::Pid;
use crate::python::agent::Heritage;

/// What they have. The thread that follows them writes it, the session reads it.
#[derive(Clone, Default)]
pub(super) struct Heirs(Arc<Mutex<BTreeMap<Pid, Heritage>>>);

impl Heirs {
    pub fn add(&self, child: Pid, heritage: Heritage) {
        self.all().insert(child, heritage);
    }

    /// It has executed a program, has ended, or has pipes of its own.
    pub fn remove(&self, pid: Pid) {
        self.all().remove(&pid);
    }

    pub fn of(&self, pid: Pid) -> Option<Heritage> {
        self.all().get(&pid).copied()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<Pid, Heritage>> {
        // Nothing panics while it has the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
