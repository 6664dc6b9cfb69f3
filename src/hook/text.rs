//! A report for people.

use std::fmt::Write;

use super::report::Report;
use super::stack::Frame;

const INDENT: &str = "       ";

pub(super) fn of(report: &Report) -> String {
    let mut out = String::new();
    // Nothing that is written to a `String` fails.
    let _ = write(report, &mut out);
    out
}

fn write(report: &Report, out: &mut String) -> std::fmt::Result {
    let program = report.program.as_deref().unwrap_or("the program");
    write!(out, "[pmdb] {program} (pid {}) panicked", report.pid)?;
    if let Some((file, line, column)) = &report.location {
        write!(out, " at {file}:{line}:{column}")?;
    }
    let message = match &report.message {
        Some(message) => message.as_str(),
        None => "a value that is no text",
    };
    writeln!(out, ": {}", message.replace('\n', &format!("\n{INDENT}")))?;
    write!(out, "{INDENT}")?;
    match &report.thread {
        Some(name) => write!(out, "in thread {name}")?,
        None => write!(out, "in a thread without a name")?,
    }
    if let Some(tid) = report.tid {
        write!(out, " (tid {tid})")?;
    }
    for (place, (name, value)) in report.ranks.iter().enumerate() {
        write!(out, "{}{name}={value}", if place == 0 { ", " } else { " " })?;
    }
    writeln!(out)?;
    for (number, frame) in report.stack.frames.iter().enumerate() {
        write_frame(number, frame, out)?;
    }
    match report.stack.others {
        0 => {}
        1 => writeln!(out, "{INDENT}and one older frame")?,
        others => writeln!(out, "{INDENT}and {others} older frames")?,
    }
    if report.waits {
        writeln!(
            out,
            "[pmdb] the thread waits for a debugger: {}, or gdb -p {}",
            report.attach(),
            report.pid
        )?;
    }
    Ok(())
}

fn write_frame(number: usize, frame: &Frame, out: &mut String) -> std::fmt::Result {
    match (&frame.function, &frame.module) {
        (Some(function), _) => writeln!(out, "{number:>4}:  {function}")?,
        (None, Some((path, offset))) => writeln!(out, "{number:>4}:  {path}+{offset:#x}")?,
        (None, None) => writeln!(out, "{number:>4}:  {:#x}", frame.address)?,
    }
    if let Some(file) = &frame.file {
        write!(out, "{INDENT}at {file}")?;
        if let Some(line) = frame.line {
            write!(out, ":{line}")?;
            if let Some(column) = frame.column {
                write!(out, ":{column}")?;
            }
        }
        writeln!(out)?;
    }
    for (line, text) in frame.source.iter().flatten() {
        let mark = if frame.line == Some(*line) {
            "->"
        } else {
            "  "
        };
        let text = format!("{INDENT}{line:>6} {mark} {text}");
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}
