//! Aligned columns.

use std::io::{self, IsTerminal, Write};

use terminal_size::{Width, terminal_size};
use unicode_width::UnicodeWidthStr;

use super::palette::{Palette, Role};
use super::printable;

/// Of the terminal, or what `COLUMNS` says; without both a line may be of any length.
pub fn line_width() -> Option<usize> {
    let of_terminal = || {
        let (Width(columns), _) = terminal_size()?;
        std::io::stdout().is_terminal().then_some(columns.into())
    };
    let said = std::env::var("COLUMNS").ok();
    said.and_then(|text| text.parse().ok())
        .filter(|&columns| columns > 0)
        .or_else(of_terminal)
}

/// How a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// One cell. Its text is made safe to print when it is put in.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    role: Option<Role>,
}

impl Cell {
    pub fn new(text: impl AsRef<str>) -> Cell {
        Cell {
            text: printable::one_line(text.as_ref()).into_owned(),
            role: None,
        }
    }

    #[must_use]
    pub fn painted(self, role: Role) -> Cell {
        Cell {
            role: Some(role),
            ..self
        }
    }
}

/// Rows below titles. A column in which every cell is empty is left out.
#[derive(Debug, Clone)]
pub struct Table {
    titles: Vec<(&'static str, Align)>,
    rows: Vec<Vec<Cell>>,
}

const BETWEEN: &str = "  ";

/// The last column gets no narrower than this: a terminal that is too narrow wraps its lines.
const NARROWEST: usize = 12;

impl Table {
    pub fn new(titles: Vec<(&'static str, Align)>) -> Table {
        Table {
            titles,
            rows: Vec::new(),
        }
    }

    /// Adds a row: one cell for each title.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Writes it in lines of at most `width` columns, for which the last column is cut; of any length without.
    pub fn write(
        &self,
        out: &mut dyn Write,
        palette: Palette,
        width: Option<usize>,
    ) -> io::Result<()> {
        let widths: Vec<Option<usize>> = (0..self.titles.len()).map(|c| self.width_of(c)).collect();
        let last = widths.iter().rposition(Option::is_some);
        let before: usize = widths
            .iter()
            .enumerate()
            .filter(|(column, _)| Some(*column) != last)
            .filter_map(|(_, width)| width.map(|width| width + BETWEEN.len()))
            .sum();
        let room = width.map(|width| width.saturating_sub(before).max(NARROWEST));
        let titles: Vec<Cell> = self
            .titles
            .iter()
            .map(|(title, _)| Cell::new(title).painted(Role::Heading))
            .collect();
        for row in std::iter::once(&titles).chain(&self.rows) {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let Some(&Some(wide)) = widths.get(column) else {
                    continue;
                };
                let is_last = Some(column) == last;
                let text = match room {
                    Some(room) if is_last => cut(&cell.text, room),
                    _ => cell.text.clone(),
                };
                let padding = if is_last {
                    0
                } else {
                    wide.saturating_sub(text.width())
                };
                let painted = match cell.role {
                    Some(role) if !text.is_empty() => palette.paint(role, text).to_string(),
                    _ => text,
                };
                let blanks = " ".repeat(padding);
                match self.titles.get(column) {
                    Some((_, Align::Right)) => line.push_str(&format!("{blanks}{painted}")),
                    _ => line.push_str(&format!("{painted}{blanks}")),
                }
                if !is_last {
                    line.push_str(BETWEEN);
                }
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    fn width_of(&self, column: usize) -> Option<usize> {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| cell.text.width()).max().unwrap_or(0);
        let (title, _) = self.titles.get(column)?;
        (widest > 0).then(|| widest.max(title.width()))
    }
}

/// The beginning of a text that fits, with `…` if that is not all.
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_string();
    }
    let mut fitting = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used > width {
            break;
        }
        fitting.push(c);
    }
    fitting.push('…');
    fitting
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[[&str; 3]]) -> Table {
        let titles = vec![
            ("PID", Align::Right),
            ("RANK", Align::Right),
            ("COMMAND", Align::Left),
        ];
        let mut table = Table::new(titles);
        for row in rows {
            table.row(row.iter().map(Cell::new).collect());
        }
        table
    }

    fn text(table: &Table, width: Option<usize>) -> String {
        let mut out = Vec::new();
        table.write(&mut out, Palette::Plain, width).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_aligned_and_empty_ones_left_out() {
        let with = table(&[["7", "0", "a b"], ["4242", "", "漢字"]]);
        assert_eq!(
            text(&with, None),
            " PID  RANK  COMMAND\n   7     0  a b\n4242        漢字\n"
        );
        let without = table(&[["7", "", "a"]]);
        assert_eq!(text(&without, None), "PID  COMMAND\n  7  a\n");
    }

    #[test]
    fn last_column_is_cut_to_the_width() {
        let long = table(&[["7", "", "0123456789abcdefghij"]]);
        assert_eq!(
            text(&long, Some(20)),
            "PID  COMMAND\n  7  0123456789abcd…\n"
        );
        assert_eq!(text(&long, Some(1)), "PID  COMMAND\n  7  0123456789a…\n");
        assert_eq!(cut("漢字漢字", 5), "漢字…");
        assert_eq!(cut("abc", 3), "abc");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let odd = table(&[["7", "", "\x1b[31m\n"]]);
        assert_eq!(text(&odd, None), "PID  COMMAND\n  7  \\x1b[31m\\n\n");
    }
}
