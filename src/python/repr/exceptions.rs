//! Exceptions as values.

use super::dialect::Dialect;
use super::dispatch::{Known, native};
use super::{Writer, containers};
use crate::model::Addr;
use crate::python::LookError;
use crate::python::object::{Builtin, TypeInfo};

pub(super) const TYPES: &[Known] = &[
    native("builtins.BaseException", exception),
    native("builtins.BaseExceptionGroup", group),
    native("builtins.ImportError", import_error),
];

/// `BaseException_repr`, `Objects/exceptions.c`.
fn exception(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    written(writer, object, kind, &[])
}

/// `ImportError_repr`, `Objects/exceptions.c` of 3.15.
fn import_error(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    let has_names = Dialect::of(writer.look.layout().version).import_error_has_names;
    written(
        writer,
        object,
        kind,
        if has_names { &["name", "path"] } else { &[] },
    )
}

/// `BaseExceptionGroup_repr`, `Objects/exceptions.c` of 3.14: the members in the kind of sequence that was given.
fn group(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let Some(layout) = look.layout().exception.group else {
        return written(writer, object, kind, &[]);
    };
    let name = kind.plain_name();
    let arguments = look
        .memory
        .pointer(object.plus(look.layout().exception.args))?;
    let given = look.sequence(arguments, 2)?;
    let is_list = match given.get(1) {
        Some(given) => look.type_of(*given)?.builtin == Builtin::List,
        None => false,
    };
    let (before, after) = if is_list { ("[", "]") } else { ("(", ")") };
    let (cycle, deep) = (format!("{name}(...)"), format!("{name}(…)"));
    writer.nested(object, &cycle, &deep, |writer| {
        writer.put(&format!("{name}("));
        writer.field(object.plus(layout.message))?;
        writer.put(", ");
        writer.put(before);
        let members = look.memory.pointer(object.plus(layout.members))?;
        let members = look.sequence(members, writer.wanted() as u64)?;
        let is_one = members.len() == 1 && !is_list;
        writer.objects(members);
        writer.put(if is_one { "," } else { "" });
        writer.put(after);
        writer.put(")");
        Ok(())
    })
}

fn written(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
    names: &[&str],
) -> Result<(), LookError> {
    let look = writer.look;
    let name = kind.plain_name();
    let arguments = look
        .memory
        .pointer(object.plus(look.layout().exception.args))?;
    let (cycle, deep) = (format!("{name}(...)"), format!("{name}(…)"));
    writer.nested(object, &cycle, &deep, |writer| {
        writer.put(name);
        let items = look.sequence(arguments, writer.wanted() as u64)?;
        if items.is_empty() && names.is_empty() {
            return containers::tuple(writer, arguments, kind);
        }
        writer.put("(");
        let mut is_first = items.is_empty();
        writer.objects(items);
        for name in names {
            if let Some(value) = look.attribute_object(object, name)?
                && !look.is_none(value)?
            {
                writer.put(if is_first { "" } else { ", " });
                is_first = false;
                writer.put(&format!("{name}="));
                writer.object(value);
            }
        }
        writer.put(")");
        Ok(())
    })
}
