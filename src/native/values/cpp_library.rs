//! Values of the C++ library of GCC (libstdc++), told by their names and by those of their members.

use super::map_entries::{Each, Entry};
use super::plain::{torn, without_parameters};
use super::storage::Storage;
use super::strings::{MOST, garbage};
use super::text::Text;
use super::{Shown, Stop, Writer, Written};
use crate::model::{Absence, Addr};
use crate::native::dwarf::EntryRef;
use crate::native::types::{Shape, Type};

/// What stands before a key, and between it and its value: as gdb writes it.
pub(super) const CPP: (&str, &str) = ("[", "] = ");
/// A red-black tree is no deeper than twice the bits of an address.
const DEEPEST_TREE: usize = 128;

impl<'s, 'a> Writer<'_, 's, 'a> {
    /// Writes a value of the library; `false` if it is none that is known here.
    pub(super) fn write_cpp_library(
        &self,
        value: Shown<'_, 's, 'a>,
        text: &mut Text,
    ) -> Result<bool, Stop> {
        let Shown {
            kind,
            storage,
            depth,
        } = value;
        if !matches!(kind.shape, Shape::Structure { .. }) {
            return Ok(false);
        }
        // `string` and the like are typedefs; the inline namespace `__cxx11` tells old strings from new ones.
        let name = kind.own_name(self.module).unwrap_or_default();
        let path = kind.path(self.module);
        let in_std = path.starts_with("std::");
        // The inline namespace of LLVM's library.
        if path.starts_with("std::__1::") {
            return self.write_llvm_library(without_parameters(&name), value, text);
        }
        match without_parameters(&name) {
            _ if !in_std => return Ok(false),
            "basic_string" => self.write_cpp_string(value, text)?,
            "basic_string_view" => {
                let data = self.pointer_in(kind, storage, "_M_str")?;
                let length = self.number_in(kind, storage, "_M_len")?;
                self.write_string(data, length, text)?;
            }
            "vector" => self.write_cpp_vector(value, text)?,
            "array" => {
                let (elements, at) = self
                    .member_at(kind, storage, "_M_elems")
                    .ok_or_else(lacks)?;
                self.write(&elements, &at, depth, text)?;
            }
            name @ ("map" | "multimap" | "set" | "multiset") => {
                self.write_entries(CPP, depth, text, |each| {
                    self.tree_entries(kind, storage, name.ends_with("map"), each)
                })?
            }
            name @ ("unordered_map" | "unordered_multimap" | "unordered_set"
            | "unordered_multiset") => {
                self.write_entries(CPP, depth, text, |each| {
                    self.hash_table_entries(kind, storage, name.ends_with("map"), each)
                })?;
            }
            "list" => self.write_linked_list(value, text)?,
            "deque" => self.write_cpp_deque(value, text)?,
            "tuple" => self.write_tuple(value, text)?,
            "variant" => self.write_cpp_variant(value, text)?,
            "function" => self.write_cpp_function(value, text)?,
            name @ ("unique_ptr" | "shared_ptr") => self.write_owner(value, name, text)?,
            "optional" => {
                let engaged = self.number_in(kind, storage, "_M_engaged")? & 0xff;
                if engaged == 0 {
                    text.push("nullopt")?;
                } else {
                    let (value, at) = self.find(kind, storage, "_M_value").ok_or_else(lacks)?;
                    self.write(&value, &at, depth, text)?;
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn pointer_in(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        name: &str,
    ) -> Result<Addr, Stop> {
        let (_, at) = self.find(kind, storage, name).ok_or_else(lacks)?;
        Ok(at.pointer(self.memory)?)
    }

    pub(super) fn number_in(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        name: &str,
    ) -> Result<u64, Stop> {
        let (kind, at) = self.find(kind, storage, name).ok_or_else(lacks)?;
        let value = at.unsigned(self.memory, kind.size.unwrap_or(8).min(8))?;
        Ok(value as u64)
    }

    fn write_cpp_string(&self, value: Shown<'_, 's, 'a>, text: &mut Text) -> Written {
        let Shown { kind, storage, .. } = value;
        let data = self.pointer_in(kind, storage, "_M_p")?;
        let length = self.number_in(kind, storage, "_M_string_length")?;
        self.write_string(data, length, text)
    }

    fn write_cpp_vector(&self, value: Shown<'_, 's, 'a>, text: &mut Text) -> Written {
        let Shown {
            kind,
            storage,
            depth,
        } = value;
        // `vector<bool>` has iterators there.
        let (begin, element) = self.typed_pointer(kind, storage, "_M_start")?;
        let (end, _) = self.typed_pointer(kind, storage, "_M_finish")?;
        self.write_between(begin, end, element, depth, text)
    }

    /// Elements that lie one behind the other, from the first to behind the last.
    pub(super) fn write_between(
        &self,
        begin: Addr,
        end: Addr,
        element: EntryRef<'s, 'a>,
        depth: usize,
        text: &mut Text,
    ) -> Written {
        let size = self.size_of(element)?;
        let bytes = end.0.wrapping_sub(begin.0);
        if size == 0 || bytes > MOST || !bytes.is_multiple_of(size) {
            return Err(garbage("length in bytes", bytes).into());
        }
        self.write_list(("{", "}"), bytes / size, text, |index, text| {
            let storage = Storage::Memory(begin.plus(index * size));
            self.write_within(Some(element), &storage, depth, text)
        })
    }

    /// A pointer, and the type of what it points to.
    pub(super) fn typed_pointer(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        name: &str,
    ) -> Result<(Addr, EntryRef<'s, 'a>), Stop> {
        let (pointer, at) = self.find(kind, storage, name).ok_or_else(lacks)?;
        let Shape::Pointer { to: Some(to), .. } = pointer.shape else {
            return Err(lacks());
        };
        Ok((at.pointer(self.memory)?, to))
    }

    fn size_of(&self, at: EntryRef<'s, 'a>) -> Result<u64, Stop> {
        self.size_at(at).ok_or_else(lacks)
    }

    /// The type of the elements, from the parameters of the container inside.
    fn element(&self, inner: &Type<'s, 'a>, name: &str) -> Result<EntryRef<'s, 'a>, Stop> {
        inner.parameter(name, self.module).ok_or_else(lacks)
    }

    /// The key and the value of a map, or the element of a set.
    pub(super) fn cpp_entry(
        &self,
        element: EntryRef<'s, 'a>,
        is_map: bool,
        at: Storage,
    ) -> Result<Entry<'s, 'a>, Stop> {
        if !is_map {
            let key = (Some(element), at);
            return Ok(Entry { key, value: None });
        }
        let pair = Type::read(element, self.module).ok_or_else(lacks)?;
        let member = |name| self.member_at(&pair, &at, name).ok_or_else(lacks);
        let ((key, at_key), (value, at_value)) = (member("first")?, member("second")?);
        Ok(Entry {
            key: (Some(key.at), at_key),
            value: Some((Some(value.at), at_value)),
        })
    }

    /// A red-black tree (`_Rb_tree`): the header's left is the first node; each has the element behind its base.
    pub(super) fn tree_entries(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        is_map: bool,
        each: &mut Each<'_, 's, 'a>,
    ) -> Written {
        let (tree, at_tree) = self.member_at(kind, storage, "_M_t").ok_or_else(lacks)?;
        let element = self.element(&tree, "_Val")?;
        let count = self.number_in(&tree, &at_tree, "_M_node_count")?;
        let (header, at_header) = self.find(&tree, &at_tree, "_M_header").ok_or_else(lacks)?;
        let base = header.size.ok_or_else(lacks)?;
        let offset = |name: &str| {
            let member = header
                .members()
                .iter()
                .find(|member| member.name.as_deref() == Some(name));
            member.map(|member| member.offset).ok_or_else(lacks)
        };
        let (parent, left, right) = (
            offset("_M_parent")?,
            offset("_M_left")?,
            offset("_M_right")?,
        );
        let link = |node: Addr, offset: u64| {
            self.memory
                .pointer(node.plus(offset))
                .map_err(|error| error.absence())
        };
        let mut node = at_header.at(left).pointer(self.memory)?;
        for index in 0..count {
            if index > 0 {
                node = successor(node, &link, parent, left, right)?;
            }
            each(self.cpp_entry(element, is_map, Storage::Memory(node.plus(base)))?)?;
        }
        Ok(())
    }

    /// `_Hashtable`: a chain of all nodes, each with the element behind its link.
    pub(super) fn hash_table_entries(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        is_map: bool,
        each: &mut Each<'_, 's, 'a>,
    ) -> Written {
        let (table, at_table) = self.member_at(kind, storage, "_M_h").ok_or_else(lacks)?;
        let element = self.element(&table, "_Value")?;
        let count = self.number_in(&table, &at_table, "_M_element_count")?;
        let mut node = self.pointer_in(&table, &at_table, "_M_nxt")?;
        for index in 0..count {
            if index > 0 {
                node = self.memory.pointer(node).map_err(|error| error.absence())?;
            }
            if node.is_null() {
                return Err(torn("it has fewer elements than it says".into()).into());
            }
            each(self.cpp_entry(element, is_map, Storage::Memory(node.plus(8)))?)?;
        }
        Ok(())
    }

    fn write_linked_list(&self, value: Shown<'_, 's, 'a>, text: &mut Text) -> Written {
        let Shown {
            kind,
            storage,
            depth,
        } = value;
        let element = self.element(kind, "_Tp")?;
        let count = self.number_in(kind, storage, "_M_size")?;
        let mut node = self.pointer_in(kind, storage, "_M_next")?;
        self.write_list(("{", "}"), count, text, |index, text| {
            if index > 0 {
                node = self.memory.pointer(node).map_err(|error| error.absence())?;
            }
            // Behind the links to the next and the previous one.
            self.write_within(Some(element), &Storage::Memory(node.plus(16)), depth, text)
        })
    }

    /// `unique_ptr(5)`, as gdb has no form for it that says the value.
    fn write_owner(&self, value: Shown<'_, 's, 'a>, name: &str, text: &mut Text) -> Written {
        let Shown {
            kind,
            storage,
            depth,
        } = value;
        let member = if name == "unique_ptr" {
            "_M_head_impl"
        } else {
            "_M_ptr"
        };
        // An empty deleter is in a member of the same name.
        let is_pointer = |kind: &Type<'s, 'a>| matches!(kind.shape, Shape::Pointer { .. });
        let (pointer, at) = self
            .find_that(kind, storage, member, is_pointer)
            .ok_or_else(lacks)?;
        self.write_held(name, &pointer, &at, depth, text)
    }

    pub(super) fn write_held(
        &self,
        name: &str,
        pointer: &Type<'s, 'a>,
        at: &Storage,
        depth: usize,
        text: &mut Text,
    ) -> Written {
        let Shape::Pointer { to, .. } = pointer.shape else {
            return Err(lacks());
        };
        let address = at.pointer(self.memory)?;
        text.push(name)?;
        if address.is_null() {
            return Ok(text.push("(nullptr)")?);
        }
        text.push("(")?;
        self.write_within(to, &Storage::Memory(address), depth, text)?;
        Ok(text.push(")")?)
    }
}

/// The next node in order: the leftmost one on the right, or the first one up that this one is left of.
pub(super) fn successor(
    node: Addr,
    link: &dyn Fn(Addr, u64) -> Result<Addr, Absence>,
    parent: u64,
    left: u64,
    right: u64,
) -> Result<Addr, Absence> {
    let circle = || torn("its tree has a circle".into());
    let mut at = link(node, right)?;
    if !at.is_null() {
        for _ in 0..DEEPEST_TREE {
            let below = link(at, left)?;
            if below.is_null() {
                return Ok(at);
            }
            at = below;
        }
        return Err(circle());
    }
    let (mut from, mut up) = (node, link(node, parent)?);
    for _ in 0..DEEPEST_TREE {
        if link(up, right)? != from {
            return Ok(up);
        }
        (from, up) = (up, link(up, parent)?);
    }
    Err(circle())
}

pub(super) fn lacks() -> Stop {
    Stop::OtherLayout
}
