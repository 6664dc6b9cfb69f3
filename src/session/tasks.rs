//! The tasks of one process: asyncio's and tokio's.

use std::sync::atomic::AtomicBool;

use super::error::SessionError;
use super::inferior::Inferior;
use super::native_stack;
use crate::model::ProcessReport;
use crate::native::LoadedModules;
use crate::native::tokio::{TokioTasks, modules_with_tokio};
use crate::process::{Budget, Memory};
use crate::python::{Limits, Look, PythonThread};

/// Why there are none of tokio's.
pub(super) const NO_TOKIO: &str = "no tokio is in it of which debug information tells: its tasks are shown in programs that were built with it (`debug = true` in the profile)";

/// Adds the event loops and their tasks to a report; with the variables of every frame if `locals` are given.
/// `threads` are all of the process.
pub fn add_tasks(
    look: &Look<'_>,
    threads: &[PythonThread],
    locals: Option<&Limits>,
    report: &mut ProcessReport,
) {
    let found = look.event_loops(threads, locals);
    report.event_loops = found.loops;
    if let Some(error) = found.broken {
        report
            .notes
            .push(format!("not all tasks could be read: {error}"));
    }
    if look.has_greenlets(threads) {
        let note =
            "it has imported greenlet: the stacks of greenlets that do not run are not shown";
        report.notes.push(note.to_string());
    }
}

/// Adds the runtimes of tokio that were found, and what was not.
pub(super) fn add_tokio(found: TokioTasks, report: &mut ProcessReport) {
    report.event_loops.extend(found.runtimes);
    report.notes.extend(found.notes);
}

impl Inferior {
    /// The process with its event loops and their tasks, and with the runtimes of tokio where native frames are looked at.
    pub fn tasks(&self, interrupted: &AtomicBool) -> Result<ProcessReport, SessionError> {
        let mut report = self.report.clone();
        report.threads.clear();
        report.notes.clear();
        if !self.is_native() {
            let threads = self.threads(interrupted)?;
            self.look(interrupted, |look| {
                add_tasks(look, &threads, None, &mut report);
            })?;
        }
        if self.native_view().is_some() {
            let found = self.tokio_tasks(interrupted)?;
            match found {
                Some(found) => add_tokio(found, &mut report),
                None if self.is_native() => {
                    let why = NO_TOKIO.to_owned();
                    return Err(SessionError::Unreadable { why });
                }
                None => {}
            }
        }
        Ok(report)
    }

    /// Nothing if there is no tokio.
    fn tokio_tasks(&self, interrupted: &AtomicBool) -> Result<Option<TokioTasks>, SessionError> {
        let parsed = &*self.parsed;
        let known = modules_with_tokio(&LoadedModules::new(&*self.process, parsed));
        if known.is_empty() {
            return Ok(None);
        }
        let found = self.at_one_moment(interrupted, |process| {
            let modules = LoadedModules::new(process, parsed);
            let budget = Budget::usual();
            let walked = native_stack::walk(process, &modules, None, &budget);
            let memory = Memory::within(process, budget);
            native_stack::tokio_tasks_of(&walked, &modules, &known, &memory, None)
        })?;
        Ok(Some(found))
    }
}
