//! `multiprocessing.shared_memory.ShareableList`: its items, which lie in the segment itself.
//!
//! The segment holds, in words of 8 bytes: the number of items; where each begins (3.8: how long each is); the items; the
//! form of each as `struct` names it, 8 bytes; and of each one byte that tells what Python makes of it
//! (`Lib/multiprocessing/shared_memory.py`).

use super::dispatch::{Known, python};
use super::text::{quoted, quoted_bytes};
use super::{Writer, float_text, instances};
use crate::model::{Addr, LengthUnit};
use crate::python::LookError;
use crate::python::object::TypeInfo;

pub(super) const TYPES: &[Known] = &[python(
    "multiprocessing.shared_memory.ShareableList.__repr__",
    list,
)];

/// A list of more items than this is garbage, and of one item no more bytes are read.
const MOST_ITEMS: u64 = 1 << 20;
const LONGEST_ITEM: u64 = 1 << 20;

/// Where the parts are.
struct Parts {
    items: Addr,
    forms: Addr,
    makes: Addr,
    count: u64,
    /// Where each item begins, from the first one.
    starts: Vec<u64>,
}

fn list(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let Some(segment) = look.attribute_object(object, "shm")? else {
        return instances::instance(writer, object, kind);
    };
    let title = look.attribute_object(segment, "_name")?;
    let view = look.held_attribute(segment, "_buf")?;
    let (Some(title), Some(view)) = (title, view) else {
        return instances::instance(writer, object, kind);
    };
    if look.type_of(view)?.static_name() != Some("memoryview") {
        return instances::instance(writer, object, kind);
    }
    let layout = &look.layout().object;
    let data = view.plus(layout.memoryview_view + layout.buffer_buf);
    let data = look.memory.pointer(data)?;
    if let Some(segment) = look.segment_of(data) {
        writer.lies_in(segment);
    }
    let has_lengths = look.held_attribute(object, "_allocated_bytes")?.is_some();
    let parts = parts(writer, data, has_lengths)?;
    writer.count(parts.count, LengthUnit::Items);
    writer.put(&format!("{}([", kind.plain_name()));
    for index in 0..parts.starts.len() {
        writer.put(if index == 0 { "" } else { ", " });
        item(writer, &parts, index)?;
        if writer.is_full() {
            return Ok(());
        }
    }
    if parts.starts.len() as u64 != parts.count {
        writer.cut();
    }
    let title = look.name(title)?;
    let points = title.strip_prefix('/').unwrap_or(&title).chars();
    let title = look.text_literal(&points.map(u32::from).collect::<Vec<_>>());
    writer.put(&format!("], name={title})"));
    Ok(())
}

fn parts(writer: &Writer<'_, '_>, data: Addr, has_lengths: bool) -> Result<Parts, LookError> {
    let memory = &writer.look.memory;
    let count = memory.u64(data)?;
    if count > MOST_ITEMS {
        return Err(LookError::Torn {
            what: "a shareable list",
            address: data,
        });
    }
    let word = |index: u64| memory.u64(data.plus(8 * (index + 1)));
    let wanted = count.min(writer.wanted() as u64);
    let mut starts = Vec::new();
    let (words_before, end) = if has_lengths {
        let mut end = 0_u64;
        for index in 0..count {
            starts.push(end);
            end = end.wrapping_add(word(index)?);
        }
        starts.truncate(wanted as usize);
        (count + 1, end)
    } else {
        for index in 0..wanted {
            starts.push(word(index)?);
        }
        (count + 2, word(count)?)
    };
    let items = data.plus(words_before * 8);
    let forms = items.plus(end);
    Ok(Parts {
        items,
        forms,
        makes: forms.plus(count * 8),
        count,
        starts,
    })
}

fn item(writer: &mut Writer<'_, '_>, parts: &Parts, index: usize) -> Result<(), LookError> {
    let memory = &writer.look.memory;
    let at = parts.items.plus(parts.starts[index]);
    let form = memory.bytes(parts.forms.plus(8 * index as u64), 8)?;
    let end = form.iter().position(|&byte| byte == 0).unwrap_or(8);
    let form = String::from_utf8_lossy(&form[..end]).into_owned();
    let made = memory.bytes(parts.makes.plus(index as u64), 1)?[0];
    let torn = LookError::Torn {
        what: "a shareable list",
        address: at,
    };
    if made == 3 {
        writer.put("None");
        return Ok(());
    }
    match form.as_str() {
        "q" => {
            let number = memory.i64(at)?;
            writer.put(&number.to_string());
        }
        "d" => {
            let number = f64::from_bits(memory.u64(at)?);
            writer.put(&float_text(number));
        }
        "xxxxxxx?" => {
            let truth = memory.bytes(at.plus(7), 1)?[0] != 0;
            writer.put(if truth { "True" } else { "False" });
        }
        other => {
            let length = other.strip_suffix('s').map(str::parse::<u64>);
            let Some(Ok(length)) = length else {
                return Err(torn);
            };
            let bytes = memory.bytes(at, length.min(LONGEST_ITEM) as usize)?;
            let kept = bytes
                .iter()
                .rposition(|&byte| byte != 0)
                .map_or(0, |last| last + 1);
            let bytes = &bytes[..kept];
            if made == 1 {
                let text = String::from_utf8_lossy(bytes);
                quoted(
                    writer,
                    &text.chars().map(u32::from).collect::<Vec<_>>(),
                    true,
                );
            } else {
                quoted_bytes(writer, bytes, kept as u64);
            }
        }
    }
    Ok(())
}
