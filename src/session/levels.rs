//! `debug`: code that is stepped through while its thread stands still. What is asked for is about the code then, and about the stop
//! that it was begun in when it has come to its end.

use std::sync::atomic::AtomicBool;

use super::convenience;
use super::error::SessionError;
use super::inferior::Inferior;
use super::view::{Subject, Thrown, View};
use crate::model::Addr;
use crate::python::agent::Command;

/// A stop in which code is under way.
pub(super) struct Outer {
    view: Option<View>,
    standing_thread: Option<Addr>,
    pub(super) why_stopped: Option<(String, Option<String>)>,
    raised: Option<Thrown>,
    runs_in: Subject,
    returned: Option<String>,
}

impl Inferior {
    /// Has the thread that stands still run a piece of code, in which it stops.
    pub fn debug(&mut self, text: &str, interrupted: &AtomicBool) -> Result<(), SessionError> {
        let frame = self.frame_to_run_in("debug")?;
        let text = convenience::in_process(text);
        self.command(&Command::Debug { frame, text }, interrupted)?;
        self.held()?.runs();
        // What is displayed goes with whoever looks at the process.
        let inner = self.view.as_mut().map(|view| {
            let mut inner = View::new(view.thread, view.tid);
            inner.displays = std::mem::take(&mut view.displays);
            inner
        });
        self.levels.push(Outer {
            view: std::mem::replace(&mut self.view, inner),
            standing_thread: self.standing_thread,
            why_stopped: self.why_stopped.take(),
            raised: self.raised.take(),
            runs_in: std::mem::replace(&mut self.runs_in, Subject::Thread),
            returned: self.returned.take(),
        });
        Ok(())
    }

    /// Ends the code in which the thread stands still.
    pub fn quit_level(&mut self) -> Result<(), SessionError> {
        if self.levels.is_empty() {
            return Err(SessionError::NotStopped);
        }
        self.raised = None;
        self.held()?.quit_level()
    }

    /// The code has come to its end: the focus is where it was when it began.
    pub(super) fn level_left(&mut self) {
        if let Some(outer) = self.levels.pop() {
            self.return_to(outer);
        }
    }

    /// How it stands still now.
    pub(super) fn outer(&self) -> Outer {
        Outer {
            view: self.view.clone(),
            standing_thread: self.standing_thread,
            why_stopped: self.why_stopped.clone(),
            raised: self.raised,
            runs_in: self.runs_in,
            returned: self.returned.clone(),
        }
    }

    /// It stands still as it did before.
    pub(super) fn return_to(&mut self, outer: Outer) {
        let inner = std::mem::replace(&mut self.view, outer.view);
        if let (Some(view), Some(inner)) = (&mut self.view, inner) {
            view.displays = inner.displays;
        }
        self.standing_thread = outer.standing_thread;
        self.why_stopped = outer.why_stopped;
        self.raised = outer.raised;
        self.runs_in = outer.runs_in;
        self.returned = outer.returned;
    }

    /// Whether the stack of a thread ends for the user where the code of `debug` begins.
    pub(super) fn is_in_level(&self, thread: Addr) -> bool {
        !self.levels.is_empty() && self.standing_thread == Some(thread) && self.stands_still()
    }
}
