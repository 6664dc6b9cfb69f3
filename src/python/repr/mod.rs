//! The text of a value: what `repr()` gives in the target, cut at limits, without running its code.
//!
//! Each family of types has a file with the functions that write them and a table that names them;
//! [`dispatch`] finds the one for a type by the `__repr__` that Python would run (`docs/internals/values.md`).

mod arrays;
mod c_data;
mod c_numbers;
mod c_types;
mod callables;
mod classes;
mod collections;
mod containers;
mod decimals;
mod dialect;
mod dispatch;
mod enums;
mod exceptions;
mod execution;
mod files;
mod futures;
mod identifiers;
mod instances;
mod iteration;
mod library;
mod locks;
mod memory_views;
mod numbers;
mod packed;
mod printable;
mod printable_table;
mod records;
mod shared_lists;
mod text;
mod times;
mod type_forms;
mod views;
mod writer;

pub(in crate::python) use dispatch::Write;
pub(in crate::python) use memory_views::dimensions;
pub(in crate::python) use writer::Writer;

pub use text::{bytes_literal, text_literal};

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::look::Look;
use crate::model::{Addr, Value};
pub(super) use numbers::{complex_text, float_text};

/// What the values take that are remembered for the length of a walk, in bytes, and the longest of their texts.
const MOST_KNOWN: usize = 8 << 20;
const LONGEST_KNOWN: usize = 4_096;

/// How much of a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Characters of the text.
    pub characters: usize,
    /// Containers inside containers; at most [`Limits::DEEPEST`].
    pub depth: usize,
}

impl Limits {
    /// Deeper values are cut however deep they were asked for: pmdb's own stack has an end.
    pub const DEEPEST: usize = 100;
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            characters: 1_000,
            depth: 20,
        }
    }
}

/// Values as they were shown before in the same walk.
#[derive(Default)]
pub(in crate::python) struct KnownValues {
    by_address: FxHashMap<(u64, Limits), Arc<Value>>,
    /// Bytes that they take.
    size: usize,
}

impl KnownValues {
    fn add(&mut self, object: Addr, limits: &Limits, value: &Arc<Value>) {
        let size = self.size + size_of::<Value>() + value.text.len();
        let is_small = value.text.len() <= LONGEST_KNOWN;
        if value.absence.is_none() && is_small && size <= MOST_KNOWN {
            self.size = size;
            self.by_address.insert((object.0, *limits), value.clone());
        }
    }
}

impl Look<'_> {
    /// The object at an address as it is shown. Each is read once: the frames of a stack often have the same ones.
    pub fn value(&self, object: Addr, limits: &Limits) -> Value {
        Arc::unwrap_or_clone(self.shared_value(object, limits))
    }

    /// The same, not copied.
    pub(in crate::python) fn shared_value(&self, object: Addr, limits: &Limits) -> Arc<Value> {
        let known = self.values.borrow();
        if let Some(known) = known.by_address.get(&(object.0, *limits)) {
            return known.clone();
        }
        drop(known);
        let value = Arc::new(self.read_value(object, limits));
        self.values.borrow_mut().add(object, limits, &value);
        value
    }

    fn read_value(&self, object: Addr, limits: &Limits) -> Value {
        let kind = match self.type_of(object) {
            Ok(kind) => kind,
            Err(error) => return Value::absent(error.absence()),
        };
        let mut writer = Writer::new(self, limits);
        writer.object(object);
        let mut value = writer.finish();
        value.type_name = kind.shown_name();
        value.address = Some(object);
        value
    }
}
