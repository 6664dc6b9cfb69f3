//! A process that has asked for a debugger itself, as `pmdb.set_trace()` does (`python/pmdb`): it waits until the agent is in, and then stops
//! where it wants to be looked at.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::unistd::{Pid as Process, getpgid, getpgrp};

use super::api::{Event, Resume, StoppedProcess};
use super::error::SessionError;
use super::inferior::Inferior;
use super::look::Session;
use super::selection::StopKind;
use crate::process::live::mark::Wish;

/// How long a process that waits for the agent may take to stop once that is in.
const PATIENCE: Duration = Duration::from_secs(10);

impl Session {
    /// Whether it is about one process, which has asked for it.
    pub fn was_asked_for(&self) -> bool {
        matches!(self.inferiors.as_slice(), [only] if only.asks())
    }

    /// Whether Ctrl-C in pmdb's terminal reaches the process too, since they belong to the same job of the shell.
    pub fn shares_keyboard(&self) -> bool {
        let pid = self.inferiors.first().and_then(|one| one.report.pid);
        let group = pid.and_then(|pid| getpgid(Some(Process::from_raw(pid.0.cast_signed()))).ok());
        self.was_asked_for() && group == Some(getpgrp())
    }

    /// Whether the process that has asked for pmdb goes on without it.
    pub(super) fn is_let_go(&self) -> bool {
        self.was_asked_for() && self.inferiors.iter().all(|one| one.held.is_none())
    }
}

impl Inferior {
    fn asks(&self) -> bool {
        let mark = self.mark.as_ref();
        mark.is_some_and(|mark| mark.wish == Wish::ToStop)
    }

    /// Brings the agent in, and lets the process go on until it has stopped where it wants to.
    pub(super) fn meet(&mut self, interrupted: &AtomicBool) -> Result<Vec<Event>, SessionError> {
        let deadline = Instant::now() + PATIENCE;
        let mut events = loop {
            match self.hold(interrupted) {
                // It waits for nothing but this: on a busy machine it is only slow.
                Err(SessionError::InNative { .. }) if Instant::now() < deadline => {}
                other => break other?,
            }
        };
        loop {
            if let Some(pid) = self.report.pid {
                for event in &mut events {
                    if let Event::Stopped(stop) = event
                        && StopKind::of(&stop.reason).is_some()
                    {
                        let name = Some(self.report.name.clone());
                        let waiting = 0;
                        stop.process = Some(StoppedProcess { pid, name, waiting });
                        return Ok(events);
                    }
                }
            }
            if self.ended || self.held.is_none() {
                return Ok(events);
            }
            if self.stands_still() {
                // The main thread, at its next line: by way of that the agent has come in.
                self.resume(Resume::Continue)?;
            }
            if interrupted.load(Ordering::Relaxed) {
                return Err(SessionError::Interrupted);
            }
            if Instant::now() > deadline {
                return Err(SessionError::NotMet { who: self.who() });
            }
            events = self.wait(interrupted)?;
        }
    }
}
