//! `list`, `tuple`, `dict`, sets, `range` and `slice`.

use super::Writer;
use super::dispatch::{Known, native};
use crate::model::{Addr, LengthUnit};
use crate::python::LookError;
use crate::python::object::{Integer, TypeInfo};

pub(super) const TYPES: &[Known] = &[
    native("builtins.list", list),
    native("builtins.tuple", tuple),
    native("builtins.dict", dict),
    native("builtins.frozendict", frozen_dict),
    native("builtins.set", set),
    native("builtins.frozenset", set),
    native("builtins.range", range),
    native("builtins.slice", slice),
];

pub(super) fn list(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    _: &TypeInfo,
) -> Result<(), LookError> {
    let length = writer.look.length(object)?;
    writer.count(length, LengthUnit::Items);
    if length == 0 {
        writer.put("[]");
        return Ok(());
    }
    writer.nested(object, "[...]", "[…]", |writer| {
        let items = writer.look.sequence(object, writer.wanted() as u64)?;
        writer.put("[");
        writer.objects(items);
        writer.put("]");
        Ok(())
    })
}

pub(super) fn tuple(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    _: &TypeInfo,
) -> Result<(), LookError> {
    let length = writer.look.length(object)?;
    writer.count(length, LengthUnit::Items);
    if length == 0 {
        writer.put("()");
        return Ok(());
    }
    writer.nested(object, "(...)", "(…)", |writer| {
        let items = writer.look.sequence(object, writer.wanted() as u64)?;
        writer.put("(");
        writer.objects(items);
        writer.put(if length == 1 { ",)" } else { ")" });
        Ok(())
    })
}

pub(super) fn dict(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    _: &TypeInfo,
) -> Result<(), LookError> {
    let length = writer.look.dict_length(object)?;
    writer.count(length, LengthUnit::Items);
    if length == 0 {
        writer.put("{}");
        return Ok(());
    }
    writer.nested(object, "{...}", "{…}", |writer| {
        let items = writer.look.dict_items(object, writer.wanted())?;
        writer.put("{");
        writer.pairs(items);
        writer.put("}");
        Ok(())
    })
}

/// 3.15: a `dict` that names itself.
fn frozen_dict(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    let name = kind.plain_name();
    if writer.look.dict_length(object)? == 0 {
        writer.put(&format!("{name}()"));
        return Ok(());
    }
    writer.put(&format!("{name}("));
    dict(writer, object, kind)?;
    writer.put(")");
    Ok(())
}

/// `set_repr`, `Objects/setobject.c`: only `set` itself is written with braces alone.
pub(super) fn set(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    let name = kind.plain_name();
    let (_, length) = writer.look.set_members(object, 0)?;
    writer.count(length, LengthUnit::Items);
    if length == 0 {
        writer.put(&format!("{name}()"));
        return Ok(());
    }
    let (before, after) = if kind.static_name() == Some("set") {
        ("{".to_string(), "}")
    } else {
        (format!("{name}({{"), "})")
    };
    let (cycle, deep) = (format!("{name}(...)"), format!("{before}…{after}"));
    writer.nested(object, &cycle, &deep, |writer| {
        let (members, _) = writer.look.set_members(object, writer.wanted())?;
        writer.put(&before);
        writer.objects(members);
        writer.put(after);
        Ok(())
    })
}

fn range(writer: &mut Writer<'_, '_>, object: Addr, _: &TypeInfo) -> Result<(), LookError> {
    let layout = &writer.look.layout().object;
    let step = writer.look.memory.pointer(object.plus(layout.range_step))?;
    writer.put("range(");
    writer.field(object.plus(layout.range_start))?;
    writer.put(", ");
    writer.field(object.plus(layout.range_stop))?;
    if writer.look.integer(step)? != Integer::Exact(1.into()) {
        writer.put(", ");
        writer.object(step);
    }
    writer.put(")");
    Ok(())
}

fn slice(writer: &mut Writer<'_, '_>, object: Addr, _: &TypeInfo) -> Result<(), LookError> {
    let layout = &writer.look.layout().object;
    writer.nested(object, "slice(...)", "slice(…)", |writer| {
        writer.put("slice(");
        writer.field(object.plus(layout.slice_start))?;
        writer.put(", ");
        writer.field(object.plus(layout.slice_stop))?;
        writer.put(", ");
        writer.field(object.plus(layout.slice_step))?;
        writer.put(")");
        Ok(())
    })
}
