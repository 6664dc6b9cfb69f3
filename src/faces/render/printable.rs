//! Text of the inferior, made safe to print.

use std::borrow::Cow;
use std::fmt::Write;

/// Bytes that are compared at once.
const PIECE: usize = 64;

/// On one line and without control characters: a name of the inferior may hold anything, and an escape
/// sequence in it must not reach the terminal.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escape(text, |_| false)
}

/// The same for text that may have several lines and tabs in them, as an exception's message.
pub fn lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| matches!(c, '\n' | '\t'))
}

/// The beginning of a text, with `…` if that is not all.
pub fn shortened(text: &str, characters: usize) -> Cow<'_, str> {
    match text.char_indices().nth(characters) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

fn escape(text: &str, kept: impl Fn(char) -> bool) -> Cow<'_, str> {
    let unsafe_here = |c: char| (c.is_control() || reorders(c)) && !kept(c);
    // Most text is of these alone, and bytes are compared many at once.
    let is_plain = |plain, byte: &u8| plain & matches!(byte, b' '..=b'~');
    let mut pieces = text.as_bytes().chunks(PIECE);
    if pieces.all(|piece| piece.iter().fold(true, is_plain)) {
        return Cow::Borrowed(text);
    }
    if !text.contains(unsafe_here) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            c if !unsafe_here(c) => escaped.push(c),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c if u32::from(c) < 0x100 => {
                let _ = write!(escaped, "\\x{:02x}", u32::from(c));
            }
            c => {
                let _ = write!(escaped, "\\u{:04x}", u32::from(c));
            }
        }
    }
    Cow::Owned(escaped)
}

/// Characters that change the direction of the text around them (Unicode's UAX 9): they can make a line look like
/// another one.
fn reorders(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(one_line("a\x1b[31mb\nc\td"), "a\\x1b[31mb\\nc\\td");
        assert_eq!(lines("a\x1b[31mb\nc\td"), "a\\x1b[31mb\nc\td");
        assert_eq!(one_line("\u{9b}31m\u{202e}x"), "\\x9b31m\\u202ex");
    }

    #[test]
    fn harmless_text_is_not_copied() {
        assert!(matches!(one_line("naïve – 漢字 😀"), Cow::Borrowed(_)));
    }

    #[test]
    fn shortened_counts_characters() {
        assert_eq!(shortened("häh", 2), "hä…");
        assert_eq!(shortened("häh", 3), "häh");
    }
}
