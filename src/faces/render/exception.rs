//! Exceptions as Python prints them: the cause first, groups as trees.

use std::io;

use super::frame::write_frames;
use super::palette::Role;
use super::printable;
use super::printer::Printer;
use crate::model::{Exception, ProcessReport};

const CAUSE: &str = "The above exception was the direct cause of the following exception:";
const CONTEXT: &str = "During handling of the above exception, another exception occurred:";

/// CPython's own bounds for groups (`traceback.TracebackException`, 3.11).
const DEEPEST_GROUP: usize = 10;
const WIDEST_GROUP: usize = 15;

/// Writes an exception with everything that led to it, and its members if it is a group.
pub fn write_exception(
    printer: &mut Printer<'_>,
    process: &ProcessReport,
    exception: &Exception,
) -> io::Result<()> {
    let mut groups = Groups {
        process,
        depth: 0,
        open: false,
    };
    groups.write_chain(printer, exception)
}

/// An exception and, before it, those it came from: each with the sentence that ties it to the one before.
fn chain(exception: &Exception) -> Vec<(Option<&'static str>, &Exception)> {
    let mut newest_first = Vec::new();
    let mut next = Some(exception);
    while let Some(exception) = next {
        let (tie, earlier) = match (&exception.cause, &exception.context) {
            (Some(cause), _) => (Some(CAUSE), Some(&**cause)),
            (None, Some(context)) if !exception.suppress_context => {
                (Some(CONTEXT), Some(&**context))
            }
            _ => (None, None),
        };
        newest_first.push((tie, exception));
        next = earlier;
    }
    newest_first.reverse();
    newest_first
}

/// Where in the tree of a group the writing is.
struct Groups<'p> {
    process: &'p ProcessReport,
    /// 0 outside of any group.
    depth: usize,
    /// The last member is being written and its frame has not been closed yet. Of nested groups that end
    /// together only the innermost draws the line.
    open: bool,
}

impl Groups<'_> {
    fn indent(&self) -> String {
        "  ".repeat(self.depth)
    }

    /// Prints behind the bar of the group, if in one.
    fn barred<T>(&self, printer: &mut Printer<'_>, write: impl FnOnce(&mut Printer<'_>) -> T) -> T {
        match self.depth {
            0 => write(printer),
            _ => printer.within(&format!("{}| ", self.indent()), write),
        }
    }

    fn write_chain(&mut self, printer: &mut Printer<'_>, exception: &Exception) -> io::Result<()> {
        for (tie, exception) in chain(exception) {
            if let Some(tie) = tie {
                self.barred(printer, |printer| {
                    printer.blank()?;
                    printer.line(tie)?;
                    printer.blank()
                })?;
            }
            if exception.members.is_empty() {
                self.write_plain(printer, exception)?;
            } else if self.depth > DEEPEST_GROUP {
                self.barred(printer, |printer| {
                    printer.line(format_args!(
                        "... (groups nested deeper than {DEEPEST_GROUP})"
                    ))
                })?;
            } else {
                self.write_group(printer, exception)?;
            }
        }
        Ok(())
    }

    fn write_plain(&self, printer: &mut Printer<'_>, exception: &Exception) -> io::Result<()> {
        self.barred(printer, |printer| {
            if !exception.frames.is_empty() {
                printer.line("Traceback (most recent call last):")?;
                write_frames(printer, self.process, exception.frames.iter().rev())?;
            }
            write_what(printer, exception)
        })
    }

    fn write_group(&mut self, printer: &mut Printer<'_>, exception: &Exception) -> io::Result<()> {
        let outermost = self.depth == 0;
        if outermost {
            self.depth = 1;
        }
        if !exception.frames.is_empty() {
            let title = "Exception Group Traceback (most recent call last):";
            if outermost {
                printer.line(format_args!("  + {title}"))?;
            } else {
                self.barred(printer, |printer| printer.line(title))?;
            }
        }
        self.barred(printer, |printer| {
            if !exception.frames.is_empty() {
                write_frames(printer, self.process, exception.frames.iter().rev())?;
            }
            write_what(printer, exception)
        })?;
        self.write_members(printer, &exception.members)?;
        if outermost {
            self.depth = 0;
        }
        Ok(())
    }

    fn write_members(
        &mut self,
        printer: &mut Printer<'_>,
        members: &[Exception],
    ) -> io::Result<()> {
        self.open = false;
        let shown = members.len().min(WIDEST_GROUP);
        let rest = members.len() - shown;
        let rows = shown + usize::from(rest > 0);
        for row in 0..rows {
            let last = row + 1 == rows;
            self.open |= last;
            let corner = if row == 0 { "+-" } else { "  " };
            let indent = self.indent();
            match members.get(row).filter(|_| row < shown) {
                Some(member) => {
                    printer.line(format_args!(
                        "{indent}{corner}+---------------- {} ----------------",
                        row + 1
                    ))?;
                    self.depth += 1;
                    self.write_chain(printer, member)?;
                }
                None => {
                    printer.line(format_args!(
                        "{indent}{corner}+---------------- ... ----------------"
                    ))?;
                    self.depth += 1;
                    let plural = if rest == 1 { "" } else { "s" };
                    self.barred(printer, |printer| {
                        printer.line(format_args!("and {rest} more exception{plural}"))
                    })?;
                }
            }
            if last && self.open {
                printer.line(format_args!(
                    "{}+------------------------------------",
                    self.indent()
                ))?;
                self.open = false;
            }
            self.depth -= 1;
        }
        Ok(())
    }
}

/// The last lines of a traceback: type, message and notes.
fn write_what(printer: &mut Printer<'_>, exception: &Exception) -> io::Result<()> {
    let type_name = printable::one_line(&exception.type_name);
    let type_name = printer.paint(Role::ExceptionType, type_name).to_string();
    if exception.message.is_empty() {
        printer.line(type_name)?;
    } else {
        let message = printable::lines(&exception.message);
        let mut lines = message.split('\n');
        let first = printer.paint(Role::Message, lines.next().unwrap_or_default());
        printer.line(format_args!("{type_name}: {first}"))?;
        for line in lines {
            printer.line(printer.paint(Role::Message, line))?;
        }
    }
    for note in &exception.notes {
        for line in printable::lines(note).split('\n') {
            printer.line(line)?;
        }
    }
    Ok(())
}
