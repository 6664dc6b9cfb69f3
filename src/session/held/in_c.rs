//! A main thread in C code does not come by itself: another one speaks for it.

use std::time::{Duration, Instant};

use super::Held;
use crate::model::{GilState, Pid, Tid};
use crate::process::Process;
use crate::python::{Located, Look};
use crate::session::error::SessionError;

/// How long the main thread has to come by itself before a thread is made that speaks for it.
pub(in crate::session) const BEFORE_HELP: Duration = Duration::from_millis(100);
/// After how long it is asked again: it may have been about to go on from a stop.
pub(in crate::session) const BEFORE_ASKING_AGAIN: Duration = Duration::from_millis(700);

/// Whether the main thread sits in a system call, and not just because it wants the interpreter's lock: then it comes by itself
/// when it is its turn.
pub(super) fn waits_in_c(process: &dyn Process, located: &Located, pid: Pid) -> bool {
    process.system_call(Tid(pid.0)).is_some() && is_in_c(process, located, pid)
}

/// Whether the main thread is in C code that has let go of the interpreter's lock: it waits in a system call, or computes.
pub(in crate::session) fn is_in_c(process: &dyn Process, located: &Located, pid: Pid) -> bool {
    let main = Tid(pid.0);
    match lock_of(process, located, main) {
        // It may have got what it waited for meanwhile.
        Some(GilState::Waits | GilState::Holds) => false,
        Some(GilState::Released) => true,
        Some(GilState::Unknown) | None => process.system_call(main).is_some(),
    }
}

/// How a thread stands to the interpreter's lock; nothing if it runs no Python.
pub(super) fn lock_of(process: &dyn Process, located: &Located, tid: Tid) -> Option<GilState> {
    let statuses = process.threads().unwrap_or_default();
    let (threads, _) = Look::new(process, located).threads(&statuses);
    threads.iter().find_map(|thread| {
        let is_meant = thread.status.as_ref().map(|status| status.tid == tid);
        is_meant.unwrap_or(false).then_some(thread.gil)
    })
}

impl Held {
    /// Something has not happened for a while: what was asked for may need help.
    pub fn glance(&mut self, process: &dyn Process, located: &Located) -> Result<(), SessionError> {
        self.help_if_it_waits(process, located)?;
        match self.asked {
            Some(asked) if asked.elapsed() > BEFORE_ASKING_AGAIN => {
                self.interrupt(process, located)
            }
            _ => Ok(()),
        }
    }

    /// Sends a thread that speaks for the main thread if that was asked to stop a while ago and still waits in C code.
    pub(super) fn help_if_it_waits(
        &mut self,
        process: &dyn Process,
        located: &Located,
    ) -> Result<(), SessionError> {
        let Some(waited) = self.asked.map(|asked| asked.elapsed()) else {
            return Ok(());
        };
        let is_refused = (self.without_helper).is_some_and(|until| Instant::now() < until);
        if waited <= BEFORE_HELP || is_refused {
            return Ok(());
        }
        if !is_in_c(process, located, self.pid) {
            return Ok(self.injection.insist(process, located)?);
        }
        if self.injection.send_helper(process, located)? {
            self.asked = None;
            self.without_helper = None;
        } else {
            // Each look for a thread that could be borrowed holds all of them: so as long again as it has been waited for.
            self.without_helper = Some(Instant::now() + waited);
        }
        Ok(())
    }
}
