//! The answer of `pmdb stack` as text.

use std::io::{self, Write};

use super::exception::write_exception;
use super::fold::{fold_ends, fold_equal};
use super::frame::write_frames;
use super::heading::Headings;
use super::merge::{Branch, Unit, merge, units};
use super::palette::{Palette, Role};
use super::printable;
use super::printer::Printer;
use super::tasks::write_tasks;
use crate::model::{ExceptionState, Report};
use crate::session::source::Sources;

/// How the stacks of several threads are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrangement {
    /// As a tree: what several share is there once.
    Merged,
    /// One below the other; equal ones, values included, are there once.
    Folded,
    /// One below the other, each below its process.
    Flat,
}

/// Writes a report as text, the most recent call last.
pub fn write_report(
    out: &mut dyn Write,
    report: &Report,
    arrangement: Arrangement,
    palette: Palette,
    sources: &mut Sources,
) -> io::Result<()> {
    let mut printer = Printer::new(out, palette, sources);
    let headings = Headings::new(&report.processes);
    let all = units(&report.processes);
    match arrangement {
        Arrangement::Merged => {
            headings.write_processes(&mut printer)?;
            write_trees(&mut printer, &headings, all)?;
            write_tasks_of_all(&mut printer, &headings, report)?;
        }
        Arrangement::Folded => {
            headings.write_processes(&mut printer)?;
            write_sections(&mut printer, &headings, fold_equal(all))?;
            write_tasks_of_all(&mut printer, &headings, report)?;
        }
        Arrangement::Flat => write_flat(&mut printer, report)?,
    }
    write_edited(&mut printer)
}

/// Which of the lines of source may not be those that run.
fn write_edited(printer: &mut Printer<'_>) -> io::Result<()> {
    let edited = std::mem::take(&mut printer.edited);
    if edited.is_empty() {
        return Ok(());
    }
    printer.blank()?;
    for file in edited {
        let text = format!(
            "{} was edited after the process started, which may run other lines than these",
            printable::one_line(&file)
        );
        printer.line(printer.paint(Role::Problem, text))?;
    }
    Ok(())
}

fn write_flat(printer: &mut Printer<'_>, report: &Report) -> io::Result<()> {
    for (index, process) in report.processes.iter().enumerate() {
        if index > 0 {
            printer.blank()?;
        }
        // Below its own heading a process is alone.
        let alone = std::slice::from_ref(process);
        let headings = Headings::new(alone);
        headings.write_processes(printer)?;
        let each = units(alone).into_iter().map(|unit| vec![unit]);
        write_sections(printer, &headings, each.collect())?;
        write_tasks(printer, process, None)?;
    }
    Ok(())
}

fn write_tasks_of_all(
    printer: &mut Printer<'_>,
    headings: &Headings<'_>,
    report: &Report,
) -> io::Result<()> {
    for (index, process) in report.processes.iter().enumerate() {
        let name = (report.processes.len() > 1).then(|| headings.process_in_passing(index));
        write_tasks(printer, process, name.as_deref())?;
    }
    Ok(())
}

/// Threads that show the same, once for each such set.
fn write_sections(
    printer: &mut Printer<'_>,
    headings: &Headings<'_>,
    sections: Vec<Vec<Unit<'_>>>,
) -> io::Result<()> {
    for section in sections {
        let Some(&first) = section.first() else {
            continue;
        };
        printer.blank()?;
        write_title(printer, headings, &section, !first.thread.frames.is_empty())?;
        let oldest_first = first.thread.frames.iter().rev();
        write_frames(printer, first.process, oldest_first)?;
        write_end(printer, &first)?;
    }
    Ok(())
}

fn write_trees(
    printer: &mut Printer<'_>,
    headings: &Headings<'_>,
    all: Vec<Unit<'_>>,
) -> io::Result<()> {
    for tree in merge(all) {
        printer.blank()?;
        write_title(printer, headings, &tree.units, !tree.frames.is_empty())?;
        write_branch(printer, headings, tree)?;
    }
    Ok(())
}

fn write_title(
    printer: &mut Printer<'_>,
    headings: &Headings<'_>,
    units: &[Unit<'_>],
    has_frames: bool,
) -> io::Result<()> {
    let who = capitalized(&headings.threads(units));
    let who = printer.paint(Role::Heading, who);
    if has_frames {
        printer.line(format_args!("{who}, most recent call last:"))
    } else {
        printer.line(format_args!("{who}: no Python frames"))
    }
}

fn write_branch(
    printer: &mut Printer<'_>,
    headings: &Headings<'_>,
    branch: Branch<'_>,
) -> io::Result<()> {
    if let Some(first) = branch.units.first() {
        write_frames(printer, first.process, branch.frames)?;
    }
    if branch.children.is_empty() {
        return write_ends(printer, headings, branch.units);
    }
    let count = branch.children.len();
    for (index, child) in branch.children.into_iter().enumerate() {
        let who = headings.threads(&child.units);
        let here = if child.frames.is_empty() {
            ": here"
        } else {
            ""
        };
        write_twig(
            printer,
            &format!("{who}{here}"),
            index + 1 == count,
            |printer| write_branch(printer, headings, child),
        )?;
    }
    Ok(())
}

/// What else there is to say of threads that are at the same place: once, if it is the same for all of them.
fn write_ends(
    printer: &mut Printer<'_>,
    headings: &Headings<'_>,
    units: Vec<Unit<'_>>,
) -> io::Result<()> {
    let mut ends = fold_ends(units);
    if let [end] = ends.as_slice()
        && let Some(first) = end.first()
    {
        return write_end(printer, first);
    }
    ends.retain(|end| end.first().is_some_and(has_end));
    let count = ends.len();
    for (index, end) in ends.into_iter().enumerate() {
        let Some(first) = end.first() else { continue };
        write_twig(
            printer,
            &headings.threads(&end),
            index + 1 == count,
            |printer| write_end(printer, first),
        )?;
    }
    Ok(())
}

fn write_twig(
    printer: &mut Printer<'_>,
    title: &str,
    last: bool,
    write: impl FnOnce(&mut Printer<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let (corner, margin) = if last {
        ("  └─ ", "    ")
    } else {
        ("  ├─ ", "  │ ")
    };
    let title = printer.paint(Role::Heading, title);
    printer.line(format_args!("{corner}{title}"))?;
    printer.within(margin, write)
}

fn has_end(unit: &Unit<'_>) -> bool {
    unit.thread.note.is_some() || !unit.thread.exceptions.is_empty()
}

/// The note and the exceptions of a thread.
fn write_end(printer: &mut Printer<'_>, unit: &Unit<'_>) -> io::Result<()> {
    if let Some(note) = &unit.thread.note {
        let note = format!("note: {}", printable::one_line(note));
        let note = printer.paint(Role::Problem, note);
        printer.line(format_args!("  {note}"))?;
    }
    for exception in &unit.thread.exceptions {
        printer.line(match exception.state {
            ExceptionState::Raised => "  Raising:",
            ExceptionState::Handled => "  Handling:",
            ExceptionState::Linked => "  Exception:",
        })?;
        printer.within("    ", |printer| {
            write_exception(printer, unit.process, exception)
        })?;
    }
    Ok(())
}

fn capitalized(text: &str) -> String {
    match text.strip_prefix("process ") {
        Some(rest) => format!("Process {rest}"),
        None => text.to_string(),
    }
}
