//! Event loops and their tasks as text.

use std::io;

use super::frame::write_frames;
use super::palette::Role;
use super::printable;
use super::printer::Printer;
use super::set_label::compress;
use super::task_forest::{Child, Grove, forest};
use crate::model::{AwaitedKind, EventLoop, ProcessReport, Task, TaskState};

/// Characters of a set of names.
const LONGEST_SET: usize = 200;

/// Writes the event loops of a process. `process_name` is there if the report has several processes.
pub fn write_tasks(
    printer: &mut Printer<'_>,
    process: &ProcessReport,
    process_name: Option<&str>,
) -> io::Result<()> {
    for event_loop in &process.event_loops {
        printer.blank()?;
        let heading = heading(event_loop, process_name);
        printer.line(printer.paint(Role::Heading, heading))?;
        for circle in circles(event_loop) {
            printer.line(format_args!("  {}", printer.paint(Role::Problem, circle)))?;
        }
        for grove in forest(event_loop) {
            printer.blank()?;
            let title = title(&grove.tasks);
            printer.line(printer.paint(Role::Heading, title))?;
            write_grove(printer, process, &grove)?;
        }
    }
    Ok(())
}

/// A runtime of tokio by the type of its scheduler: what it is, and of which kind.
fn runtime(type_name: &str) -> Option<(&'static str, String)> {
    let rest = type_name.strip_prefix("tokio::")?;
    if rest.starts_with("task::local::") {
        return Some(("LocalSet", "tokio".to_string()));
    }
    let modules: Vec<&str> = rest.split("::").collect();
    let kind = modules
        .iter()
        .rev()
        .find(|name| name.starts_with(|letter: char| letter.is_lowercase()) && **name != "handle");
    let kind = kind.map_or("tokio".to_string(), |kind| format!("tokio's {kind}"));
    Some(("Runtime", kind))
}

fn heading(event_loop: &EventLoop, process_name: Option<&str>) -> String {
    let runtime = runtime(&event_loop.type_name);
    let what = runtime.as_ref().map_or("Event loop", |(what, _)| *what);
    let mut text = match process_name {
        Some(name) => format!("{what} of {name}"),
        None => what.to_string(),
    };
    match (event_loop.tid, &event_loop.thread) {
        (Some(tid), Some(name)) => {
            text += &format!(" in thread {tid} \"{}\"", printable::one_line(name));
        }
        (Some(tid), None) => text += &format!(" in thread {tid}"),
        // Any number of threads run its tasks.
        (None, _) if runtime.is_some() => {}
        (None, _) => text += " that no thread runs",
    }
    let class = event_loop.type_name.rsplit_once('.');
    let class = class.map_or(event_loop.type_name.as_str(), |(_, class)| class);
    let class = runtime.as_ref().map_or(class, |(_, kind)| kind.as_str());
    text += &format!(", {}: ", printable::one_line(class));
    text += &counted(event_loop.task_count);
    let shown = event_loop.tasks.len() as u64;
    if shown < event_loop.task_count {
        text += &format!(", {} of them shown", thousands(shown));
    }
    text
}

/// `A deadlock: Task-2 awaits Task-3, which awaits Task-2`.
fn circles(event_loop: &EventLoop) -> Vec<String> {
    let name = |address| {
        let mut tasks = event_loop.tasks.iter();
        let task = tasks.find(|task| task.address == address);
        task.map_or("?".into(), |task| printable::one_line(&task.name))
    };
    let sentence = |circle: &Vec<crate::model::Addr>| {
        let mut names = circle.iter().map(|&address| name(address));
        let first = names.next().unwrap_or_default();
        let others: String = names.map(|name| format!(" awaits {name}, which")).collect();
        format!("A circle of tasks: {first}{others} awaits {first}")
    };
    event_loop.circles.iter().map(sentence).collect()
}

fn write_grove(
    printer: &mut Printer<'_>,
    process: &ProcessReport,
    grove: &Grove<'_>,
) -> io::Result<()> {
    let Some(first) = grove.tasks.first() else {
        return Ok(());
    };
    write_frames(printer, process, first.frames.iter().rev())?;
    if let Some(note) = &first.note {
        let note = format!("note: {}", printable::one_line(note));
        printer.line(format_args!("  {}", printer.paint(Role::Problem, note)))?;
    }
    let count = grove.children.len();
    for (index, child) in grove.children.iter().enumerate() {
        let (corner, margin) = if index + 1 == count {
            ("  └─ ", "    ")
        } else {
            ("  ├─ ", "  │ ")
        };
        let title = match child {
            Child::Grove(grove) => title(&grove.tasks),
            Child::Elsewhere(tasks) => format!("{}: shown elsewhere", names(tasks)),
        };
        let title = printer.paint(Role::Heading, title);
        printer.line(format_args!("{corner}{title}"))?;
        if let Child::Grove(grove) = child {
            printer.within(margin, |printer| write_grove(printer, process, grove))?;
        }
    }
    Ok(())
}

/// `Task-2, awaiting sleep(5):`, `3 tasks (Task-2..4), awaiting a lock each:`.
fn title(tasks: &[&Task]) -> String {
    let mut text = names(tasks);
    let Some(first) = tasks.first() else {
        return text;
    };
    let same = |task: &&Task| task.spawned_at == first.spawned_at;
    if let Some(place) = first
        .spawned_at
        .as_deref()
        .filter(|_| tasks.iter().all(same))
    {
        text += &format!(", spawned at {}", printable::one_line(place));
    }
    if first.cancelling {
        text += ", being cancelled";
    }
    match (first.state, &first.awaits) {
        (TaskState::Running, _) => {
            text += ", running";
            if let Some(tid) = first.tid.filter(|_| tasks.len() == 1) {
                text += &format!(" in thread {tid}");
            }
        }
        (TaskState::Finished, _) => text += ", finished",
        (TaskState::Cancelled, _) => text += ", cancelled",
        (TaskState::Pending, Some(awaits)) => {
            let same = tasks.iter().all(|task| {
                task.awaits
                    .as_ref()
                    .is_some_and(|other| other.text == awaits.text)
            });
            let what = if same {
                printable::one_line(&awaits.text).into_owned()
            } else {
                in_general(awaits.kind).to_string()
            };
            text += &format!(", awaiting {what}");
        }
        (TaskState::Pending, None) => text += ", pending",
    }
    if first.frames.is_empty() {
        text + &format!(", in {}", printable::one_line(&first.coroutine))
    } else {
        text + ":"
    }
}

fn names(tasks: &[&Task]) -> String {
    let one_line = |task: &&Task| printable::one_line(&task.name).into_owned();
    let names: Vec<String> = tasks.iter().map(one_line).collect();
    let mut set = compress(names.iter().map(String::as_str));
    if let Some((end, _)) = set.char_indices().nth(LONGEST_SET) {
        set.truncate(end);
        set.push('…');
    }
    match names.len() {
        1 => set,
        many => format!("{} ({set})", counted(many as u64)),
    }
}

/// What several tasks wait for that do not wait for quite the same.
fn in_general(kind: AwaitedKind) -> &'static str {
    match kind {
        AwaitedKind::Turn => "their turn",
        AwaitedKind::Task => "one task each",
        AwaitedKind::Gather => "a gather each",
        AwaitedKind::Wait => "other tasks",
        AwaitedKind::TaskGroup => "a TaskGroup each",
        AwaitedKind::Sleep => "the end of a sleep",
        AwaitedKind::Lock => "a lock each",
        AwaitedKind::Queue => "a queue each",
        AwaitedKind::Executor => "a call in another thread or process",
        AwaitedKind::Stream => "a stream each",
        AwaitedKind::Subprocess => "a subprocess each",
        AwaitedKind::Future => "a future each",
        AwaitedKind::Other => "an awaitable each",
    }
}

fn counted(tasks: u64) -> String {
    match tasks {
        1 => "1 task".to_string(),
        many => format!("{} tasks", thousands(many)),
    }
}

/// `1,000,000`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_have_commas() {
        let texts = [0, 999, 1_000, 1_234_567].map(thousands);
        assert_eq!(texts, ["0", "999", "1,000", "1,234,567"]);
    }
}
