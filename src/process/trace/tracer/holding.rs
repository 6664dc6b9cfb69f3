//! Taking processes under the tracer, holding them still, and letting them go.

use std::fs;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};

use super::super::TraceError;
use super::super::hold::{Hold, Release, raw, refused};
use super::super::kernel::{self, SignalNumber};
use super::event::TraceEvent;
use super::follower::Follower;
use super::tracees::Doing;
use crate::model::{Pid, ThreadState, Tid};
use crate::process::live::stat::Stat;

/// Lists of threads that are read until one brings nothing new.
const MOST_ROUNDS: usize = 100;
/// How long a thread of a process may take to stop that is in an uninterruptible wait. It takes as long as that lasts, and runs no code of
/// the program meanwhile.
const PATIENCE: Duration = Duration::from_millis(500);
/// The same for every other thread. It stops as soon as it gets a processor.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// What mostly is long enough.
const AT_ONCE: Duration = Duration::from_millis(10);

impl Follower {
    /// What the kernel is to tell of a tracee.
    pub(super) fn options(&self) -> Options {
        let mut options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACEEXEC;
        // It costs a stop for each thread.
        options.set(Options::PTRACE_O_TRACEEXIT, self.interests.exits);
        options
    }

    /// Follows a process that runs already, without stopping it. Threads that are made meanwhile by threads that are not
    /// followed yet are found by reading the list again.
    pub fn follow(&mut self, pid: Pid) -> Result<(), TraceError> {
        for _ in 0..MOST_ROUNDS {
            let fresh = self.unfollowed(pid)?;
            if fresh.is_empty() {
                break;
            }
            for tid in fresh {
                match ptrace::seize(raw(tid), self.options()) {
                    Ok(()) => drop(self.tracees.add(tid, pid, Doing::Running)),
                    Err(Errno::ESRCH) => {}
                    Err(_) if has_ended(pid, tid) => {}
                    // A thread that was made by one that is followed is followed by itself.
                    Err(Errno::EPERM) if self.tracees.follows(pid) => self.collect(),
                    Err(errno) => return Err(refused(pid, tid, errno)),
                }
            }
        }
        if self.tracees.follows(pid) {
            Ok(())
        } else {
            Err(TraceError::Gone { pid })
        }
    }

    fn unfollowed(&self, pid: Pid) -> Result<Vec<Tid>, TraceError> {
        let folder = fs::read_dir(format!("/proc/{pid}/task"));
        let folder = folder.map_err(|_| TraceError::Gone { pid })?;
        let tids = folder
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Tid));
        Ok(tids
            .filter(|tid| self.tracees.get(*tid).is_none() && !has_ended(pid, *tid))
            .collect())
    }

    /// Stops all threads of a followed process, does something with them, and lets them go on.
    ///
    /// What happens meanwhile is told as ever. A thread that stands still after an event stays where it is, and is not among
    /// those of the hold.
    pub fn hold<T>(
        &mut self,
        pid: Pid,
        what: impl FnOnce(&mut Hold) -> T,
    ) -> Result<T, TraceError> {
        self.stop_all(pid)?;
        let mut hold = Hold::of_stopped(pid, self.held.iter().copied(), Release::Resume);
        let answer = what(&mut hold);
        drop(hold);
        self.forget_hold();
        Ok(answer)
    }

    pub(super) fn stop_all(&mut self, pid: Pid) -> Result<(), TraceError> {
        if !self.tracees.follows(pid) {
            return Err(TraceError::Gone { pid });
        }
        self.begin_hold(pid);
        for (tid, doing) in self.tracees.of_process(pid) {
            if !doing.stands_still() && !self.guards.is_parked(tid, false) {
                // It fails for one that has ended, which is told next.
                let _ = ptrace::interrupt(raw(tid));
            }
        }
        self.wait_until_stopped(pid);
        Ok(())
    }

    pub(super) fn begin_hold(&mut self, pid: Pid) {
        self.holding = Some(pid);
        self.held.clear();
    }

    /// Waits until the threads of the process that is [held](Follower::holding) stand still.
    pub(super) fn wait_until_stopped(&mut self, pid: Pid) {
        let begin = Instant::now();
        loop {
            let waited = begin.elapsed();
            let mut running = self.running(pid);
            running.retain(|tid| !self.guards.is_parked(*tid, waited > AT_ONCE));
            let may_run = |tid: &Tid| match Stat::of_thread(pid, *tid) {
                Ok(stat) if stat.state == ThreadState::Blocked => waited < PATIENCE,
                // A leader that has ended before the others never stops.
                Ok(stat) => !stat.has_ended(),
                Err(_) => false,
            };
            if running.is_empty()
                || waited > LONGEST_WAIT
                || (waited > AT_ONCE && !running.iter().any(may_run))
            {
                break;
            }
            self.collect();
            self.read_faults(pid);
            std::thread::yield_now();
        }
    }

    /// The threads of the process that are asked to stop and have not yet.
    fn running(&self, pid: Pid) -> Vec<Tid> {
        let threads = self.tracees.of_process(pid).into_iter();
        threads
            .filter(|(tid, doing)| !doing.stands_still() && !self.held.contains(tid))
            .map(|(tid, _)| tid)
            .collect()
    }

    pub(super) fn forget_hold(&mut self) {
        self.sort_faults();
        self.holding = None;
        for tid in std::mem::take(&mut self.held) {
            self.tracees.note(tid, Doing::Running);
        }
    }

    /// Follows a process no longer. Its threads go on; one that stands still after an event gets its signal.
    pub fn release(&mut self, pid: Pid) -> Result<(), TraceError> {
        // Who waits to write cannot be stopped.
        self.guards.forget(pid);
        self.stop_all(pid)?;
        self.cut(pid);
        self.take_traps_out(pid);
        self.disarm(pid);
        drop(Hold::of_stopped(
            pid,
            self.held.iter().copied(),
            Release::Detach,
        ));
        for (tid, doing) in self.tracees.of_process(pid) {
            match doing {
                Doing::Waiting(signal) => kernel::detach(tid, signal.map(SignalNumber)),
                Doing::Exiting | Doing::Tripped => kernel::detach(tid, None),
                Doing::Running | Doing::JobStopped => {}
            }
        }
        self.forget_hold();
        self.forget_stops(pid);
        self.tracees.remove_process(pid);
        self.tell(TraceEvent::Released { pid });
        Ok(())
    }

    /// What its threads stood still for: they are followed no longer.
    fn forget_stops(&mut self, pid: Pid) {
        self.frozen.remove(&pid);
        self.leaving.remove(&pid);
        for (tid, _) in self.tracees.of_process(pid) {
            self.aside.remove(&tid);
            self.faults.forget(tid);
            self.tripwires.forget_thread(tid);
        }
    }

    pub(super) fn release_all(&mut self) {
        for pid in self.tracees.processes() {
            // What cannot be stopped to be let go is let go by the kernel when this thread ends.
            let _ = self.release(pid);
        }
    }
}

fn has_ended(pid: Pid, tid: Tid) -> bool {
    Stat::of_thread(pid, tid).map_or(true, |stat| stat.has_ended())
}
