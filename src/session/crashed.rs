//! A process that stands still before the signal that will end it. Nothing can be run in it any more, and it is looked at.

use std::sync::atomic::AtomicBool;

use super::api::{Event, Request, Stop};
use super::error::SessionError;
use super::inferior::Inferior;
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
pub(super) fn explain(pid: Pid, fault: &Fault) -> Option<Crash> {
    // What is mapped now: a process that was opened before keeps what was mapped then.
    let process = LiveProcess::open(pid).ok()?;
    Some(crash::explain(&process, fault))
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
