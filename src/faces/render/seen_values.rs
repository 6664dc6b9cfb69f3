//! Values that a stack shows again: in full where they come first, then by their beginning. Most methods of a stack have
//! the same `self`.

use rustc_hash::FxHashMap;

use crate::model::{Addr, Value};

/// A text of at most this many bytes is shown again.
const SHORT: usize = 100;
/// Characters of the beginning.
const BEGINNING: usize = 60;

/// What one stack has shown so far.
#[derive(Default)]
pub(super) struct SeenValues<'f> {
    by_address: FxHashMap<Addr, &'f str>,
}

impl<'f> SeenValues<'f> {
    /// How a value begins that was shown in full before; nothing if this is the first time, if it has changed meanwhile,
    /// or if it is short.
    pub fn beginning(&mut self, value: &'f Value) -> Option<String> {
        let address = value.address.filter(|_| value.text.len() > SHORT)?;
        let before = self.by_address.insert(address, &value.text);
        (before == Some(value.text.as_str())).then(|| beginning(&value.text))
    }
}

/// `<app.Server object at 0x7f12: …>`; of other texts their first characters.
fn beginning(text: &str) -> String {
    let until_address = text
        .find(" object at 0x")
        .and_then(|at| Some(at + text.get(at..)?.find(": ")?));
    if let Some(end) = until_address.filter(|&end| end < SHORT && text.starts_with('<')) {
        return format!("{}: …>", &text[..end]);
    }
    let first_line = text.lines().next().unwrap_or_default();
    let start: String = first_line.chars().take(BEGINNING).collect();
    format!("{start}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(address: u64, text: &str) -> Value {
        Value {
            address: Some(Addr(address)),
            text: text.to_string(),
            ..Value::default()
        }
    }

    #[test]
    fn a_long_value_is_shown_once() {
        let inside = "x".repeat(200);
        let server = value(1, &format!("<app.Server object at 0x1: name='{inside}'>"));
        let list = value(2, &format!("['{inside}']"));
        let changed = value(
            1,
            &format!("<app.Server object at 0x1: name='{inside}', more=1>"),
        );
        let short = value(3, "[1, 2]");
        let mut seen = SeenValues::default();
        for first in [&server, &list, &short, &changed] {
            assert_eq!(seen.beginning(first), None);
        }
        let again = seen.beginning(&changed);
        assert_eq!(again.as_deref(), Some("<app.Server object at 0x1: …>"));
        let start = format!("['{}…", "x".repeat(58));
        assert_eq!(seen.beginning(&list), Some(start));
        assert_eq!(seen.beginning(&short), None);
    }
}
