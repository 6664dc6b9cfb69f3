//! From an instruction to its line, for the three forms of CPython's line table.

use super::layout::LineTableForm;
use crate::model::ColumnRange;

/// Where an instruction comes from. No line: an instruction that the compiler made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    pub line: Option<u32>,
    pub columns: Option<ColumnRange>,
}

/// The position of the instruction at `offset` bytes of bytecode; before the first one it is the code's first line.
pub fn position(form: LineTableForm, table: &[u8], first_line: i64, offset: i64) -> Position {
    if offset < 0 {
        return at_line(first_line);
    }
    match form {
        LineTableForm::Lnotab => lnotab(table, first_line, offset),
        LineTableForm::Pairs => pairs(table, first_line, offset),
        LineTableForm::Locations => locations(table, first_line, offset),
    }
}

fn at_line(line: i64) -> Position {
    Position {
        line: u32::try_from(line).ok(),
        columns: None,
    }
}

/// `Objects/lnotab_notes.txt` of CPython 3.9.
fn lnotab(table: &[u8], first_line: i64, offset: i64) -> Position {
    let (mut address, mut line) = (0, first_line);
    for pair in table.chunks_exact(2) {
        address += i64::from(pair[0]);
        if address > offset {
            break;
        }
        line = line.wrapping_add(i64::from(pair[1] as i8));
    }
    at_line(line)
}

/// `Objects/lnotab_notes.txt` of CPython 3.10: -128 marks instructions without a line.
fn pairs(table: &[u8], first_line: i64, offset: i64) -> Position {
    let (mut end, mut line) = (0, first_line);
    for pair in table.chunks_exact(2) {
        end += i64::from(pair[0]);
        let delta = pair[1] as i8;
        if delta != -128 {
            line = line.wrapping_add(i64::from(delta));
        }
        if offset < end {
            return if delta == -128 {
                Position::default()
            } else {
                at_line(line)
            };
        }
    }
    Position::default()
}

/// `Objects/locations.md` of CPython 3.11 (later `InternalDocs/code_objects.md`). Lengths are in code units of two bytes.
fn locations(table: &[u8], first_line: i64, offset: i64) -> Position {
    let mut bytes = table.iter().copied();
    let (mut end, mut line) = (0_i64, first_line);
    while let Some(first) = bytes.next() {
        end += (i64::from(first & 7) + 1) * 2;
        let code = (first >> 3) & 15;
        let Some(entry) = entry(code, &mut bytes) else {
            return Position::default();
        };
        line = line.wrapping_add(entry.line_delta);
        if offset < end {
            return entry.position(line);
        }
    }
    Position::default()
}

struct Entry {
    has_line: bool,
    line_delta: i64,
    /// Column, lines from the first to the last, end column.
    span: Option<(u32, u32, u32)>,
}

impl Entry {
    fn position(&self, line: i64) -> Position {
        let Some(line) = u32::try_from(line).ok().filter(|_| self.has_line) else {
            return Position::default();
        };
        let columns = self.span.map(|(column, lines, end_column)| ColumnRange {
            column,
            end_line: line.saturating_add(lines),
            end_column,
        });
        Position {
            line: Some(line),
            columns,
        }
    }
}

fn entry(code: u8, bytes: &mut impl Iterator<Item = u8>) -> Option<Entry> {
    let (has_line, line_delta, span) = match code {
        15 => (false, 0, None),
        14 => {
            let delta = signed(bytes)?;
            let lines = variable(bytes)? as u32;
            let column = variable(bytes)? as u32;
            let end_column = variable(bytes)? as u32;
            // Columns are stored plus one; 0 means that there is none.
            let span = column.checked_sub(1).zip(end_column.checked_sub(1));
            (true, delta, span.map(|(start, end)| (start, lines, end)))
        }
        13 => (true, signed(bytes)?, None),
        10..=12 => {
            let (start, end) = (bytes.next()?, bytes.next()?);
            (
                true,
                i64::from(code - 10),
                Some((start.into(), 0, end.into())),
            )
        }
        _ => {
            let second = bytes.next()?;
            let start = u32::from(code) << 3 | u32::from(second >> 4);
            (true, 0, Some((start, 0, start + u32::from(second & 15))))
        }
    };
    Some(Entry {
        has_line,
        line_delta,
        span,
    })
}

/// Groups of six bits, least significant first; bit 6 says that another follows.
fn variable(bytes: &mut impl Iterator<Item = u8>) -> Option<u64> {
    let (mut value, mut shift) = (0_u64, 0);
    loop {
        let byte = bytes.next()?;
        value |= u64::from(byte & 63) << shift;
        shift += 6;
        if byte & 64 == 0 {
            return Some(value);
        }
        if shift > 57 {
            return None;
        }
    }
}

fn signed(bytes: &mut impl Iterator<Item = u8>) -> Option<i64> {
    let value = variable(bytes)?;
    let size = (value >> 1) as i64;
    Some(if value & 1 == 1 { -size } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lnotab_of_two_lines() {
        let line = |offset| position(LineTableForm::Lnotab, &[4, 1, 6, 255], 10, offset).line;
        assert_eq!(
            [line(-1), line(0), line(4), line(10)],
            [Some(10), Some(10), Some(11), Some(10)]
        );
    }

    #[test]
    fn pairs_with_a_gap() {
        let line = |offset| position(LineTableForm::Pairs, &[4, 1, 2, 128, 4, 2], 10, offset).line;
        assert_eq!(
            [line(0), line(4), line(6), line(99)],
            [Some(11), None, Some(13), None]
        );
    }

    #[test]
    fn any_bytes_are_no_panic() {
        let table: Vec<u8> = (0..=255).collect();
        for form in [
            LineTableForm::Lnotab,
            LineTableForm::Pairs,
            LineTableForm::Locations,
        ] {
            for skip in 0..table.len() {
                position(form, &table[skip..], i64::MAX - 300_000, 1 << 40);
            }
        }
    }
}
