//! What the process itself computes for the user while a thread of it stands still: values, and what statements do.

use std::sync::atomic::AtomicBool;

use super::convenience;
use super::error::SessionError;
use super::inferior::Inferior;
use crate::model::{Addr, Value};
use crate::python::Limits;
use crate::python::agent::Command;
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
        let (answer, mut printed) = self.command(&Command::Execute { frame, text }, interrupted)?;
        if answer.unfinished == Some(true) {
            return Ok(None);
        }
        let mut value = answer.text.unwrap_or_default();
        if let Some(address) = answer.address {
            value += &self.shown_at(address, limits, interrupted)?.text;
        }
        if !value.is_empty() {
            printed += &value;
            printed.push('\n');
        }
        Ok(Some(printed))
    }
}
