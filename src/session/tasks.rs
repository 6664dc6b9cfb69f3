//! asyncio's tasks of one process.

use crate::model::ProcessReport;
use crate::python::{Limits, Look, PythonThread};

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
