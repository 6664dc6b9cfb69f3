//! `dict`: its entries in their order, and one of them by its key.

use std::ops::ControlFlow;

use super::containers::{PIECE, words};
use super::types::{DICT_SUBCLASS, STR_SUBCLASS};
use crate::model::Addr;
use crate::python::layout::{KeysForm, ValuesOrder};
use crate::python::object::Builtin;
use crate::python::{Look, LookError};

/// Entries of a table that are looked through, used and unused. A larger dict is shown in part.
const MOST_ENTRIES: u64 = 10_000_000;
/// Entries of a table whose values are elsewhere: `SHARED_KEYS_MAX_SIZE` is 30, and up to 3.10 there was no limit.
const MOST_SHARED: u64 = 65_536;

/// Where a `PyDictKeysObject` has its entries.
struct Table {
    entries: Addr,
    count: u64,
    /// Bytes of an entry, and where the key is in it. The value follows the key.
    entry: u64,
    key: u64,
}

impl Look<'_> {
    /// The first `limit` keys and values of a dict, in its order.
    pub(in crate::python) fn dict_items(
        &self,
        object: Addr,
        limit: usize,
    ) -> Result<Vec<(Addr, Addr)>, LookError> {
        let mut items = Vec::new();
        if limit == 0 {
            return Ok(items);
        }
        self.each_dict_item(object, &mut |key, value| {
            items.push((key, value));
            Ok(if items.len() < limit {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            })
        })?;
        Ok(items)
    }

    /// `len()` of a dict.
    pub(in crate::python) fn dict_length(&self, object: Addr) -> Result<u64, LookError> {
        let used = self.memory.i64(object.plus(self.layout().dict.used))?;
        u64::try_from(used).map_err(|_| LookError::Torn {
            what: "the length of a dict",
            address: object,
        })
    }

    /// The value of a `str` key in a dict. The hash of the target's strings is secret, so all keys are looked at, in
    /// their order, up to the one that is wanted.
    pub fn dict_get_str(&self, dict: Addr, name: &str) -> Result<Option<Addr>, LookError> {
        let wanted: Vec<u32> = name.chars().map(u32::from).collect();
        let mut found = None;
        self.each_dict_item(dict, &mut |key, value| {
            if self.is_text(key, &wanted)? {
                found = Some(value);
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    /// Whether an object is a `str` of these code points.
    fn is_text(&self, object: Addr, wanted: &[u32]) -> Result<bool, LookError> {
        if !self.has_type_flag(object, STR_SUBCLASS)? {
            return Ok(false);
        }
        let length = self.memory.u64(object.plus(self.layout().text.length))?;
        Ok(
            length == wanted.len() as u64
                && self.text(object, wanted.len())?.code_points == *wanted,
        )
    }

    /// A dict, or the `frozendict` of 3.15, which is laid out as one. Asks the type for nothing that would need a dict.
    fn is_dict(&self, object: Addr) -> Result<bool, LookError> {
        if self.has_type_flag(object, DICT_SUBCLASS)? {
            return Ok(true);
        }
        let kind = self
            .memory
            .pointer(object.plus(self.layout().object.kind))?;
        Ok(self.builtin_below(kind)? == Builtin::FrozenDict)
    }

    /// Calls `visit` with keys and values of a dict in its order, until it breaks off.
    pub(in crate::python) fn each_dict_item(
        &self,
        object: Addr,
        visit: &mut dyn FnMut(Addr, Addr) -> Result<ControlFlow<()>, LookError>,
    ) -> Result<(), LookError> {
        let layout = &self.layout().dict;
        if !self.is_dict(object)? {
            return Err(LookError::Torn {
                what: "a dict",
                address: object,
            });
        }
        let keys = self.memory.pointer(object.plus(layout.keys))?;
        let values = self.memory.pointer(object.plus(layout.values))?;
        if !values.is_null() {
            for (key, value) in self.shared_key_items(keys, values)? {
                if visit(key, value)?.is_break() {
                    break;
                }
            }
            return Ok(());
        }
        let table = self.table(keys)?;
        let count = table.count.min(MOST_ENTRIES);
        let at_once = PIECE / table.entry;
        let mut first = 0;
        while first < count {
            let piece = (count - first).min(at_once);
            let start = table.entries.plus(first * table.entry);
            let bytes = self.memory.bytes(start, (piece * table.entry) as usize)?;
            for entry in bytes.chunks_exact(table.entry as usize) {
                let mut pair = words(&entry[table.key as usize..]).map(Addr);
                let (Some(key), Some(value)) = (pair.next(), pair.next()) else {
                    break;
                };
                if !key.is_null() && !value.is_null() && visit(key, value)?.is_break() {
                    return Ok(());
                }
            }
            first += piece;
        }
        Ok(())
    }

    /// The names and values of a table whose keys several dicts or instances share, in the order in which the values
    /// were set: `values` is a `PyDictValues` (3.11+), before an array of pointers.
    pub(super) fn shared_key_items(
        &self,
        keys: Addr,
        values: Addr,
    ) -> Result<Vec<(Addr, Addr)>, LookError> {
        let table = self.table(keys)?;
        let count = table.count.min(MOST_SHARED);
        let items = self.pointers(values.plus(self.layout().dict.values_items), count)?;
        let mut found = Vec::new();
        for index in self.order_of_values(values, count)? {
            let value = items.get(index as usize).copied().unwrap_or_default();
            let entry = table.entries.plus(index.wrapping_mul(table.entry));
            if value.is_null() {
                continue;
            }
            let key = self.memory.pointer(entry.plus(table.key))?;
            if !key.is_null() {
                found.push((key, value));
            }
        }
        Ok(found)
    }

    /// Indices below `count` in the order in which the values were set.
    fn order_of_values(&self, values: Addr, count: u64) -> Result<Vec<u64>, LookError> {
        let (first, used, step) = match self.layout().dict.values_order {
            ValuesOrder::AsKeys => return Ok((0..count).collect()),
            ValuesOrder::Before { size, first } => {
                let used = self.memory.u8(values.minus(size))?;
                (values.minus(first), used, u64::MAX)
            }
            ValuesOrder::After { capacity, size } => {
                let capacity = self.memory.u8(values.plus(capacity))?;
                let used = self.memory.u8(values.plus(size))?;
                let items = values.plus(self.layout().dict.values_items);
                (items.plus(u64::from(capacity) * 8), used, 1)
            }
        };
        let mut order = Vec::new();
        for place in 0..u64::from(used) {
            let index = u64::from(self.memory.u8(first.plus(place.wrapping_mul(step)))?);
            if index < count && !order.contains(&index) {
                order.push(index);
            }
        }
        // Caught between two writes, an index may be missing; its value is still there.
        order.extend(
            (0..count)
                .filter(|index| !order.contains(index))
                .collect::<Vec<_>>(),
        );
        Ok(order)
    }

    fn table(&self, keys: Addr) -> Result<Table, LookError> {
        let layout = &self.layout().dict;
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
        let (entry, key) = if has_hash { (24, 8) } else { (16, 0) };
        Ok(Table {
            entries: keys.plus(layout.keys_indices).plus(index_bytes),
            count: self.memory.u64(keys.plus(layout.keys_nentries))?,
            entry,
            key,
        })
    }
}
