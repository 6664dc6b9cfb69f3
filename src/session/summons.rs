//! Reaching the agent of a process that has not stopped yet.
//!
//! One that has executed a program has talked with the session since. A forked child has a copy of its parent's agent, which has not: it is
//! made to, by the same call that stops a process in which the agent is, and rings as it does when it stops by itself.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::error::SessionError;
use super::held::{BEFORE_ASKING_AGAIN, BEFORE_HELP, Held, WayIn, is_in_c};
use super::inferior::Inferior;
use super::look::Session;
use super::running::{Quiet, Running};
use crate::model::Pid;
use crate::process::trace::TraceError;
use crate::python::agent::{AgentError, Injection, WantedStops};

/// How long a child may take to be heard of.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long its interpreter may take to come to itself after the fork.
const LONGEST_BIRTH: Duration = Duration::from_millis(500);

/// A forked child that was asked to talk, and stops then.
pub(super) struct Summons {
    pub injection: Injection,
    asked: Instant,
    is_helped: bool,
}

impl Session {
    /// Before the focused process is stopped: its agent can be talked with afterwards. Says whether it has been asked to stop by that.
    pub(super) fn reach(&mut self) -> Result<bool, SessionError> {
        let Some(pid) = self.to_be_reached()? else {
            return Ok(false);
        };
        let begin = Instant::now();
        let mut is_asked = false;
        loop {
            let inferior = self.inferiors.get_mut(self.focus);
            let inferior = inferior.ok_or(SessionError::NoSuchProcess)?;
            inferior.still_there()?;
            let Some(running) = &mut self.running else {
                return Ok(false);
            };
            if let Some(quiet) = running.take_quiet(pid) {
                inferior.accompany(quiet, is_asked);
                return Ok(is_asked);
            }
            // It may have stopped by itself meanwhile, or at once.
            if inferior.held.is_some() {
                return Ok(true);
            }
            match running.summon(inferior, pid) {
                Ok(()) => is_asked = true,
                // It was let go, and an agent comes in as by attach.
                Err(AgentError::NoAgent { .. }) if inferior.located().is_ok() => {
                    inferior.way_in = running.way_in();
                    return Ok(false);
                }
                Err(AgentError::Locked { .. } | AgentError::StartingUp { .. })
                    if begin.elapsed() < LONGEST_BIRTH => {}
                // It has ended, which is told next.
                Err(AgentError::Trace(TraceError::Gone { .. }))
                    if begin.elapsed() < LONGEST_BIRTH => {}
                Err(error) => return Err(error.into()),
            }
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(SessionError::Interrupted);
            }
            if begin.elapsed() > PATIENCE {
                return Err(SessionError::NotInTime { pid });
            }
            self.take_happenings()?;
        }
    }

    /// The focused process, if the session has not talked with its agent yet.
    fn to_be_reached(&self) -> Result<Option<Pid>, SessionError> {
        let inferior = self.inferiors.get(self.focus);
        let inferior = inferior.ok_or(SessionError::NoSuchProcess)?;
        let is_known = self.running.is_none() || inferior.held.is_some() || inferior.stands_still();
        Ok(inferior.report.pid.filter(|_| !is_known))
    }
}

impl Running {
    fn way_in(&self) -> WayIn {
        WayIn {
            custody: self.tree.custody(),
            wanted: WantedStops {
                // A command has had an agent before, which the user has sent away.
                while_running: self.tree.root.is_none(),
                ..self.selection.wanted()
            },
        }
    }

    /// Asks a forked child to stop, or helps it to if it waits in C code.
    fn summon(&mut self, inferior: &Inferior, pid: Pid) -> Result<(), AgentError> {
        let Ok(located) = inferior.located() else {
            return Err(AgentError::NoAgent { pid });
        };
        let process = &*inferior.process;
        if let Some(summons) = self.summons.get_mut(&pid) {
            let is_due = !summons.is_helped && summons.asked.elapsed() > BEFORE_HELP;
            if is_due && is_in_c(process, located, pid) {
                summons.is_helped = summons.injection.send_helper(process, located)?;
            }
            if summons.asked.elapsed() > BEFORE_ASKING_AGAIN {
                summons.asked = Instant::now();
                summons.injection.interrupt(process, located)?;
            }
            return Ok(());
        }
        let injection = self.tree.heir(pid);
        let mut injection = injection.ok_or(AgentError::NoAgent { pid })?;
        injection.interrupt(process, located)?;
        let summons = Summons {
            injection,
            asked: Instant::now(),
            is_helped: false,
        };
        self.summons.insert(pid, summons);
        Ok(())
    }

    /// Takes a process out of those that have not stopped yet.
    fn take_quiet(&mut self, pid: Pid) -> Option<Quiet> {
        let place = self.quiet.iter().position(|quiet| quiet.pid == pid)?;
        Some(self.quiet.swap_remove(place))
    }
}

impl Inferior {
    /// The agent that has been in it all the time is talked with from now on.
    fn accompany(&mut self, quiet: Quiet, is_asked: bool) {
        let Quiet {
            pid,
            injection,
            channel,
            breakpoints,
        } = quiet;
        self.breakpoints = breakpoints;
        let mut held = Held::arriving(pid, injection, channel);
        if is_asked {
            held.was_asked();
        }
        self.held = Some(held);
    }
}
