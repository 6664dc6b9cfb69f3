//! Values of the C++ library of LLVM (libc++), told by their names and by those of their members, as versions 14 to 19 have them.

use super::cpp_blocks::MOST_ALTERNATIVES;
use super::cpp_library::{CPP, lacks, successor};
use super::map_entries::{Each, Entry};
use super::storage::Storage;
use super::strings::{MOST, garbage};
use super::text::Text;
use super::{Shown, Stop, Writer, Written};
use crate::model::Addr;
use crate::native::types::{Shape, Type};

/// Where the links of a node of a tree are: `__left_`, `__right_`, `__parent_`. Bytes.
const LEFT: u64 = 0;
const RIGHT: u64 = 8;
const PARENT: u64 = 16;
/// A string of at most so many bytes is in the object itself (`__min_cap` - 1).
const LONGEST_SHORT: u64 = 22;
/// A block of a deque has so many bytes, or elements where those are large (`__deque_block_size`).
const BLOCK: u64 = 4096;
const LARGE: u64 = 256;
const LARGE_PER_BLOCK: u64 = 16;
/// Bases inside bases that are looked through for an allocator.
const DEEPEST_BASE: usize = 6;
/// Types that are looked through for one: damaged ones may be inside each other. Those of a container are some dozens.
const MOST_LOOKED_AT: usize = 4096;
/// The same of a variant, for its index.
const DEEPEST_VARIANT: usize = 32;

impl<'s, 'a> Writer<'_, 's, 'a> {
    /// Writes a value of the library; `false` if it is none that is known here.
    pub(super) fn write_llvm_library(
        &self,
        name: &str,
        value: Shown<'_, 's, 'a>,
        text: &mut Text,
    ) -> Result<bool, Stop> {
        let Shown {
            kind,
            storage,
            depth,
        } = value;
        match name {
            "basic_string" | "basic_string_view" if !self.has_bytes(kind) => return Ok(false),
            "basic_string" => self.write_llvm_string(value, text)?,
            "basic_string_view" => {
                let (data, length) = self.llvm_view(kind, storage)?;
                self.write_string(data, length, text)?;
            }
            "vector" => {
                let (begin, element) = self.typed_pointer(kind, storage, "__begin_")?;
                let (end, _) = self.typed_pointer(kind, storage, "__end_")?;
                self.write_between(begin, end, element, depth, text)?;
            }
            "array" => {
                let found = self.member_at(kind, storage, "__elems_");
                let (elements, at) = found.ok_or_else(lacks)?;
                self.write(&elements, &at, depth, text)?;
            }
            name @ ("map" | "multimap" | "set" | "multiset") => {
                self.write_entries(CPP, depth, text, |each| {
                    self.llvm_tree_entries(kind, storage, name.ends_with("map"), each)
                })?;
            }
            name @ ("unordered_map" | "unordered_multimap" | "unordered_set"
            | "unordered_multiset") => {
                self.write_entries(CPP, depth, text, |each| {
                    self.llvm_hash_entries(kind, storage, name.ends_with("map"), each)
                })?;
            }
            "list" => {
                let element = kind.parameter("_Tp", self.module).ok_or_else(lacks)?;
                let count = self.count_in(kind, storage, "__size_alloc_")?;
                let mut node = self.pointer_in(kind, storage, "__next_")?;
                self.write_list(("{", "}"), count, text, |index, text| {
                    if index > 0 {
                        let next = self.memory.pointer(node.plus(8));
                        node = next.map_err(|error| error.absence())?;
                    }
                    // Behind the links to the previous and the next one.
                    self.write_within(Some(element), &Storage::Memory(node.plus(16)), depth, text)
                })?;
            }
            "deque" => self.write_llvm_deque(value, text)?,
            "tuple" => self.write_tuple(value, text)?,
            name @ ("unique_ptr" | "shared_ptr") => {
                let is_pointer = |kind: &Type<'s, 'a>| matches!(kind.shape, Shape::Pointer { .. });
                let found = self.find_that(kind, storage, "__ptr_", is_pointer);
                let found = found.or_else(|| self.find_that(kind, storage, "__value_", is_pointer));
                let (pointer, at) = found.ok_or_else(lacks)?;
                self.write_held(name, &pointer, &at, depth, text)?;
            }
            "optional" => {
                if self.number_in(kind, storage, "__engaged_")? & 0xff == 0 {
                    text.push("nullopt")?;
                } else {
                    let (value, at) = self.find(kind, storage, "__val_").ok_or_else(lacks)?;
                    self.write(&value, &at, depth, text)?;
                }
            }
            "variant" => self.write_llvm_variant(value, text)?,
            "function" => {
                let is_pointer = |kind: &Type<'s, 'a>| matches!(kind.shape, Shape::Pointer { .. });
                let found = self.find_that(kind, storage, "__f_", is_pointer);
                let (_, at) = found.ok_or_else(lacks)?;
                let callee = at.pointer(self.memory)?;
                match callee.is_null() {
                    true => text.push("nullptr")?,
                    false => text.push(&format!("function({callee})"))?,
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether the characters of a string are bytes: those of `wstring` and `u16string` are not.
    pub(super) fn has_bytes(&self, kind: &Type<'s, 'a>) -> bool {
        let character = kind.parameter("_CharT", self.module);
        character.is_none_or(|character| self.size_at(character) == Some(1))
    }

    /// A number that shares its place with an empty allocator in a pair up to version 18, or is alone as `__size_`.
    pub(super) fn count_in(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        pair: &str,
    ) -> Result<u64, Stop> {
        match self.find(kind, storage, pair) {
            Some((pair, at)) => self.number_in(&pair, &at, "__value_"),
            None => self.number_in(kind, storage, "__size_"),
        }
    }

    fn write_llvm_string(&self, value: Shown<'_, 's, 'a>, text: &mut Text) -> Written {
        let (data, length) = self.llvm_text(value.kind, value.storage)?;
        self.write_string(data, length, text)
    }

    /// Where the bytes of a string are, and how many. The lowest bit of the first byte tells a long string, whose text is elsewhere; the
    /// others are the length of a short one.
    pub(super) fn llvm_text(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
    ) -> Result<(Addr, u64), Stop> {
        let (short, at_short) = self.find(kind, storage, "__s").ok_or_else(lacks)?;
        let first = at_short.unsigned(self.memory, 1)? as u64;
        if first & 1 == 0 {
            if first >> 1 > LONGEST_SHORT {
                return Err(garbage("length", first >> 1).into());
            }
            let (_, at) = self
                .member_at(&short, &at_short, "__data_")
                .ok_or_else(lacks)?;
            return Ok((at.address().ok_or_else(lacks)?, first >> 1));
        }
        let (long, at_long) = self.find(kind, storage, "__l").ok_or_else(lacks)?;
        let data = self.pointer_in(&long, &at_long, "__data_")?;
        Ok((data, self.number_in(&long, &at_long, "__size_")?))
    }

    pub(super) fn llvm_view(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
    ) -> Result<(Addr, u64), Stop> {
        let either = |one, other| {
            let name = match self.find(kind, storage, one) {
                Some(_) => one,
                None => other,
            };
            self.number_in(kind, storage, name)
        };
        let (data, length) = (either("__data_", "__data")?, either("__size_", "__size")?);
        Ok((Addr(data), length))
    }

    /// What a container allocates: its nodes. No member is of that type, so it is taken from the allocator, which is a base.
    fn node(&self, kind: &Type<'s, 'a>) -> Option<Type<'s, 'a>> {
        let mut looked_at = 0;
        let mut level = vec![Type::read(kind.at, self.module)?];
        for _ in 0..DEEPEST_BASE {
            let mut next = Vec::new();
            for kind in level {
                looked_at += 1;
                if looked_at > MOST_LOOKED_AT || self.memory.spent().is_some() {
                    return None;
                }
                let name = kind.own_name(self.module).unwrap_or_default();
                if name.starts_with("allocator<")
                    && let Some(node) = kind.parameter("_Tp", self.module)
                    && let Some(node) = Type::read(node, self.module)
                    && node
                        .own_name(self.module)
                        .is_some_and(|name| name.contains("_node<"))
                {
                    return Some(node);
                }
                let members = kind.members().iter();
                next.extend(members.filter_map(|it| Type::read(it.kind?, self.module)));
            }
            level = next;
        }
        None
    }

    fn llvm_entry(
        &self,
        (node, at): (&Type<'s, 'a>, Addr),
        is_map: bool,
    ) -> Result<Entry<'s, 'a>, Stop> {
        let found = self.find(node, &Storage::Memory(at), "__value_");
        let (value, at) = found.ok_or_else(lacks)?;
        let inner = ["__cc_", "__cc"];
        let pair = inner.iter().find_map(|name| self.find(&value, &at, name));
        let (value, at) = pair.filter(|_| is_map).unwrap_or((value, at));
        self.cpp_entry(value.at, is_map, at)
    }

    pub(super) fn llvm_tree_entries(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        is_map: bool,
        each: &mut Each<'_, 's, 'a>,
    ) -> Written {
        let (tree, at_tree) = self.member_at(kind, storage, "__tree_").ok_or_else(lacks)?;
        let count = self.count_in(&tree, &at_tree, "__pair3_")?;
        let node_type = self.node(&tree).ok_or_else(lacks)?;
        let mut node = self.pointer_in(&tree, &at_tree, "__begin_node_")?;
        let link = |node: Addr, offset: u64| {
            let link = self.memory.pointer(node.plus(offset));
            link.map_err(|error| error.absence())
        };
        for index in 0..count {
            if index > 0 {
                node = successor(node, &link, PARENT, LEFT, RIGHT)?;
            }
            each(self.llvm_entry((&node_type, node), is_map)?)?;
        }
        Ok(())
    }

    pub(super) fn llvm_hash_entries(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        is_map: bool,
        each: &mut Each<'_, 's, 'a>,
    ) -> Written {
        let (table, at_table) = self
            .member_at(kind, storage, "__table_")
            .ok_or_else(lacks)?;
        let count = self.count_in(&table, &at_table, "__p2_")?;
        let node_type = self.node(&table).ok_or_else(lacks)?;
        let first = ["__p1_", "__first_node_"];
        let first = first
            .iter()
            .find_map(|name| self.member_at(&table, &at_table, name));
        let (first, at_first) = first.ok_or_else(lacks)?;
        let mut node = self.pointer_in(&first, &at_first, "__next_")?;
        for index in 0..count {
            if index > 0 {
                node = self.memory.pointer(node).map_err(|error| error.absence())?;
            }
            each(self.llvm_entry((&node_type, node), is_map)?)?;
        }
        Ok(())
    }

    fn write_llvm_deque(&self, value: Shown<'_, 's, 'a>, text: &mut Text) -> Written {
        let Shown {
            kind,
            storage,
            depth,
        } = value;
        let element = kind.parameter("_Tp", self.module).ok_or_else(lacks)?;
        let size = self
            .size_at(element)
            .filter(|size| *size > 0)
            .ok_or_else(lacks)?;
        let (map, at_map) = self.find(kind, storage, "__map_").ok_or_else(lacks)?;
        let blocks = self.pointer_in(&map, &at_map, "__begin_")?;
        let start = self.number_in(kind, storage, "__start_")?;
        let (whole, at) = self.find(kind, storage, "__size_").ok_or_else(lacks)?;
        let count = match self.find(&whole, &at, "__value_") {
            Some((kind, at)) => at.unsigned(self.memory, kind.size.unwrap_or(8).min(8))? as u64,
            None => at.unsigned(self.memory, 8)? as u64,
        };
        let room = if size < LARGE {
            BLOCK / size
        } else {
            LARGE_PER_BLOCK
        };
        if count > MOST || start > MOST {
            return Err(garbage("length", count.max(start)).into());
        }
        self.write_list(("{", "}"), count, text, |index, text| {
            let place = start + index;
            let block = self.memory.pointer(blocks.plus(place / room * 8));
            let block = block.map_err(|error| error.absence())?;
            let offset = (place % room).checked_mul(size).ok_or_else(lacks)?;
            let at = Storage::Memory(block.plus(offset));
            self.write_within(Some(element), &at, depth, text)
        })
    }

    fn write_llvm_variant(&self, value: Shown<'_, 's, 'a>, text: &mut Text) -> Written {
        let Shown {
            kind,
            storage,
            depth,
        } = value;
        let whole = ["__impl", "__impl_"];
        let whole = whole
            .iter()
            .find_map(|name| self.member_at(kind, storage, name));
        let (mut kind, mut storage) = whole.ok_or_else(lacks)?;
        // Each way in which it can be copied or moved is one more base around.
        for _ in 0..DEEPEST_VARIANT {
            if self.member_at(&kind, &storage, "__index").is_some() {
                break;
            }
            let base = kind.members().first().ok_or_else(lacks)?;
            let (at, offset) = (base.kind.ok_or_else(lacks)?, base.offset);
            kind = Type::read(at, self.module).ok_or_else(lacks)?;
            storage = storage.at(offset);
        }
        let (kind, storage) = (&kind, &storage);
        let (index_kind, at_index) = self.find(kind, storage, "__index").ok_or_else(lacks)?;
        let size = index_kind.size.unwrap_or(4).clamp(1, 8);
        let index = at_index.unsigned(self.memory, size)? as u64;
        if index == u64::MAX >> (64 - 8 * size) {
            return Ok(text.push("valueless")?);
        }
        let (mut kind, mut at) = self.find(kind, storage, "__data").ok_or_else(lacks)?;
        if index > MOST_ALTERNATIVES {
            return Err(garbage("index", index).into());
        }
        for _ in 0..index {
            let rest = self.member_at(&kind, &at, "__tail");
            (kind, at) = rest.ok_or_else(|| garbage("index", index))?;
        }
        let first = self.member_at(&kind, &at, "__head");
        let (first, at) = first.ok_or_else(|| garbage("index", index))?;
        let (held, at) = self.member_at(&first, &at, "__value").ok_or_else(lacks)?;
        self.write(&held, &at, depth, text)
    }
}
