//! The processes of a command that stand still while another one has the focus: which of them stay so, and when each is shown.

use std::collections::BTreeSet;
use std::time::Instant;

use super::api::{Event, Resume, Stop};
use super::error::SessionError;
use super::inferior::Inferior;
use super::look::Session;
use super::running::Running;
use super::selection::StopKind;
use crate::model::Pid;

/// Stops that the user has asked for: he knows of them.
pub(super) const ASKED_FOR: [&str; 4] = ["attach", "interrupt", "entry", "waiting"];

impl Session {
    /// A process goes on. The others that stand still, and were shown before, are shown again after those that were not.
    pub(super) fn keep_waiting(&mut self, going_on: Pid) {
        let standing = self.standing();
        let Some(running) = &mut self.running else {
            return;
        };
        running.forget_stop(going_on);
        for pid in standing {
            if pid != going_on {
                running.wait_again(pid);
            }
        }
    }

    /// Puts the focus on the next process that waits with a failure. The one that has it waits again.
    pub(super) fn next_failure(&mut self) -> Result<(), SessionError> {
        let _ = self.take_happenings();
        self.listen();
        if self.show_one_aside() {
            return Ok(());
        }
        let focused = self.inferiors.get(self.focus);
        let focused = focused.and_then(|inferior| inferior.report.pid);
        let (standing, kept) = (self.standing(), self.kept());
        let running = self.running.as_mut().ok_or(SessionError::NoOtherFailure)?;
        let others = standing.iter().filter(|pid| Some(**pid) != focused);
        others.for_each(|pid| running.wait_again(*pid));
        let is_failure = |(pid, events): &(Pid, Vec<Event>)| {
            let is_one = |event: &Event| matches!(event, Event::Stopped(stop) if is_failure(stop));
            Some(*pid) != focused
                && !kept.contains(pid)
                && standing.contains(pid)
                && events.iter().any(is_one)
        };
        let place = running.queue.iter().position(is_failure);
        let next = place.and_then(|place| running.queue.remove(place));
        let next = next.ok_or(SessionError::NoOtherFailure)?;
        if let Some(focused) = focused.filter(|pid| standing.contains(pid)) {
            running.wait_again(focused);
        }
        running.queue.push_front(next);
        self.show_next();
        Ok(())
    }

    fn standing(&self) -> Vec<Pid> {
        let inferiors = self.inferiors.iter();
        let standing = inferiors.filter(|inferior| inferior.stands_still());
        standing
            .filter_map(|inferior| inferior.report.pid)
            .collect()
    }
}

impl Stop {
    /// For a stop that was shown before: what was told with it is not told once more.
    pub(super) fn again(stop: &Stop) -> Stop {
        Stop {
            breakpoints: Vec::new(),
            complaints: Vec::new(),
            deleted: Vec::new(),
            changes: Vec::new(),
            ended: Vec::new(),
            ..stop.clone()
        }
    }
}

impl Running {
    /// Whether a process makes a step, which others do not come into yet.
    pub(super) fn is_in_step(&self, pid: Pid) -> bool {
        let stepping = self.stepping.as_ref();
        stepping.is_some_and(|(other, until)| *other == pid && Instant::now() < *until)
    }

    /// A process goes on from where it stood.
    pub(super) fn forget_stop(&mut self, pid: Pid) {
        self.stops.remove(&pid);
        self.shown_before.remove(&pid);
        self.queue.retain(|(other, _)| *other != pid);
    }

    /// A process stands still: it waits to be shown, or goes on if it is none of those that are to stop. Gives back what there is to be told
    /// of it at once.
    pub(super) fn note_stop(
        &mut self,
        inferior: &mut Inferior,
        mut events: Vec<Event>,
    ) -> Vec<Event> {
        let Some(pid) = inferior.report.pid else {
            return Vec::new();
        };
        let mut stays = true;
        let is_kept = inferior.kept.is_some();
        for event in &events {
            let Event::Stopped(stop) = event else {
                continue;
            };
            if ["raised", "exits"].contains(&stop.reason.as_str()) {
                let name = &inferior.report.name;
                self.failures.raised(pid, name, stop.error.clone());
            }
            // What the user has set counts everywhere.
            if let Some(kind) = StopKind::of(&stop.reason)
                && stop.breakpoints.is_empty()
            {
                stays = self.keeps(inferior, kind) || is_kept;
            }
        }
        if stays {
            self.queue.push_back((pid, events));
            return Vec::new();
        }
        // If it cannot be told to, it has ended.
        let _ = inferior.resume(Resume::Continue);
        events.retain(|event| !matches!(event, Event::Stopped(_)));
        events
    }

    /// Whether a process that stops by itself is to stay so.
    pub(super) fn keeps(&mut self, inferior: &Inferior, kind: StopKind) -> bool {
        let (selection, report) = (&self.selection, &inferior.report);
        let keeps = selection.keeps(report, kind, self.has_failed);
        self.has_failed |= keeps && kind.is_failure();
        if !keeps && kind.is_failure() {
            self.failures.let_pass += 1;
        }
        keeps
    }

    /// The first of those that wait to be shown, and that the user does not keep where they are. While a process makes a step it is the
    /// only one.
    pub(super) fn next_to_show(&mut self, kept: &BTreeSet<Pid>) -> Option<(Pid, Vec<Event>)> {
        let place = match self.stepping {
            None => (self.queue.iter()).position(|(pid, _)| !kept.contains(pid))?,
            Some((pid, until)) => {
                // Of those that were shown before the user knows: they do not come into the middle of a step.
                let may_come = |other: &Pid| {
                    Instant::now() >= until
                        && !self.shown_before.contains(other)
                        && !kept.contains(other)
                };
                let mut queue = self.queue.iter();
                queue.position(|(other, _)| *other == pid || may_come(other))?
            }
        };
        let next = self.queue.remove(place)?;
        self.shown_before.remove(&next.0);
        self.stepping = None;
        Some(next)
    }

    /// A process that was shown before is to be shown again. What it told then is not told once more.
    fn wait_again(&mut self, pid: Pid) {
        let Some(stop) = self.stops.get(&pid) else {
            return;
        };
        let is_known = ASKED_FOR.contains(&stop.reason.as_str());
        if is_known || self.queue.iter().any(|(other, _)| *other == pid) {
            return;
        }
        let again = Stop::again(stop);
        self.queue.push_back((pid, vec![Event::Stopped(again)]));
        self.shown_before.insert(pid);
    }
}

fn is_failure(stop: &Stop) -> bool {
    StopKind::of(&stop.reason).is_some_and(StopKind::is_failure)
}
