//! All threads of a process, stopped.

use std::collections::BTreeMap;
use std::fs;
use std::marker::PhantomData;
use std::ops::Range;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::unistd;

use super::TraceError;
use super::detour::Detour;
use super::kernel::{self, Resume, Status};
use super::registers;
use super::way_back::WayBack;
use crate::model::{Addr, Pid, ThreadState, Tid};
use crate::process::{Process, RegisterSets, Registers};

use crate::process::live::stat::Stat;
use crate::process::live::{kernel_name, refusal};

/// Lists of threads that are read until two are the same. Each finds only threads that were made since the last, by
/// threads that were not stopped yet.
const MOST_ROUNDS: usize = 100;

/// How long a thread may take to stop that sits in an uninterruptible wait (a disk, the parent of a vfork). It takes as long as
/// that lasts, and runs no code of the program meanwhile.
const PATIENCE: Duration = Duration::from_millis(500);
/// The same for every other thread. It stops as soon as it gets a processor.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Bytes of a stack that are looked through. Linux gives a main thread 8 MiB by default.
const MOST_STACK: u64 = 16 << 20;

/// How long another pmdb may hold the process that is to be held. One that comes, leaves or looks does for a moment only.
const LONGEST_HOLD: Duration = Duration::from_secs(1);
/// How often it is looked whether it has let go.
const GLANCE: Duration = Duration::from_millis(2);
/// How often a thread is asked for again that the kernel refuses although nobody traces it: its tracer has let go in between.
const MOST_REFUSALS: usize = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Stopped by us, or with its whole process by a signal such as SIGSTOP, which then stays in force after us.
    Stopped,
    /// Asked to stop, and not yet there: it sits in an uninterruptible wait.
    Pending,
}

/// How threads are let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Release {
    Detach,
    /// They stay where they are.
    Keep,
    /// The [tracer](super::Tracer) goes on to follow them.
    Resume,
}

/// The threads of one process, held. Dropping it lets them go on as they were: a stopped process stays stopped.
pub struct Hold {
    pub(super) pid: Pid,
    threads: BTreeMap<Tid, Stop>,
    /// Until when a thread is waited for, if not for as long as is usual.
    deadline: Option<Instant>,
    release: Release,
    pub(super) way_back: Option<WayBack>,
    /// If one of the threads is on its way.
    pub(super) detour: Option<Detour>,
    /// ptrace binds the tracees to this thread.
    not_send: PhantomData<*const ()>,
}

pub(super) fn raw(tid: Tid) -> unistd::Pid {
    unistd::Pid::from_raw(tid.0.cast_signed())
}

impl Hold {
    /// Stops every thread of a process. Waits while another pmdb holds it for a moment.
    pub fn seize(pid: Pid) -> Result<Hold, TraceError> {
        let deadline = Instant::now() + LONGEST_HOLD;
        loop {
            match Hold::seize_at_once(pid, None) {
                Err(TraceError::TracedByAnother { tracer, .. })
                    if is_another_pmdb(tracer) && Instant::now() < deadline =>
                {
                    std::thread::sleep(GLANCE);
                }
                seized => return seized,
            }
        }
    }

    /// The same for who keeps others still meanwhile: nothing if it is traced already or has not stopped by then. A thread that is still to
    /// stop stays bound to the calling thread until that ends.
    pub(in crate::process) fn seize_until(
        pid: Pid,
        deadline: Instant,
    ) -> Result<Option<Hold>, TraceError> {
        match Hold::seize_at_once(pid, Some(deadline)) {
            Ok(hold) if hold.threads.values().any(|it| *it == Stop::Pending) => Ok(None),
            Err(TraceError::TracedByAnother { .. }) => Ok(None),
            seized => seized.map(Some),
        }
    }

    /// The leader is the first to be seized, and the last that is let go: who has it is alone. Two that had some threads
    /// each would keep each other from the rest.
    ///
    /// Threads that are made meanwhile are found by reading the list again until it brings nothing new. A signal that reaches
    /// a thread before our stop is delivered first, so that none is lost.
    fn seize_at_once(pid: Pid, deadline: Option<Instant>) -> Result<Hold, TraceError> {
        let mut hold = Hold {
            pid,
            threads: BTreeMap::new(),
            deadline,
            release: Release::Detach,
            way_back: None,
            detour: None,
            not_send: PhantomData,
        };
        for _ in 0..MOST_ROUNDS {
            let fresh: Vec<Tid> = hold.listed()?;
            if fresh.is_empty() {
                break;
            }
            let mut asked = Vec::new();
            for tid in fresh {
                if hold.ask(tid)? {
                    asked.push(tid);
                }
            }
            for tid in asked {
                hold.wait_for_stop(tid);
            }
        }
        if hold.threads.is_empty() {
            return Err(TraceError::Gone { pid });
        }
        Ok(hold)
    }

    /// Threads that this thread of pmdb has stopped already.
    pub(super) fn of_stopped(
        pid: Pid,
        threads: impl IntoIterator<Item = Tid>,
        release: Release,
    ) -> Hold {
        let threads = threads.into_iter().map(|tid| (tid, Stop::Stopped));
        Hold {
            pid,
            threads: threads.collect(),
            deadline: None,
            release,
            way_back: None,
            detour: None,
            not_send: PhantomData,
        }
    }

    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// The threads that are stopped. One in an uninterruptible wait is not among them.
    pub fn stopped(&self) -> impl Iterator<Item = Tid> {
        self.threads
            .iter()
            .filter(|(_, stop)| **stop == Stop::Stopped)
            .map(|(tid, _)| *tid)
    }

    /// The general registers of a thread that is stopped.
    pub fn registers(&self, tid: Tid) -> Result<Registers, TraceError> {
        registers::general(tid).map(Registers::from)
    }

    /// All registers of a thread that is stopped.
    pub fn register_sets(&self, tid: Tid) -> Result<RegisterSets, TraceError> {
        registers::Registers::of(tid).map(RegisterSets::from)
    }

    /// The threads of the process that are not held yet and have not ended. The kernel lists the leader first.
    fn listed(&self) -> Result<Vec<Tid>, TraceError> {
        let gone = TraceError::Gone { pid: self.pid };
        let Ok(folder) = fs::read_dir(format!("/proc/{}/task", self.pid)) else {
            return Err(gone);
        };
        let tids = folder
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Tid));
        Ok(tids
            .filter(|tid| !self.threads.contains_key(tid))
            .filter(|tid| Stat::of_thread(self.pid, *tid).is_ok_and(|stat| !stat.has_ended()))
            .collect())
    }

    /// Attaches to a thread and asks it to stop. False if it has ended meanwhile.
    fn ask(&mut self, tid: Tid) -> Result<bool, TraceError> {
        let mut refusals = 0;
        while let Err(errno) = ptrace::seize(raw(tid), Options::PTRACE_O_TRACESYSGOOD) {
            let has_ended = Stat::of_thread(self.pid, tid).map_or(true, |stat| stat.has_ended());
            if errno == Errno::ESRCH || has_ended {
                return Ok(false);
            }
            match refused(self.pid, tid, errno) {
                TraceError::NotPermitted { .. } if refusals < MOST_REFUSALS => refusals += 1,
                why => return Err(why),
            }
        }
        self.threads.insert(tid, Stop::Pending);
        match ptrace::interrupt(raw(tid)) {
            Ok(()) => Ok(true),
            // It has ended; its status is still to be collected.
            Err(Errno::ESRCH) => Ok(true),
            Err(errno) => Err(TraceError::Thread {
                tid,
                action: "stopped",
                errno,
            }),
        }
    }

    /// Brings a stopped thread from whatever stop it is in into the one that `PTRACE_INTERRUPT` makes.
    pub(super) fn stop_again(&mut self, tid: Tid) -> Result<(), TraceError> {
        let action = "stopped again";
        let failed = |errno| TraceError::Thread { tid, action, errno };
        ptrace::interrupt(raw(tid)).map_err(failed)?;
        kernel::resume(tid, Resume::Continue, None).map_err(failed)?;
        self.wait_for_stop(tid);
        Ok(())
    }

    /// Lets all threads but one go on.
    pub(super) fn keep_only(&mut self, kept: Tid) {
        let release = self.release;
        self.threads.retain(|&tid, &mut stop| {
            if tid != kept {
                let_go(tid, stop, release);
            }
            tid == kept
        });
    }

    /// Stops a thread that runs, so that it can be let go.
    pub(super) fn stop_running(&mut self, tid: Tid) {
        self.threads.insert(tid, Stop::Pending);
        // It fails for one that has ended or stopped, which the wait finds out.
        let _ = ptrace::interrupt(raw(tid));
        self.wait_for_stop(tid);
    }

    /// Whether a stopped thread is about to run code in a range of addresses.
    pub fn runs_in(&self, tid: Tid, start: Addr, length: u64) -> Result<bool, TraceError> {
        let at = registers::general(tid)?.rip;
        Ok((start.0..start.0.saturating_add(length)).contains(&at))
    }

    /// Whether a stopped thread has the address of something in a range, in a register or on its stack: also one that it has left there and
    /// forgotten.
    pub fn has_pointer(
        &self,
        tid: Tid,
        process: &dyn Process,
        range: Range<Addr>,
    ) -> Result<bool, TraceError> {
        let general = registers::general(tid)?;
        let top = Addr(general.rsp & !7);
        let end = process.mapping_at(top).map_or(top, |stack| stack.end);
        let length = end.0.saturating_sub(top.0).min(MOST_STACK);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        self.read(top, &mut bytes)?;
        let words = bytes.chunks_exact(8);
        let is_meant = |word: u64| range.contains(&Addr(word));
        let in_stack = words
            .map(|word| {
                word.iter()
                    .rev()
                    .fold(0, |word, byte| word << 8 | u64::from(*byte))
            })
            .any(is_meant);
        Ok(in_stack || registers::words(&general).into_iter().any(is_meant))
    }

    /// Waits until a thread that was asked to stop has, or has ended, or sits in an uninterruptible wait.
    fn wait_for_stop(&mut self, tid: Tid) {
        let begin = Instant::now();
        loop {
            match kernel::status(tid) {
                Status::Interrupted => {
                    self.threads.insert(tid, Stop::Stopped);
                    return;
                }
                // A signal came first: the thread takes it, and then stops before it runs on. Going on can only fail
                // because the thread was killed, which the next look reports.
                Status::Signal(signal) => {
                    let _ = kernel::resume(tid, Resume::Continue, Some(signal));
                }
                Status::SystemCall | Status::Other => {
                    let _ = kernel::resume(tid, Resume::Continue, None);
                }
                Status::Unchanged if self.may_still_stop(tid, begin.elapsed()) => wait_a_little(),
                Status::Unchanged => return,
                Status::Ended => {
                    self.threads.remove(&tid);
                    return;
                }
            }
        }
    }
}

impl Hold {
    /// Whether a thread that has been asked to stop for so long is worth waiting for.
    fn may_still_stop(&self, tid: Tid, asked: Duration) -> bool {
        if let Some(deadline) = self.deadline {
            return Instant::now() < deadline;
        }
        let state = || Stat::of_thread(self.pid, tid).map(|stat| stat.state);
        asked < PATIENCE || (asked < LONGEST_WAIT && !matches!(state(), Ok(ThreadState::Blocked)))
    }
}

/// A stop takes some 20 µs; yielding lets the thread run that is to stop, also if there is only one CPU.
fn wait_a_little() {
    std::thread::yield_now();
}

fn let_go(tid: Tid, stop: Stop, release: Release) {
    match (stop, release) {
        // It fails for a thread that was killed meanwhile: nothing is left to detach from.
        (Stop::Stopped, Release::Detach) => drop(ptrace::detach(raw(tid), None)),
        (Stop::Stopped, Release::Resume) => drop(kernel::resume(tid, kernel::way_on(tid), None)),
        (Stop::Stopped, Release::Keep) => {}
        // Only a stopped tracee can be detached from. The kernel does it when the thread of pmdb that attached ends.
        (Stop::Pending, _) => {}
    }
}

fn is_another_pmdb(tracer: Pid) -> bool {
    tracer.0 != std::process::id() && kernel_name(tracer).starts_with("pmdb")
}

/// Why a thread of a process could not be attached to.
pub(super) fn refused(pid: Pid, tid: Tid, errno: Errno) -> TraceError {
    if let Some(tracer) = refusal::tracer_of(tid) {
        return TraceError::TracedByAnother { pid, tracer };
    }
    match refusal::why_not_permitted(pid, errno) {
        Some(why) => TraceError::NotPermitted { pid, why },
        None => TraceError::Gone { pid },
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // A thread that stops later than that would stand still for as long as pmdb lives.
        let pending = self
            .threads
            .iter()
            .filter(|(_, stop)| **stop == Stop::Pending);
        for tid in pending.map(|(tid, _)| *tid).collect::<Vec<_>>() {
            self.wait_for_stop(tid);
        }
        let leader = Tid(self.pid.0);
        let last = self.threads.remove_entry(&leader);
        for (tid, stop) in std::mem::take(&mut self.threads).into_iter().chain(last) {
            let_go(tid, stop, self.release);
        }
    }
}
