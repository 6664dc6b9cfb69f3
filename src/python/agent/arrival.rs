//! From a program's first instruction to the agent in its Python, before the first line of its main program runs.

use std::fs;

use nix::libc;

use super::AgentError;
use super::channel::Channel;
use super::compiled::Compiled;
use super::inject::{Injection, exported};
use super::script::Runner;
use super::wanted_stops::{WantedStops, Wishes};
use crate::model::{Addr, Pid, Tid};
use crate::process::live::LiveProcess;
use crate::process::trace::{Custody, Hold, Orders, TraceError, Trap};
use crate::python::locate;

/// What every CPython calls when it is initialized, to run what its command line says. Its `main()` is in libpython or in the
/// executable, which exports it (`Include/cpython/pylifecycle.h`).
const MAIN: &str = "Py_RunMain";

/// A process that has executed a program, which may be a Python: it is stopped twice on its way, where it can be looked at.
pub struct Arrival {
    pid: Pid,
    waiting: Option<(Stage, Trap)>,
    /// Where its interpreter will be ready, until it goes on to there.
    main: Option<Addr>,
    purpose: Purpose,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its libraries are loaded.
    Loaded,
    /// Its interpreter is ready.
    Ready,
}

/// The agent, or why it could not be brought in.
pub type Arrived = Result<(Injection, Channel), AgentError>;

/// What SIGTRAP meant.
pub enum Sprung {
    /// Nothing to us: it is the program's.
    Foreign,
    /// The libraries of the program are loaded, and it is about to begin; it goes on when it is let.
    Loaded,
    /// The agent is in, or could not be brought in.
    Arrived(Box<Arrived>),
}

impl Arrival {
    /// For a process that stands still before the first instruction of a program. It goes on.
    pub fn begin(orders: &Orders, pid: Pid, purpose: Purpose) -> Result<Arrival, TraceError> {
        let trap = go_on_to(orders, Tid(pid.0), entry_point(pid))?;
        Ok(Arrival {
            pid,
            waiting: trap.map(|trap| (Stage::Loaded, trap)),
            main: None,
            purpose,
        })
    }

    /// Lets it go on when its libraries are loaded.
    pub fn go_on(&mut self, orders: &Orders) -> Result<(), TraceError> {
        let trap = go_on_to(orders, Tid(self.pid.0), self.main.take())?;
        self.waiting = trap.map(|trap| (Stage::Ready, trap));
        Ok(())
    }

    /// For a thread that is about to get SIGTRAP. Once the agent is in, it has gone on.
    pub fn trapped(&mut self, orders: &Orders, tid: Tid) -> Result<Sprung, TraceError> {
        if tid != Tid(self.pid.0) {
            return Ok(Sprung::Foreign);
        }
        let Some((stage, trap)) = self.waiting else {
            return Ok(Sprung::Foreign);
        };
        match stage {
            Stage::Loaded => {
                if !orders.ask(|follower| trap.is_sprung(follower))?? {
                    return Ok(Sprung::Foreign);
                }
                self.waiting = None;
                self.main = main_function(self.pid);
                Ok(Sprung::Loaded)
            }
            Stage::Ready => match self.enter(orders, tid, trap)? {
                None => Ok(Sprung::Foreign),
                Some(arrived) => {
                    self.waiting = None;
                    Ok(Sprung::Arrived(Box::new(arrived)))
                }
            },
        }
    }

    /// Nothing if it is not the trap that the thread has come to.
    fn enter(&self, orders: &Orders, tid: Tid, trap: Trap) -> Result<Option<Arrived>, TraceError> {
        let pid = self.pid;
        match &self.purpose {
            Purpose::StopAtEntry(wishes) => {
                let (runner, wanted) = (Runner::BeforeMainProgram, wishes.now());
                let compiled = &wishes.compiled;
                let enter =
                    |hold: &mut Hold| enter(hold, Custody::Nobody, runner, &wanted, compiled);
                orders.ask(|follower| match trap.is_sprung(follower)? {
                    true => follower.hold_and_release(pid, tid, enter).map(Some),
                    false => Ok(None),
                })?
            }
            Purpose::Watch(wishes) => {
                let wanted = wishes.now();
                let custody = Custody::Tracer(orders.clone());
                let runner = Runner::BeforeMainProgramInTree;
                let compiled = &wishes.compiled;
                let enter = |hold: &mut Hold| enter(hold, custody, runner, &wanted, compiled);
                orders.ask(|follower| match trap.is_sprung(follower)? {
                    true => follower.hold_standing(pid, tid, enter).map(Some),
                    false => Ok(None),
                })?
            }
        }
    }
}

/// Lets a thread go on that stands still after an event, to the next place if there is one.
fn go_on_to(orders: &Orders, tid: Tid, place: Option<Addr>) -> Result<Option<Trap>, TraceError> {
    orders.ask(|follower| {
        let trap = place.map(|place| Trap::set(follower, tid, place));
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

/// Where an interpreter begins to run what it was started for, if it is one.
fn main_function(pid: Pid) -> Option<Addr> {
    let process = LiveProcess::open(pid).ok()?;
    let [main] = exported(&process, [MAIN]);
    main
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
