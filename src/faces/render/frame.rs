//! Frames as a traceback of Python prints them, with the values of their variables.

use std::io;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::palette::Role;
use super::printable;
use super::printer::Printer;
use super::seen_values::SeenValues;
use crate::model::{Absence, ColumnRange, Frame, Local, ProcessReport, Value};

/// As in CPython: a line that recursion repeats is shown this often (`traceback.StackSummary.format`).
const REPEATS_SHOWN: usize = 3;

/// Writes a stack, the oldest frame first. Frames that repeat each other are counted instead.
pub fn write_frames<'f>(
    printer: &mut Printer<'_>,
    process: &ProcessReport,
    oldest_first: impl IntoIterator<Item = &'f Frame>,
) -> io::Result<()> {
    let mut seen = SeenValues::default();
    let mut last: Option<&Frame> = None;
    let mut shown = 0;
    let mut hidden = 0;
    for frame in oldest_first {
        if last.is_some_and(|last| repeats(last, frame)) {
            if shown == REPEATS_SHOWN {
                hidden += 1;
                continue;
            }
            shown += 1;
        } else {
            write_repeated(printer, hidden)?;
            (shown, hidden) = (1, 0);
        }
        last = Some(frame);
        write_frame(printer, process, frame, &mut seen)?;
    }
    write_repeated(printer, hidden)
}

fn repeats(one: &Frame, next: &Frame) -> bool {
    one.function == next.function
        && one.file == next.file
        && one.line == next.line
        && one.note == next.note
        && same_locals(&one.locals, &next.locals)
}

/// Whether the same names have the same values. Where the values lie does not matter.
pub fn same_locals(some: &[Local], others: &[Local]) -> bool {
    some.len() == others.len()
        && some
            .iter()
            .zip(others)
            .all(|(one, other)| one.name == other.name && one.value.text == other.value.text)
}

fn write_repeated(printer: &mut Printer<'_>, times: usize) -> io::Result<()> {
    match times {
        0 => Ok(()),
        1 => printer.line("  [Previous line repeated 1 more time]"),
        _ => printer.line(format_args!(
            "  [Previous line repeated {times} more times]"
        )),
    }
}

fn write_frame<'f>(
    printer: &mut Printer<'_>,
    process: &ProcessReport,
    frame: &'f Frame,
    seen: &mut SeenValues<'f>,
) -> io::Result<()> {
    write_place(printer, frame)?;
    write_source(printer, process, frame)?;
    if let Some(note) = &frame.note {
        let note = printable::one_line(note);
        printer.line(format_args!(
            "    {}",
            printer.paint(Role::Problem, format_args!("note: {note}"))
        ))?;
    }
    let is_unbound = |local: &&Local| local.value.absence == Some(Absence::Unbound);
    for local in frame.locals.iter().filter(|local| !is_unbound(local)) {
        write_local(printer, local, seen)?;
    }
    let unbound = frame.locals.iter().filter(is_unbound);
    let unbound: Vec<String> = unbound
        .map(|local| printable::one_line(&local.name).to_string())
        .collect();
    if !unbound.is_empty() {
        let names = format!("      ({} unbound)", list(&unbound));
        printer.line(printer.paint(Role::Faint, names))?;
    }
    Ok(())
}

/// `a is`, `a, b and c are`.
fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => format!("{only} is"),
        [most @ .., last] => format!("{} and {last} are", most.join(", ")),
    }
}

fn write_place(printer: &mut Printer<'_>, frame: &Frame) -> io::Result<()> {
    let function = printable::one_line(&frame.function);
    let function = (Some(Role::Function), &*function);
    let Some(file) = &frame.file else {
        return printer.pieces(&[(None, "  In "), function]);
    };
    let file = ["\"", &printable::one_line(file), "\""].concat();
    let file = (Some(Role::File), file.as_str());
    let (before, within) = ((None, "  File "), (None, ", in "));
    match frame.line {
        Some(line) => {
            let line = line.to_string();
            let line = (Some(Role::Line), line.as_str());
            printer.pieces(&[before, file, (None, ", line "), line, within, function])
        }
        None => printer.pieces(&[before, file, within, function]),
    }
}

fn write_source(
    printer: &mut Printer<'_>,
    process: &ProcessReport,
    frame: &Frame,
) -> io::Result<()> {
    let Some((file, line)) = frame.file.as_deref().zip(frame.line) else {
        return Ok(());
    };
    let source = printer.sources.of_process(process, file);
    if (source.as_ref()).is_some_and(|source| source.is_newer_than(process)) {
        printer.edited.insert(file.to_owned());
    }
    let line_of_file = source.and_then(|source| source.line(line));
    let Some(text) = line_of_file.or_else(|| frame.source.clone()) else {
        return Ok(());
    };
    let shown = text.trim();
    if shown.is_empty() {
        return Ok(());
    }
    printer.pieces(&[(None, "    "), (None, &printable::lines(shown))])?;
    let marker = frame
        .columns
        .and_then(|columns| marker(&text, line, columns));
    if let Some((blanks, carets)) = marker {
        let carets = (Some(Role::Marker), carets.as_str());
        printer.pieces(&[(None, "    "), (None, &blanks), carets])?;
    }
    Ok(())
}

/// The blanks and the carets that mark a part of a line once its indentation is taken off. Nothing if the part
/// is the whole line, as in CPython, and if it cannot be: the file may have changed since it was run.
fn marker(text: &str, line: u32, columns: ColumnRange) -> Option<(String, String)> {
    let first = text.len() - text.trim_start().len();
    let last = text.trim_end().len();
    let start = usize::try_from(columns.column).ok()?.max(first);
    let end = if columns.end_line > line {
        last
    } else {
        usize::try_from(columns.end_column).ok()?.min(last)
    };
    if start == first && end == last {
        return None;
    }
    let before = text.get(first..start)?;
    let marked = text.get(start..end)?;
    if marked.is_empty() {
        return None;
    }
    // A tab stays one, so that the carets stand below what they mark.
    let blanks = before
        .chars()
        .map(|c| match c {
            '\t' => "\t".to_string(),
            c => " ".repeat(c.width().unwrap_or(0)),
        })
        .collect();
    Some((blanks, "^".repeat(marked.width().max(1))))
}

fn write_local<'f>(
    printer: &mut Printer<'_>,
    local: &'f Local,
    seen: &mut SeenValues<'f>,
) -> io::Result<()> {
    const BEFORE: &str = "      ";
    const BETWEEN: &str = " = ";
    let name = printable::one_line(&local.name);
    let value = &local.value;
    let role = value.absence.is_some().then_some(Role::Problem);
    let (before, between) = ((None, BEFORE), (None, BETWEEN));
    let named = (Some(Role::Variable), &*name);
    if let Some(beginning) = seen.beginning(value) {
        let beginning = printable::one_line(&beginning);
        let above = (Some(Role::Faint), "  [shown above]");
        return printer.pieces(&[before, named, between, (role, &beginning), above]);
    }
    let text = printable::lines(&value.text);
    let remarks = remarks(value);
    let remarks = (Some(Role::Faint), remarks.as_str());
    let nothing = (Some(Role::Faint), "");
    let Some(end) = memchr::memchr(b'\n', text.as_bytes()) else {
        return printer.pieces(&[before, named, between, (role, &text), remarks]);
    };
    let (first, rest) = (&text[..end], &text[end + 1..]);
    printer.pieces(&[before, named, between, (role, first), nothing])?;
    // An array's text has several lines, each with its own place below the first.
    let continued = " ".repeat(BEFORE.len() + name.width() + BETWEEN.len());
    let mut lines = rest.split('\n').peekable();
    while let Some(line) = lines.next() {
        let behind = if lines.peek().is_none() {
            remarks
        } else {
            nothing
        };
        printer.pieces(&[(None, &continued), (role, line), behind])?;
    }
    Ok(())
}

/// What is said behind a value: how long it is if it was cut, where a generator is, and the shared memory that it lies in.
pub fn remarks(value: &Value) -> String {
    let length = value.full_length().map(|length| format!(" ({length})"));
    let behind = [value.progress.as_deref(), value.segment.as_deref()];
    let behind = behind
        .into_iter()
        .flatten()
        .map(|remark| format!("  [{}]", printable::one_line(remark)));
    length.unwrap_or_default() + &behind.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(column: u32, end_line: u32, end_column: u32) -> ColumnRange {
        ColumnRange {
            column,
            end_line,
            end_column,
        }
    }

    #[track_caller]
    fn check(text: &str, range: ColumnRange, expected: Option<&str>) {
        let marked = marker(text, 7, range).map(|(blanks, carets)| blanks + &carets);
        assert_eq!(marked.as_deref(), expected);
    }

    #[test]
    fn part_of_a_line_is_marked() {
        check("    x = f(y)", columns(8, 7, 12), Some("    ^^^^"));
        check("x = f(y)", columns(4, 7, 5), Some("    ^"));
    }

    #[test]
    fn whole_line_is_not_marked() {
        check("    f(y)", columns(4, 7, 8), None);
        check("    f(y)   ", columns(0, 7, 11), None);
    }

    #[test]
    fn range_over_several_lines_is_marked_to_the_end_of_the_first() {
        check("    x = f(", columns(8, 9, 1), Some("    ^^"));
    }

    #[test]
    fn columns_are_bytes_and_carets_are_cells() {
        check("é = '漢' + f()", columns(13, 7, 16), Some("           ^^^"));
        check("漢 = f()", columns(0, 7, 3), Some("^^"));
        check("\tx\t= f()", columns(5, 7, 8), Some(" \t  ^^^"));
    }

    #[test]
    fn range_that_is_not_in_the_line_is_not_marked() {
        check("x = 1", columns(40, 7, 45), None);
        check("x = 1", columns(3, 7, 2), None);
        check("é = 1", columns(1, 7, 3), None);
        check("x = 1", columns(u32::MAX, 7, u32::MAX), None);
    }
}
