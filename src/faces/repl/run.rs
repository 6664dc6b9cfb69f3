//! Running one line: aliases, `;;`, commands, expressions.

use std::collections::VecDeque;
use std::io::{self, Write};

use super::answer::Writer;
use super::awaited::Awaited;
use super::commands::{self, Action, Command};
use super::help;
use super::levels::Waiting;
use super::line::{Aliases, split_command, split_first};
use super::termination;
use super::turn::Turn;
use crate::faces::render::palette::Palette;
use crate::faces::render::printable;
use crate::session::{Request, Response, Scope, Session, SessionError};

/// Commands of one line: an alias may end in itself (`alias a p 1 ;; a`).
const MOST_COMMANDS: usize = 1_000;

/// How a line ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Done,
    /// Something in it failed, and that was said.
    Failed,
    /// The user wants to leave.
    Quit,
}

impl Ending {
    /// That of two lines, one after the other.
    fn and(self, next: Ending) -> Ending {
        match (self, next) {
            (_, Ending::Quit) => Ending::Quit,
            (Ending::Done, next) => next,
            (before, _) => before,
        }
    }
}

/// What a prompt remembers between lines.
pub struct Repl {
    pub(super) session: Session,
    pub(super) aliases: Aliases,
    pub(super) palette: Palette,
    /// What an empty line repeats.
    pub(super) last: String,
    /// What is run before another line is asked for.
    pub(super) queue: VecDeque<Queued>,
    /// What the next line belongs to.
    pub(super) awaited: Awaited,
    /// If a process of several has asked for this prompt, and the others have to wait.
    pub(super) turn: Option<Turn>,
    /// What waits for the end of the code of each `debug`, the innermost last.
    pub(super) waiting: Vec<Waiting>,
    /// Which processes get the breakpoints that are set: more than one while a set is asked.
    pub(super) scope: Scope,
    /// What a command has let go on is not waited for: it is of a breakpoint of one of several processes that are.
    pub(super) waits_for_set: bool,
    /// Commands since a line was typed or the process stopped.
    count: usize,
}

/// One thing to do before another line is asked for.
pub(super) enum Queued {
    /// What stands behind `;;` in a line, or belongs to a breakpoint.
    Line(String),
    /// A whole line that was given with `-c` or in a file, as if it were typed when its turn comes.
    Typed(String),
    /// The frame at which the process stopped, with what it returns. It is shown if nothing has let the process go on until then.
    ShowStop(Option<String>),
    /// Do not show it: `silent`.
    Silence,
    /// What an empty line repeats, after the commands of a breakpoint.
    RestoreLast(String),
}

/// Why a command did not do what it was told.
pub(super) enum Trouble {
    Session(SessionError),
    /// One sentence, and how the command is used.
    Usage(String, &'static Command),
    Words(String),
    /// It has been said already.
    Said,
    /// pmdb is to leave.
    Terminated,
    Output(io::Error),
}

impl From<SessionError> for Trouble {
    fn from(error: SessionError) -> Trouble {
        Trouble::Session(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Output(error)
    }
}

impl Repl {
    pub fn new(session: Session, palette: Palette) -> Repl {
        Repl {
            session,
            aliases: Aliases::default(),
            palette,
            last: String::new(),
            queue: VecDeque::new(),
            awaited: Awaited::Command,
            turn: None,
            waiting: Vec::new(),
            scope: Scope::One,
            waits_for_set: false,
            count: 0,
        }
    }

    /// Runs what was typed, and what that leads to. Fails only if the answer cannot be written.
    pub fn run(&mut self, line: &str, out: &mut dyn Write) -> io::Result<Ending> {
        self.count = 0;
        let mut ending = Ending::Done;
        if self.awaited.takes_raw_lines() {
            let result = self.take_line(line, out);
            ending = self.report(result, out)?;
        } else {
            let line = line.trim().to_string();
            self.queue.push_front(Queued::Line(line));
        }
        Ok(ending.and(self.work_off(out)?))
    }

    /// Runs lines before anything is typed, and then shows where a process has stopped meanwhile.
    pub(super) fn begin(&mut self, lines: Vec<String>, out: &mut dyn Write) -> io::Result<Ending> {
        self.queue.extend(lines.into_iter().map(Queued::Typed));
        self.take_turn();
        let shown = self.show_what_happened(out).map(drop);
        let ending = self.report(shown, out)?;
        Ok(ending.and(self.work_off(out)?))
    }

    /// Runs what is queued until a line is needed.
    pub(super) fn work_off(&mut self, out: &mut dyn Write) -> io::Result<Ending> {
        let mut ending = Ending::Done;
        while !self.awaited.takes_raw_lines()
            && ending != Ending::Quit
            && let Some(next) = self.queue.pop_front()
        {
            let of_this = match next {
                Queued::Line(line) | Queued::Typed(line) => self.line(&line, out)?,
                Queued::ShowStop(value) => {
                    let shown = self.show_stop(value.as_deref(), out);
                    self.report(shown, out)?
                }
                Queued::Silence => {
                    self.forget_stop();
                    Ending::Done
                }
                Queued::RestoreLast(last) => {
                    self.last = last;
                    Ending::Done
                }
            };
            ending = ending.and(of_this);
            if self.is_to_leave() {
                // There is nobody left whom the rest could be about.
                self.queue.clear();
                return Ok(Ending::Quit);
            }
        }
        Ok(ending)
    }

    /// Before a stop is shown: waits until no other process that has asked for a prompt has it in this terminal.
    pub(super) fn take_turn(&mut self) {
        if self.turn.is_none() && self.session.was_asked_for() && self.session.stands_still() {
            let session = &mut self.session;
            self.turn = Turn::wait(|| {
                // A process that was killed needs no prompt.
                let _ = session.ask(Request::Refresh);
                session.is_over() || termination::signal().is_some()
            });
        }
    }

    /// Whether there is nothing more to be talked about, or nobody to talk to.
    pub(super) fn is_to_leave(&self) -> bool {
        self.session.is_over() || termination::signal().is_some()
    }

    /// The frame at which the process stopped is not to be shown any more.
    pub(super) fn forget_stop(&mut self) {
        self.queue
            .retain(|queued| !matches!(queued, Queued::ShowStop(_)));
    }

    /// The process has stopped: whatever comes is no longer the doing of one line.
    pub(super) fn begin_to_count(&mut self) {
        self.count = 0;
    }

    /// One line: aliases are replaced, and what stands behind `;;` comes next.
    fn line(&mut self, line: &str, out: &mut dyn Write) -> io::Result<Ending> {
        self.count += 1;
        if self.count > MOST_COMMANDS {
            self.queue.clear();
            let why = format!(
                "This line makes more than {MOST_COMMANDS} commands: does an alias lead back to itself?"
            );
            self.writer(out).problem(&why)?;
            return Ok(Ending::Failed);
        }
        let line = match self.aliases.expand(line) {
            Ok(line) => line,
            Err(why) => {
                self.writer(out).problem(&why)?;
                return Ok(Ending::Failed);
            }
        };
        let (first, behind) = split_first(&line);
        if let Some(behind) = behind {
            self.queue.push_front(Queued::Line(behind.to_string()));
        }
        if self.awaited.is_list() {
            let result = self.add_to_list(first, out);
            return self.report(result, out);
        }
        self.one(first, out)
    }

    pub(super) fn writer<'w>(&self, out: &'w mut dyn Write) -> Writer<'w> {
        Writer {
            out,
            palette: self.palette,
        }
    }

    /// Looks at the process again and says what has happened.
    pub(super) fn refresh(&mut self, out: &mut dyn Write) -> io::Result<Result<(), SessionError>> {
        let refreshed = self.session.ask(Request::Refresh).map(drop);
        self.show_events(out)?;
        Ok(refreshed)
    }

    pub(super) fn show_events(&mut self, out: &mut dyn Write) -> io::Result<()> {
        for event in self.session.take_events() {
            self.writer(out).event(&event)?;
        }
        Ok(())
    }

    /// The focused frame, as after each stop of pdb.
    pub(super) fn show_focus(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let refreshed = self.refresh(out)?;
        match refreshed.and_then(|()| self.session.ask(Request::Frame)) {
            Ok(Response::Frame(entry)) => self.writer(out).frame(&entry),
            Ok(_) => Ok(()),
            Err(error) => self.writer(out).problem(&error.to_string()),
        }
    }

    fn one(&mut self, line: &str, out: &mut dyn Write) -> io::Result<Ending> {
        let line = match line.trim() {
            "" if self.last.is_empty() => return Ok(Ending::Done),
            "" => self.last.clone(),
            line => line.to_string(),
        };
        // As in pdb: an empty line does not run a statement once more that is marked as one.
        if !line.starts_with('!') {
            self.last.clone_from(&line);
        }
        let split = split_command(&line);
        let command = split.and_then(|(word, arguments)| {
            let command = commands::of_line(word, arguments)?;
            Some((command, arguments))
        });
        let set = split.and_then(|(word, rest)| Some((word.strip_prefix('@')?, rest)));
        if let Some((command, ..)) = command {
            match command.action {
                Action::Quit | Action::EndOfFile => {
                    if command.action == Action::EndOfFile {
                        self.last.clear();
                    }
                    return match self.is_in_level() {
                        true => self.quit_level(out),
                        false => Ok(Ending::Quit),
                    };
                }
                _ => {}
            }
        }
        // What is displayed comes with the frame, if that is still to be shown.
        let is_to_be_shown = |queued: &Queued| matches!(queued, Queued::ShowStop(_));
        if !self.queue.iter().any(is_to_be_shown) {
            // A process that cannot be read has been complained of when it was opened, and each command says it again.
            let _ = self.refresh(out)?;
        }
        let result = match command {
            Some((command, arguments)) => self.command(command, arguments, out),
            None if set.is_some_and(|(names, _)| !names.is_empty()) => {
                let (names, rest) = set.unwrap_or_default();
                self.on_set(names, rest, out)
            }
            None => self.expression(line.strip_prefix('!').unwrap_or(&line).trim(), out),
        };
        if result.is_err() {
            // What was printed before it failed comes first.
            let shown = self.show_what_happened(out).map(drop);
            self.report(shown, out)?;
        }
        let ending = self.report(result, out)?;
        self.show_events(out)?;
        Ok(ending)
    }

    pub(super) fn report(
        &mut self,
        result: Result<(), Trouble>,
        out: &mut dyn Write,
    ) -> io::Result<Ending> {
        if termination::signal().is_some() && result.is_err() {
            return Ok(Ending::Quit);
        }
        if let Err(Trouble::Session(SessionError::Interrupted)) = &result {
            // The frame is shown all the same.
            self.queue
                .retain(|queued| matches!(queued, Queued::ShowStop(_)));
        }
        let mut writer = self.writer(out);
        match result {
            Ok(()) => return Ok(Ending::Done),
            Err(Trouble::Output(error)) => return Err(error),
            Err(Trouble::Session(SessionError::Interrupted)) => {
                writer.line("--KeyboardInterrupt--")?;
            }
            // It is no complaint in pdb.
            Err(Trouble::Session(SessionError::BeyondEnd)) => writer.line("End of file")?,
            Err(Trouble::Said | Trouble::Terminated) => {}
            Err(Trouble::Session(error)) => writer.problem(&error.to_string())?,
            Err(Trouble::Words(why)) => writer.problem(&why)?,
            Err(Trouble::Usage(why, command)) => {
                writer.problem(&why)?;
                writer.line(&help::usage_line(command))?;
            }
        }
        Ok(Ending::Failed)
    }

    /// The value of an expression, unless it is `None`.
    pub(super) fn expression(&mut self, text: &str, out: &mut dyn Write) -> Result<(), Trouble> {
        if text.is_empty() {
            return Ok(());
        }
        self.execute(text.to_string(), out)
    }

    /// Runs a statement, or asks for the rest of it.
    pub(super) fn execute(&mut self, text: String, out: &mut dyn Write) -> Result<(), Trouble> {
        let request = Request::Execute { text: text.clone() };
        match self.session.ask(request)? {
            Response::Unfinished => self.awaited = Awaited::Statement { text },
            Response::Value(value) if value.type_name != "NoneType" => {
                self.writer(out).value(&value)?;
            }
            Response::Text(text) => write!(out, "{}", printable::lines(&text))?,
            _ => {}
        }
        Ok(())
    }
}
