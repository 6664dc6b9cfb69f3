//! `interact`: lines go to an interpreter in the process.

use std::io::{self, Write};

use super::awaited::Awaited;
use super::run::{Repl, Trouble};
use crate::faces::render::printable;
use crate::session::{Console, ConsoleState, Request, Response};

/// pdb's words.
const BEGIN: &str = "*pdb interact start*";
const END: &str = "*exit from pdb interact command*";

impl Repl {
    pub(super) fn begin_console(&mut self, out: &mut dyn Write) -> Result<(), Trouble> {
        let what = Console::Begin;
        self.session.ask(Request::Console { what })?;
        self.awaited = Awaited::Console { lines: Vec::new() };
        self.writer(out).line(BEGIN)?;
        Ok(())
    }

    /// One more line of a statement, which is run when that is whole. What the process cannot be asked any more ends the console.
    pub(super) fn run_in_console(
        &mut self,
        lines: Vec<String>,
        out: &mut dyn Write,
    ) -> Result<(), Trouble> {
        let text = lines.join("\n");
        let what = Console::Run { text };
        match self.session.ask(Request::Console { what })? {
            Response::Unfinished => self.awaited = Awaited::Console { lines },
            Response::Console { printed, state } => {
                write!(out, "{}", printable::lines(&printed))?;
                self.awaited = Awaited::Console { lines: Vec::new() };
                match state {
                    ConsoleState::Done => {}
                    ConsoleState::Raised => return Err(Trouble::Said),
                    ConsoleState::Left => self.end_console(out)?,
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn end_console(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.awaited = Awaited::Command;
        // If the process has gone meanwhile, the next command says so.
        let _ = self.session.ask(Request::Console { what: Console::End });
        writeln!(out, "\n{END}")
    }

    /// What the last name before the cursor can become.
    pub(super) fn complete_in_console(&mut self, typed: &str) -> (usize, Vec<String>) {
        let is_of_name = |c: char| c.is_alphanumeric() || c == '_';
        let start = typed.trim_end_matches(is_of_name).len();
        let text = typed.to_string();
        let what = Console::Complete { text };
        match self.session.ask(Request::Console { what }) {
            Ok(Response::Names(names)) => (start, names),
            _ => (start, Vec::new()),
        }
    }
}
