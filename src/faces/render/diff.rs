//! The answer of `pmdb diff` as text.

use std::io::{self, Write};

use super::palette::{Palette, Role};
use super::printable;
use crate::model::{DumpDiff, Frame, Presence, ProcessDiff, ThreadDiff, ValueChange};

/// Frames of a stack that are written.
const MOST_FRAMES: usize = 30;

pub fn write_diff(out: &mut dyn Write, diff: &DumpDiff, palette: Palette) -> io::Result<()> {
    for (number, process) in diff.processes.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        write_process(out, process, palette)?;
    }
    Ok(())
}

fn write_process(out: &mut dyn Write, process: &ProcessDiff, palette: Palette) -> io::Result<()> {
    let pid = process
        .pid
        .map(|pid| format!(" ({pid})"))
        .unwrap_or_default();
    let name = printable::one_line(&process.name);
    let moved = process
        .threads
        .iter()
        .filter(|thread| thread.has_moved())
        .count();
    let is_unread = process.error.is_some() && process.threads.is_empty();
    let how = match process.presence {
        Presence::OnlyBefore if is_unread => "could not be read in the first".to_owned(),
        Presence::OnlyAfter if is_unread => "could not be read in the second".to_owned(),
        Presence::OnlyBefore => "is only in the first".to_owned(),
        Presence::OnlyAfter => "is only in the second".to_owned(),
        Presence::Both => format!("{moved} of {} threads have moved", process.threads.len()),
    };
    writeln!(
        out,
        "{}: {how}",
        palette.paint(Role::Heading, format!("{name}{pid}"))
    )?;
    if let Some(error) = &process.error {
        let error = printable::one_line(error);
        writeln!(out, "  {}", palette.paint(Role::Problem, error))?;
    }
    for thread in &process.threads {
        write_thread(out, thread, palette)?;
    }
    Ok(())
}

fn write_thread(out: &mut dyn Write, thread: &ThreadDiff, palette: Palette) -> io::Result<()> {
    let tid = thread
        .tid
        .map(|tid| format!("thread {tid}"))
        .unwrap_or_default();
    let name = match &thread.name {
        Some(name) => format!("{tid} {}", printable::one_line(name)),
        None => tid,
    };
    let how = match (thread.presence, thread.has_moved()) {
        (Presence::OnlyBefore, _) => "has ended",
        (Presence::OnlyAfter, _) => "is new",
        (Presence::Both, true) => "has moved",
        (Presence::Both, false) => "is where it was",
    };
    writeln!(out, "  {name} {how}")?;
    write_frames(out, "was", &thread.before, palette)?;
    write_frames(out, "is", &thread.after, palette)?;
    for change in &thread.changes {
        write_change(out, change)?;
    }
    Ok(())
}

fn write_frames(
    out: &mut dyn Write,
    when: &str,
    frames: &[Frame],
    palette: Palette,
) -> io::Result<()> {
    for (number, frame) in frames.iter().take(MOST_FRAMES).enumerate() {
        let when = if number == 0 { when } else { "" };
        let file = frame
            .file
            .as_deref()
            .or(frame.module.as_deref())
            .unwrap_or("?");
        let line = frame
            .line
            .map(|line| format!(":{line}"))
            .unwrap_or_default();
        let function = palette
            .paint(Role::Function, printable::one_line(&frame.function))
            .to_string();
        writeln!(
            out,
            "    {when:<4}{function} at {}{line}",
            printable::one_line(file)
        )?;
    }
    match frames.len().saturating_sub(MOST_FRAMES) {
        0 => Ok(()),
        more => writeln!(out, "        and {more} more frames"),
    }
}

fn write_change(out: &mut dyn Write, change: &ValueChange) -> io::Result<()> {
    let text = |value: &Option<String>| match value {
        Some(text) => printable::one_line(text).to_string(),
        None => "no value".to_owned(),
    };
    let function = printable::one_line(&change.function).to_string();
    let name = printable::one_line(&change.name).to_string();
    let (before, after) = (text(&change.before), text(&change.after));
    writeln!(out, "    {function}: {name} was {before}")?;
    writeln!(
        out,
        "    {:width$}  {:name$} is  {after}",
        "",
        "",
        width = function.chars().count(),
        name = name.chars().count()
    )
}
