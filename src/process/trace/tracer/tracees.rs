//! The threads that are traced, and what each is doing.

use std::collections::BTreeMap;

use crate::model::{Pid, Tid};

/// What a traced thread does, as far as its tracer knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Running,
    /// Stands still after an event, until the session lets it go on; with the signal that it is about to get.
    Waiting(Option<i32>),
    /// Stands still before its end, with all the others of its process, until the session lets them go on.
    Exiting,
    /// Stands still at a [tripwire](super::tripwire), until the session lets it go past.
    Tripped,
    /// Stopped with its whole process by a signal such as SIGSTOP, which the kernel is to go on with (`PTRACE_LISTEN`).
    JobStopped,
}

impl Doing {
    /// Whether it does nothing until the session wants it to.
    pub fn stands_still(self) -> bool {
        matches!(self, Doing::Waiting(_) | Doing::Exiting | Doing::Tripped)
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Tracee {
    pub pid: Pid,
    pub doing: Doing,
}

/// By thread.
#[derive(Debug, Default)]
pub(super) struct Tracees(BTreeMap<Tid, Tracee>);

impl Tracees {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, tid: Tid) -> Option<&Tracee> {
        self.0.get(&tid)
    }

    /// Whether it was not known before.
    pub fn add(&mut self, tid: Tid, pid: Pid, doing: Doing) -> bool {
        self.0.insert(tid, Tracee { pid, doing }).is_none()
    }

    pub fn note(&mut self, tid: Tid, doing: Doing) {
        if let Some(tracee) = self.0.get_mut(&tid) {
            tracee.doing = doing;
        }
    }

    pub fn remove(&mut self, tid: Tid) -> Option<Tracee> {
        self.0.remove(&tid)
    }

    pub fn of_process(&self, pid: Pid) -> Vec<(Tid, Doing)> {
        let threads = self.0.iter().filter(|(_, tracee)| tracee.pid == pid);
        threads.map(|(tid, tracee)| (*tid, tracee.doing)).collect()
    }

    pub fn follows(&self, pid: Pid) -> bool {
        self.0.values().any(|tracee| tracee.pid == pid)
    }

    pub fn remove_process(&mut self, pid: Pid) {
        self.0.retain(|_, tracee| tracee.pid != pid);
    }

    pub fn processes(&self) -> Vec<Pid> {
        let mut pids: Vec<Pid> = self.0.values().map(|tracee| tracee.pid).collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    }
}
