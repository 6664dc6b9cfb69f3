//! Long text and bytes as `pprint` breaks them into adjacent literals.

use super::pretty::Printer;
use super::{Datum, EvalError, text};

impl Printer<'_, '_, '_> {
    /// A long text, broken behind line ends and blanks into adjacent literals (`_pprint_str`).
    pub(super) fn wrapped_text(
        &mut self,
        datum: &Datum,
        indent: usize,
        allowance: usize,
        level: usize,
    ) -> Result<(), EvalError> {
        let look = self.evaluator.look;
        let Datum::Str(points) = self.evaluator.load(datum)? else {
            return Ok(());
        };
        let (indent, allowance) = (
            indent + usize::from(level == 1),
            allowance + usize::from(level == 1),
        );
        let most = self.width.saturating_sub(indent);
        let lines = lines_with_ends(&points);
        let mut chunks: Vec<String> = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            let last_line = index + 1 == lines.len();
            let whole = look.text_literal(line);
            let room = if last_line {
                most.saturating_sub(allowance)
            } else {
                most
            };
            if whole.chars().count() <= room {
                chunks.push(whole);
                continue;
            }
            let words = words_with_blanks(line);
            let mut current: Vec<u32> = Vec::new();
            for (index, word) in words.iter().enumerate() {
                let end = last_line && index + 1 == words.len();
                let room = if end {
                    most.saturating_sub(allowance)
                } else {
                    most
                };
                let candidate = [&current[..], word].concat();
                // The text itself is a lower bound for its literal.
                if candidate.len() > room || look.text_literal(&candidate).chars().count() > room {
                    if !current.is_empty() {
                        chunks.push(look.text_literal(&current));
                    }
                    current = word.to_vec();
                } else {
                    current = candidate;
                }
            }
            if !current.is_empty() {
                chunks.push(look.text_literal(&current));
            }
        }
        let brackets = level == 1 && chunks.len() > 1;
        self.put(if brackets { "(" } else { "" });
        for (index, chunk) in chunks.iter().enumerate() {
            if index > 0 {
                self.new_line(indent);
            }
            self.put(chunk);
        }
        self.put(if brackets { ")" } else { "" });
        Ok(())
    }

    pub(super) fn wrapped_bytes(
        &mut self,
        datum: &Datum,
        indent: usize,
        allowance: usize,
        level: usize,
    ) -> Result<(), EvalError> {
        let look = self.evaluator.look;
        let (Datum::Bytes(bytes) | Datum::ByteArray(bytes)) = self.evaluator.load(datum)? else {
            return Ok(());
        };
        if bytes.len() <= 4 {
            self.put(&look.bytes_literal(&bytes));
            return Ok(());
        }
        let brackets = level == 1;
        let (indent, allowance) = (
            indent + usize::from(brackets),
            allowance + usize::from(brackets),
        );
        self.put(if brackets { "(" } else { "" });
        let mut room = self.width.saturating_sub(indent);
        let last = bytes.len() / 4 * 4;
        let mut current: &[u8] = &[];
        let mut start = 0;
        let mut first = true;
        let mut chunk = |printer: &mut Self, bytes: &[u8]| {
            if !first {
                printer.new_line(indent);
            }
            first = false;
            printer.put(&look.bytes_literal(bytes));
        };
        for at in (0..bytes.len()).step_by(4) {
            let end = (at + 4).min(bytes.len());
            if at == last {
                room = room.saturating_sub(allowance);
            }
            if look.bytes_literal(&bytes[start..end]).len() > room {
                if !current.is_empty() {
                    chunk(self, current);
                }
                start = at;
            }
            current = &bytes[start..end];
            if self.cut {
                return Ok(());
            }
        }
        if !current.is_empty() {
            chunk(self, current);
        }
        self.put(if brackets { ")" } else { "" });
        Ok(())
    }
}

fn lines_with_ends(points: &[u32]) -> Vec<&[u32]> {
    let ends = |point: u32| matches!(point, 0xa..=0xd | 0x1c..=0x1e | 0x85 | 0x2028 | 0x2029);
    let mut lines = Vec::new();
    let mut rest = points;
    while !rest.is_empty() {
        let end = match rest.iter().position(|&point| ends(point)) {
            Some(at) if rest.get(at..at + 2) == Some(&[0xd, 0xa]) => at + 2,
            Some(at) => at + 1,
            None => rest.len(),
        };
        let (line, after) = rest.split_at(end);
        lines.push(line);
        rest = after;
    }
    lines
}

/// Words, each with the blanks behind it.
fn words_with_blanks(points: &[u32]) -> Vec<&[u32]> {
    let mut words = Vec::new();
    let mut rest = points;
    while !rest.is_empty() {
        let word = rest
            .iter()
            .position(|&point| text::is_space(point))
            .unwrap_or(rest.len());
        let blanks = rest[word..]
            .iter()
            .position(|&point| !text::is_space(point));
        let (piece, after) = rest.split_at(blanks.map_or(rest.len(), |blanks| word + blanks));
        words.push(piece);
        rest = after;
    }
    words
}
