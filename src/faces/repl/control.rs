//! The commands that stop a process, step it, and set breakpoints in it.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::awaited::Awaited;
use super::breakpoints::{breakpoint_request, catch_request, line_number, watch_request};
use super::commands::Control;
use super::run::{Queued, Repl, Trouble};
use super::termination;
use crate::faces::render::printable;
use crate::session::{Event, Request, Response, Resume, Scope, SessionError, Stop};

/// How long a process that was asked to stop may take until the prompt comes back without it.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// After how long it is said that a process may wait for one that is held.
const BEFORE_TELLING: Duration = Duration::from_secs(1);

impl Repl {
    pub(super) fn control(
        &mut self,
        control: Control,
        arguments: &str,
        out: &mut dyn Write,
    ) -> Result<(), Trouble> {
        if control == Control::Continue {
            self.session.ask(Request::Follow)?;
        }
        match control {
            Control::Detach => {
                self.session.ask(Request::Release)?;
                self.waiting.clear();
                self.writer(out).line("[the process goes on]")?;
                return Ok(());
            }
            Control::Break | Control::BreakOnce if arguments.is_empty() => {
                return self.list_breakpoints(out);
            }
            Control::Catch if arguments.is_empty() => return self.list_catchpoints(out),
            Control::Commands => return self.begin_list(arguments),
            Control::Restart => return self.restart(arguments, out),
            Control::Continue
                if !self.session.stands_still() && self.session.is_about_a_command() =>
            {
                return self.wait_for_stop(None, out);
            }
            Control::Continue if !self.session.stands_still() => {
                // One that has ended or is kept from running does not run.
                let how = Resume::Continue;
                let refused = self.session.ask(Request::Resume { how });
                if let Err(why @ (SessionError::Ended { .. } | SessionError::Suspended { .. })) =
                    refused
                {
                    return Err(why.into());
                }
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
        // One of a set that runs stops for a moment only.
        if was_running && self.scope == Scope::One {
            self.stop(out)?;
        }
        if was_running
            && self.scope == Scope::One
            && !matches!(
                control,
                Control::Stop | Control::Step | Control::Next | Control::Return
            )
        {
            // The command may say something itself.
            self.show_first(out)?;
        }
        let how = match control {
            // It stands at another line than the one that the user saw: that line comes first.
            Control::Stop | Control::Step | Control::Next | Control::Return if was_running => {
                return Ok(());
            }
            Control::Continue => Resume::Continue,
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
            Control::Watch => {
                let request = watch_request(arguments);
                return self.set_breakpoint(request, out);
            }
            Control::Catch => {
                let request = catch_request(arguments);
                return self.set_breakpoint(request, out);
            }
            Control::Clear if arguments.is_empty() => {
                self.awaited = Awaited::Confirmation;
                return Ok(());
            }
            Control::Clear
            | Control::Disable
            | Control::Enable
            | Control::Ignore
            | Control::Condition => {
                return self.change_breakpoints(control, arguments, out);
            }
            Control::Debug => return self.debug(arguments, out),
            _ => match step(control, arguments)? {
                Some(how) => how,
                None => return Ok(()),
            },
        };
        self.forget_stop();
        if how == Resume::Continue && self.session.was_asked_for() {
            self.turn = None;
            if self.breakpoints()?.is_empty() {
                // As with `pdb.set_trace()`: there is nothing more to stop it for.
                self.session.ask(Request::Release)?;
                return Ok(());
            }
        }
        self.session.ask(Request::Resume { how })?;
        if self.waits_for_set {
            // It is shown when it stops, as whatever else goes on.
            self.writer(out).line("[goes on]")?;
            return Ok(());
        }
        self.wait_for_stop(None, out)
    }

    /// Starts the program again.
    fn restart(&mut self, arguments: &str, out: &mut dyn Write) -> Result<(), Trouble> {
        let arguments = (!arguments.is_empty()).then(|| arguments.to_string());
        self.forget_stop();
        if let Response::Text(said) = self.session.ask(Request::Restart { arguments })? {
            self.writer(out).line(&printable::lines(&said))?;
        }
        self.show_what_happened(out).map(drop)
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
    /// `deadline`, the prompt comes back also if the process does not stop. The processes of a command get Ctrl-C themselves, from the
    /// terminal, and so does one that has started pmdb in its own.
    pub(super) fn wait_for_stop(
        &mut self,
        mut deadline: Option<Instant>,
        out: &mut dyn Write,
    ) -> Result<(), Trouble> {
        let interrupted = self.session.interrupted();
        let begin = Instant::now();
        let mut is_told = !self.session.keeps_some();
        loop {
            let waited = self.session.ask(Request::Wait);
            self.take_turn();
            if self.show_what_happened(out)? {
                return Ok(());
            }
            waited?;
            if termination::signal().is_some() {
                return Err(Trouble::Terminated);
            }
            if self.session.is_over() {
                // Its end was told before: where the processes were killed while one stood at the prompt, nothing follows any more.
                return Ok(());
            }
            if interrupted.swap(false, Ordering::Relaxed)
                && deadline.is_none()
                && (!self.session.is_about_a_command()
                    || self.session.has_joined()
                    || self.session.keeps_some())
                && !self.session.shares_keyboard()
            {
                let held = self.session.ask(Request::Hold);
                if held.is_err() && self.session.has_joined() {
                    // The one that has the focus has ended, or is no Python.
                    return Ok(self.writer(out).line("[all of them go on]")?);
                }
                held?;
                deadline = Some(Instant::now() + PATIENCE);
            }
            if !is_told && deadline.is_none() && begin.elapsed() > BEFORE_TELLING {
                is_told = true;
                let text =
                    "[others are held: if it waits for one of them, Ctrl-C stops it where it is]";
                self.writer(out).line(text)?;
            }
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                let why = "the process has run no line of Python since: it is in C code or waits, and stops when it is back; `where` shows where it is";
                return Err(Trouble::Words(why.to_string()));
            }
            out.flush()?;
        }
    }

    /// Shows the events since the last time. Says whether the process stands still by now, or has ended.
    pub(super) fn show_what_happened(&mut self, out: &mut dyn Write) -> Result<bool, Trouble> {
        let mut stopped = None;
        let (mut ended, mut is_back) = (false, false);
        for event in self.session.take_events() {
            ended |= matches!(event, Event::Ended { .. } | Event::Finished(_));
            self.writer(out).event(&event)?;
            match event {
                Event::Stopped(stop) => stopped = Some(stop),
                Event::LevelLeft(left) => is_back |= self.level_left(&left, out)?,
                _ => {}
            }
        }
        if ended {
            // Nothing is under way any more.
            self.waiting.clear();
        }
        let has_stopped = stopped.is_some();
        if let Some(stop) = stopped {
            self.begin_to_count();
            let list = self.list_of(&stop)?;
            // Each stop of a command may be in another process: it is shown before anything else is done there.
            let rest = if self.session.is_about_a_command() {
                std::mem::take(&mut self.queue)
            } else {
                VecDeque::new()
            };
            if !list.is_empty() {
                self.queue_list(list);
            }
            self.queue.push_back(Queued::ShowStop(stop.value));
            self.queue.extend(rest);
        }
        Ok(ended || has_stopped || is_back)
    }

    /// The commands of the breakpoint at which the process has stopped.
    pub(super) fn list_of(&mut self, stop: &Stop) -> Result<Vec<String>, Trouble> {
        let Some(number) = stop.breakpoints.first() else {
            return Ok(Vec::new());
        };
        let known = self.breakpoints()?;
        let mut all = stop.deleted.iter().chain(&known);
        let one = all.find(|one| one.number == *number);
        Ok(one.map(|one| one.commands.clone()).unwrap_or_default())
    }

    /// Shows the frame at which the process stopped before anything else.
    fn show_first(&mut self, out: &mut dyn Write) -> Result<(), Trouble> {
        let is_stop = |queued: &Queued| matches!(queued, Queued::ShowStop(_));
        let place = self.queue.iter().position(is_stop);
        if let Some(Queued::ShowStop(value)) = place.and_then(|place| self.queue.remove(place)) {
            self.show_stop(value.as_deref(), out)?;
        }
        Ok(())
    }

    /// The frame at which the process stopped, and then what is displayed there, as in pdb.
    pub(super) fn show_stop(
        &mut self,
        value: Option<&str>,
        out: &mut dyn Write,
    ) -> Result<(), Trouble> {
        self.session.ask(Request::Refresh)?;
        if let Response::Frame(entry) = self.session.ask(Request::Frame)? {
            self.writer(out).frame_returning(&entry, value)?;
        }
        self.session.ask(Request::ShowChanges)?;
        self.show_events(out)?;
        Ok(())
    }
}

/// How a thread goes on, if a command is a step.
pub(super) fn step(control: Control, arguments: &str) -> Result<Option<Resume>, Trouble> {
    Ok(Some(match control {
        Control::Step => Resume::Step,
        Control::Next => Resume::Next,
        Control::Return => Resume::Return,
        Control::Until if arguments.is_empty() => Resume::Until { line: None },
        Control::Until => {
            let why = format!("Error in argument: '{arguments}'");
            let line = line_number(arguments).map_err(|_| Trouble::Words(why))?;
            Resume::Until { line: Some(line) }
        }
        _ => return Ok(None),
    }))
}
