//! Objects whose class says nothing of its own about their text: the class and the attributes.

use super::dispatch::{Known, Write, native};
use super::{Writer, c_data, classes, containers, numbers, packed, text};
use crate::model::Addr;
use crate::python::LookError;
use crate::python::object::{Builtin, TypeInfo};

pub(super) const TYPES: &[Known] = &[native("builtins.object", instance)];

/// `<module.Class object at 0x…: x=1, y='a'>`: as `object.__repr__` writes it, with what the instance holds. Instances in
/// the attributes of another are written without theirs: objects know each other, and the first one would fill the
/// room of all. A subclass of a builtin shows its value first. The form stands in for a `__repr__` written in Python too, which is not run.
pub(super) fn instance(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    match kind.builtin {
        Builtin::Type => return classes::class(writer, object, kind),
        Builtin::Module => return classes::module(writer, object, kind),
        _ => {}
    }
    let name = writer.look.qualified_type_name(kind.address)?;
    let payload = match payload(kind.builtin) {
        None if kind.builtin == Builtin::Other => native_payload(writer, object, kind)?,
        payload => payload,
    };
    let bare = format!("<{name} object at {object}>");
    writer.nested(object, &bare, &bare, |writer| {
        let attributes = if writer.is_in_instance {
            Vec::new()
        } else {
            writer.look.instance_attributes(object, writer.wanted())?
        };
        writer.put(&format!("<{name} object at {object}"));
        if let Some(write) = payload {
            writer.put(": ");
            // Not a cycle: it is the same object in another form.
            writer.reopened(object, |writer| write(writer, object, kind))?;
        }
        if !attributes.is_empty() {
            writer.put(if payload.is_some() { ", " } else { ": " });
            writer.is_in_instance = true;
            writer.attributes(attributes);
            writer.is_in_instance = false;
        }
        writer.put(">");
        Ok(())
    })
}

/// What writes the contents of an object of a C type that says nothing of them itself. Says in which segment they lie.
fn native_payload(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<Option<Write>, LookError> {
    for class in writer.look.mro(kind.address)? {
        let class = writer.look.type_at(class)?;
        match class.module.as_str() {
            // Up to 3.8.
            "mmap" if class.name == "mmap" => {
                packed::lies_in(writer, object)?;
                return Ok(Some(packed::mapping_facts));
            }
            "_ctypes" => return c_data::payload(writer, object, kind),
            _ => {}
        }
    }
    Ok(None)
}

/// What writes the builtin value that an instance of a subclass holds.
fn payload(builtin: Builtin) -> Option<Write> {
    Some(match builtin {
        Builtin::Int => numbers::int,
        Builtin::Float => numbers::float,
        Builtin::Complex => numbers::complex,
        Builtin::Str => text::string,
        Builtin::Bytes => text::bytes,
        Builtin::ByteArray => text::bytearray,
        Builtin::List => containers::list,
        Builtin::Tuple => containers::tuple,
        Builtin::Dict => containers::dict,
        Builtin::Set | Builtin::FrozenSet => containers::set,
        _ => return None,
    })
}
