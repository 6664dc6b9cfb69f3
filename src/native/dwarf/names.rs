//! Names as their language writes them.

use std::fmt::{self, Write};

/// A demangled name that grows beyond this is cut off: a few bytes of a hostile symbol can stand for megabytes. Bytes.
const LONGEST_NAME: usize = 16 << 10;

/// A symbol's name in the form of its language: Rust's (both manglings, without the hash) and C++'s. Others as they are.
pub fn demangled(symbol: &str) -> String {
    rust(symbol)
        .or_else(|| cpp(symbol))
        .unwrap_or_else(|| symbol.to_owned())
}

fn rust(symbol: &str) -> Option<String> {
    let name = rustc_demangle::try_demangle(symbol).ok()?;
    let mut text = Bounded::default();
    // `{:#}` leaves the hash out.
    write!(text, "{name:#}").ok()?;
    Some(text.0)
}

fn cpp(symbol: &str) -> Option<String> {
    if !symbol.starts_with("_Z") {
        return None;
    }
    let parsed = cpp_demangle::Symbol::new(symbol).ok()?;
    let mut text = Bounded::default();
    parsed
        .structured_demangle(&mut text, &cpp_demangle::DemangleOptions::new())
        .ok()?;
    Some(text.0)
}

/// A text that may not grow beyond [`LONGEST_NAME`].
#[derive(Default)]
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > LONGEST_NAME {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_their_language_does() {
        let pairs = [
            (
                "_ZN4core3fmt9Formatter3pad17h0123456789abcdefE",
                "core::fmt::Formatter::pad",
            ),
            ("_RNvCs1234_7mycrate3foo", "mycrate::foo"),
            (
                "_ZNSt6vectorIiSaIiEE9push_backEOi",
                "std::vector<int, std::allocator<int> >::push_back(int&&)",
            ),
            ("main", "main"),
            ("_ZN", "_ZN"),
            ("", ""),
        ];
        for (symbol, name) in pairs {
            assert_eq!(demangled(symbol), name, "{symbol}");
        }
    }

    #[test]
    fn a_symbol_that_unfolds_without_end_stays_as_it_is() {
        // Each `S_`-like back-reference doubles what came before.
        let mut symbol = String::from("_Z1fSt4pairIiiE");
        let mut last = String::from("S0_");
        for index in 0..30 {
            symbol.push_str(&format!("St4pairI{last}{last}E"));
            last = format!(
                "S{}_",
                char::from_digit(index + 1, 36)
                    .expect("below 36")
                    .to_ascii_uppercase()
            );
        }
        assert!(demangled(&symbol).len() <= LONGEST_NAME);
    }
}
