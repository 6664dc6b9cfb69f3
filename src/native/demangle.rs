//! The names of functions as a programmer wrote them, from what the linker knows them by.

use std::borrow::Cow;
use std::fmt::{self, Write};

use cpp_demangle::{DemangleOptions, Symbol};

/// Longer names are shown as the linker has them: a short one may stand for a name of any length, since it refers to its own
/// parts. Bytes, before and after.
const LONGEST: usize = 64 * 1024;

/// A name of Rust (both manglings, without the hash) or C++, demangled; any other as it is.
pub fn demangle(name: &str) -> Cow<'_, str> {
    // The version of a symbol is no part of the function's name: `clock_nanosleep@@GLIBC_2.17`.
    let plain = match name.split_once('@') {
        Some((plain, _)) if !plain.is_empty() => plain,
        _ => name,
    };
    if plain.len() > LONGEST {
        return plain.into();
    }
    let mut text = Bounded(String::new());
    if let Ok(symbol) = rustc_demangle::try_demangle(plain)
        && write!(text, "{symbol:#}").is_ok()
    {
        return text.0.into();
    }
    text.0.clear();
    if plain.starts_with("_Z")
        && let Ok(symbol) = Symbol::new(plain)
        && (symbol.structured_demangle(&mut text, &DemangleOptions::new())).is_ok()
    {
        return text.0.into();
    }
    plain.into()
}

/// A text that is not too long.
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > LONGEST {
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
    fn rust_and_cpp_are_demangled_and_others_are_not() {
        let names = [
            (
                "_ZN3std2io5stdio6_print17h0123456789abcdefE",
                "std::io::stdio::_print",
            ),
            ("_RNvCs1234_7mycrate3foo", "mycrate::foo"),
            (
                "_ZNSt6vectorIiSaIiEE9push_backEOi",
                "std::vector<int, std::allocator<int> >::push_back(int&&)",
            ),
            ("clock_nanosleep@@GLIBC_2.17", "clock_nanosleep"),
            ("_Z", "_Z"),
            ("@", "@"),
            ("main", "main"),
        ];
        for (mangled, name) in names {
            assert_eq!(demangle(mangled), name);
        }
    }

    #[test]
    fn a_name_that_doubles_with_each_letter_stays_mangled() {
        // Each template takes the one before it, twice.
        let doubling = (0..60).fold("_Z1f1a".to_owned(), |name, _| name + "I1aS_E");
        let demangled = demangle(&doubling);
        assert!(demangled.len() <= LONGEST);
    }
}
