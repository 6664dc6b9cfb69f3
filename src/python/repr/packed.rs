//! `array.array` and `mmap.mmap`: bytes outside of Python's objects.

use super::Writer;
use super::c_numbers::number_text;
use super::dispatch::{Known, native};
use super::text::quoted;
use crate::model::{Addr, LengthUnit};
use crate::python::LookError;
use crate::python::object::TypeInfo;

pub(super) const TYPES: &[Known] = &[native("array.array", array), native("mmap.mmap", mapping)];

/// Items that are read at once.
const PIECE: u64 = 4_096;
/// `access_mode`, `Modules/mmapmodule.c`.
const ACCESS: [&str; 4] = ["DEFAULT", "READ", "WRITE", "COPY"];

/// `array_repr`, `Modules/arraymodule.c`.
fn array(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let torn = || LookError::Torn {
        what: "an array",
        address: object,
    };
    let look = writer.look;
    let layout = &look.layout().data;
    let length = look.length(object)?;
    let items = look.memory.pointer(object.plus(layout.array_items))?;
    let description = look.memory.pointer(object.plus(layout.array_description))?;
    let name = look.memory.bytes(description, 4)?;
    let size = look.memory.i32(description.plus(4))?;
    let end = name.iter().position(|&byte| byte == 0).unwrap_or(4);
    let name = name.get(..end).unwrap_or_default();
    let (code, width) = form(name).ok_or_else(torn)?;
    if size != width {
        return Err(torn());
    }
    let width = u64::from(width.unsigned_abs());
    writer.count(length, LengthUnit::Items);
    let shown = String::from_utf8_lossy(name);
    writer.put(&format!("{}('{shown}'", kind.plain_name()));
    if length == 0 {
        writer.put(")");
        return Ok(());
    }
    let is_text = matches!(code, b'u' | b'w');
    writer.put(if is_text { ", " } else { ", [" });
    let wanted = length.min(writer.wanted() as u64);
    if is_text {
        let mut points = Vec::new();
        for index in 0..wanted {
            points.push(look.memory.u32(items.plus(index.wrapping_mul(4)))?);
        }
        quoted(writer, &points, wanted == length);
        writer.put(")");
        return Ok(());
    }
    let mut done = 0;
    while done < wanted && !writer.is_full() {
        let count = PIECE.min(wanted - done);
        let start = items.plus(done.wrapping_mul(width));
        let bytes = look.memory.bytes(start, (count * width) as usize)?;
        for (index, item) in bytes.chunks_exact(width as usize).enumerate() {
            writer.put(if done == 0 && index == 0 { "" } else { ", " });
            writer.put(&number_text(code, item).ok_or_else(torn)?);
            if writer.is_full() {
                break;
            }
        }
        done += count;
    }
    writer.put("])");
    Ok(())
}

/// The letter of the same form in [`number_text`], and the bytes of an item.
fn form(name: &[u8]) -> Option<(u8, i32)> {
    Some(match name {
        b"Zf" => (b'F', 8),
        b"Zd" => (b'D', 16),
        [code @ (b'b' | b'B')] => (*code, 1),
        [code @ (b'h' | b'H' | b'e')] => (*code, 2),
        [code @ (b'i' | b'I' | b'f' | b'u' | b'w')] => (*code, 4),
        [code @ (b'l' | b'L' | b'q' | b'Q' | b'd' | b'F')] => (*code, 8),
        [code @ b'D'] => (*code, 16),
        _ => return None,
    })
}

/// `mmap_object_repr`, `Modules/mmapmodule.c`.
fn mapping(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    lies_in(writer, object)?;
    let name = writer.look.c_type_name(kind.address)?;
    writer.put(&format!("<{name} "));
    mapping_facts(writer, object, kind)?;
    writer.put(">");
    Ok(())
}

/// Says in which segment a mapping lies.
pub(super) fn lies_in(writer: &mut Writer<'_, '_>, object: Addr) -> Result<(), LookError> {
    let at = writer.look.layout().data.mmap_data;
    let data = writer.look.memory.pointer(object.plus(at))?;
    if let Some(segment) = writer.look.segment_of(data) {
        writer.lies_in(segment);
    }
    Ok(())
}

/// `closed=False, access=ACCESS_DEFAULT, length=10, pos=0, offset=0`.
pub(super) fn mapping_facts(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    _: &TypeInfo,
) -> Result<(), LookError> {
    let memory = &writer.look.memory;
    let layout = &writer.look.layout().data;
    let data = memory.pointer(object.plus(layout.mmap_data))?;
    if data.is_null() {
        writer.put("closed=True");
        return Ok(());
    }
    let access = memory.u32(object.plus(layout.mmap_access))?;
    let access = usize::try_from(access)
        .ok()
        .and_then(|access| ACCESS.get(access));
    let access = access.map_or("UNKNOWN!".to_string(), |access| format!("ACCESS_{access}"));
    let length = memory.u64(object.plus(layout.mmap_size))?;
    let position = memory.u64(object.plus(layout.mmap_position))?;
    let offset = memory.i64(object.plus(layout.mmap_offset))?;
    writer.put(&format!(
        "closed=False, access={access}, length={length}, pos={position}, offset={offset}"
    ));
    Ok(())
}
