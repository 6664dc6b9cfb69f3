//! A command that pmdb has started, with all the processes that it makes.
//!
//! A thread of its own takes what the tracer tells, so that no process waits for somebody at the prompt: it brings the agent into each
//! Python that is executed, and opens the pipes of forked children that ring. What the session must know comes as [`Happening`]s.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::libc;

use super::alarms::{NativeFailure, Watched};
use super::error::SessionError;
use super::following::{BELL, Following};
use super::guardian;
use super::heirs::Heirs;
use super::selection::{Selection, StopKind};
use super::stack::families;
use crate::model::{Pid, Tid};
use crate::process::trace::{Custody, End, Fault, Interests, Orders, Program, TraceError, Tracer};
use crate::python::agent::{AgentError, Channel, Heritage, Injection, Wishes};
use crate::waits::Death;

/// What the session must know of.
pub(super) enum Happening {
    /// The agent is in a process: in a program before its main program, or in a forked child that is about to stop.
    Arrived {
        pid: Pid,
        /// Of a forked child.
        parent: Option<Pid>,
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
    /// Its Python has made another interpreter beside its own, which is left alone.
    SubInterpreter {
        pid: Pid,
    },
    /// A process stands still, all of it: one of its threads is about to get a signal that will end it.
    Crashing {
        pid: Pid,
        tid: Tid,
        fault: Fault,
        standstill: Standstill,
    },
    /// A process stands still, all of it: a thread of it panics, or its program ends for an exception of C++.
    Failing {
        pid: Pid,
        tid: Tid,
        failure: NativeFailure,
        standstill: Standstill,
    },
    /// A process stands still, all of it, before its end: it is about to exit with another code than 0, or to die of a signal.
    Exiting {
        pid: Pid,
        tid: Tid,
        end: End,
        death: Option<Death>,
        standstill: Standstill,
    },
    Ended(Departure),
}

/// Processes that cannot be followed, and why.
pub(super) type Refused = Vec<(Pid, TraceError)>;

/// The end of a process.
pub(super) struct Departure {
    pub pid: Pid,
    /// No other one is followed any more.
    pub is_last: bool,
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
    pub pid: Pid,
    pub orders: Orders,
}

impl Standstill {
    /// Whether it still is since a thread has come to a tripwire.
    pub fn is_at_tripwire(&self, tid: Tid) -> bool {
        let asked = self.orders.ask(|it| it.kept_at_tripwire(self.pid));
        asked.is_ok_and(|kept| kept == Some(tid))
    }

    /// Whether that thread alone stays where it is.
    pub fn is_aside(&self, tid: Tid) -> bool {
        let asked = self.orders.ask(|follower| follower.is_aside(tid));
        asked.unwrap_or(false)
    }

    /// Lets all go on but the thread that has come to a tripwire. False if that does not stand there any more.
    pub fn set_aside(&self) -> bool {
        let asked = self.orders.ask(|follower| follower.set_aside(self.pid));
        asked.unwrap_or(false)
    }

    /// Keeps the process still again for the thread that stayed where it is.
    pub fn bring_back(&self, tid: Tid) -> bool {
        let asked = (self.orders).ask(|follower| follower.bring_back(self.pid, tid));
        matches!(asked, Ok(Ok(true)))
    }

    /// Lets the thread go on that stayed where it is: with all others, if the process is kept still for another one.
    pub fn let_go(&self, tid: Tid) {
        let _ = (self.orders).ask(|follower| follower.let_go_of_aside(self.pid, tid));
    }

    /// All its threads go on, and get what they were about to get. Nothing is done if it was killed meanwhile.
    pub fn end(&self) {
        let _ = self.orders.ask(|follower| follower.thaw(self.pid));
    }
}

/// The command, on its way; or processes that run already, with those that they make.
pub(super) struct Tree {
    /// Nothing if it is no command.
    pub root: Option<Pid>,
    orders: Orders,
    happenings: Receiver<Happening>,
    thread: Option<JoinHandle<()>>,
    heirs: Heirs,
    /// Processes that an agent has come into while they ran.
    hosts: Heirs,
    /// Somebody is at the prompt: Ctrl-C in the terminal, which all its processes would get, is for pmdb alone.
    pub keyboard_is_ours: Arc<AtomicBool>,
    /// What the agents get that come from now on.
    pub wishes: Wishes,
}

fn not_opened(why: impl ToString) -> SessionError {
    SessionError::NotOpened {
        why: why.to_string(),
    }
}

fn interests(signals: impl Into<BTreeSet<i32>>, selection: &Selection) -> Interests {
    Interests {
        exec: true,
        signals: signals.into(),
        crashes: true,
        exits: selection.has(StopKind::Exit),
    }
}

impl Tree {
    pub fn start(program: Program, selection: &Selection) -> Result<Tree, SessionError> {
        let signals = [libc::SIGTRAP, BELL, libc::SIGINT];
        let tracer = Tracer::start(interests(signals, selection)).map_err(not_opened)?;
        let root = tracer.launch(program).map_err(not_opened)?;
        Tree::of(tracer, Some(root), &[root], selection)
    }

    /// Follows processes that run already, with what they have made meanwhile. Those that cannot be followed come second, with why.
    pub fn join(pids: &[Pid], selection: &Selection) -> Result<(Tree, Refused), SessionError> {
        // Their terminal is another one: its Ctrl-C is theirs.
        let signals = [libc::SIGTRAP, BELL];
        let tracer = Tracer::start(interests(signals, selection)).map_err(not_opened)?;
        let mut refused: Refused = Vec::new();
        let mut followed: Vec<Pid> = Vec::new();
        // A shell may have pmdb itself in its family.
        let is_ours = |pid: Pid| pid.0 == std::process::id() || guardian::is_one(pid.0);
        let mut left = pids.to_vec();
        left.retain(|pid| !is_ours(*pid));
        // What one makes that is followed is followed, too.
        while !left.is_empty() {
            for &pid in &left {
                match tracer.follow(pid) {
                    Ok(()) => followed.push(pid),
                    Err(why) => {
                        // Some of its threads may be followed by now.
                        let _ = tracer.release(pid);
                        refused.push((pid, why));
                    }
                }
            }
            left = families(&followed).unwrap_or_default();
            left.retain(|pid| {
                !followed.contains(pid)
                    && !refused.iter().any(|(other, _)| other == pid)
                    && !is_ours(*pid)
            });
        }
        if let ([], Some((_, why))) = (followed.as_slice(), refused.first()) {
            return Err(not_opened(why));
        }
        Ok((Tree::of(tracer, None, &followed, selection)?, refused))
    }

    fn of(
        tracer: Tracer,
        root: Option<Pid>,
        members: &[Pid],
        selection: &Selection,
    ) -> Result<Tree, SessionError> {
        let orders = tracer.orders().clone();
        let (teller, happenings) = mpsc::channel();
        let keyboard_is_ours = Arc::new(AtomicBool::new(false));
        let wishes = Wishes::new(selection.wanted());
        let (heirs, hosts) = (Heirs::default(), Heirs::default());
        let following = Following::new(
            root,
            members,
            orders.clone(),
            teller,
            wishes.clone(),
            [heirs.clone(), hosts.clone()],
            Watched::of(selection),
            keyboard_is_ours.clone(),
        );
        let thread = std::thread::Builder::new()
            .name("tree".to_string())
            .spawn(move || following.run(&tracer))
            .map_err(not_opened)?;
        Ok(Tree {
            root,
            orders,
            happenings,
            thread: Some(thread),
            heirs,
            hosts,
            keyboard_is_ours,
            wishes,
        })
    }

    /// An agent has come into a process that was running: those that it forks have a copy of it.
    pub fn note_agent(&self, pid: Pid, heritage: Heritage) {
        self.hosts.add(pid, heritage);
    }

    /// Those that are followed.
    pub fn processes(&self) -> Vec<Pid> {
        let asked = self.orders.ask(|follower| follower.processes());
        asked.unwrap_or_default()
    }

    /// For the thread that traces them.
    pub fn orders(&self) -> &Orders {
        &self.orders
    }

    /// How its processes are held still.
    pub fn custody(&self) -> Custody {
        Custody::Tracer(self.orders.clone())
    }

    /// How many threads wait where they fail.
    pub fn aside(&self) -> usize {
        self.orders.ask(|follower| follower.aside()).unwrap_or(0)
    }

    /// The agent of a forked child that has not been heard of, if it has one.
    pub fn heir(&self, pid: Pid) -> Option<Injection> {
        Injection::inherited(pid, self.custody(), &self.heirs.of(pid)?)
    }

    /// Those that are followed, if job control has stopped all of them.
    pub fn suspended(&self) -> Vec<Pid> {
        let asked = self.orders.ask(|follower| {
            let processes = follower.processes();
            let all = processes.iter().all(|pid| follower.is_suspended(*pid));
            if all { processes } else { Vec::new() }
        });
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
