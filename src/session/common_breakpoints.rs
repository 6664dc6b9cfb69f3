//! Breakpoints that several processes have under one number, and those that come later too.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::api::{Event, Resume};
use super::breakpoints::{Breakpoint, BreakpointRequest, Breakpoints, Change, Scope};
use super::error::SessionError;
use super::inferior::Inferior;
use super::look::Session;
use super::running::Running;
use super::selection::StopKind;
use crate::model::Pid;

/// How long a process may take to stop.
const PATIENCE: Duration = Duration::from_secs(10);

impl Session {
    /// Sets one in the focused process.
    pub(super) fn set_breakpoint(
        &mut self,
        request: &BreakpointRequest,
    ) -> Result<Breakpoint, SessionError> {
        let next = 1 + self.last_number();
        let number = request.scope.number().unwrap_or(next);
        let going_on = self.stop_for_a_moment()?;
        let inferior = (self.inferiors.get_mut(self.focus)).ok_or(SessionError::NoSuchProcess)?;
        let made = inferior.set_breakpoint(number, request, &mut self.library, &self.interrupted);
        if going_on {
            inferior.resume(Resume::Continue)?;
        }
        let made = made?;
        if let (Scope::All { .. }, Some(running)) = (request.scope, &mut self.running)
            && made.watch.is_none()
        {
            // One process may know where the function is, and another not have imported it yet.
            let is_new = running.later.one(Some(number)).is_err();
            if is_new || made.line.is_some() {
                running.later.adopt(made.clone());
                running.tell_later();
            }
        }
        Ok(made)
    }

    /// Numbers tell breakpoints apart in all processes.
    pub(super) fn last_number(&self) -> u32 {
        let later = self.running.as_ref().map(|running| running.later.last());
        let of_processes = self.inferiors.iter().map(|one| one.breakpoints.last());
        let of_segments = self
            .running
            .as_ref()
            .and_then(|it| it.segment_watches.last());
        let all = of_processes.chain(later).chain(of_segments);
        all.max().unwrap_or_default()
    }

    /// Changes one of the focused process. Those that come later get what the last that was changed has: one that no process has any more they
    /// do not get either.
    pub(super) fn change_breakpoint(
        &mut self,
        number: u32,
        change: &Change,
    ) -> Result<Breakpoint, SessionError> {
        let inferior = (self.inferiors.get(self.focus)).ok_or(SessionError::NoSuchProcess)?;
        inferior.breakpoints.one(Some(number))?;
        // The process knows nothing of the commands that a face runs.
        let going_on = !matches!(change, Change::Commands(_)) && self.stop_for_a_moment()?;
        let inferior = (self.inferiors.get_mut(self.focus)).ok_or(SessionError::NoSuchProcess)?;
        let changed = inferior.change_breakpoint(number, change, &self.interrupted);
        if going_on {
            inferior.resume(Resume::Continue)?;
        }
        let changed = changed?;
        if let Some(running) = &mut self.running
            && running.later.one(Some(number)).is_ok()
        {
            let has_it = |one: &Inferior| !one.ended && one.breakpoints.one(Some(number)).is_ok();
            if *change != Change::Clear || !self.inferiors.iter().any(has_it) {
                running.later.change(number, change)?;
                running.tell_later();
            }
        }
        Ok(changed)
    }

    /// Stops the focused process if it runs. Gives back whether it is to go on: it is not if it stops by itself at that moment.
    fn stop_for_a_moment(&mut self) -> Result<bool, SessionError> {
        let inferior = (self.inferiors.get_mut(self.focus)).ok_or(SessionError::NoSuchProcess)?;
        if inferior.stands_still() || inferior.is_core() {
            return Ok(false);
        }
        let pid = inferior.live_pid()?;
        let is_asked = self.reach()?;
        let inferior = (self.inferiors.get_mut(self.focus)).ok_or(SessionError::NoSuchProcess)?;
        let deadline = Instant::now() + PATIENCE;
        let mut events = match is_asked {
            true => Vec::new(),
            false => inferior.hold(&self.interrupted)?,
        };
        while !inferior.stands_still() {
            if self.interrupted.load(Ordering::Relaxed) {
                inferior.stop_is_given_up = true;
                return Err(SessionError::Interrupted);
            }
            if Instant::now() > deadline {
                inferior.stop_is_given_up = true;
                return Err(SessionError::NotInTime { pid });
            }
            events.extend(inferior.wait(&self.interrupted)?);
            inferior.still_there()?;
        }
        let (of_stop, others): (Vec<Event>, Vec<Event>) = events
            .into_iter()
            .partition(|event| matches!(event, Event::Stopped(_)));
        self.events.extend(others);
        let is_step = (self.running.as_ref())
            .is_some_and(|running| running.stepping.is_some_and(|(of, _)| of == pid));
        // It may be at any line, or at the end of a function.
        let is_ours = |event: &Event| {
            matches!(event, Event::Stopped(stop)
                if stop.breakpoints.is_empty() && StopKind::of(&stop.reason).is_none() && !is_step)
        };
        if of_stop.iter().all(is_ours) {
            // One that was to be kept has come to its stop by this.
            return Ok(inferior.kept.is_none());
        }
        match &mut self.running {
            Some(running) => {
                let told = running.note_stop(inferior, of_stop);
                self.events.extend(told);
            }
            None => self.events.extend(of_stop),
        }
        Ok(false)
    }

    /// What the agent of a process has from the start: a forked child what its parent has, any other what all have that come later.
    pub(super) fn breakpoints_of_new(&self, parent: Option<Pid>) -> Breakpoints {
        let later = self.running.as_ref().map(|running| running.later.clone());
        let is_parent = |one: &&Inferior| one.report.pid == parent && parent.is_some();
        let parent = self.inferiors.iter().find(is_parent);
        parent
            .map_or(later.unwrap_or_default(), |parent| {
                parent.breakpoints.clone()
            })
            .inherited()
    }
}

impl Running {
    /// Says what the agents get that come from now on.
    fn tell_later(&self) {
        self.tree.wishes.set_places(self.later.wanted());
    }
}
