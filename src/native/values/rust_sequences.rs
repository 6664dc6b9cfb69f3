//! What of Rust has elements one behind the other: slices, vectors, strings, rings.

use super::plain::torn;
use super::storage::Storage;
use super::strings::{MOST, garbage};
use super::text::Text;
use super::{Shown, Stop, Writer, Written};
use crate::model::Addr;
use crate::native::dwarf::EntryRef;
use crate::native::types::{Shape, Type};

impl<'s, 'a> Writer<'_, 's, 'a> {
    /// `&str`, `&[T]`, `Box<[T]>`, `Box<dyn T>` and the like: a pointer, and a length or a table of methods.
    pub(super) fn write_wide_pointer(
        &self,
        value: Shown<'_, 's, 'a>,
        text: &mut Text,
    ) -> Option<Written> {
        let Shown {
            kind,
            storage,
            depth,
        } = value;
        let [first, second] = kind.members() else {
            return None;
        };
        let pointer = first.name.as_deref()?;
        let (to, at) = self.member_at(kind, storage, pointer)?;
        let Shape::Pointer { to, .. } = to.shape else {
            return None;
        };
        match (pointer, second.name.as_deref()?) {
            ("data_ptr", "length") => {
                Some(self.write_slice(kind, to, &at, &storage.at(second.offset), depth, text))
            }
            ("pointer", "vtable") => {
                let table = storage.at(second.offset);
                Some(self.write_dynamic(value, (&at, &table), 0, text))
            }
            _ => None,
        }
    }

    fn write_slice(
        &self,
        kind: &Type<'s, 'a>,
        element: Option<EntryRef<'s, 'a>>,
        pointer: &Storage,
        length: &Storage,
        depth: usize,
        text: &mut Text,
    ) -> Written {
        let data = pointer.pointer(self.memory)?;
        let length = length.unsigned(self.memory, 8)? as u64;
        if kind.name.ends_with("CStr") {
            // With the zero at its end.
            return self.write_string(data, length.saturating_sub(1), text);
        }
        let is_text = kind.name.contains("str") && !kind.name.contains('[');
        if is_text || kind.name.ends_with("OsStr") || kind.name.ends_with("Path") {
            return self.write_string(data, length, text);
        }
        self.write_elements(element, data, length, depth, text)
    }

    pub(super) fn write_elements(
        &self,
        element: Option<EntryRef<'s, 'a>>,
        data: Addr,
        count: u64,
        depth: usize,
        text: &mut Text,
    ) -> Written {
        let size = element.and_then(|at| self.size_at(at)).unwrap_or(0);
        if count.checked_mul(size).is_none_or(|bytes| bytes > MOST) {
            return Err(garbage("length", count).into());
        }
        // Said once, not for each of them.
        if count > 0 {
            Storage::Memory(data).bytes(self.memory, size.min(1))?;
        }
        self.write_list(("[", "]"), count, text, |index, text| {
            let storage = Storage::Memory(data.plus(index.wrapping_mul(size)));
            self.write_within(element, &storage, depth, text)
        })
    }

    pub(super) fn write_owned_string(&self, value: Shown<'_, 's, 'a>, text: &mut Text) -> Written {
        let Shown { kind, storage, .. } = value;
        let (data, length) = match kind.name.as_str() {
            "CString" => {
                let (inner, at) = self
                    .member_at(kind, storage, "inner")
                    .ok_or(Stop::OtherLayout)?;
                let (_, pointer) = self
                    .member_at(&inner, &at, "data_ptr")
                    .ok_or(Stop::OtherLayout)?;
                let (_, length) = self
                    .member_at(&inner, &at, "length")
                    .ok_or(Stop::OtherLayout)?;
                // With the zero at its end.
                let length = (length.unsigned(self.memory, 8)? as u64).saturating_sub(1);
                (pointer.pointer(self.memory)?, length)
            }
            _ => self.vec_parts(kind, storage)?,
        };
        self.write_string(data, length, text)
    }

    /// The data and the length of the vector that a value is or has inside.
    pub(super) fn vec_parts(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
    ) -> Result<(Addr, u64), Stop> {
        let (length, at_length) = self.find(kind, storage, "len").ok_or(Stop::OtherLayout)?;
        let (buffer, at_buffer) = self.find(kind, storage, "buf").ok_or(Stop::OtherLayout)?;
        let data = self.data_of(&buffer, &at_buffer).ok_or(Stop::OtherLayout)?;
        let length = at_length.unsigned(self.memory, length.size.unwrap_or(8))? as u64;
        if let Some((capacity, at)) = self
            .find(&buffer, &at_buffer, "cap")
            .and_then(|(kind, at)| self.innermost(&kind, &at))
        {
            let capacity = at.unsigned(self.memory, capacity.size.unwrap_or(8))? as u64;
            // What takes no room has the capacity 0.
            if length > capacity && capacity != 0 {
                let why = format!("its length {length} is above its capacity {capacity}");
                return Err(torn(why).into());
            }
        }
        Ok((data.pointer(self.memory)?, length))
    }

    /// The pointer in a buffer (`RawVec`): `ptr`, inside of `NonNull` and `Unique`.
    pub(super) fn data_of(&self, buffer: &Type<'s, 'a>, storage: &Storage) -> Option<Storage> {
        let (kind, at) = self.find(buffer, storage, "ptr")?;
        let (kind, at) = self.innermost(&kind, &at)?;
        matches!(kind.shape, Shape::Pointer { .. }).then_some(at)
    }

    pub(super) fn write_vec(&self, value: Shown<'_, 's, 'a>, text: &mut Text) -> Written {
        let Shown {
            kind,
            storage,
            depth,
        } = value;
        let (data, length) = self.vec_parts(kind, storage)?;
        let element = kind.parameter("T", self.module);
        self.write_elements(element, data, length, depth, text)
    }

    pub(super) fn write_deque(&self, value: Shown<'_, 's, 'a>, text: &mut Text) -> Written {
        let Shown {
            kind,
            storage,
            depth,
        } = value;
        let (data, length) = self.vec_parts(kind, storage)?;
        let lacks = || Stop::OtherLayout;
        let number = |name: &str| -> Result<u64, Stop> {
            let (kind, at) = self
                .find(kind, storage, name)
                .and_then(|(kind, at)| self.innermost(&kind, &at))
                .ok_or_else(lacks)?;
            let value = at.unsigned(self.memory, kind.size.unwrap_or(8))?;
            Ok(value as u64)
        };
        let (head, capacity) = (number("head")?, number("cap")?);
        let element = kind.parameter("T", self.module);
        let size = element.and_then(|at| self.size_at(at)).unwrap_or(0);
        if size > 0 && (length > capacity || capacity > MOST / size) {
            return Err(garbage("length", length).into());
        }
        self.write_list(("[", "]"), length, text, |index, text| {
            let index = head.wrapping_add(index).checked_rem(capacity).unwrap_or(0);
            let storage = Storage::Memory(data.plus(index.wrapping_mul(size)));
            self.write_within(element, &storage, depth, text)
        })
    }

    /// A list of nodes that point to each other: `head` is an `Option` of a pointer to the first.
    pub(super) fn write_rust_linked_list(
        &self,
        value: Shown<'_, 's, 'a>,
        text: &mut Text,
    ) -> Written {
        let lacks = || Stop::OtherLayout;
        let member = |name| self.member_at(value.kind, value.storage, name);
        let (_, length) = member("len").ok_or_else(lacks)?;
        let length = length.unsigned(self.memory, 8)? as u64;
        let (head, at) = member("head").ok_or_else(lacks)?;
        let Some((some, at)) = self.variant(&head, &at)? else {
            return Err(lacks());
        };
        let Some((pointer, at)) = self.innermost(&some, &at) else {
            return Ok(text.push("[]")?);
        };
        let Shape::Pointer { to: Some(node), .. } = pointer.shape else {
            return Ok(text.push("[]")?);
        };
        if length > MOST {
            return Err(garbage("length", length).into());
        }
        let kind = Type::read(node, self.module).ok_or_else(lacks)?;
        let mut node = Storage::Memory(at.pointer(self.memory)?);
        self.write_list(("[", "]"), length, text, |index, text| {
            if index > 0 {
                let (_, next) = self.member_at(&kind, &node, "next").ok_or_else(lacks)?;
                node = Storage::Memory(next.pointer(self.memory)?);
            }
            if node.address() == Some(Addr::NULL) {
                return Err(torn("it has fewer elements than it says".into()).into());
            }
            let (element, at) = self.member_at(&kind, &node, "element").ok_or_else(lacks)?;
            self.write_within(Some(element.at), &at, value.depth, text)
        })
    }
}
