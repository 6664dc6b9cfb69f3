//! Running one line: aliases, `;;`, commands, expressions.

use std::io::{self, Write};

use super::answer::Writer;
use super::commands::{self, Action, Command};
use super::help;
use super::line::{Aliases, split_command, split_first};
use crate::faces::render::label::Labels;
use crate::faces::render::palette::Palette;
use crate::faces::render::printable;
use crate::model::ProcessReport;
use crate::session::{
    FrameStep, Lines, ProcessEntry, Request, Response, Session, SessionError, ThreadEntry,
};

/// Columns of `pp`, as `pprint` has.
const PRETTY_WIDTH: usize = 80;
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

/// What a prompt remembers between lines.
pub struct Repl {
    pub(super) session: Session,
    pub(super) aliases: Aliases,
    pub(super) palette: Palette,
    /// What an empty line repeats.
    last: String,
}

/// Why a command did not do what it was told.
pub(super) enum Trouble {
    Session(SessionError),
    /// One sentence, and how the command is used.
    Usage(String, &'static Command),
    Words(String),
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
        }
    }

    /// Runs what was typed. Fails only if the answer cannot be written.
    pub fn run(&mut self, line: &str, out: &mut dyn Write) -> io::Result<Ending> {
        let mut rest = Some(line.trim().to_string());
        let mut ending = Ending::Done;
        let mut count = 0;
        while let Some(line) = rest.take() {
            count += 1;
            if count > MOST_COMMANDS {
                let why = format!(
                    "This line makes more than {MOST_COMMANDS} commands: does an alias lead back to itself?"
                );
                self.writer(out).problem(&why)?;
                return Ok(Ending::Failed);
            }
            let line = match self.aliases.expand(&line) {
                Ok(line) => line,
                Err(why) => {
                    self.writer(out).problem(&why)?;
                    return Ok(Ending::Failed);
                }
            };
            let (first, behind) = split_first(&line);
            rest = behind.map(str::to_string);
            match self.one(first, out)? {
                Ending::Done => {}
                Ending::Failed => ending = Ending::Failed,
                Ending::Quit => return Ok(Ending::Quit),
            }
        }
        Ok(ending)
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
        self.last.clone_from(&line);
        let split = split_command(&line);
        let command = split.and_then(|(word, arguments)| {
            let command = commands::find(word)?;
            Some((command, word, arguments))
        });
        if let Some((command, ..)) = command {
            match command.action {
                Action::Quit => return Ok(Ending::Quit),
                Action::EndOfFile => {
                    self.last.clear();
                    return Ok(Ending::Quit);
                }
                _ => {}
            }
        }
        // A process that cannot be read has been complained of when it was opened, and each command says it again.
        let _ = self.refresh(out)?;
        let result = match command {
            Some((command, word, arguments)) => self.command(command, word, arguments, out),
            None => self.expression(line.strip_prefix('!').unwrap_or(&line).trim(), out),
        };
        let ending = self.report(result, out)?;
        self.show_events(out)?;
        Ok(ending)
    }

    fn report(&self, result: Result<(), Trouble>, out: &mut dyn Write) -> io::Result<Ending> {
        let mut writer = self.writer(out);
        match result {
            Ok(()) => return Ok(Ending::Done),
            Err(Trouble::Output(error)) => return Err(error),
            Err(Trouble::Session(SessionError::Interrupted)) => {
                writer.line("--KeyboardInterrupt--")?;
            }
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
    fn expression(&mut self, text: &str, out: &mut dyn Write) -> Result<(), Trouble> {
        if text.is_empty() {
            return Ok(());
        }
        if text.starts_with('@') {
            let why = "pmdb cannot send a command to several processes yet; `proc` goes to one";
            return Err(Trouble::Words(why.to_string()));
        }
        let text = text.to_string();
        match self.session.ask(Request::Execute { text })? {
            Response::Value(value) if value.type_name != "NoneType" => {
                self.writer(out).value(&value)?;
            }
            Response::Text(text) => write!(out, "{}", printable::lines(&text))?,
            _ => {}
        }
        Ok(())
    }

    fn command(
        &mut self,
        command: &'static Command,
        word: &str,
        arguments: &str,
        out: &mut dyn Write,
    ) -> Result<(), Trouble> {
        if command.arguments.is_empty()
            && !arguments.is_empty()
            && !matches!(command.action, Action::NeedsHold(_))
        {
            return Err(Trouble::Usage(
                format!("Invalid argument: {arguments}"),
                command,
            ));
        }
        let required = !command.arguments.is_empty() && !command.arguments.starts_with('[');
        if required && arguments.is_empty() && !matches!(command.action, Action::NeedsHold(_)) {
            return Err(Trouble::Usage(
                "Argument is required for this command".to_string(),
                command,
            ));
        }
        let text = || arguments.to_string();
        let request = match command.action {
            Action::Where => {
                let count = optional_number(arguments, "Invalid count")?;
                if let Response::Stack(stack) = self.session.ask(Request::Stack)? {
                    self.writer(out).stack(&stack, count)?;
                }
                return Ok(());
            }
            Action::Up | Action::Down => {
                let count = optional_number(arguments, "Invalid frame count")?.unwrap_or(1);
                // As in pdb: a negative count leads to the end.
                let count = u64::try_from(count).unwrap_or(u64::MAX);
                let step = match command.action {
                    Action::Up => FrameStep::Up(count),
                    _ => FrameStep::Down(count),
                };
                Request::SelectFrame { step }
            }
            Action::Frame => match optional_number(arguments, "Invalid frame number")? {
                Some(number) => Request::SelectFrame {
                    step: FrameStep::Number(number),
                },
                None => return self.show_number(out),
            },
            Action::List => {
                // An empty line goes on with the listing.
                self.last = "list".to_string();
                Request::List {
                    lines: lines(arguments)?,
                }
            }
            Action::LongList => Request::List {
                lines: Lines::Function,
            },
            Action::Source => Request::SourceOf { text: text() },
            Action::Arguments => Request::Arguments,
            Action::Locals => Request::Locals,
            Action::Globals => Request::Globals,
            Action::Print => Request::Evaluate { text: text() },
            Action::PrettyPrint => Request::Pretty {
                text: text(),
                width: PRETTY_WIDTH,
            },
            Action::WhatIs => Request::WhatIs { text: text() },
            Action::Display if arguments.is_empty() => {
                if let Response::Displays(displays) = self.session.ask(Request::Displays)? {
                    self.writer(out).displays(&displays)?;
                }
                return Ok(());
            }
            Action::Display => Request::Display { text: text() },
            Action::Undisplay => Request::Undisplay {
                text: (!arguments.is_empty()).then(text),
            },
            Action::Threads => Request::Threads,
            Action::Tasks => Request::Tasks,
            Action::Thread => Request::SelectThread {
                id: self.find_thread(arguments)?,
            },
            Action::Exceptions if arguments.is_empty() => Request::Exceptions,
            Action::Exceptions => Request::SelectException {
                number: exception_number(arguments)?,
            },
            Action::Processes => Request::Processes,
            Action::Process => {
                let index = self.find_process(arguments)?;
                self.session.ask(Request::SelectProcess { index })?;
                Request::Frame
            }
            Action::Alias => return self.alias(arguments, out),
            Action::Unalias => {
                let name = arguments.split_whitespace().next().unwrap_or_default();
                self.aliases.remove(name);
                return Ok(());
            }
            Action::Help => return self.help(arguments, out),
            Action::Control(control) => return self.control(control, arguments, out),
            Action::NeedsHold(hold) => return Err(Trouble::Words(hold.refusal(word))),
            Action::Quit | Action::EndOfFile => return Ok(()),
        };
        let response = self.session.ask(request)?;
        self.show(&response, out)?;
        Ok(())
    }

    fn show(&self, response: &Response, out: &mut dyn Write) -> io::Result<()> {
        let mut writer = self.writer(out);
        match response {
            Response::Done | Response::Names(_) => Ok(()),
            Response::Processes(entries) => writer.processes(entries),
            Response::Threads(entries) => writer.threads(entries),
            Response::Tasks(process) => writer.tasks(process),
            Response::Stack(stack) => writer.stack(stack, None),
            Response::Frame(entry) => writer.frame(entry),
            Response::Listing(listing) => writer.listing(listing),
            Response::Variables(variables) => writer.variables(variables),
            Response::Value(value) => writer.value(value),
            Response::Text(text) => writer.text(text),
            Response::Displays(displays) => displays
                .iter()
                .try_for_each(|display| writer.display(display)),
            Response::Exceptions(entries) => writer.exceptions(entries),
            Response::Breakpoints(list) => writer.breakpoints(list),
        }
    }

    /// `frame 2 of 0..5`, and the frame.
    fn show_number(&mut self, out: &mut dyn Write) -> Result<(), Trouble> {
        let Response::Stack(stack) = self.session.ask(Request::Stack)? else {
            return Ok(());
        };
        if let Some(entry) = stack.frames.iter().find(|entry| entry.focused) {
            let oldest = stack.frames.len().saturating_sub(1);
            let mut writer = self.writer(out);
            writer.line(&format!(
                "frame {} (0 is the newest, {oldest} the oldest)",
                entry.number
            ))?;
            writer.frame(entry)?;
        }
        Ok(())
    }

    pub(super) fn thread_entries(&mut self) -> Result<Vec<ThreadEntry>, SessionError> {
        match self.session.ask(Request::Threads)? {
            Response::Threads(entries) => Ok(entries),
            _ => Ok(Vec::new()),
        }
    }

    pub(super) fn process_entries(&mut self) -> Vec<ProcessEntry> {
        match self.session.ask(Request::Processes) {
            Ok(Response::Processes(entries)) => entries,
            _ => Vec::new(),
        }
    }

    fn find_thread(&mut self, wanted: &str) -> Result<crate::model::Addr, Trouble> {
        let entries = self.thread_entries()?;
        let matches = |entry: &&ThreadEntry| match wanted {
            "" => entry.focused,
            wanted => entry
                .thread
                .tid
                .is_some_and(|tid| tid.to_string() == wanted),
        };
        if let Some(entry) = entries.iter().find(matches) {
            return Ok(entry.id);
        }
        let named: Vec<&ThreadEntry> = entries
            .iter()
            .filter(|entry| entry.thread.name.as_deref() == Some(wanted))
            .collect();
        match named.as_slice() {
            [one] => Ok(one.id),
            [] => Err(Trouble::Words(format!(
                "No thread '{wanted}'; `threads` lists them"
            ))),
            several => {
                let tids = several.iter().filter_map(|entry| entry.thread.tid);
                let tids: Vec<String> = tids.map(|tid| tid.to_string()).collect();
                Err(Trouble::Words(format!(
                    "Several threads are called '{wanted}': say which of {}",
                    tids.join(", ")
                )))
            }
        }
    }

    fn find_process(&mut self, wanted: &str) -> Result<usize, Trouble> {
        let entries = self.process_entries();
        let labels = process_labels(&entries);
        let of_pid = |entry: &ProcessEntry| {
            let pid = entry.report.pid;
            pid.is_some_and(|pid| pid.to_string() == wanted)
        };
        let found = labels.iter().position(|label| label == wanted);
        if let Some(index) = found.or_else(|| entries.iter().position(of_pid)) {
            return Ok(index);
        }
        let named: Vec<String> = entries
            .iter()
            .filter(|entry| entry.report.name == wanted)
            .filter_map(|entry| Some(entry.report.pid?.to_string()))
            .collect();
        Err(Trouble::Words(if named.is_empty() {
            format!("No process '{wanted}'; `procs` lists them")
        } else {
            let pids = named.join(", ");
            format!("Several processes are called '{wanted}': say which of {pids}")
        }))
    }

    /// What stands in the prompt where there is more than one process.
    pub(super) fn focus_label(&mut self) -> Option<String> {
        let entries = self.process_entries();
        let focused = entries.iter().position(|entry| entry.focused)?;
        let label = process_labels(&entries).into_iter().nth(focused);
        label.filter(|_| entries.len() > 1)
    }

    fn alias(&mut self, arguments: &str, out: &mut dyn Write) -> Result<(), Trouble> {
        let (name, line) = match arguments.split_once(char::is_whitespace) {
            Some((name, line)) => (name, line.trim()),
            None => (arguments, ""),
        };
        let mut writer = Writer {
            out,
            palette: self.palette,
        };
        if name.is_empty() {
            for (name, line) in self.aliases.iter() {
                writer.line(&format!("{name} = {line}"))?;
            }
            return Ok(());
        }
        if line.is_empty() {
            let meaning = self.aliases.get(name);
            let meaning =
                meaning.ok_or_else(|| Trouble::Words(format!("Unknown alias '{name}'")))?;
            writer.line(&format!("{name} = {meaning}"))?;
            return Ok(());
        }
        self.aliases.set(name, line).map_err(Trouble::Words)
    }

    fn help(&self, topic: &str, out: &mut dyn Write) -> Result<(), Trouble> {
        let text = if topic.is_empty() {
            help::overview()
        } else if topic == "!" || topic == "exec" {
            help::of_expressions()
        } else {
            let command = commands::find(topic);
            let command =
                command.ok_or_else(|| Trouble::Words(format!("No help for '{topic}'")))?;
            help::of(command)
        };
        self.writer(out).line(&text)?;
        Ok(())
    }
}

pub(super) fn process_labels(entries: &[ProcessEntry]) -> Vec<String> {
    let reports: Vec<ProcessReport> = entries.iter().map(|entry| entry.report.clone()).collect();
    let labels = Labels::new(&reports);
    (0..reports.len())
        .map(|index| labels.of(index).to_string())
        .collect()
}

pub(super) fn optional_number(text: &str, otherwise: &str) -> Result<Option<i64>, Trouble> {
    if text.is_empty() {
        return Ok(None);
    }
    let number = number(text);
    number
        .map(Some)
        .ok_or_else(|| Trouble::Words(format!("{otherwise} ({text})")))
}

/// A whole number; one that is too large for us is the largest that is not.
pub(super) fn number(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let largest = if text.starts_with('-') {
        -i64::MAX
    } else {
        i64::MAX
    };
    Some(text.parse().unwrap_or(largest))
}

fn exception_number(text: &str) -> Result<usize, Trouble> {
    let number =
        number(text).ok_or_else(|| Trouble::Words("Argument must be an integer".to_string()))?;
    usize::try_from(number).map_err(|_| SessionError::NoSuchException.into())
}

fn lines(arguments: &str) -> Result<Lines, Trouble> {
    let wrong = || Trouble::Words(format!("Error in argument: '{arguments}'"));
    let clamp = |number: i64| u32::try_from(number.max(1)).unwrap_or(u32::MAX);
    match arguments.split_once(',') {
        _ if arguments.is_empty() => Ok(Lines::Next),
        _ if arguments == "." => Ok(Lines::Around),
        None => number(arguments)
            .map(|line| Lines::AroundLine(clamp(line)))
            .ok_or_else(wrong),
        Some((first, last)) => {
            let (first, last) = number(first).zip(number(last)).ok_or_else(wrong)?;
            // As in pdb: a smaller one is a count.
            let last = if last < first {
                first.saturating_add(last)
            } else {
                last
            };
            Ok(Lines::Range {
                first: clamp(first),
                last: clamp(last),
            })
        }
    }
}
