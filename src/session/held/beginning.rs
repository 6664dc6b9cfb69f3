//! How a process comes to be held: the agent is brought in, and the main thread comes to a line.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::in_c::waits_in_c;
use super::{GLANCE, Held, PATIENCE, WayIn, is_suspended};
use crate::model::Pid;
use crate::process::Process;
use crate::process::trace::TraceError;
use crate::python::Located;
use crate::python::agent::{AgentError, Compiled, Event, Foothold, Injection};
use crate::session::error::SessionError;
use crate::session::guardian;
use crate::session::own_time::OwnTime;
use crate::session::presence::{Claim, wait_for_guardian};

/// The same for one that waits in C code, where a thread is made that speaks for it.
const PATIENCE_IN_CALL: Duration = Duration::from_secs(1);
/// How long all of it may take, by the clock.
const LONGEST_BEGINNING: Duration = Duration::from_secs(15);
/// How long the agent may take from when it is started to its first word, of the time of its process.
const LONGEST_SILENCE: Duration = Duration::from_millis(1500);

impl Held {
    /// Brings the agent in and waits until the main thread stands still at a line.
    pub fn begin(
        process: &dyn Process,
        located: &Located,
        pid: Pid,
        way_in: &WayIn,
        interrupted: &AtomicBool,
    ) -> Result<(Held, Event), SessionError> {
        if is_suspended(process, pid) {
            return Err(SessionError::Suspended { pid });
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let begun = Held::begin_once(process, located, pid, way_in, interrupted)?;
            match begun {
                Ok(begun) => return Ok(begun),
                // An agent that has lost its pipes, and is about to leave.
                // Or one that takes out what a pmdb has left that was killed.
                Err(session)
                    if (session == std::process::id() || guardian::is_one(session))
                        && Instant::now() < deadline =>
                {
                    std::thread::sleep(GLANCE);
                }
                Err(session) => return Err(AgentError::Taken { pid, session }.into()),
            }
        }
    }

    /// The same; or the process of the pmdb whose agent is in already.
    fn begin_once(
        process: &dyn Process,
        located: &Located,
        pid: Pid,
        way_in: &WayIn,
        interrupted: &AtomicBool,
    ) -> Result<Result<(Held, Event), u32>, SessionError> {
        // A guardian comes when no pmdb does, and pmdb waits for it.
        let (presence, _passage) = if guardian::is_this_one() {
            (None, None)
        } else {
            // Where another pmdb has the process, that is said by whoever is in it.
            let presence = Claim::presence(pid);
            let passage = Claim::passage(pid, interrupted);
            wait_for_guardian(pid, interrupted);
            (presence, passage)
        };
        let patience = if waits_in_c(process, located, pid) {
            PATIENCE_IN_CALL
        } else {
            PATIENCE
        };
        guardian::look_after(Foothold { pid, end: None });
        let compiled = Compiled::default();
        let (custody, wanted) = (&way_in.custody, &way_in.wanted);
        let begun = Injection::begin(process, located, pid, custody, wanted, &compiled);
        let (injection, channel) = match begun {
            Err(AgentError::Trace(TraceError::TracedByAnother { tracer, .. }))
                if guardian::is_one(tracer.0) =>
            {
                return Ok(Err(tracer.0));
            }
            begun => begun?,
        };
        guardian::look_after(injection.foothold());
        let mut held = Held {
            pid,
            injection,
            channel,
            standing: None,
            _presence: presence,
            asked: None,
            without_helper: None,
            unanswered: None,
        };
        let begin = Instant::now();
        let mut is_in = false;
        let mut own_time = OwnTime::begin(pid);
        let mut heard = Duration::ZERO;
        let mut failed = None;
        held.asked = Some(begin);
        while !interrupted.load(Ordering::Relaxed) {
            let waited = own_time.passed(process);
            // What has been begun is only slow: other threads compute too.
            let is_begun = || held.injection.is_begun(process, located).unwrap_or(false);
            if begin.elapsed() > LONGEST_BEGINNING || (waited > patience && !is_begun()) {
                break;
            }
            let event = match held.next_event(GLANCE, interrupted) {
                Ok(event) => event,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            };
            match event {
                Some(Event::Hello) => {
                    is_in = true;
                    compiled.keep();
                }
                Some(event @ Event::Stopped { .. }) => return Ok(Ok((held, event))),
                Some(Event::Failed { text }) => {
                    return Err(held.refused(AgentError::Failed { pid, text }, process, located));
                }
                Some(Event::Taken { session }) => {
                    drop(held.refused(AgentError::Taken { pid, session }, process, located));
                    return Ok(Err(session));
                }
                Some(_) => {}
                None if is_suspended(process, pid) => {
                    failed = Some(SessionError::Suspended { pid });
                }
                None => failed = held.help_if_it_waits(process, located).err(),
            }
            if is_in || held.injection.still_waits(process, located).unwrap_or(true) {
                heard = waited;
            } else if waited - heard > LONGEST_SILENCE {
                return Err(held.refused(AgentError::Mute { pid }, process, located));
            }
            if failed.is_some() {
                break;
            }
        }
        if is_in {
            held.leave_running(process, located);
        } else {
            // It must not come in later, when nobody waits for it.
            if !held.injection.withdraw(process, located)? {
                // It has come by at the last moment, or was made to start and could not even say why it does not.
                let mut own_time = OwnTime::begin(pid);
                let mut last = Ok(None);
                while matches!(last, Ok(None)) && own_time.passed(process) < PATIENCE_IN_CALL {
                    last = held.next_event(GLANCE, &AtomicBool::new(false));
                }
                if !matches!(last, Ok(Some(Event::Hello))) {
                    return Err(held.refused(AgentError::Mute { pid }, process, located));
                }
                held.leave_running(process, located);
            }
        }
        if interrupted.load(Ordering::Relaxed) {
            return Err(SessionError::Interrupted);
        }
        let seconds = begin.elapsed().as_secs();
        Err(failed.unwrap_or(SessionError::InNative { pid, seconds }))
    }

    /// The agent did not start: nothing of it stays.
    fn refused(self, why: AgentError, process: &dyn Process, located: &Located) -> SessionError {
        // The pipe ends first, so that whoever still reads the agent's source from it reads no more.
        drop(self.channel);
        // Whoever has spoken has read its text.
        let is_silent = matches!(why, AgentError::Mute { .. });
        // What cannot be taken away is a page and three file descriptors; the reason to be told is the other.
        let _ = self.injection.abandon(process, located, is_silent);
        why.into()
    }
}
