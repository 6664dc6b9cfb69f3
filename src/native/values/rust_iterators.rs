//! Iterators over what lies in one piece: what they have still to give.

use super::storage::Storage;
use super::strings::{MOST, garbage};
use super::text::Text;
use super::{Shown, Stop, Writer, Written};
use crate::model::Addr;
use crate::native::dwarf::EntryRef;

/// Bytes of a string that are read for an iterator over its characters.
const MOST_TEXT: u64 = 1 << 16;

impl<'s, 'a> Writer<'_, 's, 'a> {
    /// `Iter([2, 3])`: from a pointer to another one, or to a number of elements where they take no room. `ends` are the names
    /// of the two.
    pub(super) fn write_rust_iterator(
        &self,
        value: Shown<'_, 's, 'a>,
        name: &str,
        ends: [&str; 2],
        text: &mut Text,
    ) -> Written {
        let element = value.kind.parameter("T", self.module);
        let (begin, count) = self.rest_of(value, ends, element)?;
        text.push(name)?;
        text.push("(")?;
        self.write_elements(element, begin, count, value.depth, text)?;
        Ok(text.push(")")?)
    }

    /// `Chars(['a', 'b'])`
    pub(super) fn write_chars(&self, value: Shown<'_, 's, 'a>, text: &mut Text) -> Written {
        let (iterator, at) = self
            .member_at(value.kind, value.storage, "iter")
            .ok_or(Stop::OtherLayout)?;
        let bytes = Shown {
            kind: &iterator,
            storage: &at,
            depth: value.depth,
        };
        let element = iterator.parameter("T", self.module);
        let (begin, count) = self.rest_of(bytes, ["ptr", "end_or_len"], element)?;
        let bytes = Storage::Memory(begin).bytes(self.memory, count.min(MOST_TEXT))?;
        text.push("Chars([")?;
        for (index, letter) in String::from_utf8_lossy(&bytes).chars().enumerate() {
            if index > 0 {
                text.push(", ")?;
            }
            text.push(&format!("{letter:?}"))?;
        }
        if count > MOST_TEXT {
            return Err(Stop::Full);
        }
        Ok(text.push("])")?)
    }

    fn rest_of(
        &self,
        value: Shown<'_, 's, 'a>,
        [begin, end]: [&str; 2],
        element: Option<EntryRef<'s, 'a>>,
    ) -> Result<(Addr, u64), Stop> {
        let address = |name: &str| -> Result<Addr, Stop> {
            let member = self.member_at(value.kind, value.storage, name);
            let (_, at) = member
                .and_then(|(kind, at)| self.innermost_pointer(&kind, &at))
                .ok_or(Stop::OtherLayout)?;
            Ok(at.pointer(self.memory)?)
        };
        let (begin, end) = (address(begin)?, address(end)?);
        let size = element.and_then(|at| self.size_at(at));
        let count = match size.ok_or(Stop::OtherLayout)? {
            0 => end.0,
            size => {
                let bytes = end.0.wrapping_sub(begin.0);
                if bytes > MOST || !bytes.is_multiple_of(size) {
                    return Err(garbage("length in bytes", bytes).into());
                }
                bytes / size
            }
        };
        Ok((begin, count))
    }
}
