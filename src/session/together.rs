//! Several processes that move at once: each makes its step, or is stopped where it is, and all of them are waited for.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::api::{Arrival, Event, Progress, Resume, StoppedProcess};
use super::error::SessionError;
use super::inferior::Inferior;
use super::look::Session;
use super::running::BETWEEN_ROUNDS;
use super::selection::StopKind;
use crate::model::Pid;

/// How long one `WaitForSeveral` waits at most.
const GLANCE: Duration = Duration::from_millis(100);

impl Session {
    /// Each of them makes its step. Those that cannot are told at once.
    pub(super) fn resume_several(&mut self, processes: &[usize], how: Resume) -> Progress {
        self.under_way.clear();
        match how {
            Resume::Continue => self.arm_newcomers(),
            _ => self.look_for_newcomers(),
        }
        let mut arrived = Vec::new();
        for &index in processes {
            let Some(inferior) = self.inferiors.get_mut(index) else {
                continue;
            };
            match inferior.may_run().and_then(|()| inferior.resume(how)) {
                Ok(()) => self.sets_out(index),
                Err(error) => arrived.push(Arrival::refused(index, error)),
            }
        }
        self.progress(arrived)
    }

    /// Each of them that runs is stopped where it is.
    pub(super) fn hold_several(&mut self, processes: &[usize]) -> Progress {
        self.under_way.clear();
        let (focus, mut arrived) = (self.focus, Vec::new());
        for &index in processes {
            let stands = |one: &Inferior| one.stands_still() || one.ended;
            if self.inferiors.get(index).is_none_or(stands) {
                continue;
            }
            self.focus = index;
            match self.hold_focused() {
                // The agent has stopped it at once.
                Ok(events) if self.stands_still() => arrived.push(Arrival::came(index, events)),
                Ok(events) => {
                    self.events.extend(events);
                    self.sets_out(index);
                }
                Err(error) => arrived.push(Arrival::refused(index, error)),
            }
        }
        self.focus = focus;
        self.progress(arrived)
    }

    /// The focused process is asked to stop.
    pub(super) fn hold_focused(&mut self) -> Result<Vec<Event>, SessionError> {
        let focused = self.inferiors.get(self.focus);
        focused.ok_or(SessionError::NoSuchProcess)?.still_there()?;
        let is_asked = self.reach()?;
        let inferior = self.inferiors.get_mut(self.focus);
        let inferior = inferior.ok_or(SessionError::NoSuchProcess)?;
        inferior.may_run()?;
        if is_asked {
            return Ok(Vec::new());
        }
        let was_there = inferior.held.is_some();
        let events = inferior.hold(&self.interrupted)?;
        if !was_there
            && let (Some(running), Some(held)) = (&self.running, &inferior.held)
            && let Some(pid) = inferior.report.pid
        {
            running.tree.note_agent(pid, held.heritage());
        }
        Ok(events)
    }

    /// Waits a moment for those that are under way.
    pub(super) fn wait_for_several(&mut self) -> Result<Progress, SessionError> {
        // Ctrl-C stops them where they are.
        self.keep_keyboard(true);
        let deadline = Instant::now() + GLANCE;
        let mut arrived = Vec::new();
        loop {
            if self.running.is_some() {
                self.take_happenings()?;
                self.listen();
                self.look_for_newcomers();
            } else {
                std::thread::sleep(BETWEEN_ROUNDS);
            }
            for pid in self.under_way.clone() {
                if let Some(arrival) = self.heard_of(pid) {
                    self.under_way.retain(|other| *other != pid);
                    arrived.push(arrival);
                }
            }
            let is_over = self.under_way.is_empty() || Instant::now() > deadline;
            if is_over || self.interrupted.load(Ordering::Relaxed) {
                return Ok(self.progress(arrived));
            }
        }
    }

    /// A process of several has been let go: what was known of its last stop is over.
    fn sets_out(&mut self, index: usize) {
        let Some(pid) = self.inferiors.get(index).and_then(|one| one.report.pid) else {
            return;
        };
        self.under_way.push(pid);
        if let Some(running) = &mut self.running {
            running.stepping = None;
            running.forget_stop(pid);
        }
    }

    /// What has become of a process that is under way; nothing if it still is.
    fn heard_of(&mut self, pid: Pid) -> Option<Arrival> {
        let is_it = |one: &Inferior| one.report.pid == Some(pid);
        let index = self.inferiors.iter().position(is_it)?;
        let inferior = self.inferiors.get_mut(index)?;
        if let Some(running) = &mut self.running {
            let place = running.queue.iter().position(|(other, _)| *other == pid);
            if let Some((_, mut events)) = place.and_then(|place| running.queue.remove(place)) {
                for event in &mut events {
                    let Event::Stopped(stop) = event else {
                        continue;
                    };
                    running.stops.insert(pid, stop.clone());
                    if StopKind::of(&stop.reason).is_some() {
                        let name = Some(inferior.report.name.clone());
                        let waiting = 0;
                        stop.process = Some(StoppedProcess { pid, name, waiting });
                    }
                }
                return Some(Arrival::came(index, events));
            }
            let ended = || Event::Ended {
                pid: Some(pid),
                how: inferior.how.clone(),
                again: false,
            };
            return (inferior.ended).then(|| Arrival::came(index, vec![ended()]));
        }
        let heard = match inferior.hear(&self.interrupted) {
            Ok(events) if events.is_empty() && inferior.process.has_changed().is_some() => {
                inferior.wait(&self.interrupted)
            }
            // The pipes end when the process does.
            Err(_) => inferior.wait(&self.interrupted),
            heard => heard,
        };
        match heard {
            Ok(events) if inferior.stands_still() || inferior.held.is_none() => {
                Some(Arrival::came(index, events))
            }
            Ok(events) => {
                self.events.extend(events);
                None
            }
            Err(error) => Some(Arrival::refused(index, error)),
        }
    }

    fn progress(&self, arrived: Vec<Arrival>) -> Progress {
        let place =
            |pid: &Pid| (self.inferiors.iter()).position(|one| one.report.pid == Some(*pid));
        let kept = self.kept();
        let is_new = |running: &super::running::Running| {
            let mut waiting = running.queue.iter().map(|(pid, _)| pid);
            waiting.any(|pid| !running.shown_before.contains(pid) && !kept.contains(pid))
        };
        Progress {
            arrived,
            under_way: self.under_way.iter().filter_map(place).collect(),
            others_wait: self.running.as_ref().is_some_and(is_new),
        }
    }

    /// Those that stay where they are until the user releases them.
    pub(super) fn kept(&self) -> BTreeSet<Pid> {
        let kept = self.inferiors.iter().filter(|one| one.kept.is_some());
        kept.filter_map(|one| one.report.pid).collect()
    }
}

impl Arrival {
    fn came(index: usize, events: Vec<Event>) -> Arrival {
        let refused = None;
        Arrival {
            index,
            events,
            refused,
        }
    }

    pub(super) fn refused(index: usize, error: SessionError) -> Arrival {
        Arrival {
            index,
            events: Vec::new(),
            refused: Some(error),
        }
    }
}
