//! The thread that takes what the tracer tells of the processes of a command.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use nix::libc;

use super::alarms::{Alarms, Armourer, NativeFailure, Trip, Tripped, Watched};
use super::guardian;
use super::heirs::Heirs;
use super::tree::{Departure, Happening, Standstill};
use crate::model::{Addr, Pid, Tid};
use crate::process::Registers;
use crate::process::live::memory_group::MemoryGroup;
use crate::process::live::{age, kernel_name};
use crate::process::trace::{
    Aftercare, Birth, Custody, End, Orders, Sender as SignalSender, TraceError, TraceEvent, Tracer,
};
use crate::python::agent::{
    AgentError, Arrival, Channel, Heritage, Injection, Purpose, Sprung, Wishes,
};
use crate::waits::{Death, MemoryEvidence, MemoryKills};

/// With what a forked child tells that it has something to say (`inferior/forking.py`).
pub(super) const BELL: i32 = libc::SIGWINCH;

/// What is known of a process that is followed.
struct Member {
    name: String,
    born: Instant,
    stage: Stage,
    memory: Option<MemoryGroup>,
    /// If its native code is watched.
    alarms: Option<Alarms>,
    runs_shell: bool,
    /// The one that has forked it was a shell then.
    is_of_shell: bool,
    /// If it was forked and has executed nothing since.
    parent: Option<Pid>,
    /// What tells that the kernel kills it for want of memory, once it stood before its end. Each death is asked for once.
    memory_kill: Option<MemoryEvidence>,
}

enum Stage {
    /// A program without Python, or one whose Python pmdb could not get into.
    Foreign,
    Arriving(Arrival),
    /// The agent is in it, or in the one that it was forked from.
    Accompanied(Heritage),
}

pub(super) struct Following {
    /// The command itself, if it is about one.
    root: Option<Pid>,
    orders: Orders,
    teller: Sender<Happening>,
    /// What the agents stop for.
    wishes: Wishes,
    members: BTreeMap<Pid, Member>,
    memory_kills: MemoryKills,
    heirs: Heirs,
    /// Processes that an agent has come into while they ran.
    hosts: Heirs,
    /// If failures of native code are to stop processes.
    armourer: Option<Armourer>,
    keyboard_is_ours: Arc<AtomicBool>,
}

impl Following {
    #[expect(clippy::too_many_arguments, reason = "each is of another type")]
    pub fn new(
        root: Option<Pid>,
        members: &[Pid],
        orders: Orders,
        teller: Sender<Happening>,
        wishes: Wishes,
        [heirs, hosts]: [Heirs; 2],
        watched: Option<Watched>,
        keyboard_is_ours: Arc<AtomicBool>,
    ) -> Following {
        let armourer = watched.map(|watched| Armourer::new(orders.clone(), watched));
        let mut following = Following {
            root,
            orders,
            teller,
            wishes,
            members: BTreeMap::new(),
            memory_kills: MemoryKills::begin(),
            heirs,
            hosts,
            armourer,
            keyboard_is_ours,
        };
        for &pid in members {
            following.add(pid, kernel_name(pid), Stage::Foreign);
        }
        following
    }

    /// Until the tracer ends.
    pub fn run(mut self, tracer: &Tracer) {
        guardian::stand_by();
        let aftercare = Aftercare {
            trapped: guardian::look_after_trapped,
            replaced: guardian::look_after_code,
        };
        let _ = self.orders.ask(|it| it.tell_of_traps(aftercare));
        if self.root.is_none() {
            self.watch_those_that_run();
        }
        while let Ok(event) = tracer.events().recv() {
            // It fails for a process that was killed meanwhile, whose end is told next.
            let _ = self.take(&event);
        }
    }

    /// They have begun without pmdb.
    fn watch_those_that_run(&mut self) {
        for (&pid, member) in &mut self.members {
            member.alarms = self.armourer.as_ref().map(|it| it.join(pid));
            member.runs_shell = runs_shell(pid);
            let age = age(pid).unwrap_or_default();
            member.born = member.born.checked_sub(age).unwrap_or(member.born);
        }
    }

    fn add(&mut self, pid: Pid, name: String, stage: Stage) {
        let member = Member {
            name,
            born: Instant::now(),
            stage,
            memory: None,
            alarms: None,
            runs_shell: false,
            is_of_shell: false,
            parent: None,
            memory_kill: None,
        };
        self.members.insert(pid, member);
        self.note_memory(pid);
    }

    /// In which cgroup it is: it may have gone to another one before it executed a program.
    fn note_memory(&mut self, pid: Pid) {
        let Some(group) = MemoryGroup::of(pid) else {
            return;
        };
        let members = &self.members;
        self.memory_kills
            .enter(&group, |one| members.contains_key(&one));
        if let Some(member) = self.members.get_mut(&pid) {
            member.memory = Some(group);
        }
    }

    fn begin(&mut self, pid: Pid, stage: Stage) {
        match self.members.get_mut(&pid) {
            Some(member) => member.stage = stage,
            None => self.add(pid, kernel_name(pid), stage),
        }
    }

    fn tell(&self, happening: Happening) {
        // Nobody listens any more: the session ends.
        let _ = self.teller.send(happening);
    }

    fn take(&mut self, event: &TraceEvent) -> Result<(), TraceError> {
        match *event {
            TraceEvent::Forked {
                parent,
                child,
                birth,
            } => {
                let (parent, of) = (self.members.get(&parent), parent);
                // The last that came in.
                let heritage = self
                    .hosts
                    .of(of)
                    .or(match parent.map(|parent| &parent.stage) {
                        Some(Stage::Accompanied(heritage)) => Some(*heritage),
                        _ => None,
                    });
                let stage = match heritage {
                    // Until it executes another program it has but borrowed the memory of its parent (vfork(2)).
                    Some(heritage) if birth != Birth::Vfork => Stage::Accompanied(heritage),
                    // It may initialize its Python where its parent may.
                    _ => match parent.map(|parent| &parent.stage) {
                        Some(Stage::Arriving(arrival)) => arrival
                            .of_child(&self.orders, child)?
                            .map_or(Stage::Foreign, Stage::Arriving),
                        _ => Stage::Foreign,
                    },
                };
                if let Stage::Accompanied(heritage) = &stage {
                    guardian::look_after(heritage.foothold(child));
                    self.heirs.add(child, *heritage);
                }
                if self.orders.ask(|it| it.watched().contains(&child))? {
                    guardian::look_after_armed(child);
                }
                let name = parent.map(|parent| parent.name.clone());
                let is_of_shell = parent.is_some_and(|parent| parent.runs_shell);
                let alarms = parent.and_then(|parent| parent.alarms.as_ref());
                let alarms = alarms.zip(self.armourer.as_ref());
                let alarms = alarms.map(|(alarms, armourer)| armourer.inherited(child, alarms));
                self.add(child, name.unwrap_or_default(), stage);
                if let Some(member) = self.members.get_mut(&child) {
                    (member.runs_shell, member.is_of_shell) = (is_of_shell, is_of_shell);
                    member.parent = Some(of);
                    member.alarms = alarms;
                }
            }
            TraceEvent::Executed { pid, .. } => {
                self.heirs.remove(pid);
                self.hosts.remove(pid);
                let arrival =
                    Arrival::begin(&self.orders, pid, Purpose::Watch(self.wishes.clone()))?;
                self.begin(pid, Stage::Arriving(arrival));
                if let Some(member) = self.members.get_mut(&pid) {
                    member.name = kernel_name(pid);
                    member.runs_shell = runs_shell(pid);
                    member.parent = None;
                    if let Some(armourer) = self
                        .armourer
                        .as_ref()
                        .filter(|_| member.alarms.take().is_some())
                    {
                        armourer.forget(pid);
                    }
                }
                self.note_memory(pid);
                if let Some(program) = executed_without_its_rights(pid) {
                    self.tell(Happening::Unprivileged { pid, program });
                }
            }
            TraceEvent::Signal {
                pid,
                tid,
                signal,
                sender,
            } => self.signalled(pid, tid, signal, sender)?,
            TraceEvent::Crashing { pid, tid, fault } => {
                let standstill = self.standstill(pid);
                // If it was killed meanwhile, its end is told next.
                if self.orders.ask(|it| it.freeze_crashing(pid, tid))?? {
                    self.tell(Happening::Crashing {
                        pid,
                        tid,
                        fault,
                        standstill,
                    });
                }
            }
            TraceEvent::Tripped {
                pid,
                tid,
                place,
                visit,
                ref registers,
            } => {
                let trip = Trip {
                    pid,
                    tid,
                    place,
                    visit,
                };
                self.tripped(&trip, registers)?;
            }
            TraceEvent::Wrote { pid, tid, visit } => {
                let standstill = self.standstill(pid);
                // If it is kept still for another one already, that is told.
                if self.orders.ask(|it| it.freeze_written(pid, tid, visit))?? {
                    self.tell(Happening::Failing {
                        pid,
                        tid,
                        failure: NativeFailure::Written,
                        standstill,
                    });
                }
            }
            TraceEvent::Exiting {
                pid,
                end,
                ref sender,
            } => self.exiting(pid, end, sender.clone())?,
            TraceEvent::Ended {
                pid,
                end,
                ref sender,
            } => self.ended(pid, end, sender.clone()),
            TraceEvent::ThreadStarted { .. }
            | TraceEvent::ThreadEnded { .. }
            | TraceEvent::Released { .. } => {}
        }
        Ok(())
    }

    fn standstill(&self, pid: Pid) -> Standstill {
        Standstill {
            pid,
            orders: self.orders.clone(),
        }
    }

    fn tripped(&mut self, trip: &Trip, registers: &Registers) -> Result<(), TraceError> {
        let Trip {
            pid, tid, visit, ..
        } = *trip;
        let stands = self.orders.ask(|it| it.stands_at_tripwire(tid, visit))?;
        if stands.is_none() {
            // Another thread has stopped the process meanwhile, and this one comes there again.
            return Ok(());
        }
        let alarms = self.members.get_mut(&pid).and_then(|it| it.alarms.as_mut());
        let Some((alarms, armourer)) = alarms.zip(self.armourer.as_ref()) else {
            return self.orders.ask(|follower| follower.pass(tid, visit))?;
        };
        let failure = match armourer.tripped(alarms, trip, registers)? {
            Tripped::Passed => return Ok(()),
            Tripped::Failure(failure) => failure,
            Tripped::Loaded(libraries) => {
                let going_on = self.loaded(trip, &libraries);
                self.orders.ask(|follower| follower.pass(tid, visit))??;
                return going_on;
            }
            Tripped::SubInterpreter => {
                self.tell(Happening::SubInterpreter { pid });
                return self.orders.ask(|follower| follower.pass(tid, visit))?;
            }
        };
        if self.orders.ask(|it| it.freeze_tripped(pid, tid, visit))?? {
            if let Some(alarms) = self.members.get_mut(&pid).and_then(|it| it.alarms.as_mut()) {
                let over = alarms.told(tid);
                self.orders.ask(|it| it.leave_out(pid, &over))?;
            }
            let standstill = self.standstill(pid);
            self.tell(Happening::Failing {
                pid,
                tid,
                failure,
                standstill,
            });
        }
        Ok(())
    }

    /// A program has loaded libraries. If it has no Python yet there may be one among them, with which it then begins.
    fn loaded(&mut self, trip: &Trip, libraries: &[(PathBuf, Addr)]) -> Result<(), TraceError> {
        let Some(member) = self.members.get_mut(&trip.pid) else {
            return Ok(());
        };
        let has_python = match &member.stage {
            Stage::Foreign => false,
            Stage::Arriving(arrival) => !arrival.is_over(),
            Stage::Accompanied(_) => true,
        };
        if has_python {
            return Ok(());
        }
        let (orders, purpose) = (&self.orders, Purpose::Watch(self.wishes.clone()));
        if let Some(arrival) = Arrival::has_loaded(orders, trip.tid, libraries, trip.pid, purpose)?
        {
            member.stage = Stage::Arriving(arrival);
        }
        Ok(())
    }

    /// A process is about to end otherwise than with exit code 0. Programs without Python have codes for all sorts of answers, as `grep`
    /// has, and a worker may be ended by its family when it is not needed any more. Nobody reads on (`yes | head`), or the user has had enough:
    /// that is an end as good as any of a program that says nothing else to it.
    fn exiting(
        &mut self,
        pid: Pid,
        end: End,
        sender: Option<SignalSender>,
    ) -> Result<(), TraceError> {
        let standstill = self.standstill(pid);
        let is_python = self
            .members
            .get(&pid)
            .is_some_and(|member| matches!(member.stage, Stage::Accompanied(_)));
        let is_of_interest = match end {
            _ if Some(pid) == self.root => true,
            End::Exited { .. } => is_python,
            End::Killed { signal, .. } => match signal {
                libc::SIGPIPE | libc::SIGINT | libc::SIGHUP => is_python,
                libc::SIGTERM => !self.is_by_family(sender.as_ref()),
                libc::SIGKILL => {
                    is_python
                        || !self.is_by_family(sender.as_ref())
                        || self.memory_kill(pid, end).is_some()
                }
                _ => true,
            },
        };
        if !is_of_interest {
            standstill.end();
            return Ok(());
        }
        // If it was killed meanwhile, its end is told next.
        let caller = self.orders.ask(|follower| {
            follower.freeze(pid)?;
            Ok(follower.caller_of_exit(pid))
        })?;
        let evidence = self.memory_kill(pid, end);
        if let Some(member) = self.members.get_mut(&pid) {
            member.memory_kill.clone_from(&evidence);
        }
        self.tell(Happening::Exiting {
            pid,
            // A signal ends all of them.
            tid: caller?.unwrap_or(Tid(pid.0)),
            end,
            death: Death::of(end, sender, evidence),
            standstill,
        });
        Ok(())
    }

    /// What tells that the kernel has killed a member for want of memory.
    fn memory_kill(&mut self, pid: Pid, end: End) -> Option<MemoryEvidence> {
        if !matches!(end, End::Killed { signal, .. } if signal == libc::SIGKILL) {
            return None;
        }
        let member = self.members.get(&pid)?;
        let is_followed = |one| self.members.contains_key(&one);
        let group = member.memory.as_ref();
        let known = member.memory_kill.clone();
        known.or_else(|| self.memory_kills.evidence(pid, group, is_followed))
    }

    /// Whether a process of the command has sent a signal, or it is not known who has.
    fn is_by_family(&self, sender: Option<&SignalSender>) -> bool {
        match sender {
            Some(SignalSender::Process { pid, .. }) => self.members.contains_key(pid),
            _ => true,
        }
    }

    fn ended(&mut self, pid: Pid, end: End, sender: Option<SignalSender>) {
        self.heirs.remove(pid);
        self.hosts.remove(pid);
        let by_family = self.is_by_family(sender.as_ref());
        let evidence = self.memory_kill(pid, end);
        let member = self.members.remove(&pid);
        let lived = member
            .as_ref()
            .map_or(Duration::ZERO, |it| it.born.elapsed());
        let answers_shell = member
            .as_ref()
            .is_some_and(|it| it.is_of_shell && !matches!(it.stage, Stage::Accompanied(_)));
        let name = member.map_or(String::new(), |it| it.name);
        self.tell(Happening::Ended(Departure {
            pid,
            is_last: self.members.is_empty(),
            name,
            end,
            lived,
            death: Death::of(end, sender, evidence),
            by_family,
            answers_shell,
        }));
    }

    fn signalled(
        &mut self,
        pid: Pid,
        tid: Tid,
        signal: i32,
        sender: Option<Pid>,
    ) -> Result<(), TraceError> {
        if signal == libc::SIGINT {
            let is_kept = sender.is_none() && self.keyboard_is_ours.load(Ordering::Relaxed);
            return self.orders.go_on(tid, !is_kept);
        }
        let stage = self.members.get_mut(&pid).map(|member| &mut member.stage);
        match stage {
            Some(Stage::Arriving(arrival)) if signal == libc::SIGTRAP => {
                match arrival.trapped(&self.orders, tid)? {
                    Sprung::Foreign => self.orders.go_on(tid, true),
                    Sprung::GoneOn => Ok(()),
                    Sprung::Loaded => {
                        let alarms = self.armourer.as_ref().map(|it| it.begin(pid));
                        let going_on = arrival.go_on(&self.orders);
                        if let Some(member) = self.members.get_mut(&pid) {
                            member.alarms = alarms;
                        }
                        going_on
                    }
                    Sprung::Arrived(arrived) => {
                        self.arrived(pid, *arrived);
                        Ok(())
                    }
                }
            }
            Some(Stage::Accompanied(heritage)) if signal == BELL && sender.is_some() => {
                let custody = Custody::Tracer(self.orders.clone());
                match Injection::of_child(pid, custody, heritage) {
                    Ok(Some(arrived)) => {
                        self.arrived(pid, Ok(arrived));
                        self.orders.go_on(tid, false)
                    }
                    // It has not rung, but sent itself the signal for a reason of its own.
                    Ok(None) => self.orders.go_on(tid, true),
                    Err(error) => {
                        self.arrived(pid, Err(error));
                        self.orders.go_on(tid, true)
                    }
                }
            }
            _ => self.orders.go_on(tid, true),
        }
    }

    fn arrived(&mut self, pid: Pid, arrived: Result<(Injection, Channel), AgentError>) {
        match arrived {
            Ok((injection, channel)) => {
                self.heirs.remove(pid);
                let stage = Stage::Accompanied(injection.heritage());
                self.begin(pid, stage);
                let parent = self.members.get(&pid).and_then(|member| member.parent);
                self.tell(Happening::Arrived {
                    pid,
                    parent,
                    injection,
                    channel,
                });
            }
            Err(why) => {
                if let Some(member) = self.members.get_mut(&pid) {
                    member.stage = Stage::Foreign;
                }
                self.tell(Happening::Refused { pid, why });
            }
        }
    }
}

/// The program of a process if it is set-user-ID and the process has not become that user: whoever is traced by a process without
/// rights over it does not (`execve(2)`, "Effect on privileges").
fn executed_without_its_rights(pid: Pid) -> Option<PathBuf> {
    let link = format!("/proc/{pid}/exe");
    let program = fs::metadata(&link).ok()?;
    // The owner of these files is the effective user (proc(5)).
    let process = fs::metadata(format!("/proc/{pid}")).ok()?;
    let wants_another = program.mode() & libc::S_ISUID != 0 && program.uid() != process.uid();
    wants_another.then(|| fs::read_link(link).ok())?
}

const SHELLS: [&str; 8] = ["ash", "bash", "busybox", "dash", "fish", "ksh", "sh", "zsh"];

/// By its executable: a script has a name of its own.
fn runs_shell(pid: Pid) -> bool {
    let executable = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    let name = executable.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| SHELLS.contains(&name))
}
