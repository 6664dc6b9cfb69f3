//! What the process itself computes for the user while a thread of it stands still: values, and what statements do.

use std::sync::atomic::AtomicBool;

use super::api::{Console, ConsoleState, Response};
use super::convenience;
use super::error::SessionError;
use super::held::Held;
use super::inferior::Inferior;
use crate::model::{Addr, Tid, Value};
use crate::python::Limits;
use crate::python::agent::{Answer, Command};
use crate::python::eval::Datum;

/// Characters of what `pp` shows.
const MOST_CHARACTERS: usize = 1 << 20;

impl Inferior {
    /// What the process itself says that an expression is, in the focused frame of the thread that stands still.
    pub fn own_value(
        &mut self,
        text: &str,
        limits: &Limits,
        interrupted: &AtomicBool,
    ) -> Result<Value, SessionError> {
        let frame = self.required_frame()?;
        let command = Command::Evaluate {
            frame,
            text: convenience::in_process(text),
            limit: limits.characters,
            width: None,
            lent: false,
        };
        let (answer, printed) = self.command(&command, interrupted)?;
        let mut value = match answer.address {
            Some(address) => self.shown_at(address, limits, interrupted)?,
            None => Value {
                type_name: answer.type_name.unwrap_or_default(),
                text: answer.text.unwrap_or_default(),
                truncated: answer.length.is_some(),
                ..Value::default()
            },
        };
        if answer.length.is_some() {
            value.text.push('…');
        }
        value.text.insert_str(0, &printed);
        Ok(value)
    }

    /// The text of a value over as many lines as it needs, made by the process itself.
    pub fn own_pretty(
        &mut self,
        text: &str,
        limits: &Limits,
        width: usize,
        interrupted: &AtomicBool,
    ) -> Result<String, SessionError> {
        let command = Command::Evaluate {
            frame: self.required_frame()?,
            text: convenience::in_process(text),
            limit: MOST_CHARACTERS,
            width: Some(width),
            lent: false,
        };
        let (answer, printed) = self.command(&command, interrupted)?;
        let shown = match answer.address {
            Some(address) => self.look(interrupted, |look| {
                look.pretty(&Datum::Object(Addr(address)), limits, width)
            })?,
            None => answer.text.unwrap_or_default(),
        };
        Ok(printed + &shown)
    }

    /// Where a value lies that the process computes and keeps alive until the next command.
    pub fn own_object(
        &mut self,
        text: &str,
        interrupted: &AtomicBool,
    ) -> Result<Datum, SessionError> {
        let command = Command::Evaluate {
            frame: self.required_frame()?,
            text: convenience::in_process(text),
            limit: 0,
            width: None,
            lent: true,
        };
        let (answer, printed) = self.command(&command, interrupted)?;
        self.printed += &printed;
        let address = answer.address.ok_or(SessionError::NotStopped)?;
        Ok(Datum::Object(Addr(address)))
    }

    /// A value that the agent keeps alive, read from memory.
    fn shown_at(
        &self,
        address: u64,
        limits: &Limits,
        interrupted: &AtomicBool,
    ) -> Result<Value, SessionError> {
        let datum = Datum::Object(Addr(address));
        self.look(interrupted, |look| look.show(&datum, limits))
    }

    /// Runs a statement in the focused frame: what it prints, and the value if it is an expression. Nothing if it goes on in
    /// another line.
    pub fn run_statement(
        &mut self,
        text: &str,
        limits: &Limits,
        interrupted: &AtomicBool,
    ) -> Result<Option<String>, SessionError> {
        let frame = self.required_frame()?;
        let text = convenience::in_process(text);
        let (answer, printed) = self.command(&Command::Execute { frame, text }, interrupted)?;
        if answer.unfinished == Some(true) {
            return Ok(None);
        }
        self.with_value(printed, &answer, limits, interrupted)
            .map(Some)
    }

    /// What a statement printed, with the value behind it that is too large for the agent to show.
    fn with_value(
        &self,
        mut printed: String,
        answer: &Answer,
        limits: &Limits,
        interrupted: &AtomicBool,
    ) -> Result<String, SessionError> {
        if let Some(address) = answer.address {
            printed += &self.shown_at(address, limits, interrupted)?.text;
            printed.push('\n');
        }
        Ok(printed)
    }

    /// `interact`: begins it, or runs a statement in it.
    pub fn console(
        &mut self,
        what: &Console,
        limits: &Limits,
        interrupted: &AtomicBool,
    ) -> Result<Response, SessionError> {
        let frame = self.frame_to_run_in("interact")?;
        let what = what.clone();
        let (answer, printed) = self.command(&Command::Console { frame, what }, interrupted)?;
        if answer.unfinished == Some(true) {
            return Ok(Response::Unfinished);
        }
        if let Some(names) = answer.names {
            return Ok(Response::Names(names));
        }
        let printed = self.with_value(printed, &answer, limits, interrupted)?;
        let state = match (answer.left, answer.raised) {
            (Some(true), _) => ConsoleState::Left,
            (_, Some(true)) => ConsoleState::Raised,
            _ => ConsoleState::Done,
        };
        Ok(Response::Console { printed, state })
    }

    /// The frame for code of the user; if there is none, why.
    pub fn frame_to_run_in(&self, command: &str) -> Result<u32, SessionError> {
        self.held_frame().ok_or_else(|| {
            self.why_nothing_runs(SessionError::NeedsStop {
                command: command.to_string(),
            })
        })
    }

    /// Why code of the user cannot run. `if_running`: what is said if the process runs.
    pub fn why_nothing_runs(&self, if_running: SessionError) -> SessionError {
        match self.held.as_ref().and_then(Held::standing) {
            _ if self.is_core() => SessionError::Dead { who: self.who() },
            _ if self.ended => self.still_there().err().unwrap_or(if_running),
            Some(standing) => SessionError::Elsewhere {
                thread: self.tid_of_standing().unwrap_or(standing.thread),
            },
            None => if_running,
        }
    }

    /// The number by which the user knows the thread that stands still.
    fn tid_of_standing(&self) -> Option<Tid> {
        let threads = self.threads(&AtomicBool::new(false)).ok()?;
        let standing = threads
            .iter()
            .find(|thread| Some(thread.address) == self.standing_thread)?;
        standing.status.as_ref().map(|status| status.tid)
    }
}
