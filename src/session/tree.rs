//! A command that pmdb has started, with all the processes that it makes.
//!
//! A thread of its own takes what the tracer tells, so that no process waits for somebody at the prompt: it brings the agent into each
//! Python that is executed, and opens the pipes of forked children that ring. What the session must know comes as [`Happening`]s.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::libc;

use super::error::SessionError;
use crate::model::{Pid, Tid};
use crate::process::live::memory_group::MemoryGroup;
use crate::process::trace::{
    Custody, End, Fault, Interests, Orders, Program, Sender as SignalSender, TraceError,
    TraceEvent, Tracer,
};
use crate::python::agent::{AgentError, Arrival, Channel, Heritage, Injection, Purpose, Sprung};
use crate::waits::{Death, MemoryKills};

/// With what a forked child tells that it has something to say (`inferior/forking.py`).
const BELL: i32 = libc::SIGWINCH;

/// What the session must know of.
pub(super) enum Happening {
    /// The agent is in a process: in a program before its main program, or in a forked child that is about to stop.
    Arrived {
        pid: Pid,
        injection: Injection,
        channel: Channel,
    },
    /// It could not be brought in: the process runs on without.
    Refused {
        pid: Pid,
        why: AgentError,
    },
    /// It has executed a set-user-ID program, and got no rights by it.
    Unprivileged {
        pid: Pid,
        program: PathBuf,
    },
    /// A process stands still, all of it: one of its threads is about to get a signal that will end it.
    Crashing {
        pid: Pid,
        tid: Tid,
        fault: Fault,
        standstill: Standstill,
    },
    Ended(Departure),
}

/// The end of a process.
pub(super) struct Departure {
    pub pid: Pid,
    /// Of the program that it executed last, as the kernel has it: 15 bytes.
    pub name: String,
    pub end: End,
    /// How long it has lived.
    pub lived: Duration,
    /// What is known of who killed it.
    pub death: Option<Death>,
    /// A process of the command has killed it, or it is not known who has.
    pub by_family: bool,
    /// A program without Python that a shell has started: its exit code is an answer, as that of `grep` or `test`.
    pub answers_shell: bool,
}

/// A process that is kept still.
pub(super) struct Standstill {
    pid: Pid,
    orders: Orders,
}

impl Standstill {
    /// All its threads go on, and get what they were about to get. Nothing is done if it was killed meanwhile.
    pub fn end(&self) {
        let _ = self.orders.ask(|follower| follower.thaw(self.pid));
    }
}

/// The command, on its way.
pub(super) struct Tree {
    pub root: Pid,
    orders: Orders,
    happenings: Receiver<Happening>,
    thread: Option<JoinHandle<()>>,
    /// Somebody is at the prompt: Ctrl-C in the terminal, which all its processes would get, is for pmdb alone.
    pub keyboard_is_ours: Arc<AtomicBool>,
}

impl Tree {
    pub fn start(program: Program) -> Result<Tree, SessionError> {
        let failed = |error: TraceError| SessionError::NotOpened {
            why: error.to_string(),
        };
        let interests = Interests {
            exec: true,
            signals: BTreeSet::from([libc::SIGTRAP, BELL, libc::SIGINT]),
            crashes: true,
        };
        let tracer = Tracer::start(interests).map_err(failed)?;
        let orders = tracer.orders().clone();
        let root = tracer.launch(program).map_err(failed)?;
        let (teller, happenings) = mpsc::channel();
        let keyboard_is_ours = Arc::new(AtomicBool::new(false));
        let follower = Following::new(root, orders.clone(), teller, keyboard_is_ours.clone());
        let thread = std::thread::Builder::new()
            .name("tree".to_string())
            .spawn(move || follower.run(&tracer))
            .map_err(|error| SessionError::NotOpened {
                why: error.to_string(),
            })?;
        Ok(Tree {
            root,
            orders,
            happenings,
            thread: Some(thread),
            keyboard_is_ours,
        })
    }

    /// Those that are followed.
    pub fn processes(&self) -> Vec<Pid> {
        let asked = self.orders.ask(|follower| follower.processes());
        asked.unwrap_or_default()
    }

    /// The next that has happened; nothing if nothing does in time.
    pub fn next(&self, patience: Duration) -> Result<Option<Happening>, SessionError> {
        match self.happenings.recv_timeout(patience) {
            Ok(happening) => Ok(Some(happening)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(SessionError::NotFollowed),
        }
    }
}

impl Drop for Tree {
    /// All that still run go on, and are not followed any more.
    fn drop(&mut self) {
        self.orders.end();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What is known of a process that is followed.
struct Member {
    name: String,
    born: Instant,
    stage: Stage,
    memory: Option<MemoryGroup>,
    runs_shell: bool,
    /// The one that has forked it was a shell then.
    is_of_shell: bool,
}

enum Stage {
    /// A program without Python, or one whose Python pmdb could not get into.
    Foreign,
    Arriving(Arrival),
    /// The agent is in it, or in the one that it was forked from.
    Accompanied(Heritage),
}

struct Following {
    orders: Orders,
    teller: Sender<Happening>,
    members: BTreeMap<Pid, Member>,
    memory_kills: MemoryKills,
    keyboard_is_ours: Arc<AtomicBool>,
}

impl Following {
    fn new(
        root: Pid,
        orders: Orders,
        teller: Sender<Happening>,
        keyboard_is_ours: Arc<AtomicBool>,
    ) -> Following {
        let mut following = Following {
            orders,
            teller,
            keyboard_is_ours,
            members: BTreeMap::new(),
            memory_kills: MemoryKills::default(),
        };
        following.add(root, name_of(root), Stage::Foreign);
        following
    }

    /// Until the tracer ends.
    fn run(mut self, tracer: &Tracer) {
        while let Ok(event) = tracer.events().recv() {
            // It fails for a process that was killed meanwhile, whose end is told next.
            let _ = self.take(&event);
        }
    }

    fn add(&mut self, pid: Pid, name: String, stage: Stage) {
        let member = Member {
            name,
            born: Instant::now(),
            stage,
            memory: None,
            runs_shell: false,
            is_of_shell: false,
        };
        self.members.insert(pid, member);
        self.note_memory(pid);
    }

    /// In which cgroup it is: it may have gone to another one before it executed a program.
    fn note_memory(&mut self, pid: Pid) {
        let Some(group) = MemoryGroup::of(pid) else {
            return;
        };
        self.memory_kills.begin(&group);
        if let Some(member) = self.members.get_mut(&pid) {
            member.memory = Some(group);
        }
    }

    fn begin(&mut self, pid: Pid, stage: Stage) {
        match self.members.get_mut(&pid) {
            Some(member) => member.stage = stage,
            None => self.add(pid, name_of(pid), stage),
        }
    }

    fn tell(&self, happening: Happening) {
        // Nobody listens any more: the session ends.
        let _ = self.teller.send(happening);
    }

    fn take(&mut self, event: &TraceEvent) -> Result<(), TraceError> {
        match *event {
            TraceEvent::Forked { parent, child, .. } => {
                let parent = self.members.get(&parent);
                let stage = match parent.map(|parent| &parent.stage) {
                    Some(Stage::Accompanied(heritage)) => Stage::Accompanied(*heritage),
                    _ => Stage::Foreign,
                };
                let name = parent.map(|parent| parent.name.clone());
                let is_of_shell = parent.is_some_and(|parent| parent.runs_shell);
                self.add(child, name.unwrap_or_default(), stage);
                if let Some(member) = self.members.get_mut(&child) {
                    (member.runs_shell, member.is_of_shell) = (is_of_shell, is_of_shell);
                }
            }
            TraceEvent::Executed { pid, .. } => {
                let arrival = Arrival::begin(&self.orders, pid, Purpose::Watch)?;
                self.begin(pid, Stage::Arriving(arrival));
                if let Some(member) = self.members.get_mut(&pid) {
                    member.name = name_of(pid);
                    member.runs_shell = runs_shell(pid);
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
                let standstill = Standstill {
                    pid,
                    orders: self.orders.clone(),
                };
                // If it was killed meanwhile, its end is told next.
                self.orders.ask(|follower| follower.freeze(pid))??;
                self.tell(Happening::Crashing {
                    pid,
                    tid,
                    fault,
                    standstill,
                });
            }
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

    fn ended(&mut self, pid: Pid, end: End, sender: Option<SignalSender>) {
        let by_family = match &sender {
            Some(SignalSender::Process { pid, .. }) => self.members.contains_key(pid),
            _ => true,
        };
        let member = self.members.remove(&pid);
        let lived = member
            .as_ref()
            .map_or(Duration::ZERO, |it| it.born.elapsed());
        let answers_shell = member
            .as_ref()
            .is_some_and(|it| it.is_of_shell && !matches!(it.stage, Stage::Accompanied(_)));
        let (name, memory) = member.map_or((String::new(), None), |it| (it.name, it.memory));
        let is_killed = matches!(end, End::Killed { signal, .. } if signal == libc::SIGKILL);
        let memory = memory.filter(|_| is_killed);
        let kills = memory.and_then(|group| self.memory_kills.seen(&group));
        self.tell(Happening::Ended(Departure {
            pid,
            name,
            end,
            lived,
            death: Death::of(end, sender, kills),
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
                    Sprung::OnItsWay => Ok(()),
                    Sprung::Arrived(arrived) => {
                        self.arrived(pid, arrived);
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
                let stage = Stage::Accompanied(injection.heritage());
                self.begin(pid, stage);
                self.tell(Happening::Arrived {
                    pid,
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

/// What the kernel calls it; empty if it has ended.
fn name_of(pid: Pid) -> String {
    let bytes = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim_end().to_string()
}

const SHELLS: [&str; 8] = ["ash", "bash", "busybox", "dash", "fish", "ksh", "sh", "zsh"];

/// By its executable: a script has a name of its own.
fn runs_shell(pid: Pid) -> bool {
    let executable = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    let name = executable.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| SHELLS.contains(&name))
}
