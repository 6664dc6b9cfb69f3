//! From a program's first instruction to the agent in its Python, before the first line of its main program runs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::libc;

use super::AgentError;
use super::channel::Channel;
use super::compiled::Compiled;
use super::inject::{Injection, exported};
use super::script::Runner;
use super::wanted_stops::{WantedStops, Wishes};
use crate::model::{Addr, Pid, Tid};
use crate::process::elf::Elf;
use crate::process::live::LiveProcess;
use crate::process::trace::{Custody, Follower, Hold, Orders, TraceError, Trap};
use crate::python::locate;

/// What every CPython calls when it is initialized, to run what its command line says. Its `main()` is in libpython or in the
/// executable, which exports it (`Include/cpython/pylifecycle.h`).
const MAIN: &str = "Py_RunMain";
/// What a program calls that has a Python in it and a `main()` of its own (`Include/pylifecycle.h`): an interpreter is ready when one comes back.
const INITIALIZERS: [&str; 2] = ["Py_InitializeEx", "Py_InitializeFromConfig"];
/// What the executable of a Python calls in libpython, which then calls the second of these by itself.
const MAINS: [&str; 3] = ["Py_BytesMain", "Py_Main", MAIN];

/// A process that has executed a program, which may be a Python, or have one in it: it is stopped on its way, where it can be looked at.
pub struct Arrival {
    pid: Pid,
    waiting: Option<(Stage, Trap)>,
    /// What it may come to when it goes on.
    ahead: Ahead,
    purpose: Purpose,
}

/// Functions of a Python that the process may come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Ahead {
    /// Its interpreter is ready here.
    main: Option<Addr>,
    /// It is when one of these comes back.
    initializers: Vec<Addr>,
}

/// What the agent is brought in for.
#[derive(Debug, Clone)]
pub enum Purpose {
    /// To stop at the first line of the main program. The process is not followed any more then.
    StopAtEntry(Wishes),
    /// To stop where something goes wrong, in it and in those that it forks.
    Watch(Wishes),
}

/// What the process comes to next.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// Its libraries are loaded.
    Loaded,
    /// Its interpreter is ready, or about to be made.
    Ready(Ahead),
    /// Its interpreter was initialized, by a program that has it in it.
    Initialized,
}

/// The agent, or why it could not be brought in.
pub type Arrived = Result<(Injection, Channel), AgentError>;

/// What SIGTRAP meant.
pub enum Sprung {
    /// Nothing to us: it is the program's.
    Foreign,
    /// The libraries of the program are loaded, and it is about to begin; it goes on when it is let.
    Loaded,
    /// It has gone on to where its interpreter will be ready.
    GoneOn,
    /// The agent is in, or could not be brought in.
    Arrived(Box<Arrived>),
}

impl Ahead {
    fn places(&self) -> Vec<Addr> {
        self.main
            .iter()
            .chain(&self.initializers)
            .copied()
            .collect()
    }
}

/// What comes of a trap at which a process was to be entered.
enum Step {
    /// It is about to be initialized: it has gone on to where that is done.
    Initializing(Trap),
    Arrived(Arrived),
}

impl Arrival {
    /// For a process that stands still before the first instruction of a program. It goes on.
    pub fn begin(orders: &Orders, pid: Pid, purpose: Purpose) -> Result<Arrival, TraceError> {
        let entry: Vec<Addr> = entry_point(pid).into_iter().collect();
        let trap = go_on_to(orders, Tid(pid.0), &entry)?;
        Ok(Arrival {
            pid,
            waiting: trap.map(|trap| (Stage::Loaded, trap)),
            ahead: Ahead::default(),
            purpose,
        })
    }

    /// Whether there is nothing that it could come to: the program has no Python yet.
    pub fn is_over(&self) -> bool {
        self.waiting.is_none() && self.ahead == Ahead::default()
    }

    /// Lets it go on when its libraries are loaded.
    pub fn go_on(&mut self, orders: &Orders) -> Result<(), TraceError> {
        let ahead = std::mem::take(&mut self.ahead);
        let trap = go_on_to(orders, Tid(self.pid.0), &ahead.places())?;
        self.waiting = trap.map(|trap| (Stage::Ready(ahead), trap));
        Ok(())
    }

    /// For a program without Python that has loaded libraries, each a file with what is added to its addresses, and whose thread `tid` stands still
    /// after that. Nothing if there is no Python among them. It is known when that thread initializes it.
    pub fn has_loaded(
        orders: &Orders,
        tid: Tid,
        libraries: &[(PathBuf, Addr)],
        pid: Pid,
        purpose: Purpose,
    ) -> Result<Option<Arrival>, TraceError> {
        let initializers = libraries
            .iter()
            .flat_map(|(path, bias)| initializers_in(path, *bias));
        let ahead = Ahead {
            main: None,
            initializers: initializers.collect(),
        };
        let places = ahead.places();
        if places.is_empty() {
            return Ok(None);
        }
        let trap = orders.ask(|follower| Trap::set(follower, tid, &places))??;
        Ok(Some(Arrival {
            pid,
            waiting: Some((Stage::Ready(ahead), trap)),
            ahead: Ahead::default(),
            purpose,
        }))
    }

    /// Of a forked child that may come to the same places. Nothing if it has ended, or its parent comes to none.
    pub fn of_child(&self, orders: &Orders, child: Pid) -> Result<Option<Arrival>, TraceError> {
        let Some((stage, _)) = &self.waiting else {
            return Ok(None);
        };
        let trap = orders.ask(|follower| Trap::of_child(follower, child))?;
        Ok(trap.map(|trap| Arrival {
            pid: child,
            waiting: Some((stage.clone(), trap)),
            ahead: Ahead::default(),
            purpose: self.purpose.clone(),
        }))
    }

    /// For a thread that is about to get SIGTRAP. Once the agent is in, it has gone on.
    pub fn trapped(&mut self, orders: &Orders, tid: Tid) -> Result<Sprung, TraceError> {
        let Some((stage, trap)) = &self.waiting else {
            return Ok(Sprung::Foreign);
        };
        if trap.tid() != tid {
            return Ok(Sprung::Foreign);
        }
        if *stage == Stage::Loaded {
            if orders.ask(|follower| trap.sprung(follower))??.is_none() {
                return Ok(Sprung::Foreign);
            }
            self.waiting = None;
            self.ahead = ahead(self.pid);
            return Ok(Sprung::Loaded);
        }
        Ok(match self.enter(orders, stage, trap)? {
            None => Sprung::Foreign,
            Some(Step::Initializing(trap)) => {
                self.waiting = Some((Stage::Initialized, trap));
                Sprung::GoneOn
            }
            Some(Step::Arrived(arrived)) => {
                self.waiting = None;
                Sprung::Arrived(Box::new(arrived))
            }
        })
    }

    /// Nothing if it is not the trap that the thread has come to.
    fn enter(
        &self,
        orders: &Orders,
        stage: &Stage,
        trap: &Trap,
    ) -> Result<Option<Step>, TraceError> {
        let (pid, tid) = (self.pid, trap.tid());
        let begins = |place: Addr| matches!(stage, Stage::Ready(ahead) if ahead.initializers.contains(&place));
        let initializing = |follower: &mut Follower| {
            let trap = Trap::at_return(follower, tid)?;
            follower.go_on(tid, false)?;
            Ok::<_, TraceError>(Some(Step::Initializing(trap)))
        };
        match &self.purpose {
            Purpose::StopAtEntry(wishes) => {
                let (runner, wanted) = (Runner::BeforeMainProgram, wishes.now());
                let compiled = &wishes.compiled;
                let enter =
                    |hold: &mut Hold| enter(hold, Custody::Nobody, runner, &wanted, compiled);
                orders.ask(|follower| match trap.sprung(follower)? {
                    Some(place) if begins(place) => initializing(follower),
                    Some(_) => {
                        let arrived = follower.hold_and_release(pid, tid, enter)?;
                        Ok(Some(Step::Arrived(arrived)))
                    }
                    None => Ok(None),
                })?
            }
            Purpose::Watch(wishes) => {
                let wanted = wishes.now();
                let custody = Custody::Tracer(orders.clone());
                let runner = match stage {
                    Stage::Initialized => Runner::EmbeddedInTree,
                    _ => Runner::BeforeMainProgramInTree,
                };
                let compiled = &wishes.compiled;
                let enter = |hold: &mut Hold| enter(hold, custody, runner, &wanted, compiled);
                orders.ask(|follower| match trap.sprung(follower)? {
                    Some(place) if begins(place) => initializing(follower),
                    Some(_) => {
                        let arrived = follower.hold_standing(pid, tid, enter)?;
                        Ok(Some(Step::Arrived(arrived)))
                    }
                    None => Ok(None),
                })?
            }
        }
    }
}

/// Lets a thread go on that stands still after an event, to the next of some places if there are any.
fn go_on_to(orders: &Orders, tid: Tid, places: &[Addr]) -> Result<Option<Trap>, TraceError> {
    orders.ask(|follower| {
        let trap = (!places.is_empty()).then(|| Trap::set(follower, tid, places));
        let trap = trap.transpose()?;
        follower.go_on(tid, false)?;
        Ok(trap)
    })?
}

/// Where the program begins, once the loader has brought its libraries: `AT_ENTRY` of getauxval(3).
fn entry_point(pid: Pid) -> Option<Addr> {
    let bytes = fs::read(format!("/proc/{pid}/auxv")).ok()?;
    let word = |bytes: &[u8]| bytes.try_into().map(u64::from_ne_bytes).ok();
    bytes.chunks_exact(16).find_map(|entry| {
        let (kind, value) = entry.split_at(8);
        let is_entry = word(kind)? == libc::AT_ENTRY;
        is_entry.then_some(Addr(word(value)?))
    })
}

/// Where an interpreter is ready, or begins to be, if there is one.
fn ahead(pid: Pid) -> Ahead {
    let Ok(process) = LiveProcess::open(pid) else {
        return Ahead::default();
    };
    let [main, before, initializer] = exported(&process, [MAIN, INITIALIZERS[0], INITIALIZERS[1]]);
    // Each Python of its own calls it on its way to `MAIN`.
    let initializer = initializer.filter(|_| !runs_python(pid));
    Ahead {
        main,
        initializers: before.into_iter().chain(initializer).collect(),
    }
}

/// Whether a program is a Python: its executable has the `main()` of one, or calls that in a library.
fn runs_python(pid: Pid) -> bool {
    let runs = || {
        let elf = Elf::open(&File::open(format!("/proc/{pid}/exe")).ok()?).ok()?;
        let view = elf.view().ok()?;
        Some(view.exported(MAIN).is_some() || view.imports(&MAINS))
    };
    runs().unwrap_or(true)
}

/// The functions of a library that make an interpreter.
fn initializers_in(path: &Path, bias: Addr) -> Vec<Addr> {
    let found = || {
        let elf = Elf::open(&File::open(path).ok()?).ok()?;
        let view = elf.view().ok()?;
        let found = INITIALIZERS.iter().filter_map(|name| view.exported(name));
        Some(found.map(|linked| bias.plus(linked)).collect())
    };
    found().unwrap_or_default()
}

fn enter(
    hold: &mut Hold,
    custody: Custody,
    runner: Runner,
    wanted: &WantedStops,
    compiled: &Compiled,
) -> Result<(Injection, Channel), AgentError> {
    let pid = hold.pid();
    let failed = |why: String| AgentError::NotLaunched { pid, why };
    let process = LiveProcess::open(pid).map_err(|error| failed(error.to_string()))?;
    let located = locate(&process).map_err(|error| failed(error.to_string()))?;
    Injection::begin_in(hold, custody, &process, &located, runner, wanted, compiled)
}
