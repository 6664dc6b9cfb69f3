//! Keeping a process still, all of it, one thread of which stands before a signal that will end it.

use super::super::TraceError;
use super::fault::is_fault;
use super::follower::Follower;
use super::tracees::Doing;
use crate::model::Pid;

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
        let mut threads = self.tracees.of_process(pid);
        threads.retain(|(_, doing)| matches!(doing, Doing::Waiting(_)));
        // The signal first: it ends the others before they can run.
        threads.sort_by_key(|(_, doing)| *doing == Doing::Waiting(None));
        for (tid, _) in threads {
            // It fails for one that was killed meanwhile, whose end is told.
            let _ = self.go_on(tid, true);
        }
    }

    /// Whether a thread of it stands before a signal that will end it.
    pub fn is_crashing(&self, pid: Pid) -> bool {
        let threads = self.tracees.of_process(pid);
        threads
            .iter()
            .any(|(_, doing)| matches!(doing, Doing::Waiting(Some(signal)) if is_fault(*signal)))
    }
}
