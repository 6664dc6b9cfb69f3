//! `dict`: its entries in their order, and one of them by its key.

use std::ops::ControlFlow;

use super::containers::{PIECE, words};
use super::dict_lookup::Lookup;
use super::types::{DICT_SUBCLASS, STR_SUBCLASS};
use crate::model::Addr;
use crate::python::layout::{KeysForm, ValuesOrder};
use crate::python::object::Builtin;
use crate::python::{Look, LookError};

/// Entries of a table that are looked through, used and unused. A larger dict is shown in part.
const MOST_ENTRIES: u64 = 10_000_000;
/// Entries of a table whose values are elsewhere: `SHARED_KEYS_MAX_SIZE` is 30, and up to 3.10 there was no limit.
const MOST_SHARED: u64 = 65_536;

/// Where a `PyDictKeysObject` has its entries, and the slots by which they are found.
pub(super) struct Table {
    pub entries: Addr,
    pub count: u64,
    /// Bytes of an entry, and where the key is in it. The value follows the key.
    pub entry: u64,
    pub key: u64,
    /// A power of two; each slot holds the index of an entry, in so many bytes.
    pub slots: u64,
    pub index_width: u64,
    pub indices: Addr,
}

impl Table {
    /// Whether an entry begins with the hash of its key.
    pub fn has_hash(&self) -> bool {
        self.key != 0
    }

    pub fn entry_at(&self, index: u64) -> Option<Addr> {
        (index < self.count).then(|| self.entries.plus(index.wrapping_mul(self.entry)))
    }
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

    /// The value of a `str` key in a dict.
    pub fn dict_get_str(&self, dict: Addr, name: &str) -> Result<Option<Addr>, LookError> {
        let wanted: Vec<u32> = name.chars().map(u32::from).collect();
        let hashed = name.is_ascii().then_some(name.as_bytes());
        self.dict_get(dict, hashed, &|key| self.is_text(key, &wanted))
    }

    /// The value of a `bytes` key in a dict.
    pub(in crate::python) fn dict_get_bytes(
        &self,
        dict: Addr,
        name: &[u8],
    ) -> Result<Option<Addr>, LookError> {
        self.dict_get(dict, Some(name), &|key| {
            let is_bytes = self.type_of(key)?.builtin == Builtin::Bytes;
            Ok(is_bytes
                && self.length(key)? == name.len() as u64
                && self.bytes_object(key, name.len())?.0 == name)
        })
    }

    /// The value of the key for which `is_key` says yes. Without the bytes that its hash is made of, or where how the
    /// target hashes is not known, all keys are looked at, in their order.
    fn dict_get(
        &self,
        dict: Addr,
        hashed: Option<&[u8]>,
        is_key: &dyn Fn(Addr) -> Result<bool, LookError>,
    ) -> Result<Option<Addr>, LookError> {
        if let Some(bytes) = hashed
            && let Some(table) = self.own_table(dict)?
        {
            match self.lookup(&table, bytes, is_key)? {
                Lookup::Found(value) => return Ok(Some(value)),
                Lookup::Missing => return Ok(None),
                Lookup::Unknown => {}
            }
        }
        let mut found = None;
        self.each_dict_item(dict, &mut |key, value| {
            if is_key(key)? {
                found = Some(value);
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    /// The table of a dict that shares it with no other.
    fn own_table(&self, dict: Addr) -> Result<Option<Table>, LookError> {
        let layout = &self.layout().dict;
        if !self.is_dict(dict)? || !self.memory.pointer(dict.plus(layout.values))?.is_null() {
            return Ok(None);
        }
        let keys = self.memory.pointer(dict.plus(layout.keys))?;
        self.table(keys).map(Some)
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
        let (slots, has_hash) = match layout.keys_form {
            KeysForm::Sized { size } => (self.memory.u64(keys.plus(size))?, true),
            KeysForm::Log2 { index_bytes, kind } => {
                let log2 = u32::from(self.memory.u8(keys.plus(index_bytes))?);
                // The width of an index is a power of two as well, and so is part of the logarithm.
                let width = match log2 {
                    0..=7 => 0,
                    8..=16 => 1,
                    17..=33 => 2,
                    _ => 3,
                };
                let slots = 1_u64.checked_shl(log2 - width).unwrap_or(u64::MAX);
                (slots, self.memory.u8(keys.plus(kind))? == 0)
            }
        };
        // `DK_IXSIZE`, `Objects/dictobject.c`.
        let index_width = match slots {
            0..=0xff => 1,
            0x100..=0xffff => 2,
            0x1_0000..=0xffff_ffff => 4,
            _ => 8,
        };
        let indices = keys.plus(layout.keys_indices);
        let (entry, key) = if has_hash { (24, 8) } else { (16, 0) };
        Ok(Table {
            entries: indices.plus(slots.saturating_mul(index_width)),
            count: self.memory.u64(keys.plus(layout.keys_nentries))?,
            entry,
            key,
            slots,
            index_width,
            indices,
        })
    }
}
