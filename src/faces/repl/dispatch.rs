//! What each command asks of the session, and how the answer is shown.

use std::io::{self, Write};
use std::path::PathBuf;

use super::answer::Writer;
use super::choice::{exception_number, lines, optional_number};
use super::commands::{self, Action, Command, NativeAction};
use super::help;
use super::native::native_question;
use super::run::{Repl, Trouble};
use crate::faces::cli::shm;
use crate::model::Pid;
use crate::session::{FrameStep, Lines, ProcessState, Request, Response, split_words};

/// Columns of `pp`, as `pprint` has.
const PRETTY_WIDTH: usize = 80;

impl Repl {
    pub(super) fn command(
        &mut self,
        command: &'static Command,
        arguments: &str,
        out: &mut dyn Write,
    ) -> Result<(), Trouble> {
        if command.arguments.is_empty()
            && !arguments.is_empty()
            && command.action != Action::Interact
        {
            return Err(Trouble::Usage(
                format!("Invalid argument: {arguments}"),
                command,
            ));
        }
        let required = !command.arguments.is_empty() && !command.arguments.starts_with('[');
        if required && arguments.is_empty() {
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
                let by = |count: u64| match command.action {
                    Action::Up => FrameStep::Up(count),
                    _ => FrameStep::Down(count),
                };
                let count = optional_number(arguments, "Invalid frame count");
                if count.is_err() {
                    // As in pdb: that there is no such frame comes first.
                    self.session.ask(Request::SelectFrame { step: by(0) })?;
                }
                // As in pdb: a negative count leads to the end.
                let count = u64::try_from(count?.unwrap_or(1)).unwrap_or(u64::MAX);
                Request::SelectFrame { step: by(count) }
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
            Action::Processes => {
                self.session.ask(Request::Discover)?;
                Request::Processes
            }
            Action::Process => {
                self.session.ask(Request::Discover)?;
                let index = self.find_process(arguments)?;
                self.session.ask(Request::SelectProcess { index })?;
                Request::Frame
            }
            Action::NextFailure => {
                self.session.ask(Request::NextFailure)?;
                self.forget_stop();
                return self.show_what_happened(out).map(drop);
            }
            Action::SharedMemory => return self.shared_memory(arguments, out),
            Action::Hold => return self.hold(arguments, out),
            Action::Release => return self.release(arguments, out),
            Action::Alias => return self.alias(arguments, out),
            Action::Unalias => {
                let name = arguments.split_whitespace().next().unwrap_or_default();
                self.aliases.remove(name);
                return Ok(());
            }
            Action::Interact => return self.begin_console(out),
            Action::Help => return self.help(arguments, out),
            Action::Native(NativeAction::Info)
                if let Some((command, rest)) = Repl::info_of_gdb(arguments) =>
            {
                return self.command(command, rest, out);
            }
            Action::Native(action) => match native_question(action, arguments)? {
                Some(what) => Request::Native { what },
                None => return self.show_native_state(out),
            },
            Action::Control(control) => return self.control(control, arguments, out),
            Action::Quit | Action::EndOfFile => return Ok(()),
        };
        let response = self.session.ask(request)?;
        self.show(&response, out)?;
        Ok(())
    }

    fn show(&self, response: &Response, out: &mut dyn Write) -> io::Result<()> {
        let mut writer = self.writer(out);
        match response {
            Response::Done
            | Response::Names(_)
            | Response::Unfinished
            | Response::Several(_)
            | Response::Console { .. } => Ok(()),
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

    /// As `pmdb shm` answers, and without a process of those of this session.
    fn shared_memory(&mut self, arguments: &str, out: &mut dyn Write) -> Result<(), Trouble> {
        let words = split_words(arguments).map_err(|why| Trouble::Words(why.to_string()))?;
        let mut files: Vec<PathBuf> = Vec::new();
        let pids: Vec<Pid> = match self.session.ask(Request::Processes)? {
            Response::Processes(entries) => {
                let cores = entries
                    .iter()
                    .filter_map(|entry| entry.report.core.as_ref());
                files.extend(cores.map(PathBuf::from));
                entries
                    .iter()
                    .filter(|entry| {
                        !matches!(entry.state, ProcessState::Ended | ProcessState::Core)
                    })
                    .filter_map(|entry| entry.report.pid)
                    .collect()
            }
            _ => Vec::new(),
        };
        if pids.is_empty() && files.is_empty() && words.is_empty() {
            let why = "No process of this session lives: shm tells of what is shared now";
            return Err(Trouble::Words(why.to_string()));
        }
        let text = shm::answer(&words, &pids, &files).map_err(Trouble::Words)?;
        out.write_all(&text).map_err(Trouble::Output)
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
