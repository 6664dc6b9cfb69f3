//! Stopping the process and letting it go on, and what is heard from it meanwhile.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::api::{Event, FrameStep, LevelLeft, Stop, ValueChange};
use super::error::SessionError;
use super::held::{Held, is_suspended};
use super::inferior::Inferior;
use super::view::{Subject, Thrown, View};
use crate::model::{Addr, Pid, Tid};
use crate::process::ProcessError;
use crate::python::agent::{self, About, AgentError, Answer, Command, Resume};

/// How long one `Wait` waits at most.
const GLANCE: Duration = Duration::from_millis(100);

impl Inferior {
    pub(super) fn live_pid(&self) -> Result<Pid, SessionError> {
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
        self.stop_is_given_up = false;
        let pid = self.live_pid()?;
        let located = self.located()?.clone();
        // The one that comes in takes the place of one that has lost its pipes.
        let held = self.held.take_if(|held| held.is_lost());
        if held.is_some() && self.process.has_changed().is_some() {
            return self.refresh(interrupted);
        }
        match &mut self.held {
            Some(held) if held.is_suspended(&*self.process) => Err(SessionError::Suspended { pid }),
            Some(held) => {
                held.interrupt(&*self.process, &located)?;
                Ok(Vec::new())
            }
            None => match Held::begin(&*self.process, &located, pid, &self.way_in, interrupted) {
                Ok((held, event)) => {
                    self.held = Some(held);
                    let events = self.happened(event, interrupted)?;
                    if !self.breakpoints.list().is_empty() {
                        // They were those of an agent that is gone.
                        self.send_breakpoints(interrupted)?;
                    }
                    Ok(events)
                }
                Err(error) if self.ends(&error) => self.refresh(interrupted),
                Err(error) => Err(error),
            },
        }
    }

    /// Whether what went wrong went wrong because the process ends, which may take it a moment.
    fn ends(&self, error: &SessionError) -> bool {
        matches!(error, SessionError::NotHeld { .. })
            && self.is_changing(|change| {
                matches!(
                    change,
                    ProcessError::Gone { .. } | ProcessError::Replaced { .. }
                )
            })
    }

    /// Whether the process has ended, or does so now.
    pub(super) fn is_ending(&self) -> bool {
        !self.is_core() && self.is_changing(|change| matches!(change, ProcessError::Gone { .. }))
    }

    fn is_changing(&self, how: impl Fn(&ProcessError) -> bool) -> bool {
        let deadline = Instant::now() + GLANCE;
        while Instant::now() < deadline {
            if self
                .process
                .has_changed()
                .is_some_and(|change| how(&change))
            {
                return true;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        false
    }

    pub fn stands_still(&self) -> bool {
        let held = self.held.as_ref();
        self.crashed.is_some() || held.is_some_and(|held| held.standing().is_some())
    }

    pub(super) fn held(&mut self) -> Result<&mut Held, SessionError> {
        self.held.as_mut().ok_or(SessionError::NotStopped)
    }

    /// The frame of the thread that stands still which has the focus, if it has.
    pub fn held_frame(&self) -> Option<u32> {
        let standing = self.held.as_ref()?.standing()?;
        let view = self.view.as_ref()?;
        let is_focused = self.standing_thread == Some(view.thread) && view.subject == self.runs_in;
        (is_focused && standing.thread.0 != 0).then(|| u32::try_from(view.selected).ok())?
    }

    pub(super) fn required_frame(&self) -> Result<u32, SessionError> {
        self.held_frame().ok_or(SessionError::NotStopped)
    }

    /// Lets the process go on. What comes of it is waited for with `wait`.
    pub fn resume(&mut self, how: Resume) -> Result<(), SessionError> {
        if self.crashed.is_some() {
            self.let_crash();
            return Ok(());
        }
        if matches!(self.raised, Some(Thrown::Lost(_))) && how != Resume::Continue {
            return Err(self.frames_are_over());
        }
        if let Some(pid) = self.report.pid
            && !self.stands_still()
            && !self.is_core()
            && is_suspended(&*self.process, pid)
        {
            return Err(SessionError::Suspended { pid });
        }
        self.run_in(self.subject_of_stop());
        let frame = self.held_frame().unwrap_or(0);
        if let Resume::Until { line: Some(line) } = how
            && self
                .frame()
                .is_ok_and(|(_, seen)| seen.current_line().is_some_and(|at| line <= at))
        {
            return Err(SessionError::UntilBefore);
        }
        self.held()?.resume(frame, how)?;
        self.is_suspended = false;
        self.raised = None;
        Ok(())
    }

    /// What is looked at when the thread has stopped.
    pub(super) fn subject_of_stop(&self) -> Subject {
        self.raised.map_or(Subject::Thread, Thrown::subject)
    }

    /// From now on statements run in the frames of a subject. Those of an exception that the agent does not find are only read.
    pub(super) fn run_in(&mut self, subject: Subject) {
        if self.runs_in == subject || !self.stands_still() {
            return;
        }
        let exception = subject.exception().map(|address| address.0);
        let told = self.command(&Command::Frames { exception }, &AtomicBool::new(false));
        if told.is_ok() {
            self.runs_in = subject;
        }
    }

    fn frames_are_over(&self) -> SessionError {
        let again = self.launched.is_some();
        SessionError::FramesAreOver { again }
    }

    /// What has happened; nothing if nothing has, for a while.
    pub fn wait(&mut self, interrupted: &AtomicBool) -> Result<Vec<Event>, SessionError> {
        match self.held()?.next_event(GLANCE, interrupted) {
            Ok(Some(event)) => {
                let events = self.happened(event, interrupted)?;
                self.pass_over_late_stop(events)
            }
            // A child that it forked may still have the other ends of the pipes.
            Ok(None) if self.process.has_changed().is_some() => {
                let pid = self.live_pid()?;
                self.lost(AgentError::Ended { pid }.into(), interrupted)
            }
            Ok(None) if (self.held.as_ref()).is_some_and(|it| it.is_suspended(&*self.process)) => {
                let pid = self.live_pid()?;
                let is_news = !std::mem::replace(&mut self.is_suspended, true);
                Ok(Vec::from_iter(is_news.then_some(Event::Suspended { pid })))
            }
            Ok(None) => {
                self.is_suspended = false;
                self.glance()
            }
            // The pipes end when the process does.
            Err(error) => self.lost(error, interrupted),
        }
    }

    /// Nothing is heard: what was asked for may need help.
    fn glance(&mut self) -> Result<Vec<Event>, SessionError> {
        let located = self.located()?.clone();
        if let Some(held) = &mut self.held {
            held.glance(&*self.process, &located)?;
        }
        Ok(Vec::new())
    }

    /// What has happened meanwhile, without waiting.
    pub(super) fn hear(&mut self, interrupted: &AtomicBool) -> Result<Vec<Event>, SessionError> {
        match self.held()?.heard_event()? {
            Some(event) => {
                let events = self.happened(event, interrupted)?;
                self.pass_over_late_stop(events)
            }
            None => self.glance(),
        }
    }

    /// Lets the process go on if it has stopped for what was given up meanwhile, and for nothing else.
    fn pass_over_late_stop(&mut self, mut events: Vec<Event>) -> Result<Vec<Event>, SessionError> {
        let has_stopped = |event: &Event| matches!(event, Event::Stopped(_));
        if self.stop_is_given_up && events.iter().any(has_stopped) {
            self.stop_is_given_up = false;
            let is_late = |event: &Event| {
                matches!(event, Event::Stopped(stop)
                    if stop.breakpoints.is_empty() && matches!(stop.reason.as_str(), "interrupt" | "waiting"))
            };
            if events.iter().any(is_late) {
                events.retain(|event| !is_late(event));
                self.resume(Resume::Continue)?;
            }
        }
        Ok(events)
    }

    /// Nothing comes from the agent any more: what has become of the process, or else the error.
    fn lost(
        &mut self,
        error: SessionError,
        interrupted: &AtomicBool,
    ) -> Result<Vec<Event>, SessionError> {
        // The pipes end a moment before the process does.
        self.ends(&error);
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
            _ => {
                self.sweep(interrupted);
                Err(error)
            }
        }
    }

    /// Takes out an agent whose pipes the process has closed. Its hooks notice that only when they have something to say; one
    /// that comes in anew takes its place, and leaves.
    fn sweep(&mut self, interrupted: &AtomicBool) {
        let (Some(held), Some(pid)) = (self.held.take_if(|held| held.is_lost()), self.report.pid)
        else {
            return;
        };
        self.standing_thread = None;
        let Ok(located) = &self.python else { return };
        held.forget(&*self.process, located);
        if let Ok((held, _)) = Held::begin(&*self.process, located, pid, &self.way_in, interrupted)
        {
            let _ = held.end(&*self.process, located);
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
                about,
            } => {
                let changes = self.told_changes(changes);
                // As in pdb, one whose condition raised stays, as another hint.
                let has_failed = |number: &u32| complaints.iter().any(|one| one.number == *number);
                let held: Vec<u32> = (breakpoints.iter().copied())
                    .filter(|number| !has_failed(number))
                    .collect();
                let deleted = self.breakpoints.hit(&held, &counts);
                let ended = self.breakpoints.remove(|one| ended.contains(&one.number));
                if !deleted.is_empty() {
                    self.send_breakpoints(interrupted)?;
                }
                let (raised, fate, up) = match about.map(|about| *about) {
                    Some(About::Passing { address, traceback }) => {
                        let (exception, traceback) = (Addr(address), Addr(traceback));
                        let passing = Thrown::Passing {
                            exception,
                            traceback,
                        };
                        (Some(passing), None, 0)
                    }
                    Some(About::Exception {
                        address,
                        fate,
                        alive,
                    }) => {
                        let thrown = if alive { Thrown::Raised } else { Thrown::Lost };
                        (Some(thrown(Addr(address))), fate, 0)
                    }
                    Some(About::Caller { up }) => (None, None, up),
                    None => (None, None, 0),
                };
                self.raised = raised;
                self.why_stopped = Some((reason.clone(), error.clone()));
                self.focus_on(thread, interrupted)?;
                if up > 0 {
                    self.select_frame(FrameStep::Up(up.into()))?;
                }
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
                    fate,
                    deleted,
                    ended,
                })])
            }
            agent::Event::Left {
                error,
                interrupted: was_interrupted,
                over,
                ..
            } => {
                self.level_left();
                let mut events = vec![Event::LevelLeft(LevelLeft {
                    pid: self.report.pid,
                    error,
                    interrupted: was_interrupted,
                    over,
                })];
                if !over {
                    events.extend(self.refresh(interrupted)?);
                }
                Ok(events)
            }
            agent::Event::Log { number, text, .. } => Ok(vec![Event::Logged { number, text }]),
            agent::Event::Output { text } => Ok(vec![Event::Printed { text }]),
            agent::Event::Failed { text } => {
                if let (Some(held), Ok(located)) = (self.held.take(), &self.python) {
                    held.forget(&*self.process, located);
                }
                self.standing_thread = None;
                self.levels.clear();
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
        view.subject = self.subject_of_stop();
        self.runs_in = view.subject;
        if let Some(old) = self.view.take() {
            view.displays = old.displays;
        }
        self.standing_thread = Some(standing.address);
        self.view = Some(view);
        self.refresh(interrupted).map(drop)
    }

    pub(super) fn command(
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
            self.levels.clear();
        }
        answer
    }

    pub fn jump(&mut self, line: u32, interrupted: &AtomicBool) -> Result<(), SessionError> {
        let frame = self.required_frame()?;
        if matches!(self.raised, Some(Thrown::Lost(_))) {
            return Err(self.frames_are_over());
        }
        if frame != 0 {
            return Err(SessionError::NotNewest);
        }
        self.command(&Command::Jump { frame, line }, interrupted)?;
        self.refresh(interrupted).map(drop)
    }

    /// Takes everything out of the process again and lets it go on.
    pub fn release(&mut self) -> Result<(), SessionError> {
        self.let_crash();
        self.kept = None;
        let Some(held) = self.held.take() else {
            return Ok(());
        };
        self.standing_thread = None;
        self.raised = None;
        // The code of `debug` goes on to its end, and then the thread from where it stood.
        self.levels.clear();
        // They are about frames, which the process goes on from.
        self.breakpoints.remove(|one| one.watch.is_some());
        let located = self.located()?.clone();
        match held.end(&*self.process, &located) {
            // Once the agent had left, it went on to its end.
            Err(error) if self.ends(&error) => Ok(()),
            other => other,
        }
    }
}
