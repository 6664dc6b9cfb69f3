//! A process that stands still before the signal that will end it, or before its end. Nothing can be run in it any more, and it is looked at.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::alarms::NativeFailure;
use super::api::{Console, Event, Request, Stop};
use super::error::SessionError;
use super::held::Held;
use super::inferior::Inferior;
use super::launched::describe;
use super::levels::Outer;
use super::look::Session;
use super::running::PATIENCE;
use super::selection::StopKind;
use super::stack::Target;
use super::tree::Standstill;
use crate::model::{Pid, Tid};
use crate::process::Registers;
use crate::process::live::LiveProcess;
use crate::process::trace::{End, Fault};
use crate::python::agent::Resume;
use crate::waits::{Crash, Death, crash};

/// How it stands.
pub(super) struct Crashed {
    tid: Tid,
    /// `die of`, `end with`, `panic`.
    verb: &'static str,
    /// `SIGSEGV`, `exit code 3`.
    what: String,
    standstill: Standstill,
    /// If it lives on afterwards: the agent in it, which cannot answer until then.
    agent: Option<Held>,
    /// How another thread of it stands still then, as it has all the time.
    outer: Option<Outer>,
}

impl Crashed {
    pub fn new(tid: Tid, fault: &Fault, standstill: Standstill) -> Crashed {
        Crashed {
            tid,
            verb: "die of",
            what: crash::signal_name(fault.signal),
            standstill,
            agent: None,
            outer: None,
        }
    }

    fn at_end(tid: Tid, end: End, standstill: Standstill) -> Crashed {
        let (verb, what) = match end {
            End::Exited { .. } => ("end with", describe(end)),
            End::Killed { signal, .. } => ("die of", crash::signal_name(signal)),
        };
        Crashed {
            tid,
            verb,
            what,
            standstill,
            agent: None,
            outer: None,
        }
    }

    /// It goes on afterwards, with the agent that is in it.
    pub fn failing(
        tid: Tid,
        failure: &NativeFailure,
        agent: Option<Held>,
        outer: Option<Outer>,
        standstill: Standstill,
    ) -> Crashed {
        let verb = match failure {
            NativeFailure::Panic { .. } => "panic",
            NativeFailure::Terminate(_) => "call std::terminate()",
            NativeFailure::Written => "go on behind a write to shared memory",
        };
        Crashed {
            tid,
            verb,
            what: String::new(),
            standstill,
            agent,
            outer,
        }
    }

    /// It stands for another thread of it.
    pub fn of_thread(self, tid: Tid) -> Crashed {
        Crashed { tid, ..self }
    }

    /// Those of threads that stand still. It fails for one that was killed meanwhile.
    pub fn registers(&self, threads: impl Iterator<Item = Tid>) -> BTreeMap<Tid, Registers> {
        let threads: Vec<Tid> = threads.collect();
        let read = self.standstill.orders.ask(|follower| {
            let known = threads.iter().filter_map(|&tid| {
                let registers = follower.registers(tid).ok()?;
                Some((tid, registers))
            });
            known.collect()
        });
        read.unwrap_or_default()
    }

    /// `die of SIGSEGV`, `end with exit code 3`: what it is about to do.
    fn how(&self) -> String {
        format!("{} {}", self.verb, self.what)
            .trim_end()
            .to_string()
    }
}

/// What must be there for a request to be answered.
enum Need {
    /// What has been read is enough, or it has its own way to say what is missing.
    Nothing,
    Process,
    /// Something is run in it.
    Interpreter,
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
            if !running.failures.is_over(pid) {
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
        let Some(inferior) = self.standing_before_its_end(pid) else {
            return standstill.end();
        };
        let Some(running) = &mut self.running else {
            return;
        };
        // Otherwise it was killed meanwhile, and its end is told next.
        if let (Some(inferior), Some(why)) = (self.inferiors.get_mut(inferior), explain(pid, fault))
        {
            let name = &inferior.report.name;
            if running.failures.leads_to(pid, tid, fault.signal) {
                running.failures.dies(pid, fault.signal);
                inferior.held = None;
                return standstill.end();
            }
            running
                .failures
                .crashed(pid, name, fault.signal, why.reason());
            if !running.keeps(inferior, StopKind::Crash) {
                inferior.held = None;
                return standstill.end();
            }
            let crashed = Crashed::new(tid, fault, standstill);
            let events = inferior.crash(crashed, "signal", why.to_string(), &self.interrupted);
            running.queue.push_back((pid, events));
        }
    }

    /// A process stands still, all of it, before it ends otherwise than with exit code 0. One of which a failure was told already is not
    /// shown again.
    pub(super) fn exits(
        &mut self,
        pid: Pid,
        tid: Tid,
        end: End,
        death: Option<&Death>,
        standstill: Standstill,
    ) {
        // What the agent said before it.
        self.listen();
        let failures = self.running.as_ref().map(|running| &running.failures);
        if failures.is_none_or(|failures| failures.is_over(pid) || failures.has_failed(pid)) {
            return standstill.end();
        }
        let Some(place) = self.standing_before_its_end(pid) else {
            return standstill.end();
        };
        let (Some(running), Some(inferior)) = (&mut self.running, self.inferiors.get_mut(place))
        else {
            return;
        };
        let told = death.map(Death::to_string);
        running.failures.exits(pid, &inferior.report.name, told);
        if !running.keeps(inferior, StopKind::Exit) {
            inferior.held = None;
            return standstill.end();
        }
        let crashed = Crashed::at_end(tid, end, standstill);
        let why = match death {
            Some(death) => format!("{}: {death}", crashed.how()),
            None => crashed.how(),
        };
        let events = inferior.crash(crashed, "exit", why, &self.interrupted);
        running.queue.push_back((pid, events));
    }

    /// The place of the inferior that stands for a process in which nothing runs any more; nothing if it cannot be opened.
    pub(super) fn standing_before_its_end(&mut self, pid: Pid) -> Option<usize> {
        // What the agent said before it.
        self.listen();
        let running = self.running.as_mut()?;
        running.quiet.retain(|quiet| quiet.pid != pid);
        // It is not about anything else any more.
        running.queue.retain(|(other, _)| *other != pid);
        running.shown_before.remove(&pid);
        running.stepping = running.stepping.filter(|(other, _)| *other != pid);
        let known =
            (self.inferiors.iter()).position(|one| one.report.pid == Some(pid) && !one.ended);
        if known.is_some() {
            return known;
        }
        match Inferior::open(&Target::Live(pid), &running.locator) {
            Ok(inferior) => {
                self.inferiors.retain(|one| one.report.pid != Some(pid));
                self.inferiors.push(inferior);
                Some(self.inferiors.len() - 1)
            }
            Err(error) => {
                let why = error.to_string();
                self.events.push(Event::Unaccompanied { pid, why });
                None
            }
        }
    }
}

impl Inferior {
    /// It stands still from now on. The focus is on the thread that crashes, if that runs Python.
    pub fn crash(
        &mut self,
        crashed: Crashed,
        reason: &str,
        why: String,
        interrupted: &AtomicBool,
    ) -> Vec<Event> {
        // The agent cannot answer any more: its pipes end here, unless the process lives on.
        self.held = None;
        self.standing_thread = None;
        self.raised = None;
        self.signalled = Some(crashed.tid);
        let tid = crashed.tid;
        let what = (!crashed.what.is_empty()).then(|| crashed.what.clone());
        self.why_stopped = Some((reason.to_string(), what));
        self.crashed = Some(crashed);
        let old = self.view.take();
        self.native = None;
        // If that fails, what is asked of it says why.
        let looked = self.refresh(interrupted);
        if let (Some(view), Some(old)) = (&mut self.view, old) {
            view.displays = old.displays;
        }
        let focused = self.view.as_ref().and_then(|view| view.tid);
        let mut text = why;
        if looked.is_ok() && focused.is_some_and(|focused| focused != tid) {
            text += &format!("; it was thread {tid}, which runs no Python");
        }
        vec![Event::Stopped(Stop {
            thread: Some(tid),
            reason: reason.to_string(),
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
            self.signalled = None;
            self.native = None;
            self.held = crashed.agent;
            if let Some(outer) = crashed.outer {
                self.return_to(outer);
            }
        }
    }

    /// Refuses what is of no use in a process that has ended, or in one that stands still before its end.
    pub(super) fn may_be_asked(&self, request: &Request) -> Result<(), SessionError> {
        match self.need_of(request) {
            Need::Nothing => Ok(()),
            Need::Process => self.still_there(),
            Need::Interpreter => self.still_there().and_then(|()| self.may_run()),
        }
    }

    fn need_of(&self, request: &Request) -> Need {
        match request {
            // It may have been killed meanwhile, and others of the command are still to be shown.
            Request::Resume {
                how: Resume::Continue,
            } if self.crashed.is_some() => Need::Nothing,
            Request::Resume {
                how: Resume::Continue,
            }
            | Request::ChangeBreakpoint { .. }
            | Request::Release => Need::Process,
            // Else it is known.
            Request::Returned if self.returned.is_none() => Need::Process,
            Request::Console { what: Console::End } => Need::Nothing,
            Request::Resume { .. }
            | Request::Jump { .. }
            | Request::SetBreakpoint(_)
            | Request::Hold
            | Request::Debug { .. }
            | Request::Console { .. } => Need::Interpreter,
            _ => Need::Nothing,
        }
    }

    pub(super) fn may_run(&self) -> Result<(), SessionError> {
        match (&self.crashed, self.report.pid) {
            (Some(crashed), Some(pid)) => Err(SessionError::AboutToDie {
                pid,
                how: crashed.how(),
            }),
            _ => Ok(()),
        }
    }
}
