//! `ctypes`: values, arrays, structures, unions and pointers in C's form, from what their classes say of them.

use super::c_numbers::{is_signed, number_text, size_of, unsigned};
use super::c_types::{DEEPEST, Form};
use super::dispatch::{Known, Write, native, python};
use super::text::{quoted, quoted_bytes};
use super::{Writer, instances};
use crate::model::{Addr, LengthUnit};
use crate::python::LookError;
use crate::python::object::TypeInfo;

pub(super) const TYPES: &[Known] = &[
    native("_ctypes._SimpleCData", simple),
    python("ctypes.py_object.__repr__", simple),
    python(
        "multiprocessing.sharedctypes.SynchronizedBase.__repr__",
        synchronized,
    ),
];

/// Characters of a string that a pointer leads to.
const LONGEST_STRING: usize = 1_000;

/// A place in C's memory. The size is not known behind a pointer.
#[derive(Clone, Copy)]
struct Place {
    at: Addr,
    size: Option<u64>,
    level: usize,
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
