//! Starting a program with the agent in it before the first line of its main program runs.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::signal::{Signal, kill};

use super::AgentError;
use super::arrival::{Arrival, Purpose, Sprung};
use super::channel::Channel;
use super::inject::Injection;
use super::wanted_stops::{WantedStops, Wishes};
use crate::model::{Pid, Tid};
use crate::process::trace::{End, Interests, Program, TraceError, TraceEvent, Tracer};

/// How long the news of a process's end may take after it has ended.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it is looked whether the user gave up.
const GLANCE: Duration = Duration::from_millis(50);

/// A program that pmdb has started, and its end.
pub struct Launch {
    tracer: Tracer,
    pub pid: Pid,
    end: Option<End>,
    /// What it compiles is kept when it has ended.
    _wishes: Wishes,
}

/// How a program starts.
pub enum Start {
    /// The agent is in, and will stop it at the first line of its main program.
    Ready(Box<(Launch, Injection, Channel)>),
    /// It has ended without having run any Python, or none that can be stopped.
    Ended(End),
}

impl Launch {
    /// Starts a program, which may execute others until one of them is a Python. Once `interrupted` is set, it is ended.
    pub fn start(program: Program, interrupted: &AtomicBool) -> Result<Start, AgentError> {
        let interests = Interests {
            exec: true,
            signals: BTreeSet::from([libc::SIGTRAP]),
            ..Interests::default()
        };
        let tracer = Tracer::start(interests)?;
        let pid = tracer.launch(program)?;
        let orders = tracer.orders().clone();
        let wishes = Wishes::new(WantedStops::default());
        let mut arrival = None;
        let mut given_up: Option<Instant> = None;
        loop {
            if interrupted.load(Ordering::Relaxed) {
                let signal = match given_up {
                    None => Some(Signal::SIGTERM),
                    Some(since) if since.elapsed() > PATIENCE => Some(Signal::SIGKILL),
                    Some(_) => None,
                };
                given_up.get_or_insert_with(Instant::now);
                if let Some(signal) = signal {
                    let _ = kill(nix::unistd::Pid::from_raw(pid.0.cast_signed()), signal);
                }
            }
            let event = match tracer.events().recv_timeout(GLANCE) {
                Ok(event) => event,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => {
                    let why = "it has ended".to_string();
                    return Err(TraceError::NoTracer { why }.into());
                }
            };
            match event {
                TraceEvent::Executed { pid: of, .. } if of == pid => {
                    let purpose = Purpose::StopAtEntry(wishes.clone());
                    arrival = Some(Arrival::begin(&orders, pid, purpose)?);
                }
                TraceEvent::Executed { pid: of, .. } => orders.go_on(Tid(of.0), false)?,
                TraceEvent::Signal { tid, .. } => {
                    let Some(arrival) = &mut arrival else {
                        orders.go_on(tid, true)?;
                        continue;
                    };
                    match arrival.trapped(&orders, tid)? {
                        Sprung::Foreign => orders.go_on(tid, true)?,
                        Sprung::Loaded => arrival.go_on(&orders)?,
                        Sprung::GoneOn => {}
                        Sprung::Arrived(arrived) => {
                            let (injection, channel) = (*arrived)?;
                            let launch = Launch {
                                tracer,
                                pid,
                                end: None,
                                _wishes: wishes,
                            };
                            return Ok(Start::Ready(Box::new((launch, injection, channel))));
                        }
                    }
                }
                TraceEvent::Ended { pid: of, end, .. } if of == pid => {
                    return Ok(Start::Ended(end));
                }
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
        let deadline = Instant::now() + PATIENCE;
        while self.end.is_none() && Instant::now() < deadline {
            match self.tracer.events().recv_timeout(GLANCE) {
                Ok(event) => self.take(&event),
                // The kernel wakes nobody else for one that ends while another thread of pmdb holds it.
                Err(RecvTimeoutError::Timeout) => drop(self.tracer.orders().ask(|_| ())),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.end
    }

    fn take(&mut self, event: &TraceEvent) {
        match *event {
            TraceEvent::Ended { pid, end, .. } if pid == self.pid => self.end = Some(end),
            // Another process that it made before it was a Python.
            TraceEvent::Executed { pid, .. } => drop(self.tracer.go_on(Tid(pid.0), false)),
            TraceEvent::Signal { tid, .. } => drop(self.tracer.go_on(tid, true)),
            _ => {}
        }
    }
}
