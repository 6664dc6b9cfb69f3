//! Lines, indented by what they belong to.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::{self, Write};

use super::palette::{Painted, Palette, Role};
use crate::session::source::Sources;

/// Writes lines, each behind the margin of what it belongs to. Knows the colours, and where sources come from.
pub struct Printer<'a> {
    out: &'a mut dyn Write,
    palette: Palette,
    pub sources: &'a mut Sources,
    margin: String,
    /// Files from which a line was shown, and that were written after the process was started.
    pub edited: BTreeSet<String>,
}

impl<'a> Printer<'a> {
    pub fn new(out: &'a mut dyn Write, palette: Palette, sources: &'a mut Sources) -> Printer<'a> {
        Printer {
            out,
            palette,
            sources,
            margin: String::new(),
            edited: BTreeSet::new(),
        }
    }

    pub fn paint<T: Display>(&self, role: Role, text: T) -> Painted<T> {
        self.palette.paint(role, text)
    }

    pub fn line(&mut self, text: impl Display) -> io::Result<()> {
        writeln!(self.out, "{}{text}", self.margin)
    }

    /// A line of pieces, each painted in its role if it has one.
    pub fn pieces(&mut self, pieces: &[(Option<Role>, &str)]) -> io::Result<()> {
        self.out.write_all(self.margin.as_bytes())?;
        for (role, text) in pieces {
            match role.filter(|_| self.palette != Palette::Plain) {
                Some(role) => write!(self.out, "{}", self.paint(role, text))?,
                None => self.out.write_all(text.as_bytes())?,
            }
        }
        self.out.write_all(b"\n")
    }

    /// A line of the margin alone, without blanks at its end.
    pub fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out, "{}", self.margin.trim_end())
    }

    /// Everything that `write` prints stands behind `margin`, and behind the margin around it.
    pub fn within<T>(&mut self, margin: &str, write: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.margin.len();
        self.margin.push_str(margin);
        let result = write(self);
        self.margin.truncate(outer);
        result
    }
}
