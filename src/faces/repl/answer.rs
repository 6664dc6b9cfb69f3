//! The answers of the session as text, in pdb's form.

use std::io::{self, Write};

use super::breakpoints::{scope_of, title_of};
use crate::faces::render::frame::remarks;
use crate::faces::render::label::Labels;
use crate::faces::render::palette::{Palette, Role};
use crate::faces::render::printer::Printer;
use crate::faces::render::table::{Align, Cell, Table, line_width};
use crate::faces::render::tasks::write_tasks;
use crate::faces::render::{command, printable, source, state};
use crate::model::{Absence, Frame, Language, Local, LocalKind, ProcessReport, Value};
use crate::session::source::Sources;
use crate::session::{
    Breakpoint, Display, Event, ExceptionEntry, FrameEntry, Listing, ListingLine, ProcessEntry,
    ProcessState, StackListing, Stop, ThreadEntry, ended_with, starting_again,
};

/// Characters of an exception in a list, as in pdb.
const LONGEST_EXCEPTION: usize = 80;

/// Writes answers.
pub struct Writer<'w> {
    pub out: &'w mut dyn Write,
    pub palette: Palette,
}

impl Writer<'_> {
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    pub fn problem(&mut self, text: &str) -> io::Result<()> {
        let text = printable::lines(text);
        let painted = self.palette.paint(Role::Problem, format!("*** {text}"));
        writeln!(self.out, "{painted}")
    }

    pub fn stack(&mut self, stack: &StackListing, count: Option<i64>) -> io::Result<()> {
        let far = |count: i64| usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        let frames = stack.frames.as_slice();
        let shown = match count {
            None => frames,
            Some(0) => {
                let focused = frames.iter().position(|entry| entry.focused).unwrap_or(0);
                frames.get(focused..=focused).unwrap_or_default()
            }
            Some(count) if count < 0 => &frames[..far(count).min(frames.len())],
            Some(count) => &frames[frames.len().saturating_sub(far(count))..],
        };
        for entry in shown {
            self.frame(entry)?;
        }
        if let Some(note) = &stack.note {
            let note = printable::one_line(note);
            let note = self.palette.paint(Role::Problem, format!("[{note}]"));
            writeln!(self.out, "{note}")?;
        }
        Ok(())
    }

    /// `> file(line)function()` and `-> source`.
    pub fn frame(&mut self, entry: &FrameEntry) -> io::Result<()> {
        self.frame_returning(entry, None)
    }

    /// The same of a frame that returns: `> file(line)function()->value`.
    pub fn frame_returning(&mut self, entry: &FrameEntry, value: Option<&str>) -> io::Result<()> {
        let mark = if entry.focused { ">" } else { " " };
        let mark = self.palette.paint(Role::Prompt, mark);
        let path = entry.path.as_deref().unwrap_or("<unknown>");
        // Native code without a line has an address; Python's is as pdb shows it.
        let at = match (entry.frame.line, entry.frame.pc) {
            (Some(line), _) => line.to_string(),
            (None, Some(pc)) => pc.to_string(),
            (None, None) => "None".to_string(),
        };
        let name = short_name(&entry.frame);
        let (path, name) = (printable::one_line(path), printable::one_line(&name));
        let value = value.map(|value| format!("->{}", printable::one_line(value)));
        let value = value.unwrap_or_default();
        writeln!(self.out, "{mark} {path}({at}){name}(){value}")?;
        if let Some(note) = &entry.frame.note {
            writeln!(self.out, "-> [{}]", printable::one_line(note))?;
        }
        if entry.frame.line.is_none() && entry.frame.pc.is_none() {
            return writeln!(self.out, "-> Warning: lineno is None");
        }
        match &entry.source {
            Some(line) if !line.text.trim().is_empty() => {
                writeln!(self.out, "-> {}", source::trimmed(self.palette, line))
            }
            _ => Ok(()),
        }
    }

    pub fn listing(&mut self, listing: &Listing) -> io::Result<()> {
        for line in &listing.lines {
            let mark = match line.number {
                number if Some(number) == listing.current => "->",
                number if Some(number) == listing.raised => ">>",
                _ => "",
            };
            let has_breakpoint = listing.breakpoints.contains(&line.number);
            self.numbered(line, has_breakpoint, mark)?;
        }
        if listing.end_of_file {
            self.line("[EOF]")?;
        }
        if let Some(file) = &listing.not_compiled {
            let file = printable::one_line(file);
            self.problem(&format!(
                "WARNING: file '{file}' is not the one that this code was compiled from; it may be at other lines than these"
            ))?;
        }
        if let Some(file) = &listing.edited {
            let file = printable::one_line(file);
            self.problem(&format!(
                "WARNING: file '{file}' was edited after the process started; it may run other lines than these"
            ))?;
        }
        Ok(())
    }

    /// pdb's columns: the number, a place for the mark of a breakpoint, the mark of the line.
    fn numbered(&mut self, line: &ListingLine, has_breakpoint: bool, mark: &str) -> io::Result<()> {
        let number = format!("{:<4}", format!("{:>3}", line.number));
        let mark = self.palette.paint(Role::Prompt, mark);
        let place = if has_breakpoint { 'B' } else { ' ' };
        let text = source::line(self.palette, line);
        writeln!(self.out, "{number}{place}{mark}\t{text}")
    }

    pub fn variables(&mut self, variables: &[Local]) -> io::Result<()> {
        self.variables_behind("", variables)
    }

    /// Those of a frame among others, below its line.
    pub fn variables_within(&mut self, variables: &[Local]) -> io::Result<()> {
        self.variables_behind("     ", variables)
    }

    fn variables_behind(&mut self, indent: &str, variables: &[Local]) -> io::Result<()> {
        for variable in variables {
            let name = printable::one_line(&variable.name);
            let name = self.palette.paint(Role::Variable, name).to_string();
            let value = match &variable.value.absence {
                Some(Absence::Unbound) => "*** undefined ***".to_string(),
                _ => value_text(&variable.value),
            };
            // Of C: it outlives the call.
            let sort = match variable.kind {
                LocalKind::Static => "static ",
                _ => "",
            };
            writeln!(self.out, "{indent}{sort}{name} = {value}")?;
        }
        Ok(())
    }

    pub fn value(&mut self, value: &Value) -> io::Result<()> {
        writeln!(self.out, "{}", value_text(value))
    }

    pub fn text(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", printable::lines(text))
    }

    pub fn display(&mut self, display: &Display) -> io::Result<()> {
        let (text, value) = (&display.text, printable::lines(&display.value));
        writeln!(self.out, "display {text}: {value}")
    }

    pub fn displays(&mut self, displays: &[Display]) -> io::Result<()> {
        if displays.is_empty() {
            return self.line("No expression is being displayed");
        }
        self.line("Currently displaying:")?;
        for display in displays {
            let value = printable::lines(&display.value);
            writeln!(self.out, "{}: {value}", display.text)?;
        }
        Ok(())
    }

    pub fn exceptions(&mut self, exceptions: &[ExceptionEntry]) -> io::Result<()> {
        if exceptions.is_empty() {
            return self.line("The thread neither raises nor handles an exception");
        }
        for (number, entry) in exceptions.iter().enumerate() {
            let mark = if entry.focused { ">" } else { " " };
            let number = if entry.has_traceback {
                format!("{number:>3}")
            } else {
                "  -".to_string()
            };
            let text = printable::one_line(&entry.value.text);
            let text = if text.chars().count() > LONGEST_EXCEPTION {
                let kept: String = text.chars().take(LONGEST_EXCEPTION - 3).collect();
                kept + "..."
            } else {
                text.into_owned()
            };
            writeln!(self.out, "{mark} {number} {text}")?;
        }
        Ok(())
    }

    pub fn threads(&mut self, threads: &[ThreadEntry]) -> io::Result<()> {
        let titles = ["", "TID", "NAME", "STATE", "FRAME"];
        let mut table = Table::new(titles.map(|title| (title, align(title))).to_vec());
        for entry in threads {
            let thread = &entry.thread;
            let tid = thread.tid.map_or("?".to_string(), |tid| tid.to_string());
            table.row(vec![
                mark(entry.focused),
                Cell::new(tid),
                Cell::new(thread.name.as_deref().unwrap_or("unnamed")),
                Cell::new(state::phrases(thread).join(", ")),
                Cell::new(thread.frames.first().map_or(String::new(), place)),
            ]);
        }
        table.write(self.out, self.palette, line_width())
    }

    pub fn tasks(&mut self, process: &ProcessReport) -> io::Result<()> {
        for note in &process.notes {
            self.problem(note)?;
        }
        if process.event_loops.is_empty() {
            return self.line(match process.interpreter {
                Some(_) => "No tasks of asyncio.",
                None => "No tasks of tokio.",
            });
        }
        let mut sources = Sources::new();
        let mut printer = Printer::new(self.out, self.palette, &mut sources);
        write_tasks(&mut printer, process, None)
    }

    pub fn processes(&mut self, processes: &[ProcessEntry]) -> io::Result<()> {
        let reports: Vec<ProcessReport> =
            processes.iter().map(|entry| entry.report.clone()).collect();
        let labels = Labels::new(&reports);
        let titles = ["", "PID", "NAME", "STATE", "INTERPRETER", "COMMAND"];
        let mut table = Table::new(titles.map(|title| (title, align(title))).to_vec());
        for (index, entry) in processes.iter().enumerate() {
            let report = &entry.report;
            let pid = report.pid.map_or("?".to_string(), |pid| pid.to_string());
            let interpreter = match (&report.interpreter, &report.error) {
                (Some(name), _) => name,
                (None, Some(_)) => "not read",
                // Its native code is all there is to look at.
                (None, None) => "native",
            };
            let words = command::common(&[report]);
            let command = match &report.error {
                Some(why) => format!("{words} ({why})"),
                None => words,
            };
            table.row(vec![
                mark(entry.focused),
                Cell::new(&pid),
                Cell::new(match labels.of(index) {
                    label if label == pid && !report.name.is_empty() => &report.name,
                    label => label,
                }),
                Cell::new(state_of(entry)),
                Cell::new(interpreter),
                Cell::new(command),
            ]);
        }
        table.write(self.out, self.palette, line_width())
    }

    /// What pdb says before it shows the frame.
    fn stop(&mut self, stop: &Stop) -> io::Result<()> {
        if let Some(process) = &stop.process {
            self.heading(process, stop)?;
        }
        for (number, why) in &stop.complaints {
            self.problem(&format!("Error in condition of breakpoint {number}: {why}"))?;
        }
        for breakpoint in &stop.deleted {
            let title = title_of(breakpoint);
            writeln!(self.out, "Deleted {}", printable::one_line(&title))?;
        }
        for change in &stop.changes {
            let (new, old) = (printable::lines(&change.new), printable::lines(&change.old));
            let (number, expression) = (change.number, printable::one_line(&change.expression));
            writeln!(
                self.out,
                "Watchpoint {number}: {expression}: {new}  [old: {old}]"
            )?;
        }
        for breakpoint in &stop.ended {
            let title = title_of(breakpoint);
            let function = (breakpoint.watch.as_ref()).and_then(|watch| watch.function.as_deref());
            let function = function.unwrap_or("its function");
            let text = format!("Deleted {title} ({function} returns)");
            writeln!(self.out, "{}", printable::one_line(&text))?;
        }
        match stop.reason.as_str() {
            "call" => self.line("--Call--"),
            "return" => self.line("--Return--"),
            "catch" => {
                let numbers: Vec<String> = stop.breakpoints.iter().map(u32::to_string).collect();
                let error = stop.error.as_deref().unwrap_or_default();
                self.text(&format!("Catchpoint {}: {error}", numbers.join(", ")))
            }
            "exception" => self.text(stop.error.as_deref().unwrap_or_default()),
            "uncaught" => self.post_mortem(),
            "waiting" => self.line("[the main thread is in C code: it stops when it is back]"),
            _ => Ok(()),
        }
    }

    /// As pdb begins its post mortem debugging. What comes of going on is another thing there.
    fn post_mortem(&mut self) -> io::Result<()> {
        self.line("Uncaught exception. Entering post mortem debugging")?;
        self.line("`continue` lets the program end with it, `run` starts it again")
    }

    /// pdb's table of breakpoints, with what pmdb has besides.
    pub fn breakpoints(&mut self, list: &[Breakpoint]) -> io::Result<()> {
        if list.is_empty() {
            return Ok(());
        }
        self.line("Num Type         Disp Enb   Where")?;
        for one in list {
            let kind = match (&one.watch, &one.log) {
                _ if one.catch.is_some() => "catchpoint",
                (Some(_), _) => "watchpoint",
                (None, Some(_)) => "log point",
                (None, None) => "breakpoint",
            };
            let at = if one.watch.is_some() || one.catch.is_some() {
                ""
            } else {
                "at "
            };
            let disposition = if one.temporary { "del " } else { "keep" };
            let enabled = if one.enabled { "yes" } else { "no " };
            let place = printable::one_line(&one.place()).into_owned();
            writeln!(
                self.out,
                "{:<4}{kind:<12} {disposition} {enabled}   {at}{place}",
                one.number
            )?;
            if let Some(watch) = &one.watch {
                let text = format!("{}; it is {}", scope_of(watch), watch.value);
                writeln!(self.out, "\t{}", printable::one_line(&text))?;
            }
            if let Some(condition) = &one.condition {
                writeln!(
                    self.out,
                    "\tstop only if {}",
                    printable::one_line(condition)
                )?;
            }
            if let Some(text) = &one.log {
                writeln!(self.out, "\tprint {}", printable::one_line(text))?;
            }
            if one.ignore > 0 {
                writeln!(self.out, "\tignore next {} hits", one.ignore)?;
            }
            if one.hits > 0 {
                let times = if one.hits == 1 { "time" } else { "times" };
                let what = match one.log {
                    Some(_) => "breakpoint",
                    None => kind,
                };
                writeln!(self.out, "\t{what} already hit {} {times}", one.hits)?;
            }
        }
        Ok(())
    }

    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        let text = match event {
            Event::MovedOn { thread: Some(tid) } => format!("[thread {tid} has moved on]"),
            Event::MovedOn { thread: None } => "[the thread has moved on]".to_string(),
            Event::Torn => {
                "[the frame has returned while it was read: the answer may be wrong]".to_string()
            }
            Event::ThreadEnded { thread: Some(tid) } => format!("[thread {tid} has ended]"),
            Event::ThreadEnded { thread: None } => "[the thread has ended]".to_string(),
            Event::ExceptionGone => "[the exception is gone]".to_string(),
            Event::Ended {
                pid: Some(pid),
                how,
                again,
            } => format!(
                "[process {pid} has ended{}; its stack as last seen is left{}]",
                ended_with(how),
                starting_again(*again)
            ),
            Event::Ended { pid: None, .. } => "[the process has ended]".to_string(),
            Event::Suspended { pid } => format!(
                "[process {pid} is stopped by a signal of job control (SIGSTOP, Ctrl-Z); it goes on with `kill -CONT {pid}`]"
            ),
            Event::Finished(summary) => return self.summary(summary),
            Event::Killed { pid, name, how } => {
                format!("[{name} (pid {pid}), which stood still, has ended with {how}]")
            }
            Event::FailedAside { pid, name, what } => format!(
                "[{name} (pid {pid}) {what}; it waits there until this thread goes on: next-failure shows it now]"
            ),
            Event::Unaccompanied { pid, why } => {
                format!("[process {pid} runs unwatched: {why}]")
            }
            Event::Unwatched { why } => format!("[{why}]"),
            Event::SubInterpreter { pid } => format!(
                "[process {pid} makes other interpreters beside its own, which are left alone: what fails in them does not stop]"
            ),
            Event::Unprivileged { pid, program } => {
                format!(
                    "[process {pid} has no more rights than before: {program} is set-user-ID, which the kernel passes over where somebody without rights follows a program; run pmdb as root, or that one without pmdb]"
                )
            }
            Event::Replaced {
                now,
                breakpoints: 0,
                ..
            } => format!("[the process has executed another program: {now}]"),
            Event::Replaced { now, .. } => format!(
                "[the process has executed another program, so that its breakpoints are gone: {now}]"
            ),
            Event::DisplayChanged { text, value, old } => {
                let (value, old) = (printable::lines(value), printable::lines(old));
                return writeln!(self.out, "display {text}: {value}  [old: {old}]");
            }
            Event::Logged { text, .. } | Event::Printed { text } => {
                let text = printable::lines(text);
                return writeln!(self.out, "{}", text.trim_end_matches('\n'));
            }
            Event::Stopped(stop) => return self.stop(stop),
            // The prompt says it, which changes with it.
            Event::LevelLeft(_) => return Ok(()),
        };
        let text = printable::one_line(&text);
        writeln!(self.out, "{}", self.palette.paint(Role::Faint, text))
    }
}

/// A value as it stands behind `=`.
fn value_text(value: &Value) -> String {
    format!("{}{}", printable::lines(&value.text), remarks(value))
}

/// `running`, `stopped`, `raised IndexError`, `SIGSEGV`, `exit code 3`.
fn state_of(entry: &ProcessEntry) -> String {
    let state = match &entry.state {
        ProcessState::Ended => "ended".to_string(),
        ProcessState::Running => "running".to_string(),
        ProcessState::Core => "core".to_string(),
        ProcessState::Stopped { error, .. } if entry.state.has_raised() => {
            let error = error.as_deref().unwrap_or_default();
            format!("raised {}", error.split(':').next().unwrap_or_default())
        }
        ProcessState::Stopped { reason, error } if reason == "signal" || reason == "exit" => {
            error.as_deref().unwrap_or_default().to_string()
        }
        ProcessState::Stopped { reason, .. } if reason.ends_with("panic") => "panicked".to_string(),
        ProcessState::Stopped { reason, .. } if reason == "terminate" => {
            "std::terminate()".to_string()
        }
        ProcessState::Stopped { .. } => "stopped".to_string(),
    };
    match entry.held {
        true => format!("{state}, held"),
        false => state,
    }
}

/// What the focus is on.
fn mark(focused: bool) -> Cell {
    Cell::new(if focused { ">" } else { "" }).painted(Role::Prompt)
}

fn align(title: &str) -> Align {
    match title {
        "TID" | "PID" => Align::Right,
        _ => Align::Left,
    }
}

/// pdb shows the name of the code alone, without the classes and functions around it.
fn short_name(frame: &Frame) -> String {
    let name = frame.function.as_str();
    match frame.language {
        Language::Python => name.rsplit('.').next().unwrap_or(name).to_string(),
        Language::Native => name.to_string(),
    }
}

/// `take() at pool.py:42`.
fn place(frame: &Frame) -> String {
    let name = printable::one_line(&frame.function).into_owned();
    // Native code without a line is told by its module.
    let file = frame.file.as_deref().or(frame.module.as_deref());
    let file = file.unwrap_or_default();
    let file = printable::one_line(file.rsplit('/').next().unwrap_or_default());
    match frame.line {
        Some(line) => format!("{name}() at {file}:{line}"),
        None => format!("{name}() in {file}"),
    }
}
