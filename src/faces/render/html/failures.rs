//! What went wrong, the first first: tracebacks with source and variables.

use std::fmt::Write;

use super::frames::{write_frames, write_thread};
use super::{escaped, name};
use crate::model::{DumpReport, DumpedProcess, Exception};

/// Exceptions that led to one, or are in its group.
const MOST_LINKED: usize = 20;

pub(super) fn write_failures(page: &mut String, report: &DumpReport) {
    let failed = report
        .processes
        .iter()
        .filter(|process| process.failure.is_some());
    for (number, process) in failed.enumerate() {
        let title = if number == 0 {
            "What failed first"
        } else {
            "Then"
        };
        let _ = writeln!(
            page,
            "<section class=\"failure\"><h2>{title}: {}</h2><p class=\"why\">{}</p>",
            escaped(&name(process)),
            escaped(process.failure.as_deref().unwrap_or_default()),
        );
        write_notes(page, process);
        write_threads(page, process, number == 0);
        page.push_str("</section>\n");
    }
}

fn write_notes(page: &mut String, process: &DumpedProcess) {
    let notes = process.report.error.iter().chain(&process.report.notes);
    let notes: String = notes
        .map(|note| format!("<li>{}</li>", escaped(note)))
        .collect();
    if !notes.is_empty() {
        let _ = writeln!(
            page,
            "<details><summary>about the dump</summary><ul>{notes}</ul></details>"
        );
    }
}

/// Exceptions before stacks; of the thread that the dump is about, everything is open.
fn write_threads(page: &mut String, process: &DumpedProcess, is_first: bool) {
    let cause = process
        .facts
        .as_ref()
        .and_then(|facts| facts.cause.as_ref());
    let thread_of_cause = cause.and_then(|cause| cause.thread);
    let mut threads: Vec<_> = process.report.threads.iter().collect();
    threads.sort_by_key(|thread| thread.tid != thread_of_cause || thread_of_cause.is_none());
    for (number, thread) in threads.into_iter().enumerate() {
        for exception in &thread.exceptions {
            let mut room = MOST_LINKED;
            write_exception(page, process, exception, &mut room);
        }
        let is_open = is_first && number == 0 && thread.exceptions.is_empty();
        write_thread(page, process, thread, is_open);
    }
}

fn write_exception(
    page: &mut String,
    process: &DumpedProcess,
    exception: &Exception,
    room: &mut usize,
) {
    let Some(left) = room.checked_sub(1) else {
        return;
    };
    *room = left;
    let (earlier, tie) = match (&exception.cause, &exception.context) {
        (Some(cause), _) => (Some(cause), "which caused"),
        (None, context) if !exception.suppress_context => {
            (context.as_ref(), "while that was handled")
        }
        _ => (None, ""),
    };
    if let Some(earlier) = earlier
        && *room > 0
    {
        write_exception(page, process, earlier, room);
        let _ = write!(page, "<p class=\"tie\">{tie}</p>");
    }
    let message = match &*exception.message {
        "" => String::new(),
        message => format!(": {}", escaped(message)),
    };
    let _ = write!(
        page,
        "<div class=\"exception\"><h3>{}{message}</h3>",
        escaped(&exception.type_name)
    );
    for note in &exception.notes {
        let _ = write!(page, "<p>{}</p>", escaped(note));
    }
    write_frames(page, process, &exception.frames, true);
    for member in &exception.members {
        write_exception(page, process, member, room);
    }
    page.push_str("</div>\n");
}
