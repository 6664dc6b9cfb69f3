//! What the pieces of a source file are, for colours.

use std::collections::HashSet;
use std::mem::ManuallyDrop;
use std::sync::LazyLock;

use ruff_python_ast::token::{Token, TokenKind};
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};
use ruff_text_size::Ranged;
use serde::{Deserialize, Serialize};

use super::blocks::Blocks;

/// A longer file is shown without colours. Bytes.
const LARGEST: usize = 4 << 20;
/// The syntax tree of a logical line can be as deep as the line has tokens, and is freed by recursion: a line with
/// more tokens is either a table, or made to overflow our stack. Its file's tree is not freed.
const MOST_TOKENS_OF_LINE: usize = 10_000;

/// What a piece of source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Syntax {
    Keyword,
    Builtin,
    /// The name that a `def` or `class` gives.
    Definition,
    String,
    Number,
    Comment,
}

/// A piece of a line, in bytes from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub start: usize,
    pub end: usize,
    pub syntax: Syntax,
}

/// The tokens of one file, by line.
#[derive(Debug, Default)]
pub struct SyntaxMap {
    /// `lines[0]` is line 1.
    lines: Vec<Vec<Span>>,
    blocks: Blocks,
}

/// The builtins that CPython's own prompt colours: those of Python 3.14, without the dunder names.
static BUILTINS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("builtins.txt").split_whitespace().collect());

impl SyntaxMap {
    /// Of a text whose lines end in `\n`. What does not parse is taken as far as it goes.
    pub fn new(text: &str) -> SyntaxMap {
        if text.len() > LARGEST {
            return SyntaxMap::default();
        }
        let parsed = ManuallyDrop::new(parse_unchecked(text, ParseOptions::from(Mode::Module)));
        let mut reader = Reader::new(text);
        let mut longest_line = 0;
        let mut in_line = 0;
        for token in parsed.tokens().iter() {
            in_line = match token.kind() {
                TokenKind::Newline => 0,
                _ => in_line + 1,
            };
            longest_line = longest_line.max(in_line);
            reader.take(token);
        }
        let mut map = reader.map;
        if longest_line <= MOST_TOKENS_OF_LINE {
            let parsed = ManuallyDrop::into_inner(parsed);
            map.blocks.take_classes(parsed.syntax(), text);
        }
        map
    }

    /// Where its functions and classes are.
    pub(super) fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    pub fn line(&self, number: u32) -> &[Span] {
        usize::try_from(number)
            .ok()
            .and_then(|number| self.lines.get(number.checked_sub(1)?))
            .map_or(&[], Vec::as_slice)
    }
}

/// Takes the tokens of a text in their order.
struct Reader<'t> {
    text: &'t str,
    map: SyntaxMap,
    /// Where the last token began.
    position: usize,
    /// Where the line that it began in begins, and the number of that line from 0.
    line_start: usize,
    line: usize,
    last_kind: TokenKind,
    last_was_dot: bool,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Reader<'t> {
        Reader {
            text,
            map: SyntaxMap {
                lines: vec![Vec::new(); text.bytes().filter(|&byte| byte == b'\n').count() + 1],
                blocks: Blocks::default(),
            },
            position: 0,
            line_start: 0,
            line: 0,
            last_kind: TokenKind::EndOfFile,
            last_was_dot: false,
        }
    }

    fn take(&mut self, token: &Token) {
        let (start, end) = (token.start().to_usize(), token.end().to_usize());
        let kind = token.kind();
        self.go_to(start);
        let column = start.saturating_sub(self.line_start);
        // An indentation's token begins with its line.
        let column = match kind {
            TokenKind::Indent => end.saturating_sub(self.line_start),
            _ => column,
        };
        self.map.blocks.take(kind, self.line + 1, column);
        if let Some(syntax) = self.syntax(kind, start, end) {
            self.paint(start, end, syntax);
        }
        if !matches!(kind, TokenKind::NonLogicalNewline | TokenKind::Comment) {
            self.last_was_dot = kind == TokenKind::Dot;
            self.last_kind = kind;
        }
    }

    /// Moves on to the line that holds a position. Tokens come in their order.
    fn go_to(&mut self, position: usize) {
        let passed = self.text.get(self.position..position).unwrap_or_default();
        for (at, _) in passed.match_indices('\n') {
            self.line_start = self.position + at + 1;
            self.line += 1;
        }
        self.position = self.position.max(position);
    }

    fn syntax(&self, kind: TokenKind, start: usize, end: usize) -> Option<Syntax> {
        let constant = matches!(kind, TokenKind::True | TokenKind::False | TokenKind::None);
        Some(match kind {
            TokenKind::Comment => Syntax::Comment,
            TokenKind::Int | TokenKind::Float | TokenKind::Complex => Syntax::Number,
            TokenKind::String
            | TokenKind::FStringStart
            | TokenKind::FStringMiddle
            | TokenKind::FStringEnd
            | TokenKind::TStringStart
            | TokenKind::TStringMiddle
            | TokenKind::TStringEnd => Syntax::String,
            _ if constant || (kind.is_keyword() && !kind.is_soft_keyword()) => Syntax::Keyword,
            TokenKind::Match | TokenKind::Case => Syntax::Keyword,
            TokenKind::Name | TokenKind::Type => self.name(self.text.get(start..end)?)?,
            _ => return None,
        })
    }

    fn name(&self, name: &str) -> Option<Syntax> {
        if matches!(self.last_kind, TokenKind::Def | TokenKind::Class) {
            return Some(Syntax::Definition);
        }
        let builtin = !self.last_was_dot && BUILTINS.contains(name);
        builtin.then_some(Syntax::Builtin)
    }

    /// A token may go over several lines: each has its part.
    fn paint(&mut self, start: usize, end: usize, syntax: Syntax) {
        let (mut line, mut line_start, mut at) = (self.line, self.line_start, start);
        while at < end {
            let Some(rest) = self.text.get(at..end) else {
                return;
            };
            let length = rest.find('\n').unwrap_or(rest.len());
            if let Some(spans) = self.map.lines.get_mut(line).filter(|_| length > 0) {
                spans.push(Span {
                    start: at - line_start,
                    end: at + length - line_start,
                    syntax,
                });
            }
            at += length + 1;
            line += 1;
            line_start = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(text: &str) -> Vec<(Syntax, String)> {
        let map = SyntaxMap::new(text);
        let mut found = Vec::new();
        for (line, number) in text.split('\n').zip(1..) {
            for span in map.line(number) {
                found.push((span.syntax, line[span.start..span.end].to_string()));
            }
        }
        found
    }

    #[test]
    fn pieces_are_what_they_are() {
        let text = "def f(x):  # note\n    return len(x.len) + 1.5 if 'a' else None\n";
        let expected = [
            (Syntax::Keyword, "def"),
            (Syntax::Definition, "f"),
            (Syntax::Comment, "# note"),
            (Syntax::Keyword, "return"),
            (Syntax::Builtin, "len"),
            (Syntax::Number, "1.5"),
            (Syntax::Keyword, "if"),
            (Syntax::String, "'a'"),
            (Syntax::Keyword, "else"),
            (Syntax::Keyword, "None"),
        ];
        assert_eq!(
            painted(text),
            expected.map(|(syntax, piece)| (syntax, piece.to_string()))
        );
    }

    #[test]
    fn string_over_lines_is_a_string_on_each() {
        let text = "x = '''é\n\n  two\n''' + y\n";
        let expected = ["'''é", "  two", "'''"].map(|piece| (Syntax::String, piece.to_string()));
        assert_eq!(painted(text), expected);
    }

    #[test]
    fn damaged_and_deep_source_is_survived() {
        for text in ["def f(:\n  '", "x = \"\"\"", "\u{feff}if", "\t x\n y"] {
            SyntaxMap::new(text);
        }
        for (text, times) in [
            ("-", 50_000),
            ("(", 50_000),
            ("1 + ", 50_000),
            ("[", 50_000),
            ("f'{", 200),
            ("lambda:", 50_000),
        ] {
            SyntaxMap::new(&format!("x = {}1\n", text.repeat(times)));
        }
    }
}
