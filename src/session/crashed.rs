//! A process that stands still before the signal that will end it. Nothing can be run in it any more, and it is looked at.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::api::{Event, Request, Stop};
use super::error::SessionError;
use super::inferior::Inferior;
use super::look::Session;
use super::running::PATIENCE;
use super::stack::Target;
use super::tree::Standstill;
use crate::model::{Pid, Tid};
use crate::process::live::LiveProcess;
use crate::process::trace::Fault;
use crate::python::agent::Resume;
use crate::waits::{Crash, crash};

/// How it stands.
pub(super) struct Crashed {
    tid: Tid,
    signal: String,
    standstill: Standstill,
}

impl Crashed {
    pub fn new(tid: Tid, fault: &Fault, standstill: Standstill) -> Crashed {
        Crashed {
            tid,
            signal: crash::signal_name(fault.signal),
            standstill,
        }
    }
}

/// Why a process crashes; nothing if it was killed meanwhile.
fn explain(pid: Pid, fault: &Fault) -> Option<Crash> {
    // What is mapped now: a process that was opened before keeps what was mapped then.
    let process = LiveProcess::open(pid).ok()?;
    Some(crash::explain(&process, fault))
}

impl Session {
    /// What was to be run in a process has crashed it: that is shown next.
    pub(super) fn show_crash(&mut self, pid: Pid) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && self.take_happenings().is_ok() {
            let Some(running) = &mut self.running else {
                return;
            };
            if !running.failures.has_crashed(pid) {
                continue;
            }
            if let Some(place) = running.queue.iter().position(|(other, _)| *other == pid) {
                running.queue.rotate_left(place);
                self.show_next();
            }
            return;
        }
    }

    /// A thread stands still before a signal that will end its process.
    pub(super) fn crashes(&mut self, pid: Pid, tid: Tid, fault: &Fault, standstill: Standstill) {
        // What the agent said before it.
        self.listen();
        let Some(running) = &mut self.running else {
            return;
        };
        running.quiet.retain(|quiet| quiet.pid != pid);
        // It is not about anything else any more.
        running.queue.retain(|(other, _)| *other != pid);
        running.stepping = running.stepping.filter(|(other, _)| *other != pid);
        let known =
            (self.inferiors.iter()).position(|one| one.report.pid == Some(pid) && !one.ended);
        let place = match known {
            Some(place) => place,
            None => match Inferior::open(&Target::Live(pid), &running.locator) {
                Ok(inferior) => {
                    self.inferiors.retain(|one| one.report.pid != Some(pid));
                    self.inferiors.push(inferior);
                    self.inferiors.len() - 1
                }
                Err(error) => {
                    standstill.end();
                    let why = error.to_string();
                    return self.events.push(Event::Unaccompanied { pid, why });
                }
            },
        };
        // Otherwise it was killed meanwhile, and its end is told next.
        if let (Some(inferior), Some(why)) = (self.inferiors.get_mut(place), explain(pid, fault)) {
            let crashed = Crashed::new(tid, fault, standstill);
            let events = inferior.crash(crashed, &why, &self.interrupted);
            let name = &inferior.report.name;
            running
                .failures
                .crashed(pid, name, fault.signal, why.reason());
            running.queue.push_back((pid, events));
        }
    }
}

impl Inferior {
    /// It stands still from now on. The focus is on the thread that crashes, if that runs Python.
    pub fn crash(&mut self, crashed: Crashed, why: &Crash, interrupted: &AtomicBool) -> Vec<Event> {
        // The agent cannot answer any more: its pipes end here.
        self.held = None;
        self.standing_thread = None;
        self.raised = None;
        self.signalled = Some(crashed.tid);
        let tid = crashed.tid;
        let signal = crashed.signal.clone();
        self.why_stopped = Some(("signal".to_string(), Some(signal)));
        self.crashed = Some(crashed);
        let old = self.view.take();
        // If that fails, what is asked of it says why.
        let looked = self.refresh(interrupted);
        if let (Some(view), Some(old)) = (&mut self.view, old) {
            view.displays = old.displays;
        }
        let focused = self.view.as_ref().and_then(|view| view.tid);
        let mut text = why.to_string();
        if looked.is_ok() && focused.is_some_and(|focused| focused != tid) {
            text += &format!("; it was thread {tid}, which runs no Python");
        }
        vec![Event::Stopped(Stop {
            thread: Some(tid),
            reason: "signal".to_string(),
            process: None,
            breakpoints: Vec::new(),
            complaints: Vec::new(),
            value: None,
            error: Some(text),
            fate: None,
            deleted: Vec::new(),
            changes: Vec::new(),
            ended: Vec::new(),
        })]
    }

    /// It goes on to its end.
    pub fn let_crash(&mut self) {
        if let Some(crashed) = self.crashed.take() {
            crashed.standstill.end();
        }
    }

    /// Refuses what would run something in it.
    pub(super) fn may_be_asked(&self, request: &Request) -> Result<(), SessionError> {
        let runs = match request {
            Request::Resume { how } => *how != Resume::Continue,
            Request::Jump { .. }
            | Request::SetBreakpoint(_)
            | Request::Hold
            | Request::Console { .. } => true,
            _ => false,
        };
        if runs { self.may_run() } else { Ok(()) }
    }

    pub(super) fn may_run(&self) -> Result<(), SessionError> {
        match (&self.crashed, self.report.pid) {
            (Some(crashed), Some(pid)) => Err(SessionError::AboutToDie {
                pid,
                signal: crashed.signal.clone(),
            }),
            _ => Ok(()),
        }
    }
}
