//! What stands for another value in Rust and is shown as that: guards, counted references, wrappers.

use super::members::Found;
use super::storage::Storage;
use super::strings::garbage;
use super::text::Text;
use super::{Shown, Stop, Writer, Written};
use crate::model::Absence;
use crate::native::dwarf::EntryRef;
use crate::native::types::{Shape, Type};

/// The two counts before a value that `Rc` or `Arc` point to, in bytes (`RcInner`, `ArcInner`), and where its alignment is in a table of
/// methods: behind the function that drops it and its size.
const COUNTS: u64 = 16;
const ALIGNMENT_AT: u64 = 16;
/// No type has a larger alignment (reference of Rust, "The alignment modifiers"). Bytes.
const MOST_ALIGNMENT: u64 = 1 << 29;

impl<'s, 'a> Writer<'_, 's, 'a> {
    /// What a member points to, or the member in what it points to: `value` of `RefMut`, `lock` of `MutexGuard`.
    pub(super) fn write_guarded(
        &self,
        value: Shown<'_, 's, 'a>,
        member: &str,
        text: &mut Text,
    ) -> Written {
        let lacks = || Stop::OtherLayout;
        let found = self.member_at(value.kind, value.storage, member);
        let (pointer, at) = found
            .and_then(|(kind, at)| self.innermost(&kind, &at))
            .ok_or_else(lacks)?;
        let Shape::Pointer { to: Some(to), .. } = pointer.shape else {
            return Err(lacks());
        };
        let data = Storage::Memory(at.pointer(self.memory)?);
        let kind = Type::read(to, self.module).ok_or_else(lacks)?;
        if member != "lock" {
            return self.write(&kind, &data, value.depth, text);
        }
        let (kind, data) = self.member_at(&kind, &data, "data").ok_or_else(lacks)?;
        self.write(&kind, &data, value.depth, text)
    }

    /// The value of a structure's member itself.
    pub(super) fn write_inside(
        &self,
        value: Shown<'_, 's, 'a>,
        member: &str,
        text: &mut Text,
    ) -> Written {
        let found = self.member_at(value.kind, value.storage, member);
        let (kind, at) = found.ok_or(Stop::OtherLayout)?;
        self.write(&kind, &at, value.depth, text)
    }

    /// `Cow`, `IpAddr`: the value of the variant.
    pub(super) fn write_inside_variant(
        &self,
        value: Shown<'_, 's, 'a>,
        text: &mut Text,
    ) -> Written {
        let variant = self.variant(value.kind, value.storage)?;
        let inside = variant.and_then(|(kind, at)| self.member_at(&kind, &at, "__0"));
        let (kind, at) = inside.ok_or(Stop::OtherLayout)?;
        self.write(&kind, &at, value.depth, text)
    }

    /// `OnceCell(5)`
    pub(super) fn write_once_cell(&self, value: Shown<'_, 's, 'a>, text: &mut Text) -> Written {
        let lacks = || Stop::OtherLayout;
        let found = self.member_at(value.kind, value.storage, "inner");
        let (cell, at) = found.ok_or_else(lacks)?;
        let (option, at) = self.sole_member(&cell, &at).ok_or_else(lacks)?;
        let (variant, at) = self.variant(&option, &at)?.ok_or_else(lacks)?;
        match self.member_at(&variant, &at, "__0") {
            None => Ok(text.push("OnceCell(<uninit>)")?),
            Some((kind, at)) => {
                text.push("OnceCell(")?;
                self.write(&kind, &at, value.depth, text)?;
                Ok(text.push(")")?)
            }
        }
    }

    /// The variant that an enumeration is, as the structure of what it has.
    pub(in crate::native) fn variant(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
    ) -> Result<Option<Found<'s, 'a>>, Absence> {
        let Shape::Structure {
            variants: Some(variants),
            ..
        } = &kind.shape
        else {
            return Ok(None);
        };
        let active = self.active_variant(variants, storage)?;
        Ok(active.and_then(|member| {
            let kind = Type::read(member.kind?, self.module)?;
            Some((kind, storage.at(member.offset)))
        }))
    }

    /// `127.0.0.1`, and addresses of IPv6 in their short form.
    pub(super) fn write_ip_address(&self, value: Shown<'_, 's, 'a>, text: &mut Text) -> Written {
        let found = self.member_at(value.kind, value.storage, "octets");
        let (octets, at) = found.ok_or(Stop::OtherLayout)?;
        let bytes = at.bytes(self.memory, octets.size.unwrap_or(0).min(16))?;
        let written = match (<[u8; 4]>::try_from(&*bytes), <[u8; 16]>::try_from(&*bytes)) {
            (Ok(octets), _) => std::net::Ipv4Addr::from(octets).to_string(),
            (_, Ok(octets)) => std::net::Ipv6Addr::from(octets).to_string(),
            _ => return Err(Stop::OtherLayout),
        };
        Ok(text.push(&written)?)
    }

    /// `Rc` and `Arc`: the value behind the two counts.
    pub(super) fn write_counted(&self, value: Shown<'_, 's, 'a>, text: &mut Text) -> Written {
        let lacks = || Stop::OtherLayout;
        let (pointer, at) = self
            .find(value.kind, value.storage, "ptr")
            .and_then(|(kind, at)| self.innermost(&kind, &at))
            .ok_or_else(lacks)?;
        if let Shape::Pointer { to: Some(to), .. } = pointer.shape {
            let data = Storage::Memory(at.pointer(self.memory)?);
            let (kind, data) = self.counted_value(to, &data).ok_or_else(lacks)?;
            return self.write(&kind, &data, value.depth, text);
        }
        if let Some((table, at_table)) = self.member_at(&pointer, &at, "vtable") {
            let Shape::Pointer { .. } = table.shape else {
                return Err(lacks());
            };
            let (_, data) = self.member_at(&pointer, &at, "pointer").ok_or_else(lacks)?;
            return self.write_dynamic(value, (&data, &at_table), COUNTS, text);
        }
        let (to, data) = self
            .member_at(&pointer, &at, "data_ptr")
            .ok_or_else(lacks)?;
        let (_, length) = self.member_at(&pointer, &at, "length").ok_or_else(lacks)?;
        let Shape::Pointer { to: Some(to), .. } = to.shape else {
            return Err(lacks());
        };
        let data = Storage::Memory(data.pointer(self.memory)?);
        let length = length.unsigned(self.memory, 8)? as u64;
        let (element, data) = self.counted_value(to, &data).ok_or_else(lacks)?;
        let data = data.address().ok_or_else(lacks)?;
        let inside = without_path(&value.kind.name);
        let is_text = ["<str", "<OsStr", "<Path", "<CStr"]
            .iter()
            .any(|text| inside.starts_with(text));
        if is_text {
            return self.write_string(data, length, text);
        }
        self.write_elements(Some(element.at), data, length, value.depth, text)
    }

    fn counted_value(
        &self,
        inner: EntryRef<'s, 'a>,
        data: &Storage,
    ) -> Option<(Type<'s, 'a>, Storage)> {
        let inner = Type::read(inner, self.module)?;
        let mut names = ["value", "data"].into_iter();
        names.find_map(|name| self.member_at(&inner, data, name))
    }

    /// A trait object: the value that it really is, which its table of methods tells. `before` are the bytes that precede the value, of the
    /// least alignment.
    pub(super) fn write_dynamic(
        &self,
        value: Shown<'_, 's, 'a>,
        (pointer, table): (&Storage, &Storage),
        before: u64,
        text: &mut Text,
    ) -> Written {
        let data = pointer.pointer(self.memory)?;
        let table = table.pointer(self.memory)?;
        let found = self.module.type_of_vtable(table.minus(self.bias.0).0);
        let Some(kind) = found.and_then(|at| Type::read(at, self.module)) else {
            return Ok(text.push(&format!("{} at {data}", value.kind.name))?);
        };
        let mut skipped = before;
        if before > 0 {
            let alignment =
                Storage::Memory(table.plus(ALIGNMENT_AT)).unsigned(self.memory, 8)? as u64;
            if alignment > MOST_ALIGNMENT {
                return Err(garbage("alignment", alignment).into());
            }
            skipped = before.next_multiple_of(alignment.max(1));
        }
        self.write(
            &kind,
            &Storage::Memory(data.plus(skipped)),
            value.depth,
            text,
        )
    }
}

/// The parameters of `alloc::rc::Rc<str, …>`, without the path of the first.
fn without_path(name: &str) -> String {
    let parameters = name
        .split_once('<')
        .map_or("", |(_, parameters)| parameters);
    let first = parameters.split([',', '>']).next().unwrap_or_default();
    format!("<{}", first.rsplit("::").next().unwrap_or_default())
}
