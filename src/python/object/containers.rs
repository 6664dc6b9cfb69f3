//! `list`, `tuple` and sets: the addresses of what they hold.

use crate::model::Addr;
use crate::python::object::Builtin;
use crate::python::{Look, LookError};

/// Slots of a set's table that are looked through, used and unused. A larger set is shown in part.
const MOST_SLOTS: u64 = 10_000_000;
/// Pointers and table entries are fetched in pieces of this many bytes.
pub(super) const PIECE: u64 = 32 * 1024;

impl Look<'_> {
    /// The first `limit` items of a list or tuple.
    pub(in crate::python) fn sequence(
        &self,
        object: Addr,
        limit: u64,
    ) -> Result<Vec<Addr>, LookError> {
        let layout = &self.layout().object;
        let items = match self.type_of(object)?.builtin {
            Builtin::List => self.memory.pointer(object.plus(layout.list_items))?,
            Builtin::Tuple => object.plus(layout.tuple_items),
            _ => {
                return Err(LookError::Torn {
                    what: "a tuple",
                    address: object,
                });
            }
        };
        let count = self.length(object)?.min(limit);
        self.pointers(items, count)
    }

    /// `count` pointers in a row. Fails where the memory ends, before more than a piece is allocated.
    pub(in crate::python) fn pointers(
        &self,
        start: Addr,
        count: u64,
    ) -> Result<Vec<Addr>, LookError> {
        let mut found = Vec::with_capacity(count.min(PIECE / 8) as usize);
        let mut done = 0;
        while done < count {
            let piece = (count - done).min(PIECE / 8);
            let at = start.plus(done.wrapping_mul(8));
            self.memory.with_bytes(at, piece as usize * 8, |bytes| {
                found.extend(words(bytes).map(Addr));
            })?;
            done += piece;
        }
        Ok(found)
    }

    /// The first `limit` members of a set, and its `len()`.
    pub(in crate::python) fn set_members(
        &self,
        object: Addr,
        limit: usize,
    ) -> Result<(Vec<Addr>, u64), LookError> {
        let layout = &self.layout().set;
        let used = self.memory.u64(object.plus(layout.used))?;
        let slots = self.memory.u64(object.plus(layout.mask))?.saturating_add(1);
        let table = self.memory.pointer(object.plus(layout.table))?;
        let wanted = usize::try_from(used).unwrap_or(limit).min(limit);
        let mut members = Vec::new();
        for slot in 0..slots.min(MOST_SLOTS) {
            if members.len() >= wanted {
                break;
            }
            let entry = table.plus(slot.wrapping_mul(layout.entry));
            let key = self.memory.pointer(entry)?;
            // A removed member leaves the dummy, a key with hash -1 (`Objects/setobject.c`).
            if !key.is_null() && self.memory.i64(entry.plus(8))? != -1 {
                members.push(key);
            }
        }
        Ok((members, used))
    }
}

/// The 8-byte words of a piece of memory.
pub(super) fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.chunks_exact(8).map(|word| {
        let mut wide = [0; 8];
        wide.copy_from_slice(word);
        u64::from_le_bytes(wide)
    })
}
