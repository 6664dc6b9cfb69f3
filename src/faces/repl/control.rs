//! The commands that stop a process, step it, and set breakpoints in it.

use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::commands::Control;
use super::run::{Repl, Trouble, number};
use crate::session::{
    Breakpoint, BreakpointRequest, Change, Event, Place, Request, Response, Resume, SessionError,
    Stop,
};

/// How long a process that was asked to stop may take until the prompt comes back without it.
const PATIENCE: Duration = Duration::from_secs(3);

impl Repl {
    pub(super) fn control(
        &mut self,
        control: Control,
        arguments: &str,
        out: &mut dyn Write,
    ) -> Result<(), Trouble> {
        match control {
            Control::Detach => {
                self.session.ask(Request::Release)?;
                self.writer(out).line("[the process goes on]")?;
                return Ok(());
            }
            Control::Break if arguments.is_empty() => return self.list_breakpoints(out),
            Control::Continue if !self.session.stands_still() => {
                let why = "the process is running; `stop` stops it, `quit` leaves it as it is";
                return Err(Trouble::Words(why.to_string()));
            }
            Control::Returned => {
                if let Response::Text(text) = self.session.ask(Request::Returned)? {
                    self.writer(out).text(&text)?;
                }
                return Ok(());
            }
            _ => {}
        }
        let was_running = !self.session.stands_still();
        if was_running {
            self.stop(out)?;
        }
        let how = match control {
            // It stands at another line than the one that the user saw: that line comes first.
            Control::Stop | Control::Step | Control::Next | Control::Return if was_running => {
                return Ok(());
            }
            Control::Step => Resume::Step,
            Control::Next => Resume::Next,
            Control::Return => Resume::Return,
            Control::Continue => Resume::Continue,
            Control::Until => Resume::Until {
                line: match arguments {
                    "" => None,
                    text => Some(line_number(text)?),
                },
            },
            Control::Jump => {
                let line = line_number(arguments).map_err(|_| {
                    let why = "The 'jump' command requires a line number";
                    Trouble::Words(why.to_string())
                })?;
                let jumped = self.session.ask(Request::Jump { line })?;
                if let Response::Frame(entry) = jumped {
                    self.writer(out).frame(&entry)?;
                }
                return Ok(());
            }
            Control::Break | Control::BreakOnce | Control::Log => {
                let request = breakpoint_request(control, arguments)?;
                return self.set_breakpoint(request, out);
            }
            Control::Clear
            | Control::Disable
            | Control::Enable
            | Control::Ignore
            | Control::Condition => {
                return self.change_breakpoints(control, arguments, out);
            }
            Control::Stop | Control::Returned | Control::Detach => return Ok(()),
        };
        self.session.ask(Request::Resume { how })?;
        self.wait_for_stop(None, out)
    }

    /// Stops the process and shows where.
    fn stop(&mut self, out: &mut dyn Write) -> Result<(), Trouble> {
        self.session.ask(Request::Hold)?;
        if self.show_what_happened(out)? {
            return Ok(());
        }
        self.wait_for_stop(Some(Instant::now() + PATIENCE), out)
    }

    /// Waits until a thread stands still, showing meanwhile what happens. Ctrl-C stops the process; after that, or with a
    /// `deadline`, the prompt comes back also if the process does not stop.
    fn wait_for_stop(
        &mut self,
        mut deadline: Option<Instant>,
        out: &mut dyn Write,
    ) -> Result<(), Trouble> {
        let interrupted = self.session.interrupted();
        loop {
            let waited = self.session.ask(Request::Wait);
            if self.show_what_happened(out)? {
                return Ok(());
            }
            waited?;
            if interrupted.swap(false, Ordering::Relaxed) && deadline.is_none() {
                self.session.ask(Request::Hold)?;
                deadline = Some(Instant::now() + PATIENCE);
            }
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                let why = "the process has run no line of Python since: it is in C code or waits, and stops when it is back; `where` shows where it is";
                return Err(Trouble::Words(why.to_string()));
            }
            out.flush()?;
        }
    }

    /// Shows the events since the last time. Says whether the process stands still by now, or has ended.
    fn show_what_happened(&mut self, out: &mut dyn Write) -> Result<bool, Trouble> {
        let mut stopped = None;
        let mut ended = false;
        for event in self.session.take_events() {
            ended |= matches!(event, Event::Ended { .. });
            self.writer(out).event(&event)?;
            if let Event::Stopped(stop) = event {
                stopped = Some(stop);
            }
        }
        if let Some(stop) = &stopped {
            self.show_stop(stop, out)?;
        }
        Ok(ended || stopped.is_some())
    }

    fn show_stop(&mut self, stop: &Stop, out: &mut dyn Write) -> Result<(), Trouble> {
        self.session.ask(Request::Refresh)?;
        if let Response::Frame(entry) = self.session.ask(Request::Frame)? {
            self.writer(out)
                .frame_returning(&entry, stop.value.as_deref())?;
        }
        // What is displayed comes behind the line, as in pdb.
        self.show_events(out)?;
        Ok(())
    }

    fn breakpoints(&mut self) -> Result<Vec<Breakpoint>, SessionError> {
        match self.session.ask(Request::Breakpoints)? {
            Response::Breakpoints(list) => Ok(list),
            _ => Ok(Vec::new()),
        }
    }

    fn list_breakpoints(&mut self, out: &mut dyn Write) -> Result<(), Trouble> {
        let list = self.breakpoints()?;
        self.writer(out).breakpoints(&list)?;
        Ok(())
    }

    fn set_breakpoint(
        &mut self,
        request: BreakpointRequest,
        out: &mut dyn Write,
    ) -> Result<(), Trouble> {
        let kind = if request.log.is_some() {
            "Log point"
        } else {
            "Breakpoint"
        };
        if let Response::Breakpoints(made) = self.session.ask(Request::SetBreakpoint(request))? {
            for breakpoint in made {
                let pending = if breakpoint.line.is_none() {
                    " (pending: there is no such function yet)"
                } else {
                    ""
                };
                let place = breakpoint.place();
                let text = format!("{kind} {} at {place}{pending}", breakpoint.number);
                self.writer(out).text(&text)?;
            }
        }
        Ok(())
    }

    fn change_breakpoints(
        &mut self,
        control: Control,
        arguments: &str,
        out: &mut dyn Write,
    ) -> Result<(), Trouble> {
        let (first, rest) = match arguments.split_once(char::is_whitespace) {
            Some((first, rest)) => (first, rest.trim()),
            None => (arguments, ""),
        };
        let (numbers, change) = match control {
            Control::Clear => (self.numbers_to_clear(arguments)?, Change::Clear),
            Control::Disable => (numbers(arguments)?, Change::Disable),
            Control::Enable => (numbers(arguments)?, Change::Enable),
            Control::Ignore => {
                let count = if rest.is_empty() {
                    0
                } else {
                    line_number(rest)?
                };
                (numbers(first)?, Change::Ignore(count))
            }
            _ => {
                let condition = (!rest.is_empty()).then(|| rest.to_string());
                (numbers(first)?, Change::Condition(condition))
            }
        };
        for number in numbers {
            let change = change.clone();
            let changed = self
                .session
                .ask(Request::ChangeBreakpoint { number, change })?;
            let Response::Breakpoints(changed) = changed else {
                continue;
            };
            for one in changed {
                let text = said_of_change(control, &one);
                self.writer(out).text(&text)?;
            }
        }
        Ok(())
    }

    /// Those with a number, those at a place, or all.
    fn numbers_to_clear(&mut self, arguments: &str) -> Result<Vec<u32>, Trouble> {
        let list = self.breakpoints()?;
        if arguments.is_empty() {
            return Ok(list.iter().map(|one| one.number).collect());
        }
        let Some((file, line)) = arguments.rsplit_once(':') else {
            return numbers(arguments);
        };
        let line = line_number(line)?;
        let ending = format!("/{file}");
        let is_there = |one: &&Breakpoint| {
            let path = one.file.as_deref().unwrap_or_default();
            one.line == Some(line) && (path == file || path.ends_with(&ending))
        };
        let found: Vec<u32> = list.iter().filter(is_there).map(|one| one.number).collect();
        if found.is_empty() {
            let why = format!("There are no breakpoints at {file}:{line}");
            return Err(Trouble::Words(why));
        }
        Ok(found)
    }
}

/// As pdb says it.
fn said_of_change(control: Control, breakpoint: &Breakpoint) -> String {
    let number = breakpoint.number;
    match control {
        Control::Clear => format!("Deleted breakpoint {number} at {}", breakpoint.place()),
        Control::Disable => format!("Disabled breakpoint {number} at {}", breakpoint.place()),
        Control::Enable => format!("Enabled breakpoint {number} at {}", breakpoint.place()),
        Control::Ignore => match breakpoint.ignore {
            0 => format!("Will stop next time breakpoint {number} is reached."),
            1 => format!("Will ignore next 1 crossing of breakpoint {number}."),
            count => format!("Will ignore next {count} crossings of breakpoint {number}."),
        },
        _ => match breakpoint.condition {
            Some(_) => format!("New condition set for breakpoint {number}."),
            None => format!("Breakpoint {number} is now unconditional."),
        },
    }
}

fn line_number(text: &str) -> Result<u32, Trouble> {
    let parsed = number(text).and_then(|number| u32::try_from(number).ok());
    parsed.ok_or_else(|| Trouble::Words(format!("Bad lineno: {}", text.trim())))
}

fn numbers(text: &str) -> Result<Vec<u32>, Trouble> {
    let words = text.split_whitespace();
    words
        .map(|word| {
            let parsed = number(word).and_then(|number| u32::try_from(number).ok());
            parsed.ok_or_else(|| Trouble::Words(format!("Non-numeric breakpoint number {word}")))
        })
        .collect()
}

/// `[file:]line` or a function, then a condition behind a comma, or the text of a log point behind a blank.
fn breakpoint_request(control: Control, arguments: &str) -> Result<BreakpointRequest, Trouble> {
    let separator = |character: char| match control {
        Control::Log => character.is_whitespace(),
        _ => character == ',',
    };
    let (place, rest) = match arguments.split_once(separator) {
        Some((place, rest)) => (place.trim(), Some(rest.trim().to_string())),
        None => (arguments.trim(), None),
    };
    let place = match place.rsplit_once(':') {
        Some((file, line)) => Place::FileLine {
            file: file.trim().to_string(),
            line: line_number(line)?,
        },
        None if place.bytes().all(|byte| byte.is_ascii_digit()) && !place.is_empty() => {
            Place::Line(line_number(place)?)
        }
        None => Place::Function(place.to_string()),
    };
    let (condition, log) = match control {
        Control::Log => (None, Some(rest.unwrap_or_default())),
        _ => (rest, None),
    };
    Ok(BreakpointRequest {
        place,
        condition,
        temporary: control == Control::BreakOnce,
        log,
    })
}
