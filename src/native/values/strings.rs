//! Strings of any language, and what else the libraries have in common: a length that may be garbage, elements of a size.

use super::plain::torn;
use super::storage::Storage;
use super::text::Text;
use super::{Stop, Writer, Written};
use crate::model::{Absence, Addr};
use crate::native::dwarf::EntryRef;
use crate::native::types::Type;

/// A string that is longer is not read to its end: more is not shown. Bytes.
const LONGEST_STRING: u64 = 1 << 16;
/// No object is longer (`isize::MAX`, `PTRDIFF_MAX`), and so no count of what takes room is higher.
pub(super) const MOST: u64 = i64::MAX as u64;

impl<'s, 'a> Writer<'_, 's, 'a> {
    pub(super) fn write_string(&self, data: Addr, length: u64, text: &mut Text) -> Written {
        if length > MOST {
            return Err(garbage("length", length).into());
        }
        let shown = length.min(LONGEST_STRING);
        let bytes = Storage::Memory(data).bytes(self.memory, shown)?;
        let quoted = quoted(&bytes);
        if shown < length {
            text.push(quoted.strip_suffix('"').unwrap_or(&quoted))?;
            return Err(Stop::Full);
        }
        Ok(text.push(&quoted)?)
    }

    /// The size of the type at an entry, in bytes.
    pub(super) fn size_at(&self, at: EntryRef<'s, 'a>) -> Option<u64> {
        Type::read(at, self.module)?.size
    }
}

/// A string as `{:?}` and gdb write it; bytes that are no UTF-8 as `\xff`.
pub(in crate::native) fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from('"');
    for chunk in bytes.utf8_chunks() {
        let valid = format!("{:?}", chunk.valid());
        text.push_str(&valid[1..valid.len() - 1]);
        chunk
            .invalid()
            .iter()
            .for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text.push('"');
    text
}

/// Of a count that cannot be.
pub(super) fn garbage(what: &str, number: u64) -> Absence {
    torn(format!("its {what} would be {number}"))
}
