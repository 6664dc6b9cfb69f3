//! The followed processes, on the thread that traces them.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::ptrace;

use super::super::TraceError;
use super::super::hold::raw;
use super::super::kernel::{self, Change, Resume, SignalNumber};
use super::event::{Birth, End, TraceEvent};
use super::fault::{Faults, Senders};
use super::guarded::Guards;
use super::tracees::{Doing, Tracees};
use super::trap::Traps;
use super::tripwire::Tripwires;
use super::watchpoint::Watchpoints;
use crate::model::{Pid, Tid};
use crate::process::live::refusal::process_of;
use crate::process::live::stat::Stat;

/// What a thread stands still for until the session lets it go on; everything else is only told.
#[derive(Debug, Clone, Default)]
pub struct Interests {
    /// Another program, before its first instruction.
    pub exec: bool,
    /// Signals by their numbers, before they are delivered.
    pub signals: BTreeSet<i32>,
    /// Signals that end a process for what it did itself, before they are delivered. Who sends those that end one is noted too.
    pub crashes: bool,
    /// The end of a process with another exit code than 0, or of a signal.
    pub exits: bool,
}

/// How long a parent may take to tell of its child: it does at once, unless it was killed and the child has another one now that is
/// followed too.
const LONGEST_BIRTH: Duration = Duration::from_secs(1);

struct Unannounced {
    parent: Pid,
    since: Instant,
}

/// The followed processes. Lives on the tracing thread; [`Tracer::ask`](super::Tracer::ask) brings work to it.
pub struct Follower {
    pub(super) tracees: Tracees,
    pub(super) interests: Interests,
    events: Sender<TraceEvent>,
    /// Processes that pmdb started: their end is told also if they are not followed any more.
    pub(super) children: BTreeSet<Pid>,
    /// New processes whose first stop came before their parent told of them, with it. They stand still until then, so that what
    /// they do is told after their birth.
    unannounced: BTreeMap<Tid, Unannounced>,
    /// Those that were killed before their parent told of them.
    ended_early: BTreeSet<Tid>,
    /// New threads whose first stop came before that. They go on at once.
    begun_early: BTreeSet<Tid>,
    /// The process whose threads are to stand still, and those that do.
    pub(super) holding: Option<Pid>,
    pub(super) held: BTreeSet<Tid>,
    /// Processes that are about to end in a way that was told, and whether their threads are to stand still until they are let go.
    pub(super) leaving: BTreeMap<Pid, bool>,
    pub(super) tripwires: Tripwires,
    pub(super) watchpoints: Watchpoints,
    pub(super) traps: Traps,
    pub(super) guards: Guards,
    /// Processes that are kept still for a thread which stands at a tripwire or before a signal.
    pub(super) frozen: BTreeMap<Pid, Tid>,
    /// Threads that stay where they are while the others of their process run.
    pub(super) aside: BTreeSet<Tid>,
    pub(super) faults: Faults,
    senders: Senders,
    not_send: PhantomData<*const ()>,
}

impl Follower {
    pub(super) fn new(interests: Interests, events: Sender<TraceEvent>) -> Follower {
        Follower {
            tracees: Tracees::default(),
            interests,
            events,
            children: BTreeSet::new(),
            unannounced: BTreeMap::new(),
            ended_early: BTreeSet::new(),
            begun_early: BTreeSet::new(),
            holding: None,
            held: BTreeSet::new(),
            leaving: BTreeMap::new(),
            tripwires: Tripwires::default(),
            watchpoints: Watchpoints::default(),
            traps: Traps::default(),
            guards: Guards::default(),
            frozen: BTreeMap::new(),
            aside: BTreeSet::new(),
            faults: Faults::default(),
            senders: Senders::default(),
            not_send: PhantomData,
        }
    }

    /// Those that are followed.
    pub fn processes(&self) -> Vec<Pid> {
        self.tracees.processes()
    }

    pub(super) fn has_nobody(&self) -> bool {
        self.tracees.is_empty() && self.children.is_empty() && self.unannounced.is_empty()
    }

    pub(super) fn tell(&self, event: TraceEvent) {
        // Nobody listens any more: pmdb is about to end.
        let _ = self.events.send(event);
    }

    /// Waits until something has happened, or the thread is knocked at.
    pub(super) fn wait_for_change(&self) {
        kernel::wait_for_change();
    }

    /// Takes all that the kernel has to tell; waits for nothing.
    pub(super) fn collect(&mut self) {
        while let Some((tid, change)) = kernel::next_change() {
            self.take(tid, change);
        }
    }

    fn take(&mut self, tid: Tid, change: Change) {
        match change {
            Change::Ended(status) => self.ended(tid, status),
            Change::StoppedItself(_) => self.stopped_itself(tid),
            Change::GaveBirth(how) => {
                self.gave_birth(tid, how);
                self.carry_on(tid, None);
            }
            Change::Executed => self.executed(tid),
            Change::Exiting => self.exiting(tid),
            Change::Signal(signal) => self.about_to_get(tid, signal),
            Change::Other => self.carry_on(tid, None),
        }
    }

    /// A thread goes on after an event. If it was asked to stop meanwhile it is asked again: any stop makes the kernel forget
    /// that (`ptrace_stop`, `kernel/signal.c`).
    pub(super) fn carry_on(&mut self, tid: Tid, signal: Option<SignalNumber>) {
        self.arm(tid);
        let pid = self.tracees.get(tid).map(|tracee| tracee.pid);
        if pid.is_some() && pid == self.holding {
            let _ = ptrace::interrupt(raw(tid));
        }
        resume(tid, Resume::Continue, signal);
    }

    fn ended(&mut self, tid: Tid, status: i32) {
        self.held.remove(&tid);
        self.aside.remove(&tid);
        self.faults.forget(tid);
        self.tripwires.forget_thread(tid);
        self.watchpoints.forget_thread(tid);
        self.traps.forget_thread(tid);
        self.guards.forget_thread(tid);
        let leader = Pid(tid.0);
        match self.tracees.remove(tid) {
            Some(tracee) if tracee.pid != leader => {
                let pid = tracee.pid;
                self.tell(TraceEvent::ThreadEnded { pid, tid });
            }
            Some(_) => self.process_ended(leader, status),
            None if self.children.contains(&leader) => self.process_ended(leader, status),
            None => {
                if self.unannounced.remove(&tid).is_none() {
                    self.ended_early.insert(tid);
                }
            }
        }
        self.announce_orphans();
        if self.tracees.get(tid).is_none() && !self.tracees.follows(leader) {
            self.tripwires.forget(leader);
            self.watchpoints.forget(leader);
            self.guards.forget(leader);
        }
    }

    /// A parent that has ended announces its children no more.
    fn announce_orphans(&mut self) {
        let is_orphan = |one: &Unannounced| {
            !self.tracees.follows(one.parent) || one.since.elapsed() > LONGEST_BIRTH
        };
        let orphans = self.unannounced.iter().filter(|(_, one)| is_orphan(one));
        let orphans: Vec<(Tid, Pid)> = orphans.map(|(tid, one)| (*tid, one.parent)).collect();
        for (tid, parent) in orphans {
            self.unannounced.remove(&tid);
            let (child, birth) = (Pid(tid.0), Birth::Fork);
            self.tripwires.inherit(parent, child, birth);
            self.watchpoints.inherit(parent, child, birth);
            self.inherit_trap(parent, child, birth);
            self.guards.inherit(parent, child, birth);
            self.tell(TraceEvent::Forked {
                parent,
                child,
                birth,
            });
            self.begin(tid, child);
        }
    }

    fn process_ended(&mut self, pid: Pid, status: i32) {
        self.children.remove(&pid);
        self.tracees.remove_process(pid);
        self.frozen.remove(&pid);
        self.leaving.remove(&pid);
        let end = End::of_status(status);
        let sender = self.senders.of_end(pid, end);
        self.senders.forget(pid);
        self.tell(TraceEvent::Ended { pid, end, sender });
    }

    /// A thread ends, by itself or with its process. One that ends by itself ends with 0: `pthread_exit(3)`; and so do those that an exec
    /// ends (`do_group_exit`, `kernel/exit.c`).
    fn exiting(&mut self, tid: Tid) {
        let pid = self.tracees.get(tid).map(|tracee| tracee.pid);
        let status = ptrace::getevent(raw(tid)).ok();
        let status = status.and_then(|status| i32::try_from(status).ok());
        let (Some(pid), Some(status @ 1..)) = (pid, status) else {
            return self.carry_on(tid, None);
        };
        match self.leaving.get(&pid) {
            None => {
                self.leaving.insert(pid, true);
                self.tracees.note(tid, Doing::Exiting);
                let end = End::of_status(status);
                let sender = self.senders.of_end(pid, end);
                self.tell(TraceEvent::Exiting { pid, end, sender });
            }
            Some(true) => self.tracees.note(tid, Doing::Exiting),
            Some(false) => self.carry_on(tid, None),
        }
    }

    /// A stop that was asked for, the first one of a new thread, or one of its whole process.
    pub(super) fn stopped_itself(&mut self, tid: Tid) {
        let pid = match self.tracees.get(tid) {
            Some(tracee) => tracee.pid,
            None => match process_of(tid) {
                Some(pid) if self.tracees.follows(pid) => {
                    self.begun_early.insert(tid);
                    self.tracees.add(tid, pid, Doing::Running);
                    self.tell(TraceEvent::ThreadStarted { pid, tid });
                    pid
                }
                _ => {
                    let parent = Stat::of_process(Pid(tid.0)).map_or(Pid(0), |stat| stat.parent);
                    let since = Instant::now();
                    self.unannounced.insert(tid, Unannounced { parent, since });
                    // It may have got another one when its own was killed.
                    return self.announce_orphans();
                }
            },
        };
        self.trap_newborn(tid);
        self.arm(tid);
        self.guard_newborn(pid, tid);
        if self.holding == Some(pid) {
            self.held.insert(tid);
            return;
        }
        let way = kernel::way_on(tid);
        self.tracees.note(
            tid,
            match way {
                Resume::Listen => Doing::JobStopped,
                _ => Doing::Running,
            },
        );
        resume(tid, way, None);
    }

    fn gave_birth(&mut self, tid: Tid, how: i32) {
        let (Some(parent), Ok(child)) = (
            self.tracees.get(tid).map(|tracee| tracee.pid),
            ptrace::getevent(raw(tid)),
        ) else {
            return;
        };
        let Ok(child) = u32::try_from(child).map(Tid) else {
            return;
        };
        if self.begun_early.remove(&child) || self.tracees.get(child).is_some() {
            return;
        }
        let has_ended = self.ended_early.remove(&child);
        let birth = match how {
            libc::PTRACE_EVENT_FORK => Birth::Fork,
            libc::PTRACE_EVENT_VFORK => Birth::Vfork,
            _ => Birth::Clone,
        };
        // A thread that has ended already is as good as none.
        if birth == Birth::Clone && process_of(child).is_none_or(|pid| pid == parent) {
            if !has_ended {
                self.tracees.add(child, parent, Doing::Running);
                self.tell(TraceEvent::ThreadStarted {
                    pid: parent,
                    tid: child,
                });
            }
            return;
        }
        let pid = Pid(child.0);
        if !has_ended {
            self.tripwires.inherit(parent, pid, birth);
            self.watchpoints.inherit(parent, pid, birth);
            self.inherit_trap(parent, pid, birth);
            self.guards.inherit(parent, pid, birth);
        }
        self.tell(TraceEvent::Forked {
            parent,
            child: pid,
            birth,
        });
        if has_ended {
            return;
        }
        if self.unannounced.remove(&child).is_some() {
            self.begin(child, pid);
        } else {
            self.tracees.add(child, pid, Doing::Running);
        }
    }

    /// A new process that stands in its first stop goes on.
    fn begin(&mut self, tid: Tid, pid: Pid) {
        self.tracees.add(tid, pid, Doing::Running);
        self.trap_newborn(tid);
        self.arm(tid);
        self.guard_newborn(pid, tid);
        resume(tid, kernel::way_on(tid), None);
    }

    /// The thread has the number of the leader now, and is the only one left: `ptrace(2)`, "execve(2) under ptrace".
    fn executed(&mut self, tid: Tid) {
        let pid = Pid(tid.0);
        let former = ptrace::getevent(raw(tid)).ok();
        let former = former.and_then(|former| u32::try_from(former).ok());
        self.tracees.remove_process(pid);
        self.frozen.remove(&pid);
        self.tripwires.forget(pid);
        self.tripwires.forget_thread(tid);
        self.watchpoints.forget(pid);
        self.watchpoints.forget_thread(tid);
        self.traps.forget_thread(tid);
        self.forget_traps_of_ended();
        self.guards.forget(pid);
        // Those of its other threads are gone without a word.
        self.aside
            .retain(|aside| self.tracees.get(*aside).is_some());
        self.held
            .retain(|held| self.tracees.get(*held).is_some() || *held == tid);
        let stands_still = self.interests.exec;
        let doing = if stands_still {
            Doing::Waiting(None)
        } else {
            Doing::Running
        };
        self.tracees.add(tid, pid, doing);
        let former = former.map_or(tid, Tid);
        self.tell(TraceEvent::Executed { pid, former });
        if !stands_still {
            self.carry_on(tid, None);
        }
    }

    pub(super) fn about_to_get(&mut self, tid: Tid, signal: SignalNumber) {
        let known = self.tracees.get(tid).map(|tracee| tracee.pid);
        if let Some(pid) = known.filter(|_| signal.0 == libc::SIGTRAP)
            && (self.trips(pid, tid) || self.has_written(pid, tid))
        {
            return;
        }
        if let Some(pid) = known.filter(|_| self.interests.crashes) {
            if let Some(fault) = self.faults.fatal(pid, tid, signal.0) {
                self.tracees.note(tid, Doing::Waiting(Some(signal.0)));
                self.tell(TraceEvent::Crashing { pid, tid, fault });
                return;
            }
            self.senders.note(pid, tid, signal.0);
        }
        match known {
            Some(pid) if self.interests.signals.contains(&signal.0) => {
                self.tracees.note(tid, Doing::Waiting(Some(signal.0)));
                self.tell(TraceEvent::Signal {
                    pid,
                    tid,
                    signal: signal.0,
                    sender: sender(tid),
                });
            }
            _ => self.carry_on(tid, Some(signal)),
        }
    }

    /// Lets a thread go on that stands still after an event, with its signal or without.
    pub fn go_on(&mut self, tid: Tid, deliver: bool) -> Result<(), TraceError> {
        let signal = match self.tracees.get(tid).map(|tracee| tracee.doing) {
            Some(Doing::Waiting(signal)) => signal,
            Some(Doing::Exiting) => None,
            // It was killed meanwhile, which is told by its own event.
            _ => return Ok(()),
        };
        self.tracees.note(tid, Doing::Running);
        let signal = signal.filter(|_| deliver).map(SignalNumber);
        resume(tid, Resume::Continue, signal);
        Ok(())
    }
}

/// It fails for a thread that was killed meanwhile, whose end is told next.
fn resume(tid: Tid, how: Resume, signal: Option<SignalNumber>) {
    let _ = kernel::resume(tid, how, signal);
}

/// Who sent the signal that a thread is about to get, if it was sent by a process (`sigaction(2)`, "The siginfo_t argument").
fn sender(tid: Tid) -> Option<Pid> {
    let info = ptrace::getsiginfo(raw(tid)).ok()?;
    // SI_USER, SI_QUEUE, SI_TKILL: only these have a sender.
    let is_sent = [libc::SI_USER, libc::SI_QUEUE, libc::SI_TKILL].contains(&info.si_code);
    // SAFETY: the kernel has filled in the pid for these codes.
    let pid = is_sent.then(|| unsafe { info.si_pid() })?;
    u32::try_from(pid).ok().map(Pid)
}
