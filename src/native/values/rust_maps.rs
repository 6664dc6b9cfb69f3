//! Maps and sets of Rust: hashbrown's tables and B-trees.

use super::map_entries::{Each, Entry};
use super::plain::torn;
use super::storage::Storage;
use super::strings::garbage;
use super::{Stop, Writer, Written};
use crate::model::{Absence, Addr};
use crate::native::dwarf::EntryRef;
use crate::native::types::{Shape, Type};

/// Control bytes that are read at once.
const GROUP: u64 = 1024;
/// No table has more buckets: the index is masked by a number of 64 bits, and each takes a byte at least.
const MOST_BUCKETS: u64 = 1 << 40;
/// A B-tree of this height has more elements than fit into memory (11 in each node).
const HIGHEST: u64 = 20;
/// Keys in a node (`CAPACITY` of alloc::collections::btree::node).
const MOST_KEYS: u64 = 11;

impl<'s, 'a> Writer<'_, 's, 'a> {
    /// hashbrown's table: control bytes, of which those with the highest bit clear stand for a bucket that is used; the buckets lie
    /// below them, the first one next to them (hashbrown, `RawTableInner`).
    pub(super) fn hash_entries(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        is_set: bool,
        each: &mut Each<'_, 's, 'a>,
    ) -> Written {
        let lacks = || Stop::OtherLayout;
        let (table, at_table) = self.find(kind, storage, "table").ok_or_else(lacks)?;
        let (table, at_table) = match table.parameter("T", self.module) {
            Some(_) => (table, at_table),
            None => self.find(&table, &at_table, "table").ok_or_else(lacks)?,
        };
        let bucket = table
            .parameter("T", self.module)
            .and_then(|at| Type::read(at, self.module))
            .ok_or_else(lacks)?;
        let size = bucket.size.ok_or_else(lacks)?;
        let (control, at) = self.find(&table, &at_table, "ctrl").ok_or_else(lacks)?;
        let (_, at) = self.innermost_pointer(&control, &at).ok_or_else(lacks)?;
        let control = at.pointer(self.memory)?;
        let number = |name: &str| -> Result<u64, Stop> {
            let (_, at) = self.find(&table, &at_table, name).ok_or_else(lacks)?;
            Ok(at.unsigned(self.memory, 8)? as u64)
        };
        let (mask, items) = (number("bucket_mask")?, number("items")?);
        if mask >= MOST_BUCKETS || items > mask.saturating_add(1) {
            return Err(garbage("number of entries", items).into());
        }
        let mut used = UsedBuckets {
            writer: self,
            control,
            count: mask + 1,
            next: 0,
            group: Vec::new(),
        };
        for _ in 0..items {
            let index = used
                .next()?
                .ok_or_else(|| torn("it has fewer entries than it says".into()))?;
            let at = Storage::Memory(control.minus(size.wrapping_mul(index + 1)));
            each(entry(&bucket, is_set, &at)?)?;
        }
        Ok(())
    }

    /// A B-tree: nodes with keys and values, and below the inner ones one node more than keys (alloc::collections::btree::node).
    pub(super) fn btree_entries(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        is_set: bool,
        each: &mut Each<'_, 's, 'a>,
    ) -> Written {
        let lacks = || Stop::OtherLayout;
        let (root, at_root) = self.find(kind, storage, "root").ok_or_else(lacks)?;
        let (_, at) = self.find(kind, storage, "length").ok_or_else(lacks)?;
        let length = at.unsigned(self.memory, 8)? as u64;
        if length == 0 {
            return Ok(());
        }
        let Shape::Structure {
            variants: Some(variants),
            ..
        } = &root.shape
        else {
            return Err(lacks());
        };
        let some = self.active_variant(variants, &at_root)?.ok_or_else(lacks)?;
        let some_kind = some
            .kind
            .and_then(|at| Type::read(at, self.module))
            .ok_or_else(lacks)?;
        let at_some = at_root.at(some.offset);
        let (_, at_height) = self
            .find(&some_kind, &at_some, "height")
            .ok_or_else(lacks)?;
        let (node, at_node) = self.find(&some_kind, &at_some, "node").ok_or_else(lacks)?;
        let (pointer, at_pointer) = self.innermost_pointer(&node, &at_node).ok_or_else(lacks)?;
        let Shape::Pointer { to: Some(leaf), .. } = pointer.shape else {
            return Err(lacks());
        };
        let height = at_height.unsigned(self.memory, 8)? as u64;
        if height > HIGHEST {
            return Err(garbage("height", height).into());
        }
        let leaf = LeafLayout::of(self, leaf).ok_or_else(lacks)?;
        let mut walk = TreeWalk {
            writer: self,
            leaf: &leaf,
            left: length,
            is_set,
            each,
        };
        walk.node(at_pointer.pointer(self.memory)?, height)?;
        if walk.left > 0 {
            return Err(torn("it has fewer entries than it says".into()).into());
        }
        Ok(())
    }
}

/// A pair of key and value.
fn entry<'s, 'a>(
    pair: &Type<'s, 'a>,
    is_set: bool,
    storage: &Storage,
) -> Result<Entry<'s, 'a>, Stop> {
    let member = |name: &str| {
        let mut members = pair.members().iter();
        let member = members.find(|member| member.name.as_deref() == Some(name));
        member.map(|member| (member.kind, storage.at(member.offset)))
    };
    let (Some(key), Some(value)) = (member("__0"), member("__1")) else {
        return Err(torn("its entries are no pairs".into()).into());
    };
    let value = Some(value).filter(|_| !is_set);
    Ok(Entry { key, value })
}

/// The buckets of a hash table that are used, in their order.
struct UsedBuckets<'u, 'w, 's, 'a> {
    writer: &'u Writer<'w, 's, 'a>,
    control: Addr,
    count: u64,
    next: u64,
    /// The control bytes around `next`.
    group: Vec<u8>,
}

impl UsedBuckets<'_, '_, '_, '_> {
    fn next(&mut self) -> Result<Option<u64>, Absence> {
        while self.next < self.count {
            let within = self.next % GROUP;
            if within == 0 {
                let length = GROUP.min(self.count - self.next);
                let storage = Storage::Memory(self.control.plus(self.next));
                self.group = storage.bytes(self.writer.memory, length)?;
            }
            let index = self.next;
            self.next += 1;
            if self
                .group
                .get(within as usize)
                .is_some_and(|byte| byte & 0x80 == 0)
            {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }
}

/// Where a node of a B-tree has what.
struct LeafLayout<'s, 'a> {
    /// In bytes. Behind it an inner node has its edges: it is `repr(C)`, with a leaf as its first field.
    size: u64,
    length: u64,
    keys: (u64, Option<EntryRef<'s, 'a>>, u64),
    values: (u64, Option<EntryRef<'s, 'a>>, u64),
}

impl<'s, 'a> LeafLayout<'s, 'a> {
    fn of(writer: &Writer<'_, 's, 'a>, at: EntryRef<'s, 'a>) -> Option<LeafLayout<'s, 'a>> {
        let kind = Type::read(at, writer.module)?;
        let member = |name: &str| {
            kind.members()
                .iter()
                .find(|member| member.name.as_deref() == Some(name))
        };
        let array = |name: &str| {
            let member = member(name)?;
            let Shape::Array { element, .. } = Type::read(member.kind?, writer.module)?.shape
            else {
                return None;
            };
            let kind = Type::read(element?, writer.module)?;
            // Those behind the last are not there: so each is a `MaybeUninit`.
            let inner = kind.parameter("T", writer.module);
            let inner = inner.filter(|_| kind.name.starts_with("MaybeUninit<"));
            Some((member.offset, inner.or(element), kind.size?))
        };
        Some(LeafLayout {
            size: kind.size?,
            length: member("len")?.offset,
            keys: array("keys")?,
            values: array("vals")?,
        })
    }
}

struct TreeWalk<'t, 'e, 'w, 's, 'a> {
    writer: &'t Writer<'w, 's, 'a>,
    leaf: &'t LeafLayout<'s, 'a>,
    /// Entries that are still to come.
    left: u64,
    is_set: bool,
    each: &'t mut Each<'e, 's, 'a>,
}

impl TreeWalk<'_, '_, '_, '_, '_> {
    /// Gives what is in a node and below it, in order.
    fn node(&mut self, node: Addr, height: u64) -> Written {
        let memory = self.writer.memory;
        let at = Storage::Memory(node);
        let count = at.at(self.leaf.length).unsigned(memory, 2)? as u64;
        if count > MOST_KEYS {
            return Err(garbage("number of keys in a node", count).into());
        }
        for index in 0..=count {
            if let Some(below) = height.checked_sub(1) {
                let edge = at.at(self.leaf.size + 8 * index).pointer(memory)?;
                self.node(edge, below)?;
            }
            if index == count {
                break;
            }
            // A tree with more than it says goes on in a circle.
            self.left = self
                .left
                .checked_sub(1)
                .ok_or_else(|| torn("it has more entries than it says".into()))?;
            let (keys, of_key, size) = self.leaf.keys;
            let key = (of_key, at.at(keys + size * index));
            let (values, of_value, size) = self.leaf.values;
            let value = (of_value, at.at(values + size * index));
            let value = Some(value).filter(|_| !self.is_set);
            (self.each)(Entry { key, value })?;
        }
        Ok(())
    }
}
