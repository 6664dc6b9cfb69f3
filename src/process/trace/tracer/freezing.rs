//! Keeping a process still, all of it, one thread of which stands before a signal that will end it, or all of which are about to end.

use nix::libc;

use super::super::TraceError;
use super::super::registers;
use super::fault::is_fault;
use super::follower::Follower;
use super::tracees::Doing;
use crate::model::{Pid, Tid};
use crate::process::Registers;

impl Follower {
    /// Stops the other threads too: without pmdb they would run nothing any more. Not from within [`hold`](Follower::hold).
    pub fn freeze(&mut self, pid: Pid) -> Result<(), TraceError> {
        self.stop_all(pid)?;
        self.holding = None;
        for tid in std::mem::take(&mut self.held) {
            self.tracees.note(tid, Doing::Waiting(None));
        }
        Ok(())
    }

    /// All its threads go on, the one before the signal with it.
    pub fn thaw(&mut self, pid: Pid) {
        // Those that come to their end only now do not stop there.
        if let Some(is_kept) = self.leaving.get_mut(&pid) {
            *is_kept = false;
        }
        self.leave_tripwire(pid);
        let mut threads = self.tracees.of_process(pid);
        threads.retain(|(_, doing)| doing.stands_still());
        // The signal first: it ends the others before they can run.
        threads.sort_by_key(|(_, doing)| *doing == Doing::Waiting(None));
        for (tid, _) in threads {
            // It fails for one that was killed meanwhile, whose end is told.
            let _ = self.go_on(tid, true);
        }
    }

    /// The registers of a thread that stands still.
    pub fn registers(&self, tid: Tid) -> Result<Registers, TraceError> {
        registers::general(tid).map(Registers::from)
    }

    /// Of a process that stands before its end: the thread that has asked for it with `exit_group(2)`. The others end with it.
    pub fn caller_of_exit(&self, pid: Pid) -> Option<Tid> {
        let has_asked = |tid: &Tid| {
            let number = registers::general(*tid).map(|at| at.orig_rax.cast_signed());
            number.is_ok_and(|number| [libc::SYS_exit_group, libc::SYS_exit].contains(&number))
        };
        let threads = self.tracees.of_process(pid).into_iter();
        let mut ending = threads
            .filter(|(_, doing)| *doing == Doing::Exiting)
            .map(|(tid, _)| tid);
        ending.find(has_asked)
    }

    /// Whether job control has stopped all of it.
    pub fn is_suspended(&self, pid: Pid) -> bool {
        let threads = self.tracees.of_process(pid);
        let is_stopped = |doing: &Doing| matches!(doing, Doing::JobStopped);
        !threads.is_empty() && threads.iter().all(|(_, doing)| is_stopped(doing))
    }

    /// Whether a thread of it stands before a signal that will end it, or before its end.
    pub fn is_crashing(&self, pid: Pid) -> bool {
        let threads = self.tracees.of_process(pid);
        threads.iter().any(|(_, doing)| match doing {
            Doing::Waiting(Some(signal)) => is_fault(*signal),
            Doing::Exiting => true,
            _ => false,
        })
    }
}
