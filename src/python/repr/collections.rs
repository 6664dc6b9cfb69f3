//! `collections`: deque, defaultdict, OrderedDict, Counter, ChainMap and the `User` classes.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::dialect::Dialect;
use super::dispatch::{Known, native, python};
use super::{Writer, containers};
use crate::model::{Addr, LengthUnit};
use crate::python::object::{Builtin, Integer, TypeInfo};
use crate::python::{Look, LookError};

pub(super) const TYPES: &[Known] = &[
    native("collections.deque", deque),
    native("collections.defaultdict", default_dict),
    native("collections.OrderedDict", ordered_dict),
    python("collections.Counter.__repr__", counter),
    python("collections.ChainMap.__repr__", chain_map),
    python("collections.UserDict.__repr__", user),
    python("collections.UserList.__repr__", user),
    python("collections.UserString.__repr__", user),
];

/// A Counter with more entries is written in the order of its dict.
const MOST_SORTED: u64 = 100_000;
/// Entries of an OrderedDict that are walked.
const MOST_NODES: u64 = 1_000_000;

fn deque(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let name = kind.plain_name();
    let length = writer.look.length(object)?;
    writer.count(length, LengthUnit::Items);
    writer.nested(object, "[...]", &format!("{name}([…])"), |writer| {
        let items = writer.look.deque_items(object, writer.wanted() as u64)?;
        writer.put(&format!("{name}(["));
        writer.objects(items);
        let at = object.plus(writer.look.layout().object.deque_maxlen);
        let longest = writer.look.memory.i64(at)?;
        if longest < 0 {
            writer.put("])");
        } else {
            writer.put(&format!("], maxlen={longest})"));
        }
        Ok(())
    })
}

fn default_dict(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    let at = object.plus(writer.look.layout().object.defaultdict_factory);
    let factory = writer.look.memory.pointer(at)?;
    writer.count(writer.look.dict_length(object)?, LengthUnit::Items);
    writer.put(kind.plain_name());
    writer.put("(");
    if factory.is_null() {
        writer.put("None");
    } else {
        writer.object(factory);
    }
    writer.put(", ");
    containers::dict(writer, object, kind)?;
    writer.put(")");
    Ok(())
}

fn ordered_dict(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    let name = kind.plain_name();
    let length = writer.look.dict_length(object)?;
    writer.count(length, LengthUnit::Items);
    if length == 0 {
        writer.put(&format!("{name}()"));
        return Ok(());
    }
    let has_braces = Dialect::of(writer.look.layout().version).ordered_dict_has_braces;
    writer.nested(object, "...", &format!("{name}(…)"), |writer| {
        let items = writer.look.ordered_items(object, writer.wanted())?;
        if has_braces {
            writer.put(&format!("{name}({{"));
            writer.pairs(items);
            writer.put("})");
            return Ok(());
        }
        writer.put(&format!("{name}(["));
        for (index, (key, value)) in items.into_iter().enumerate() {
            writer.put(if index == 0 { "(" } else { ", (" });
            writer.objects([key, value]);
            writer.put(")");
            if writer.is_full() {
                break;
            }
        }
        writer.put("])");
        Ok(())
    })
}

/// The most common first, if the counts can be compared (`Counter.__repr__`, `Lib/collections/__init__.py`).
fn counter(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let name = kind.plain_name();
    let length = writer.look.dict_length(object)?;
    writer.count(length, LengthUnit::Items);
    if length == 0 {
        writer.put(&format!("{name}()"));
        return Ok(());
    }
    let (cycle, deep) = (format!("{name}(...)"), format!("{name}({{…}})"));
    writer.nested(object, &cycle, &deep, |writer| {
        let most = if length <= MOST_SORTED {
            length as usize
        } else {
            writer.wanted()
        };
        let mut items = writer.look.dict_items(object, most)?;
        if length <= MOST_SORTED {
            let counts = items.iter().map(|(_, count)| writer.look.count_of(*count));
            if let Ok(Some(counts)) = counts.collect::<Result<Option<Vec<_>>, _>>() {
                let mut counted: Vec<_> = counts.into_iter().zip(items).collect();
                counted.sort_by(|(one, _), (other, _)| other.compare(one));
                items = counted.into_iter().map(|(_, item)| item).collect();
            }
        }
        writer.put(&format!("{name}({{"));
        writer.pairs(items);
        writer.put("})");
        Ok(())
    })
}

fn chain_map(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let name = kind.plain_name();
    let Some(maps) = writer.look.attribute_object(object, "maps")? else {
        return super::instances::instance(writer, object, kind);
    };
    writer.nested(object, "...", &format!("{name}(…)"), |writer| {
        let maps = writer.look.sequence(maps, writer.wanted() as u64)?;
        writer.put(&format!("{name}("));
        writer.objects(maps);
        writer.put(")");
        Ok(())
    })
}

/// `UserDict`, `UserList` and `UserString` look like what they wrap.
fn user(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let Some(data) = writer.look.attribute_object(object, "data")? else {
        return super::instances::instance(writer, object, kind);
    };
    writer.nested(object, "...", "…", |writer| {
        writer.object(data);
        Ok(())
    })
}

/// A count of a Counter.
enum Count {
    Integer(num_bigint::BigInt),
    Float(f64),
}

impl Count {
    fn compare(&self, other: &Count) -> Ordering {
        let as_float = |count: &Count| match count {
            Count::Integer(value) => value.to_string().parse().unwrap_or(f64::NAN),
            Count::Float(value) => *value,
        };
        match (self, other) {
            (Count::Integer(one), Count::Integer(other)) => one.cmp(other),
            _ => as_float(self).total_cmp(&as_float(other)),
        }
    }
}

impl Look<'_> {
    fn count_of(&self, object: Addr) -> Result<Option<Count>, LookError> {
        Ok(match self.type_of(object)?.builtin {
            Builtin::Int | Builtin::Bool => match self.integer(object)? {
                Integer::Exact(value) => Some(Count::Integer(value)),
                Integer::Huge { .. } => None,
            },
            Builtin::Float => {
                let at = self.layout().object.float_value;
                Some(Count::Float(self.memory.f64(object.plus(at))?))
            }
            _ => None,
        })
    }

    /// The first `limit` items of a deque, from block to block (`Modules/_collectionsmodule.c`).
    pub(in crate::python) fn deque_items(
        &self,
        object: Addr,
        limit: u64,
    ) -> Result<Vec<Addr>, LookError> {
        let layout = &self.layout().object;
        let mut rest = self.length(object)?.min(limit);
        let mut block = self.memory.pointer(object.plus(layout.deque_left_block))?;
        let mut index = self.memory.u64(object.plus(layout.deque_left_index))?;
        let mut items = Vec::new();
        while rest > 0 {
            let count = layout
                .deque_block_length
                .checked_sub(index)
                .filter(|count| *count > 0)
                .ok_or(LookError::Torn {
                    what: "a deque",
                    address: object,
                })?
                .min(rest);
            let first = block.plus(layout.deque_block_items + index * 8);
            items.extend(self.pointers(first, count)?);
            rest -= count;
            block = self.memory.pointer(block.plus(layout.deque_block_right))?;
            index = 0;
        }
        Ok(items)
    }

    pub(in crate::python) fn is_ordered_dict(&self, object: Addr) -> Result<bool, LookError> {
        let kind = self.type_of(object)?;
        if kind.static_name() == Some("dict") {
            return Ok(false);
        }
        for class in self.mro(kind.address)? {
            let class = self.type_at(class)?;
            if !class.is_heap() && class.module == "collections" && class.name == "OrderedDict" {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The first `limit` items of an OrderedDict: its order is in a list of nodes beside the dict (`Objects/odictobject.c`).
    pub(in crate::python) fn ordered_items(
        &self,
        object: Addr,
        limit: usize,
    ) -> Result<Vec<(Addr, Addr)>, LookError> {
        let layout = &self.layout().object;
        let length = self.dict_length(object)?.min(MOST_NODES);
        let values: HashMap<Addr, Addr> = self
            .dict_items(object, length as usize)?
            .into_iter()
            .collect();
        let mut items = Vec::new();
        let mut node = self.memory.pointer(object.plus(layout.odict_first))?;
        let wanted = limit.min(length as usize);
        // A ring of nodes that are not in the dict is damage, and ends too.
        for _ in 0..length {
            if node.is_null() || items.len() >= wanted {
                break;
            }
            let key = self.memory.pointer(node.plus(layout.odict_node_key))?;
            // A node whose key is not there is being added or taken away.
            if let Some(value) = values.get(&key) {
                items.push((key, *value));
            }
            node = self.memory.pointer(node.plus(layout.odict_node_next))?;
        }
        Ok(items)
    }
}
