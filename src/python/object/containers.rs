//! `list`, `tuple`, `dict` and sets: the addresses of what they hold.

use crate::model::Addr;
use crate::python::layout::KeysForm;
use crate::python::object::Builtin;
use crate::python::{Look, LookError};

/// Entries of a table that are looked through, used and unused. A larger dict is shown in part.
const MOST_ENTRIES: u64 = 10_000_000;

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
        (0..count)
            .map(|index| Ok(self.memory.pointer(items.plus(index * 8))?))
            .collect()
    }

    /// The first `limit` keys and values of a dict, in its order.
    pub(in crate::python) fn dict_items(
        &self,
        object: Addr,
        limit: usize,
    ) -> Result<Vec<(Addr, Addr)>, LookError> {
        let layout = &self.layout().dict;
        if self.type_of(object)?.builtin != Builtin::Dict {
            return Err(LookError::Torn {
                what: "a dict",
                address: object,
            });
        }
        let keys = self.memory.pointer(object.plus(layout.keys))?;
        let values = self.memory.pointer(object.plus(layout.values))?;
        let (index_bytes, has_hash) = match layout.keys_form {
            KeysForm::Sized { size } => {
                let size = self.memory.u64(keys.plus(size))?;
                // `DK_IXSIZE`, `Objects/dictobject.c` of CPython 3.10.
                let width = match size {
                    0..=0xff => 1,
                    0x100..=0xffff => 2,
                    0x1_0000..=0xffff_ffff => 4,
                    _ => 8,
                };
                (size.saturating_mul(width), true)
            }
            KeysForm::Log2 { index_bytes, kind } => {
                let log2 = self.memory.u8(keys.plus(index_bytes))?;
                let size = 1_u64.checked_shl(log2.into()).unwrap_or(u64::MAX);
                (size, self.memory.u8(keys.plus(kind))? == 0)
            }
        };
        let count = self
            .memory
            .u64(keys.plus(layout.keys_nentries))?
            .min(MOST_ENTRIES);
        let entries = keys.plus(layout.keys_indices).plus(index_bytes);
        let (entry_size, key_at) = if has_hash { (24, 8) } else { (16, 0) };
        let mut items = Vec::new();
        for index in 0..count {
            if items.len() >= limit {
                break;
            }
            let entry = entries.plus(index * entry_size + key_at);
            let key = self.memory.pointer(entry)?;
            let value = if values.is_null() {
                self.memory.pointer(entry.plus(8))?
            } else {
                self.memory
                    .pointer(values.plus(layout.values_items + index * 8))?
            };
            if !key.is_null() && !value.is_null() {
                items.push((key, value));
            }
        }
        Ok(items)
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
        for slot in 0..slots.min(MOST_ENTRIES) {
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
