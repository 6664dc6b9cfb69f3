//! `str`, `bytes` and `bytearray`.

use super::Writer;
use super::dialect::Dialect;
use super::dispatch::{Known, native};
use super::printable::is_printable;
use crate::model::{Addr, LengthUnit};
use crate::python::layout::Minor;
use crate::python::object::TypeInfo;
use crate::python::{Look, LookError};

pub(super) const TYPES: &[Known] = &[
    native("builtins.str", string),
    native("builtins.bytes", bytes),
    native("builtins.bytearray", bytearray),
];

/// `unicode_repr`, `Objects/unicodeobject.c`.
pub(super) fn string(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    _: &TypeInfo,
) -> Result<(), LookError> {
    let (look, wanted) = (writer.look, writer.wanted());
    let is_written = look.with_plain_text(object, wanted, |text, length| {
        let needs_care = text.contains(['\'', '\\']);
        if !needs_care {
            writer.count(length, LengthUnit::Characters);
            writer.put("'");
            writer.put(text);
            if text.len() as u64 == length {
                writer.put("'");
            } else {
                writer.cut();
            }
        }
        !needs_care
    })?;
    if is_written == Some(true) {
        return Ok(());
    }
    let text = writer.look.text(object, writer.wanted())?;
    writer.count(text.length, LengthUnit::Characters);
    let is_all = text.code_points.len() as u64 == text.length;
    quoted(writer, &text.code_points, is_all);
    Ok(())
}

/// Characters in quotes, as `repr()` of a `str` has them. Without `is_all` these are the first of more.
pub(in crate::python) fn quoted(writer: &mut Writer<'_, '_>, code_points: &[u32], is_all: bool) {
    let version = writer.look.layout().version;
    let has = |quote: char| code_points.contains(&(quote as u32));
    let quote = if has('\'') && !has('"') { '"' } else { '\'' };
    writer.put(quote.encode_utf8(&mut [0; 4]));
    for &point in code_points {
        writer.put(&escaped(point, quote, version));
        if writer.is_full() {
            return;
        }
    }
    if is_all {
        writer.put(quote.encode_utf8(&mut [0; 4]));
    } else {
        writer.cut();
    }
}

/// One character inside quotes.
fn escaped(point: u32, quote: char, version: Minor) -> String {
    match char::from_u32(point) {
        Some('\\') => "\\\\".to_string(),
        Some('\t') => "\\t".to_string(),
        Some('\n') => "\\n".to_string(),
        Some('\r') => "\\r".to_string(),
        Some(character) if character == quote => format!("\\{quote}"),
        Some(character) if is_printable(point, version) => character.to_string(),
        _ if point < 0x100 => format!("\\x{point:02x}"),
        _ if point < 0x1_0000 => format!("\\u{point:04x}"),
        _ => format!("\\U{point:08x}"),
    }
}

pub(super) fn bytes(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    _: &TypeInfo,
) -> Result<(), LookError> {
    let (bytes, length) = writer.look.bytes_object(object, writer.wanted())?;
    writer.count(length, LengthUnit::Bytes);
    quoted_bytes(writer, &bytes, length);
    Ok(())
}

/// `bytearray_repr`, `Objects/bytearrayobject.c`: it names the subclass.
pub(super) fn bytearray(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    let layout = &writer.look.layout().object;
    let length = writer.look.length(object)?;
    let at = object.plus(layout.bytearray_start);
    let start = writer.look.memory.pointer(at)?;
    let count = usize::try_from(length).unwrap_or(usize::MAX);
    let bytes = writer
        .look
        .memory
        .bytes(start, count.min(writer.wanted()))?;
    writer.count(length, LengthUnit::Bytes);
    writer.put(kind.plain_name());
    writer.put("(");
    let always = Dialect::of(writer.look.layout().version).bytearray_escapes_apostrophe;
    quote_bytes(writer, &bytes, length, always);
    writer.put(")");
    Ok(())
}

/// `PyBytes_Repr`, `Objects/bytesobject.c`. `bytes` are the first of `length`.
pub(in crate::python) fn quoted_bytes(writer: &mut Writer<'_, '_>, bytes: &[u8], length: u64) {
    quote_bytes(writer, bytes, length, false);
}

fn quote_bytes(writer: &mut Writer<'_, '_>, bytes: &[u8], length: u64, escapes_apostrophe: bool) {
    let is_double = bytes.contains(&b'\'') && !bytes.contains(&b'"');
    let quote = if is_double { '"' } else { '\'' };
    writer.put(&format!("b{quote}"));
    for &byte in bytes {
        let character = char::from(byte);
        match byte {
            b'\t' => writer.put("\\t"),
            b'\n' => writer.put("\\n"),
            b'\r' => writer.put("\\r"),
            b'\\' => writer.put("\\\\"),
            b'\'' if escapes_apostrophe => writer.put("\\'"),
            _ if character == quote => writer.put(&format!("\\{quote}")),
            0x20..0x7f => writer.put(character.encode_utf8(&mut [0; 4])),
            _ => writer.put(&format!("\\x{byte:02x}")),
        }
        if writer.is_full() {
            return;
        }
    }
    if bytes.len() as u64 == length {
        writer.put(quote.encode_utf8(&mut [0; 4]));
    } else {
        writer.cut();
    }
}

/// What `repr()` gives in an interpreter of this version for a `str` of these code points.
pub fn text_literal(code_points: &[u32], version: Minor) -> String {
    let has = |quote: char| code_points.contains(&(quote as u32));
    let quote = if has('\'') && !has('"') { '"' } else { '\'' };
    let mut text = String::from(quote);
    text.extend(
        code_points
            .iter()
            .map(|&point| escaped(point, quote, version)),
    );
    text.push(quote);
    text
}

/// What `repr()` gives for these `bytes`.
pub fn bytes_literal(bytes: &[u8], version: Minor) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        '"'
    } else {
        '\''
    };
    let mut text = format!("b{quote}");
    for &byte in bytes {
        match byte {
            0x7f.. => text.push_str(&format!("\\x{byte:02x}")),
            _ => text.push_str(&escaped(byte.into(), quote, version)),
        }
    }
    text.push(quote);
    text
}

impl Look<'_> {
    pub(in crate::python) fn text_literal(&self, code_points: &[u32]) -> String {
        text_literal(code_points, self.layout().version)
    }

    pub(in crate::python) fn bytes_literal(&self, bytes: &[u8]) -> String {
        bytes_literal(bytes, self.layout().version)
    }
}
