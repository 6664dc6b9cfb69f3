//! Keeping a process still, all of it, one thread of which stands before a signal that will end it, or all of which are about to end.

use nix::libc;

use super::super::TraceError;
use super::super::registers;
use super::event::TraceEvent;
use super::fault::is_fault;
use super::follower::Follower;
use super::tracees::Doing;
use crate::model::{Pid, Tid};
use crate::process::Registers;

impl Follower {
    /// Keeps a process still for one of its threads, which stands before a signal that will end it: without pmdb the others would run nothing
    /// any more. False if it is kept still already, or does not stand there any more: what another thread of it stands for is told again
    /// when the process goes on. Not from within [`hold`](Follower::hold).
    pub fn freeze_crashing(&mut self, pid: Pid, tid: Tid) -> Result<bool, TraceError> {
        let stands =
            |doing: Doing| matches!(doing, Doing::Waiting(Some(signal)) if is_fault(signal));
        let is_there = self.tracees.get(tid).is_some_and(|it| stands(it.doing));
        if !is_there || self.frozen.contains_key(&pid) {
            return Ok(false);
        }
        self.freeze(pid)?;
        self.frozen.insert(pid, tid);
        Ok(true)
    }

    /// Stops the threads of a process, whatever some of them stand for.
    pub fn freeze(&mut self, pid: Pid) -> Result<(), TraceError> {
        self.stop_all(pid)?;
        self.keep_stopped();
        Ok(())
    }

    /// The threads that were stopped stay where they are until they are let go.
    pub(super) fn keep_stopped(&mut self) {
        self.holding = None;
        for tid in std::mem::take(&mut self.held) {
            self.tracees.note(tid, Doing::Waiting(None));
        }
    }

    /// All its threads go on, the one before the signal with it. Another one that has come to something of its own meanwhile stays there,
    /// which is told now.
    pub fn thaw(&mut self, pid: Pid) {
        // Those that come to their end only now do not stop there.
        if let Some(is_kept) = self.leaving.get_mut(&pid) {
            *is_kept = false;
        }
        let for_whom = self.frozen.remove(&pid);
        self.leave_tripwire(pid);
        let mut threads = self.tracees.of_process(pid);
        threads.retain(|(tid, doing)| doing.stands_still() && !self.aside.contains(tid));
        // The signal first: it ends the others before they can run.
        threads.sort_by_key(|(_, doing)| *doing == Doing::Waiting(None));
        let goes_on = |tid: Tid| for_whom.is_none_or(|it| it == tid);
        let ends = |(tid, doing): &(Tid, Doing)| match doing {
            Doing::Waiting(Some(signal)) => goes_on(*tid) && is_fault(*signal),
            doing => *doing == Doing::Exiting,
        };
        let is_over = threads.iter().any(ends);
        for (tid, doing) in threads {
            if let Doing::Waiting(Some(signal)) = doing
                && is_fault(signal)
                && !is_over
                && !goes_on(tid)
                && let Some(fault) = self.faults.fatal(pid, tid, signal)
            {
                self.tell(TraceEvent::Crashing { pid, tid, fault });
                continue;
            }
            // It fails for one that was killed meanwhile, whose end is told.
            let _ = self.go_on(tid, true);
        }
    }

    /// The others of a process go on that is kept still for a thread which has come to a tripwire; that one gets past it, and stays where it is
    /// then. False if it is not kept still for one.
    pub fn set_aside(&mut self, pid: Pid) -> bool {
        let Some(tid) = self.kept_at_tripwire(pid) else {
            return false;
        };
        self.leave_tripwire(pid);
        let stands = (self.tracees.get(tid)).is_some_and(|it| it.doing == Doing::Waiting(None));
        if stands {
            // It stands before the SIGTRAP of its step, which it would get if pmdb ended.
            self.begin_hold(pid);
            self.leave_signal(tid);
            self.wait_until_stopped(pid);
            self.keep_stopped();
            self.aside.insert(tid);
        } else {
            // A signal came first, and it comes there again.
            self.tripwires.forget_coming_again(tid);
        }
        self.thaw(pid);
        stands
    }

    /// How many threads are set aside.
    pub fn aside(&self) -> usize {
        self.aside.len()
    }

    /// Whether a thread was set aside.
    pub fn is_aside(&self, tid: Tid) -> bool {
        self.aside.contains(&tid)
    }

    /// Keeps a process still again, for a thread that was set aside. False if it was not, or if the process is kept still for another.
    pub fn bring_back(&mut self, pid: Pid, tid: Tid) -> Result<bool, TraceError> {
        if self.frozen.contains_key(&pid) || !self.aside.remove(&tid) {
            return Ok(false);
        }
        self.freeze_without_tripwires(pid)?;
        self.frozen.insert(pid, tid);
        Ok(true)
    }

    /// A thread that was set aside goes on with the others of its process: at once, or when that is not kept still for another any more.
    pub fn let_go_of_aside(&mut self, pid: Pid, tid: Tid) {
        if self.aside.remove(&tid) && !self.frozen.contains_key(&pid) {
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
