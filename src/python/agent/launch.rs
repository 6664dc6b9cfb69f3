//! Starting a program with the agent in it before the first line of its main program runs.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use nix::libc;

use super::AgentError;
use super::channel::Channel;
use super::inject::{Injection, exported};
use super::script::Runner;
use crate::model::{Addr, Pid, Tid};
use crate::process::live::LiveProcess;
use crate::process::trace::{
    Custody, End, Hold, Interests, Program, TraceError, TraceEvent, Tracer, Trap,
};
use crate::python::locate;

/// What every CPython calls when it is initialized, to run what its command line says. Its `main()` is in libpython or in the
/// executable, which exports it (`Include/cpython/pylifecycle.h`).
const MAIN: &str = "Py_RunMain";
/// How long the news of a process's end may take after it has ended.
const PATIENCE: Duration = Duration::from_secs(2);

/// A program that pmdb has started, and its end.
pub struct Launch {
    tracer: Tracer,
    pub pid: Pid,
    end: Option<End>,
}

/// How a program starts.
pub enum Start {
    /// The agent is in, and will stop it at the first line of its main program.
    Ready(Box<(Launch, Injection, Channel)>),
    /// It has ended without having run any Python, or none that can be stopped.
    Ended(End),
}

/// What the process comes to next.
enum Stage {
    /// Its libraries are loaded.
    Loaded,
    /// Its interpreter is ready.
    Ready,
}

impl Launch {
    /// Starts a program, which may execute others until one of them is a Python.
    pub fn start(program: Program) -> Result<Start, AgentError> {
        let interests = Interests {
            exec: true,
            signals: BTreeSet::from([libc::SIGTRAP]),
        };
        let tracer = Tracer::start(interests)?;
        let pid = tracer.launch(program)?;
        let tid = Tid(pid.0);
        let set = |address| tracer.ask(move |follower| Trap::set(follower, tid, address))?;
        let mut waiting: Option<(Stage, Trap)> = None;
        loop {
            let event = tracer.events().recv().map_err(|_| TraceError::NoTracer {
                why: "it has ended".to_string(),
            })?;
            match event {
                TraceEvent::Executed { pid: of, .. } if of == pid => {
                    waiting = match entry_point(pid) {
                        Some(entry) => Some((Stage::Loaded, set(entry)?)),
                        None => None,
                    };
                    tracer.go_on(tid, false)?;
                }
                TraceEvent::Executed { pid: of, .. } => tracer.go_on(Tid(of.0), false)?,
                TraceEvent::Signal { tid: of, .. } => {
                    let sprung = match &waiting {
                        Some((_, trap)) if of == tid => {
                            let trap = *trap;
                            tracer.ask(move |follower| trap.is_sprung(follower))??
                        }
                        _ => false,
                    };
                    match waiting.take_if(|_| sprung) {
                        Some((Stage::Loaded, _)) => {
                            waiting = match main_function(pid) {
                                Some(main) => Some((Stage::Ready, set(main)?)),
                                None => None,
                            };
                            tracer.go_on(tid, false)?;
                        }
                        Some((Stage::Ready, _)) => {
                            let enter = |hold: &mut Hold| enter(hold);
                            let entered = tracer
                                .ask(move |follower| follower.hold_and_release(pid, tid, enter))?;
                            let (injection, channel) = entered??;
                            let end = None;
                            let launch = Launch { tracer, pid, end };
                            return Ok(Start::Ready(Box::new((launch, injection, channel))));
                        }
                        None => tracer.go_on(of, true)?,
                    }
                }
                TraceEvent::Ended { pid: of, end } if of == pid => return Ok(Start::Ended(end)),
                _ => {}
            }
        }
    }

    /// How it has ended, if it has.
    pub fn end(&mut self) -> Option<End> {
        while let Ok(event) = self.tracer.events().try_recv() {
            self.take(&event);
        }
        self.end
    }

    /// How it has ended; it has, or is about to.
    pub fn wait_for_end(&mut self) -> Option<End> {
        while self.end.is_none()
            && let Ok(event) = self.tracer.events().recv_timeout(PATIENCE)
        {
            self.take(&event);
        }
        self.end
    }

    fn take(&mut self, event: &TraceEvent) {
        match *event {
            TraceEvent::Ended { pid, end } if pid == self.pid => self.end = Some(end),
            // Another process that it made before it was a Python.
            TraceEvent::Executed { pid, .. } => drop(self.tracer.go_on(Tid(pid.0), false)),
            TraceEvent::Signal { tid, .. } => drop(self.tracer.go_on(tid, true)),
            _ => {}
        }
    }
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
    exported(&process, MAIN)
}

fn enter(hold: &mut Hold) -> Result<(Injection, Channel), AgentError> {
    let pid = hold.pid();
    let failed = |why: String| AgentError::NotLaunched { pid, why };
    let process = LiveProcess::open(pid).map_err(|error| failed(error.to_string()))?;
    let located = locate(&process).map_err(|error| failed(error.to_string()))?;
    let runner = Runner::BeforeMainProgram;
    Injection::begin_in(hold, Custody::Nobody, &process, &located, runner)
}
