//! `ctypes`: values, arrays, structures, unions and pointers in C's form, from what their classes say of them.

use num_traits::ToPrimitive;

use super::c_numbers::{is_signed, number_text, size_of, unsigned};
use super::dispatch::{Known, Write, native, python};
use super::text::{quoted, quoted_bytes};
use super::{Writer, instances};
use crate::model::{Addr, LengthUnit};
use crate::python::layout::BitField;
use crate::python::object::{Builtin, Integer, TypeInfo};
use crate::python::{Look, LookError};

pub(super) const TYPES: &[Known] = &[
    native("_ctypes._SimpleCData", simple),
    python("ctypes.py_object.__repr__", simple),
    python(
        "multiprocessing.sharedctypes.SynchronizedBase.__repr__",
        synchronized,
    ),
];

/// Arrays and structures inside each other.
const DEEPEST: usize = 20;
/// Fields of one class that are read.
const MOST_FIELDS: u64 = 1_000;
/// Characters of a string that a pointer leads to.
const LONGEST_STRING: usize = 1_000;

/// What a class of `ctypes` describes.
enum Form {
    /// `_type_`, a letter; and whether its bytes are in the other order.
    Simple {
        code: u8,
        is_swapped: bool,
    },
    Array {
        item: Addr,
        length: u64,
    },
    /// A structure or union.
    Record,
    Pointer {
        target: Addr,
    },
    Function,
}

/// A place in C's memory. The size is not known behind a pointer.
#[derive(Clone, Copy)]
struct Place {
    at: Addr,
    size: Option<u64>,
    level: usize,
}

/// A member of a structure.
struct Member {
    name: String,
    class: Addr,
    offset: u64,
    size: u64,
    /// The first bit, and how many.
    bits: Option<(u32, u32)>,
}

/// `Simple_repr`, `Modules/_ctypes/_ctypes.c`: only direct subclasses, `ctypes`' own, show their value.
fn simple(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let base = look.mro(kind.address)?.get(1).copied();
    let base = base.map(|base| look.type_at(base)).transpose()?;
    if base.is_none_or(|base| base.name != "_SimpleCData") {
        return instances::instance(writer, object, kind);
    }
    lies_in(writer, object)?;
    writer.put(&format!("{}(", look.c_type_name(kind.address)?));
    contents(writer, object, kind)?;
    writer.put(")");
    Ok(())
}

/// `<Synchronized wrapper for c_int(5)>`.
fn synchronized(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    let Some(wrapped) = writer.look.held_attribute(object, "_obj")? else {
        return instances::instance(writer, object, kind);
    };
    writer.put(&format!("<{} wrapper for ", kind.plain_name()));
    // Within itself only if it is damaged, and then there is an end to that.
    writer.object(wrapped);
    writer.put(">");
    Ok(())
}

/// What writes the contents of an instance of a class of `ctypes`.
pub(super) fn payload(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<Option<Write>, LookError> {
    let form = writer.look.c_form(kind.address)?;
    if form.is_none() || matches!(form, Some(Form::Function)) {
        return Ok(None);
    }
    lies_in(writer, object)?;
    Ok(Some(contents))
}

fn lies_in(writer: &mut Writer<'_, '_>, object: Addr) -> Result<(), LookError> {
    let at = writer.look.layout().data.ctypes_data;
    let data = writer.look.memory.pointer(object.plus(at))?;
    if let Some(segment) = writer.look.segment_of(data) {
        writer.lies_in(segment);
    }
    Ok(())
}

fn contents(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let layout = &look.layout().data;
    let place = Place {
        at: look.memory.pointer(object.plus(layout.ctypes_data))?,
        size: Some(look.memory.u64(object.plus(layout.ctypes_size))?),
        level: 0,
    };
    if let Some(Form::Record) = look.c_form(kind.address)? {
        return members(writer, kind.address, place);
    }
    value(writer, kind.address, place)
}

/// The value of a class at a place. What cannot be read says so there.
fn value(writer: &mut Writer<'_, '_>, class: Addr, place: Place) -> Result<(), LookError> {
    if place.level > DEEPEST {
        writer.put("…");
        return Ok(());
    }
    match writer.look.c_form(class)? {
        Some(Form::Simple { code, is_swapped }) => {
            let written = number(writer, code, is_swapped, place, None);
            if let Err(error) = written {
                writer.put(&error.absence().to_string());
            }
        }
        Some(Form::Array { item, length }) => return items(writer, item, length, place),
        Some(Form::Record) => {
            let name = writer.look.type_at(class)?;
            writer.put(&format!("{}(", name.plain_name()));
            members(writer, class, place)?;
            writer.put(")");
        }
        Some(Form::Pointer { target }) => return pointer(writer, target, place),
        Some(Form::Function) => {
            let address = writer.look.memory.pointer(place.at)?;
            writer.put(&address_text(address));
        }
        None => writer.put("…"),
    }
    Ok(())
}

/// Of a bit field the bits only.
fn number(
    writer: &mut Writer<'_, '_>,
    code: u8,
    is_swapped: bool,
    place: Place,
    bits: Option<(u32, u32)>,
) -> Result<(), LookError> {
    let look = writer.look;
    let torn = || LookError::Torn {
        what: "a value of ctypes",
        address: place.at,
    };
    let word = |size: usize| -> Result<Vec<u8>, LookError> {
        let mut bytes = look.memory.bytes(place.at, size)?;
        if is_swapped {
            bytes.reverse();
        }
        Ok(bytes)
    };
    match code {
        b'c' => quoted_bytes(writer, &word(1)?, 1),
        b'u' => {
            let point = unsigned(&word(4)?).and_then(|point| u32::try_from(point).ok());
            quoted(writer, &[point.ok_or_else(torn)?], true);
        }
        b'P' | b'z' | b'Z' | b'O' => {
            let address = look.memory.pointer(place.at)?;
            match code {
                b'O' if address.is_null() => writer.put("<NULL>"),
                b'O' => writer.object(address),
                _ if address.is_null() => writer.put("None"),
                b'P' => writer.put(&address.0.to_string()),
                b'z' => c_string(writer, address)?,
                _ => wide_string(writer, address)?,
            }
        }
        _ => {
            let size = size_of(code).ok_or_else(torn)?;
            let mut bytes = word(size)?;
            if let Some((first, count)) = bits {
                let is_signed = is_signed(code).ok_or_else(torn)?;
                bytes = bit_field(&bytes, first, count, is_signed).ok_or_else(torn)?;
            }
            writer.put(&number_text(code, &bytes).ok_or_else(torn)?);
        }
    }
    Ok(())
}

/// The bits as a number of the width of the whole (`GET_BITFIELD`, `Modules/_ctypes/cfield.c`).
fn bit_field(bytes: &[u8], first: u32, count: u32, is_signed: bool) -> Option<Vec<u8>> {
    let word = unsigned(bytes)?;
    let end = first.checked_add(count)?;
    if count == 0 || end > 8 * bytes.len() as u32 {
        return None;
    }
    let left = word << (64 - end);
    let unused = 64 - count;
    let bits = match is_signed {
        true => (left.cast_signed() >> unused).cast_unsigned(),
        false => left >> unused,
    };
    bits.to_le_bytes().get(..bytes.len()).map(<[u8]>::to_vec)
}

fn c_string(writer: &mut Writer<'_, '_>, address: Addr) -> Result<(), LookError> {
    let limit = writer.wanted().min(LONGEST_STRING);
    let bytes = writer.look.memory.c_string(address, limit)?;
    let is_cut = bytes.len() == limit;
    quoted_bytes(
        writer,
        &bytes,
        (bytes.len() as u64).saturating_add(is_cut.into()),
    );
    Ok(())
}

fn wide_string(writer: &mut Writer<'_, '_>, address: Addr) -> Result<(), LookError> {
    let limit = writer.wanted().min(LONGEST_STRING);
    let mut points = Vec::new();
    while points.len() < limit {
        match writer
            .look
            .memory
            .u32(address.plus(points.len() as u64 * 4))?
        {
            0 => break,
            point => points.push(point),
        }
    }
    quoted(writer, &points, points.len() < limit);
    Ok(())
}

/// `[1, 2]`; of characters, what `value` gives: up to the first NUL.
fn items(
    writer: &mut Writer<'_, '_>,
    item: Addr,
    length: u64,
    place: Place,
) -> Result<(), LookError> {
    let look = writer.look;
    if place.level == 0 {
        writer.count(length, LengthUnit::Items);
    }
    let wanted = length.min(writer.wanted() as u64);
    let form = look.c_form(item)?;
    match form {
        Some(Form::Simple { code: b'c', .. }) => {
            let mut bytes = look.memory.bytes(place.at, wanted as usize)?;
            let end = bytes.iter().position(|&byte| byte == 0);
            bytes.truncate(end.unwrap_or(bytes.len()));
            let whole = if end.is_some() {
                bytes.len() as u64
            } else {
                length
            };
            quoted_bytes(writer, &bytes, whole);
            return Ok(());
        }
        Some(Form::Simple { code: b'u', .. }) => {
            let mut points = Vec::new();
            let mut is_over = wanted == length;
            for index in 0..wanted {
                match look.memory.u32(place.at.plus(index.wrapping_mul(4)))? {
                    0 => {
                        is_over = true;
                        break;
                    }
                    point => points.push(point),
                }
            }
            quoted(writer, &points, is_over);
            return Ok(());
        }
        _ => {}
    }
    let size = match (place.size, look.c_size(item, 0)?) {
        (Some(size), _) => size.checked_div(length).unwrap_or(0),
        (None, Some(size)) => size,
        (None, None) => {
            writer.put("[…]");
            return Ok(());
        }
    };
    writer.put("[");
    for index in 0..wanted {
        writer.put(if index == 0 { "" } else { ", " });
        let place = Place {
            at: place.at.plus(index.wrapping_mul(size)),
            size: Some(size),
            level: place.level + 1,
        };
        value(writer, item, place)?;
        if writer.is_full() {
            break;
        }
    }
    writer.put("]");
    Ok(())
}

/// `x=1, y=2`.
fn members(writer: &mut Writer<'_, '_>, class: Addr, place: Place) -> Result<(), LookError> {
    for (index, member) in writer.look.c_members(class)?.into_iter().enumerate() {
        writer.put(if index == 0 { "" } else { ", " });
        writer.put(&format!("{}=", member.name));
        let inner = Place {
            at: place.at.plus(member.offset),
            size: Some(member.size),
            level: place.level + 1,
        };
        let form = writer.look.c_form(member.class)?;
        match (form, member.bits) {
            (Some(Form::Simple { code, is_swapped }), Some(bits)) => {
                let written = number(writer, code, is_swapped, inner, Some(bits));
                if let Err(error) = written {
                    writer.put(&error.absence().to_string());
                }
            }
            _ => value(writer, member.class, inner)?,
        }
        if writer.is_full() {
            break;
        }
    }
    Ok(())
}

/// Where it points, and of a pointer that is the whole value, what is there.
fn pointer(writer: &mut Writer<'_, '_>, target: Addr, place: Place) -> Result<(), LookError> {
    let address = writer.look.memory.pointer(place.at)?;
    writer.put(&address_text(address));
    if place.level > 0 || address.is_null() {
        return Ok(());
    }
    writer.put(" -> ");
    let there = Place {
        at: address,
        size: None,
        level: 1,
    };
    if let Err(error) = value(writer, target, there) {
        writer.put(&error.absence().to_string());
    }
    Ok(())
}

fn address_text(address: Addr) -> String {
    match address.is_null() {
        true => "NULL".to_string(),
        false => address.to_string(),
    }
}

impl Look<'_> {
    /// What a class describes, by the class of `_ctypes` that it comes from; nothing if it comes from none.
    fn c_form(&self, class: Addr) -> Result<Option<Form>, LookError> {
        for base in self.mro(class)? {
            let base = self.type_at(base)?;
            if base.module != "_ctypes" {
                continue;
            }
            return Ok(match base.name.as_str() {
                "_SimpleCData" => self
                    .c_letter(class)?
                    .map(|(code, is_swapped)| Form::Simple { code, is_swapped }),
                "Array" => {
                    let item = self.c_class(class, "_type_")?;
                    let length = self.c_length(class)?;
                    item.zip(length)
                        .map(|(item, length)| Form::Array { item, length })
                }
                "Structure" | "Union" => Some(Form::Record),
                "_Pointer" => self
                    .c_class(class, "_type_")?
                    .map(|target| Form::Pointer { target }),
                "CFuncPtr" => Some(Form::Function),
                _ => None,
            });
        }
        Ok(None)
    }

    /// `_type_` of a simple class. A class whose bytes are in the other order is its own `__ctype_be__`.
    fn c_letter(&self, class: Addr) -> Result<Option<(u8, bool)>, LookError> {
        let Some(letter) = self.class_lookup(class, "_type_")? else {
            return Ok(None);
        };
        if self.type_of(letter)?.builtin != Builtin::Str {
            return Ok(None);
        }
        // Up to two letters are a complex number.
        let code = match self.name(letter)?.as_str() {
            "Zf" => b'F',
            "Zd" => b'D',
            "Zg" => b'G',
            letter => match letter.as_bytes() {
                [code] => *code,
                _ => return Ok(None),
            },
        };
        let swapped = self.class_lookup(class, "__ctype_be__")?;
        Ok(Some((code, swapped == Some(class))))
    }

    fn c_class(&self, class: Addr, name: &str) -> Result<Option<Addr>, LookError> {
        Ok(match self.class_lookup(class, name)? {
            Some(found) if self.type_of(found)?.builtin == Builtin::Type => Some(found),
            _ => None,
        })
    }

    fn c_length(&self, class: Addr) -> Result<Option<u64>, LookError> {
        let Some(length) = self.class_lookup(class, "_length_")? else {
            return Ok(None);
        };
        if self.type_of(length)?.builtin != Builtin::Int {
            return Ok(None);
        }
        Ok(match self.integer(length)? {
            Integer::Exact(length) => length.to_u64(),
            Integer::Huge { .. } => None,
        })
    }

    /// Bytes of an instance, where the class alone tells: not of structures, which may end in padding.
    fn c_size(&self, class: Addr, level: usize) -> Result<Option<u64>, LookError> {
        if level > DEEPEST {
            return Ok(None);
        }
        Ok(match self.c_form(class)? {
            Some(Form::Simple { code, .. }) => match code {
                b'u' => Some(4),
                b'z' | b'Z' | b'O' => Some(8),
                code => size_of(code).map(|size| size as u64),
            },
            Some(Form::Pointer { .. } | Form::Function) => Some(8),
            Some(Form::Array { item, length }) => self
                .c_size(item, level + 1)?
                .and_then(|size| size.checked_mul(length)),
            Some(Form::Record) | None => None,
        })
    }

    /// The members of a structure, those of its bases first: `_fields_` tells their classes, and a `CField` for each
    /// where it is.
    fn c_members(&self, class: Addr) -> Result<Vec<Member>, LookError> {
        let mut members = Vec::new();
        for base in self.mro(class)?.into_iter().rev() {
            let dict = self.class_dict(base)?;
            if dict.is_null() {
                continue;
            }
            let Some(fields) = self.dict_get_str(dict, "_fields_")? else {
                continue;
            };
            for field in self.sequence(fields, MOST_FIELDS)? {
                let parts = self.sequence(field, 3)?;
                let [name, class, ..] = parts[..] else {
                    continue;
                };
                let name = self.name(name)?;
                if let Some(descriptor) = self.dict_get_str(dict, &name)? {
                    members.extend(self.c_member(name, class, descriptor)?);
                }
            }
        }
        Ok(members)
    }

    fn c_member(
        &self,
        name: String,
        class: Addr,
        descriptor: Addr,
    ) -> Result<Option<Member>, LookError> {
        if self.type_of(descriptor)?.plain_name() != "CField" {
            return Ok(None);
        }
        let layout = &self.layout().data;
        let size = self.memory.u64(descriptor.plus(layout.ctypes_field_size))?;
        let bits = match layout.ctypes_bits {
            BitField::InSize if size >> 16 == 0 => None,
            BitField::InSize => Some((size as u32 & 0xffff, (size >> 16) as u32)),
            BitField::Own { count, first } => {
                let count = self.memory.u8(descriptor.plus(count))?;
                let first = self.memory.u8(descriptor.plus(first))?;
                (count > 0).then_some((first.into(), count.into()))
            }
        };
        Ok(Some(Member {
            name,
            class,
            offset: self
                .memory
                .u64(descriptor.plus(layout.ctypes_field_offset))?,
            size,
            bits,
        }))
    }
}
