//! The entries of maps and sets, one after the other: for their text, and for what a key leads to.

use super::plain::{is_rust, without_parameters};
use super::storage::Storage;
use super::text::Text;
use super::{Stop, Writer, Written};
use crate::model::Absence;
use crate::native::dwarf::EntryRef;
use crate::native::types::Type;

/// A type, and where a value of it is.
type Part<'s, 'a> = (Option<EntryRef<'s, 'a>>, Storage);

/// A key of a map with its value, or an element of a set.
pub(in crate::native) struct Entry<'s, 'a> {
    pub key: Part<'s, 'a>,
    pub value: Option<Part<'s, 'a>>,
}

/// What is done with each entry, until it fails.
pub(super) type Each<'e, 's, 'a> = dyn FnMut(Entry<'s, 'a>) -> Written + 'e;

impl<'s, 'a> Writer<'_, 's, 'a> {
    /// Writes what a walk over a container finds: as `{:?}` does in Rust, and as gdb does in C++.
    pub(super) fn write_entries(
        &self,
        (before, between): (&str, &str),
        depth: usize,
        text: &mut Text,
        walk: impl FnOnce(&mut Each<'_, 's, 'a>) -> Written,
    ) -> Written {
        let mut open = "{";
        walk(&mut |Entry { key, value }| {
            self.go_on()?;
            text.push(std::mem::replace(&mut open, ", "))?;
            let Some(value) = value else {
                return self.write_within(key.0, &key.1, depth, text);
            };
            text.push(before)?;
            self.write_within(key.0, &key.1, depth, text)?;
            text.push(between)?;
            self.write_within(value.0, &value.1, depth, text)
        })?;
        Ok(text.push(if open == "{" { "{}" } else { "}" })?)
    }

    /// A container may say that it has more entries than there can be.
    fn go_on(&self) -> Written {
        match self.memory.spent() {
            Some(limit) => Err(Stop::Absent(Absence::LimitReached {
                limit: limit.to_string(),
            })),
            None => Ok(()),
        }
    }

    /// Goes through the entries of a map until one is wanted, and gives its value. Nothing if it is no map.
    pub(in crate::native) fn entry_that(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        is_wanted: &mut dyn FnMut(EntryRef<'s, 'a>, &Storage) -> bool,
    ) -> Option<Result<Option<(EntryRef<'s, 'a>, Storage)>, Absence>> {
        let name = kind.own_name(self.module).unwrap_or_default();
        let path = kind.path(self.module);
        let rust = is_rust(kind.at);
        let known = match rust {
            true => ["alloc::", "std::", "hashbrown::"].as_slice(),
            false => ["std::"].as_slice(),
        };
        if !known.iter().any(|of| path.starts_with(of)) {
            return None;
        }
        let mut found = None;
        let mut each = |Entry { key, value }: Entry<'s, 'a>| {
            self.go_on()?;
            let (Some(kind), Some((Some(of_value), at))) = (key.0, value) else {
                return Ok(());
            };
            if is_wanted(kind, &key.1) {
                found = Some((of_value, at));
                // There is no need to go on.
                return Err(Stop::Full);
            }
            Ok(())
        };
        let walked = match (without_parameters(&name), rust) {
            ("HashMap", true) => self.hash_entries(kind, storage, false, &mut each),
            ("BTreeMap", true) => self.btree_entries(kind, storage, false, &mut each),
            ("map" | "multimap", false) if path.starts_with("std::__1::") => {
                self.llvm_tree_entries(kind, storage, true, &mut each)
            }
            ("map" | "multimap", false) => self.tree_entries(kind, storage, true, &mut each),
            ("unordered_map" | "unordered_multimap", false) if path.starts_with("std::__1::") => {
                self.llvm_hash_entries(kind, storage, true, &mut each)
            }
            ("unordered_map" | "unordered_multimap", false) => {
                self.hash_table_entries(kind, storage, true, &mut each)
            }
            _ => return None,
        };
        match walked {
            Ok(()) | Err(Stop::Full) => Some(Ok(found)),
            Err(Stop::Absent(absence)) => Some(Err(absence)),
            Err(Stop::OtherLayout) => None,
        }
    }
}
