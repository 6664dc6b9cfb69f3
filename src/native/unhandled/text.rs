//! Texts as Rust and C++ have them in memory, looked at with suspicion.

use crate::model::Addr;
use crate::process::Memory;

/// Bytes of a message that are read.
pub(super) const LONGEST: usize = 16 * 1024;

/// What a `&str` points to, if it is UTF-8. What is longer than [`LONGEST`] is cut.
pub(super) fn utf8(memory: &Memory<'_>, at: Addr, length: u64) -> Option<String> {
    // Nothing that lives is as long: `isize::MAX` is the limit of Rust.
    i64::try_from(length).ok()?;
    let kept = usize::try_from(length).ok()?.min(LONGEST);
    if kept == 0 {
        return Some(String::new());
    }
    let bytes = memory.bytes(at, kept).ok()?;
    match std::str::from_utf8(&bytes) {
        Ok(text) if kept as u64 == length => Some(text.to_string()),
        Ok(text) => Some(format!("{text}…")),
        // Cut in the middle of a character.
        Err(error) if (kept as u64) < length && error.error_len().is_none() => {
            let text = bytes.get(..error.valid_up_to())?;
            Some(format!("{}…", std::str::from_utf8(text).ok()?))
        }
        Err(_) => None,
    }
}

/// A `String`: three words, the last of which is the length; which of the others is the capacity, the compiler chooses.
pub(super) fn string(memory: &Memory<'_>, at: Addr) -> Option<String> {
    let words = [0, 8, 16].map(|offset| memory.u64(at.plus(offset)).ok());
    let [Some(first), Some(second), Some(length)] = words else {
        return None;
    };
    let whole = |capacity: u64, pointer: u64| {
        (length <= capacity && i64::try_from(capacity).is_ok())
            .then(|| utf8(memory, Addr(pointer), length))
            .flatten()
    };
    whole(first, second).or_else(|| whole(second, first))
}

/// Text that ends in a zero byte.
pub(super) fn c_string(memory: &Memory<'_>, at: Addr) -> Option<String> {
    if at.is_null() {
        return None;
    }
    let bytes = memory.c_string(at, LONGEST).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
