//! Open files: `<_io.TextIOWrapper name='log' mode='w' encoding='UTF-8'>`.

use super::dialect::Dialect;
use super::dispatch::{Known, native};
use super::{Writer, instances};
use crate::model::Addr;
use crate::python::object::TypeInfo;
use crate::python::{Look, LookError};

pub(super) const TYPES: &[Known] = &[
    native("_io.TextIOWrapper", text),
    native("_io._Buffered", buffered),
    native("_io._BufferedIOBase", buffered),
    native("_io.BufferedReader", buffered),
    native("_io.BufferedWriter", buffered),
    native("_io.BufferedRandom", buffered),
    native("_io.FileIO", raw),
];

/// `fileio` behind its header of 16 bytes, `Modules/_io/fileio.c`: the same from 3.8 to 3.15
/// but for [`Dialect::file_closes_bit`].
const DESCRIPTOR: u64 = 16;
const BITS: u64 = 20;
const CREATED: u32 = 1;
const READABLE: u32 = 1 << 1;
const WRITABLE: u32 = 1 << 2;
const APPENDING: u32 = 1 << 3;

/// `textio` likewise, `Modules/_io/textio.c`: `ok` and `detached`, one int each, then two pointers behind a number.
const TEXT_STATE: u64 = 16;
const TEXT_BUFFER: u64 = 32;
const TEXT_ENCODING: u64 = 40;
/// It is initialised and not detached.
const WHOLE: u64 = 1;

type Written = Result<(), LookError>;

/// `textiowrapper_repr`, `Modules/_io/textio.c`.
fn text(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Written {
    let look = writer.look;
    let buffer = look.memory.pointer(object.plus(TEXT_BUFFER))?;
    let encoding = look.memory.pointer(object.plus(TEXT_ENCODING))?;
    let is_whole = look.memory.u64(object.plus(TEXT_STATE))? == WHOLE;
    if !is_whole || buffer.is_null() || encoding.is_null() {
        return instances::instance(writer, object, kind);
    }
    let Ok(name) = look.name_of_file(buffer)? else {
        return instances::instance(writer, object, kind);
    };
    let shown = look.c_type_name(kind.address)?;
    writer.nested(object, &format!("<{shown}>"), "…", |writer| {
        writer.put(&format!("<{shown}"));
        if let Some(name) = name {
            writer.put(" name=");
            writer.object(name);
        }
        if let Some(mode) = look.held_attribute(object, "mode")? {
            writer.put(" mode=");
            writer.object(mode);
        }
        writer.put(" encoding=");
        writer.object(encoding);
        writer.put(">");
        Ok(())
    })
}

/// `buffered_repr`, `Modules/_io/bufferedio.c`.
fn buffered(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Written {
    let look = writer.look;
    let Ok(name) = look.name_of_file(object)? else {
        return instances::instance(writer, object, kind);
    };
    let shown = look.c_type_name(kind.address)?;
    writer.nested(object, &format!("<{shown}>"), "…", |writer| {
        writer.put(&format!("<{shown}"));
        if let Some(name) = name {
            writer.put(" name=");
            writer.object(name);
        }
        writer.put(">");
        Ok(())
    })
}

/// `fileio_repr`.
fn raw(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Written {
    let look = writer.look;
    let shown = look.c_type_name(kind.address)?;
    let descriptor = look.memory.i32(object.plus(DESCRIPTOR))?;
    if descriptor < 0 {
        writer.put(&format!("<{shown} [closed]>"));
        return Ok(());
    }
    let bits = look.memory.u32(object.plus(BITS))?;
    let has = |bit: u32| bits & bit != 0;
    let mode = match (has(CREATED), has(APPENDING), has(READABLE), has(WRITABLE)) {
        (true, _, true, _) => "xb+",
        (true, _, false, _) => "xb",
        (_, true, true, _) => "ab+",
        (_, true, false, _) => "ab",
        (_, _, true, true) => "rb+",
        (_, _, true, false) => "rb",
        _ => "wb",
    };
    let closes = if has(1 << Dialect::of(look.layout().version).file_closes_bit) {
        "True"
    } else {
        "False"
    };
    let name = look.held_attribute(object, "name")?;
    writer.nested(object, &format!("<{shown}>"), "…", |writer| {
        match name {
            Some(name) => {
                writer.put(&format!("<{shown} name="));
                writer.object(name);
            }
            None => writer.put(&format!("<{shown} fd={descriptor}")),
        }
        writer.put(&format!(" mode='{mode}' closefd={closes}>"));
        Ok(())
    })
}

/// The name would have to be computed.
struct Computed;

/// Layers of one file below the text: buffer, raw.
const MOST_LAYERS: usize = 8;

impl Look<'_> {
    /// `file.name`, which each layer asks of the one below; nothing if the last has none.
    fn name_of_file(&self, file: Addr) -> Result<Result<Option<Addr>, Computed>, LookError> {
        let mut at = file;
        for _ in 0..MOST_LAYERS {
            let kind = self.type_of(at)?;
            let raw = match kind.full_name().as_str() {
                "_io.BufferedReader" | "_io.BufferedWriter" | "_io.BufferedRandom" => {
                    self.attribute_object(at, "raw")?
                }
                "_io.FileIO" => return Ok(Ok(self.held_attribute(at, "name")?)),
                "_io.BytesIO" => return Ok(Ok(None)),
                _ => return Ok(Err(Computed)),
            };
            match raw {
                Some(found) => at = found,
                None => return Ok(Err(Computed)),
            }
        }
        Ok(Err(Computed))
    }
}
