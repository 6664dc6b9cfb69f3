//! What the next line belongs to, if it is no command: the list of a breakpoint, a statement that goes on, an answer.

use std::io::{self, Write};

use super::breakpoints::unusable;
use super::choice::number;
use super::commands::{self, Action, Control};
use super::line::split_command;
use super::run::{Ending, Queued, Repl, Trouble};
use crate::session::{Breakpoint, Change, Request, Response, SessionError};

/// What the next line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Awaited {
    Command,
    /// One of the commands of a breakpoint.
    ListOf {
        number: u32,
        list: Vec<String>,
        /// Those that it had, which stay if the user gives up.
        before: Vec<String>,
    },
    /// The rest of a statement.
    Statement {
        text: String,
    },
    /// A statement in the interpreter of `interact`, or the rest of one.
    Console {
        lines: Vec<String>,
    },
    /// Whether to delete all breakpoints.
    Confirmation,
}

/// What the user is asked with.
pub(super) struct Question {
    pub prompt: String,
    /// What the line begins with: the indentation of a block.
    pub indent: String,
    /// Whether the answer is worth to be kept in the history.
    pub is_kept: bool,
}

impl Awaited {
    /// Whether a line goes to it as it was typed, without aliases and `;;`.
    pub(super) fn takes_raw_lines(&self) -> bool {
        matches!(
            self,
            Awaited::Statement { .. } | Awaited::Console { .. } | Awaited::Confirmation
        )
    }

    pub(super) fn is_console(&self) -> bool {
        matches!(self, Awaited::Console { .. })
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self, Awaited::ListOf { .. })
    }
}

impl Repl {
    /// How to ask for the next line, unless it is a command.
    pub(super) fn question(&self) -> Option<Question> {
        let question = |prompt: &str, indent: String, is_kept| {
            let prompt = prompt.to_string();
            Some(Question {
                prompt,
                indent,
                is_kept,
            })
        };
        match &self.awaited {
            Awaited::Command => None,
            Awaited::ListOf { .. } => question("(com) ", String::new(), true),
            Awaited::Statement { text } => question("...   ", indentation(text), true),
            Awaited::Console { lines } if lines.is_empty() => question(">>> ", String::new(), true),
            Awaited::Console { .. } => question("... ", String::new(), true),
            Awaited::Confirmation => question("Clear all breaks? ", String::new(), false),
        }
    }

    /// A line that is no command.
    pub(super) fn take_line(&mut self, line: &str, out: &mut dyn Write) -> Result<(), Trouble> {
        match std::mem::replace(&mut self.awaited, Awaited::Command) {
            Awaited::Statement { mut text } => {
                text.push('\n');
                text += if line.trim().is_empty() { "" } else { line };
                self.last.clone_from(&text);
                let result = self.execute(text, out);
                if result.as_ref().is_err_and(is_of_syntax) {
                    // As in pdb: it has not become a statement, and an empty line begins it anew.
                    self.last = self.last.lines().next().unwrap_or_default().to_string();
                }
                result
            }
            Awaited::Console { mut lines } => {
                lines.push(line.to_string());
                self.run_in_console(lines, out)
            }
            Awaited::Confirmation => match line.trim().to_lowercase().as_str() {
                "y" | "yes" => self.clear_all(out),
                _ => Ok(()),
            },
            other => {
                self.awaited = other;
                Ok(())
            }
        }
    }

    /// The lines have ended, or Ctrl-D was typed: whether the user leaves by that. If not, there was something to be finished.
    pub fn end_of_input(&mut self, out: &mut dyn Write) -> io::Result<Ending> {
        match self.awaited {
            Awaited::Command => return self.run("EOF", out),
            Awaited::ListOf { .. } => {
                writeln!(out)?;
                let finished = self.finish_list();
                self.report(finished, out)?;
            }
            Awaited::Statement { .. } => {
                self.last.clear();
                write!(out, "\n\n")?;
            }
            Awaited::Console { .. } => self.end_console(out)?,
            Awaited::Confirmation => {}
        }
        self.awaited = Awaited::Command;
        Ok(Ending::Done)
    }

    /// Ctrl-C was typed at the prompt.
    pub(super) fn give_up(&mut self, out: &mut dyn Write) -> io::Result<()> {
        match std::mem::replace(&mut self.awaited, Awaited::Command) {
            Awaited::ListOf { number, before, .. } => {
                let restored = self.set_list(number, before).map(drop);
                self.report(restored, out)?;
                self.writer(out)
                    .problem("command definition aborted, old commands restored")
            }
            Awaited::Statement { .. } => {
                self.last.clear();
                write!(out, "\n\n")
            }
            Awaited::Console { .. } => {
                self.awaited = Awaited::Console { lines: Vec::new() };
                writeln!(out, "KeyboardInterrupt")
            }
            Awaited::Command | Awaited::Confirmation => writeln!(out, "--KeyboardInterrupt--"),
        }
    }

    /// `commands [number]`: the lines that follow belong to the breakpoint.
    pub(super) fn begin_list(&mut self, arguments: &str) -> Result<(), Trouble> {
        let wanted = match arguments {
            "" => None,
            text => match number(text).and_then(|number| u32::try_from(number).ok()) {
                Some(number) => Some(number),
                None => return Err(unusable("commands", text)),
            },
        };
        let cannot = |why: String| Trouble::Words(format!("cannot set commands: {why}"));
        let found = self.session.ask(Request::Breakpoint { number: wanted });
        let found = found.map_err(|error| cannot(error.to_string()))?;
        if let Response::Breakpoints(found) = found
            && let Some(Breakpoint {
                number, commands, ..
            }) = found.into_iter().next()
        {
            self.set_list(number, Vec::new())?;
            self.awaited = Awaited::ListOf {
                number,
                list: Vec::new(),
                before: commands,
            };
        }
        Ok(())
    }

    /// One line of the list. What lets the process go on ends it: it may stop at another breakpoint, with a list of its own.
    pub(super) fn add_to_list(&mut self, line: &str, out: &mut dyn Write) -> Result<(), Trouble> {
        let line = line.trim();
        let word = split_command(line).map_or("", |(word, _)| word);
        match word {
            "end" => return self.finish_list(),
            "EOF" => {
                writeln!(out)?;
                return self.finish_list();
            }
            _ => {}
        }
        let Awaited::ListOf { list, .. } = &mut self.awaited else {
            return Ok(());
        };
        if !line.is_empty() {
            list.push(line.to_string());
        }
        if commands::find(word).is_some_and(|command| resumes(command.action)) {
            return self.finish_list();
        }
        Ok(())
    }

    fn finish_list(&mut self) -> Result<(), Trouble> {
        match std::mem::replace(&mut self.awaited, Awaited::Command) {
            Awaited::ListOf { number, list, .. } => self.set_list(number, list),
            _ => Ok(()),
        }
    }

    fn set_list(&mut self, number: u32, list: Vec<String>) -> Result<(), Trouble> {
        let change = Change::Commands(list);
        self.session
            .ask(Request::ChangeBreakpoint { number, change })?;
        Ok(())
    }

    /// The process has stopped at breakpoints: the commands of the first come before anything that is typed.
    pub(super) fn queue_list(&mut self, list: Vec<String>) {
        for line in list {
            self.queue.push_back(if line == "silent" {
                Queued::Silence
            } else {
                Queued::Line(line)
            });
        }
        self.queue.push_back(Queued::RestoreLast(self.last.clone()));
    }
}

fn is_of_syntax(trouble: &Trouble) -> bool {
    let kinds = ["SyntaxError", "IndentationError", "TabError"];
    match trouble {
        Trouble::Session(SessionError::Evaluation { text }) => {
            kinds.iter().any(|kind| text.starts_with(kind))
        }
        _ => false,
    }
}

/// Whether a command lets the process go on, or leaves.
fn resumes(action: Action) -> bool {
    matches!(
        action,
        Action::Quit
            | Action::Control(
                Control::Continue
                    | Control::Step
                    | Control::Next
                    | Control::Return
                    | Control::Until
                    | Control::Jump
                    | Control::Detach
            )
    )
}

/// What the next line of a statement is likely to begin with.
fn indentation(text: &str) -> String {
    let last = text.rsplit('\n').next().unwrap_or_default();
    let blanks = last.len() - last.trim_start().len();
    let deeper = if last.trim_end().ends_with(':') { 4 } else { 0 };
    " ".repeat(blanks + deeper)
}
