//! Requests that need the process to be held: stopping, going on, breakpoints, statements.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::api::{Event, Stop, ValueChange};
use super::breakpoints::{Breakpoint, BreakpointRequest, Change, Place, Spot};
use super::convenience;
use super::error::SessionError;
use super::held::Held;
use super::inferior::Inferior;
use super::listing::Library;
use super::view::{Subject, View};
use crate::model::{Addr, Pid, Tid, Value};
use crate::process::ProcessError;
use crate::python::Limits;
use crate::python::agent::{self, AgentError, Answer, Command, Resume};
use crate::python::eval::Datum;

/// Characters of what `pp` shows.
const MOST_CHARACTERS: usize = 1 << 20;
/// How long one `Wait` waits at most.
const GLANCE: Duration = Duration::from_millis(100);

impl Inferior {
    fn live_pid(&self) -> Result<Pid, SessionError> {
        match self.report.pid {
            Some(_) if self.is_core() => Err(SessionError::Dead { who: self.who() }),
            Some(pid) => Ok(pid),
            None => Err(SessionError::Dead { who: self.who() }),
        }
    }

    /// Stops the process at the next line of its main thread, unless a thread of it stands still already.
    pub fn hold(&mut self, interrupted: &AtomicBool) -> Result<Vec<Event>, SessionError> {
        if self.stands_still() {
            return Ok(Vec::new());
        }
        let pid = self.live_pid()?;
        let located = self.located()?.clone();
        match &mut self.held {
            Some(held) => {
                held.interrupt(&*self.process, &located)?;
                Ok(Vec::new())
            }
            None => match Held::begin(&*self.process, &located, pid, interrupted) {
                Ok((held, event)) => {
                    self.held = Some(held);
                    self.happened(event, interrupted)
                }
                Err(error) if self.ends(&error) => self.refresh(interrupted),
                Err(error) => Err(error),
            },
        }
    }

    /// Whether what went wrong went wrong because the process ends, which may take it a moment.
    fn ends(&self, error: &SessionError) -> bool {
        let deadline = Instant::now() + GLANCE;
        let is_unsaid = matches!(error, SessionError::NotHeld { .. });
        while is_unsaid && Instant::now() < deadline {
            if matches!(
                self.process.has_changed(),
                Some(ProcessError::Gone { .. } | ProcessError::Replaced { .. })
            ) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        false
    }

    pub fn stands_still(&self) -> bool {
        self.held
            .as_ref()
            .is_some_and(|held| held.standing().is_some())
    }

    fn held(&mut self) -> Result<&mut Held, SessionError> {
        self.held.as_mut().ok_or(SessionError::NotStopped)
    }

    /// The frame of the thread that stands still which has the focus, if it has.
    pub fn held_frame(&self) -> Option<u32> {
        let standing = self.held.as_ref()?.standing()?;
        let view = self.view.as_ref()?;
        let is_focused =
            self.standing_thread == Some(view.thread) && view.subject == Subject::Thread;
        (is_focused && standing.thread.0 != 0).then(|| u32::try_from(view.selected).ok())?
    }

    fn required_frame(&self) -> Result<u32, SessionError> {
        self.held_frame().ok_or(SessionError::NotStopped)
    }

    /// Lets the process go on. What comes of it is waited for with `wait`.
    pub fn resume(&mut self, how: Resume) -> Result<(), SessionError> {
        let frame = self.held_frame().unwrap_or(0);
        if let Resume::Until { line: Some(line) } = how
            && self
                .frame()
                .is_ok_and(|(_, seen)| seen.current_line().is_some_and(|at| line <= at))
        {
            return Err(SessionError::UntilBefore);
        }
        self.held()?.resume(frame, how)
    }

    /// What has happened; nothing if nothing has, for a while.
    pub fn wait(&mut self, interrupted: &AtomicBool) -> Result<Vec<Event>, SessionError> {
        match self.held()?.next_event(GLANCE, interrupted) {
            Ok(Some(event)) => self.happened(event, interrupted),
            // A child that it forked may still have the other ends of the pipes.
            Ok(None) if self.process.has_changed().is_some() => {
                let pid = self.live_pid()?;
                self.lost(AgentError::Ended { pid }.into(), interrupted)
            }
            Ok(None) => {
                let located = self.located()?.clone();
                if let Some(held) = &mut self.held {
                    held.glance(&*self.process, &located)?;
                }
                Ok(Vec::new())
            }
            // The pipes end when the process does.
            Err(error) => self.lost(error, interrupted),
        }
    }

    /// What has happened meanwhile, without waiting.
    pub(super) fn hear(&mut self, interrupted: &AtomicBool) -> Result<Vec<Event>, SessionError> {
        match self.held()?.heard_event()? {
            Some(event) => self.happened(event, interrupted),
            None => Ok(Vec::new()),
        }
    }

    /// Nothing comes from the agent any more: what has become of the process, or else the error.
    fn lost(
        &mut self,
        error: SessionError,
        interrupted: &AtomicBool,
    ) -> Result<Vec<Event>, SessionError> {
        match self.refresh(interrupted) {
            Ok(events) if self.ended => {
                self.held = None;
                Ok(events)
            }
            Ok(events)
                if events
                    .iter()
                    .any(|event| matches!(event, Event::Replaced { .. })) =>
            {
                Ok(events)
            }
            _ => Err(error),
        }
    }

    /// What an event of the agent means for a face.
    pub(super) fn happened(
        &mut self,
        event: agent::Event,
        interrupted: &AtomicBool,
    ) -> Result<Vec<Event>, SessionError> {
        match event {
            agent::Event::Stopped {
                thread,
                reason,
                breakpoints,
                counts,
                complaints,
                changes,
                ended,
                value,
                brief,
                error,
            } => {
                let changes = self.told_changes(changes);
                let deleted = self.breakpoints.hit(&breakpoints, &counts);
                let ended = self.breakpoints.remove(|one| ended.contains(&one.number));
                if !deleted.is_empty() {
                    self.send_breakpoints(interrupted)?;
                }
                self.focus_on(thread, interrupted)?;
                self.returned.clone_from(&value);
                let complaints = complaints
                    .into_iter()
                    .map(|complaint| (complaint.number, complaint.error))
                    .collect();
                Ok(vec![Event::Stopped(Stop {
                    thread: self.view.as_ref().and_then(|view| view.tid),
                    reason,
                    process: None,
                    breakpoints,
                    complaints,
                    changes,
                    value: brief.or(value),
                    error,
                    deleted,
                    ended,
                })])
            }
            agent::Event::Log { number, text, .. } => Ok(vec![Event::Logged { number, text }]),
            agent::Event::Output { text } => Ok(vec![Event::Printed { text }]),
            agent::Event::Failed { text } => {
                if let (Some(held), Ok(located)) = (self.held.take(), &self.python) {
                    held.forget(&*self.process, located);
                }
                self.standing_thread = None;
                let pid = self.live_pid()?;
                Err(AgentError::Broken { pid, text }.into())
            }
            agent::Event::Hello | agent::Event::Taken { .. } => Ok(Vec::new()),
        }
    }

    /// What has changed, with the names that the user gave it.
    fn told_changes(&mut self, changes: Vec<agent::ValueChange>) -> Vec<ValueChange> {
        let told = |change: agent::ValueChange| {
            let agent::ValueChange { number, old, new } = change;
            let watch = self.breakpoints.changed(number, &new)?;
            Some(ValueChange {
                number,
                expression: watch.expression,
                old,
                new,
            })
        };
        changes.into_iter().filter_map(told).collect()
    }

    /// Puts the focus on the newest frame of the thread that stands still.
    fn focus_on(&mut self, inner: Tid, interrupted: &AtomicBool) -> Result<(), SessionError> {
        let threads = self.threads(interrupted)?;
        let standing = threads.iter().find(|thread| {
            let status = thread.status.as_ref();
            status.is_some_and(|status| status.inner_tid == inner)
        });
        let standing = standing.ok_or(SessionError::NoSuchThread)?;
        let tid = standing.status.as_ref().map(|status| status.tid);
        let mut view = View::new(standing.address, tid);
        if let Some(old) = self.view.take() {
            view.displays = old.displays;
        }
        self.standing_thread = Some(standing.address);
        self.view = Some(view);
        self.refresh(interrupted).map(drop)
    }

    fn command(
        &mut self,
        command: &Command,
        interrupted: &AtomicBool,
    ) -> Result<(Answer, String), SessionError> {
        let (answer, printed) = self.ask_agent(command, interrupted)?;
        match answer.error {
            Some(text) => {
                self.printed += &printed;
                Err(SessionError::Evaluation { text })
            }
            None => Ok((answer, printed)),
        }
    }

    fn ask_agent(
        &mut self,
        command: &Command,
        interrupted: &AtomicBool,
    ) -> Result<(Answer, String), SessionError> {
        let (Some(held), Ok(located)) = (&mut self.held, &self.python) else {
            return Err(SessionError::NotStopped);
        };
        let answer = held.command(command, &*self.process, located, interrupted);
        if answer.is_err() && held.is_lost() {
            // It has ended, executed another program, or closed what it did not open: there is nothing to take out by a talk.
            self.held = None;
            self.standing_thread = None;
        }
        answer
    }

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

    pub fn jump(&mut self, line: u32, interrupted: &AtomicBool) -> Result<(), SessionError> {
        let frame = self.required_frame()?;
        if frame != 0 {
            return Err(SessionError::NotNewest);
        }
        self.command(&Command::Jump { frame, line }, interrupted)?;
        self.refresh(interrupted).map(drop)
    }

    /// Sets a breakpoint, which is checked against the source.
    pub fn set_breakpoint(
        &mut self,
        request: &BreakpointRequest,
        library: &mut Library,
        interrupted: &AtomicBool,
    ) -> Result<Breakpoint, SessionError> {
        let spot = self.find_place(&request.place, library, interrupted)?;
        let breakpoint = self.breakpoints.add(request, spot);
        match self.send_breakpoints(interrupted) {
            Ok(answer) => {
                let value = answer.text.unwrap_or_default();
                let begun = self
                    .breakpoints
                    .begins(breakpoint.number, answer.scope, value);
                Ok(begun.unwrap_or(breakpoint))
            }
            // A condition that is no Python, for instance.
            Err(error) => {
                let _ = self.breakpoints.change(breakpoint.number, &Change::Clear);
                let _ = self.send_breakpoints(interrupted);
                Err(error)
            }
        }
    }

    fn find_place(
        &mut self,
        place: &Place,
        library: &mut Library,
        interrupted: &AtomicBool,
    ) -> Result<Spot, SessionError> {
        match place {
            Place::Change(_) => {
                self.required_frame()?;
                Ok(Spot { ..Spot::default() })
            }
            Place::Line(line) => {
                let (_, seen) = self.frame()?;
                let frame = seen.described.clone();
                let file = self.path_of(&frame).ok_or(SessionError::NoSource {
                    why: "the frame has no file".to_string(),
                })?;
                library.check_line(self, &file, *line)?;
                Ok(Spot::at(file, *line))
            }
            Place::FileLine { file, line } => {
                let found = match self.find_file(file, library) {
                    Some(found) => found,
                    None => self.importable_file(file, interrupted)?,
                };
                library.check_line(self, &found, *line)?;
                Ok(Spot::at(found, *line))
            }
            Place::Function(name) => {
                let frame = self.required_frame()?;
                let text = name.clone();
                match self.command(&Command::Locate { frame, text }, interrupted) {
                    Ok((answer, _)) => Ok(Spot {
                        file: answer.text,
                        line: answer.line,
                        function: Some(name.clone()),
                        ..Spot::default()
                    }),
                    // Not there yet: its module may still be imported.
                    Err(SessionError::Evaluation { text }) if text.starts_with("NameError") => {
                        Ok(Spot {
                            function: Some(name.clone()),
                            ..Spot::default()
                        })
                    }
                    Err(SessionError::Evaluation { .. }) => {
                        Err(SessionError::NotAFunction { name: name.clone() })
                    }
                    Err(other) => Err(other),
                }
            }
            Place::Pattern(pattern) => {
                let frame = self.required_frame()?;
                let text = pattern.clone();
                let (answer, _) = self.command(&Command::Matching { frame, text }, interrupted)?;
                Ok(Spot {
                    pattern: Some(pattern.clone()),
                    matching: answer.length,
                    ..Spot::default()
                })
            }
        }
    }

    /// A file that the process would find if it imported the module: it need not have been.
    fn importable_file(
        &mut self,
        name: &str,
        interrupted: &AtomicBool,
    ) -> Result<String, SessionError> {
        let no_such_file = || SessionError::NoSuchFile {
            file: name.to_string(),
        };
        let frame = self.held_frame().ok_or_else(no_such_file)?;
        let text = name.to_string();
        let (answer, _) = self.command(&Command::FindFile { frame, text }, interrupted)?;
        answer.text.ok_or_else(no_such_file)
    }

    /// A file as the user names it: a whole path, or one beside the file of a frame, with or without `.py`.
    fn find_file(&self, name: &str, library: &mut Library) -> Option<String> {
        let named = [name.to_string(), format!("{name}.py")];
        if name.starts_with('/') {
            return named
                .into_iter()
                .find(|file| library.file(self, file).is_some());
        }
        let frames = self.view.as_ref().map_or(&[][..], |view| &view.frames);
        let paths: Vec<String> = frames
            .iter()
            .filter_map(|seen| self.path_of(&seen.described))
            .collect();
        for name in &named {
            let ending = format!("/{name}");
            if let Some(path) = paths.iter().find(|path| path.ends_with(&ending)) {
                return Some(path.clone());
            }
            let folders = paths.iter().filter_map(|path| path.rsplit_once('/'));
            let mut beside = folders.map(|(folder, _)| format!("{folder}/{name}"));
            if let Some(path) = beside.find(|path| library.file(self, path).is_some()) {
                return Some(path);
            }
        }
        let folder = self.process.working_folder()?;
        let in_folder = |name: &String| folder.join(name).display().to_string();
        named
            .iter()
            .map(in_folder)
            .find(|path| library.file(self, path).is_some())
    }

    pub(super) fn send_breakpoints(
        &mut self,
        interrupted: &AtomicBool,
    ) -> Result<Answer, SessionError> {
        let list = self.breakpoints.wanted();
        let frame = self.held_frame().unwrap_or(0);
        let command = Command::Breakpoints { frame, list };
        self.command(&command, interrupted)
            .map(|(answer, _)| answer)
    }

    pub fn change_breakpoint(
        &mut self,
        number: u32,
        change: &Change,
        interrupted: &AtomicBool,
    ) -> Result<Breakpoint, SessionError> {
        let before = self.breakpoints.clone();
        let changed = self.breakpoints.change(number, change)?;
        if matches!(change, Change::Commands(_)) {
            return Ok(changed);
        }
        if let Err(error) = self.send_breakpoints(interrupted) {
            // A condition that is no Python, for instance: the process watches what it watched before.
            self.breakpoints = before;
            return Err(error);
        }
        Ok(changed)
    }

    /// Takes everything out of the process again and lets it go on.
    pub fn release(&mut self) -> Result<(), SessionError> {
        let Some(held) = self.held.take() else {
            return Ok(());
        };
        self.standing_thread = None;
        // They are about frames, which the process goes on from.
        self.breakpoints.remove(|one| one.watch.is_some());
        let located = self.located()?.clone();
        held.end(&*self.process, &located)
    }
}
