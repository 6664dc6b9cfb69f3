//! Lines of source, in colours.

use super::palette::{Palette, Role};
use super::printable;
use crate::session::ListingLine;
use crate::session::syntax::Syntax;

/// A line without the blanks at its end.
pub fn line(palette: Palette, line: &ListingLine) -> String {
    piece(palette, line, 0, line.text.trim_end().len())
}

/// A line without the blanks around it.
pub fn trimmed(palette: Palette, line: &ListingLine) -> String {
    let start = line.text.len() - line.text.trim_start().len();
    piece(palette, line, start, line.text.trim_end().len())
}

fn piece(palette: Palette, line: &ListingLine, start: usize, end: usize) -> String {
    let part = |from: usize, to: usize| {
        let part = line.text.get(from..to).unwrap_or_default();
        printable::lines(part).into_owned()
    };
    let mut painted = String::new();
    let mut at = start;
    for span in &line.syntax {
        let (from, to) = (
            span.start.clamp(at, end.max(at)),
            span.end.clamp(at, end.max(at)),
        );
        painted += &part(at, from);
        let text = part(from, to);
        if !text.is_empty() {
            painted += &palette.paint(role(span.syntax), text).to_string();
        }
        at = to;
    }
    painted + &part(at, end)
}

fn role(syntax: Syntax) -> Role {
    match syntax {
        Syntax::Keyword => Role::Keyword,
        Syntax::Builtin => Role::Builtin,
        Syntax::Definition => Role::Definition,
        Syntax::String => Role::String,
        Syntax::Number => Role::Number,
        Syntax::Comment => Role::Comment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::syntax::Span;

    #[test]
    fn pieces_are_painted_and_the_rest_is_not() {
        let span = |start, end, syntax| Span { start, end, syntax };
        let text = "  if é:  ".to_string();
        let listing = ListingLine {
            number: 1,
            text,
            syntax: vec![span(2, 4, Syntax::Keyword)],
        };
        assert_eq!(trimmed(Palette::Plain, &listing), "if é:");
        assert_eq!(line(Palette::Plain, &listing), "  if é:");
        let painted = trimmed(Palette::Ansi, &listing);
        assert!(
            painted.starts_with('\x1b') && painted.ends_with(" é:"),
            "{painted:?}"
        );
    }

    #[test]
    fn spans_that_do_not_fit_are_survived() {
        let span = |start, end| Span {
            start,
            end,
            syntax: Syntax::String,
        };
        let listing = ListingLine {
            number: 1,
            text: "é".to_string(),
            syntax: vec![span(1, 9), span(0, 1), span(5, 2)],
        };
        trimmed(Palette::Ansi, &listing);
    }
}
