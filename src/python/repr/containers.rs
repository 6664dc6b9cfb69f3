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
    container(writer, object, length, LIST, |writer| {
        let items = writer.look.sequence(object, writer.wanted() as u64)?;
        writer.objects(items);
        Ok(())
    })
}

pub(super) fn tuple(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    _: &TypeInfo,
) -> Result<(), LookError> {
    let length = writer.look.length(object)?;
    container(writer, object, length, TUPLE, |writer| {
        let items = writer.look.sequence(object, writer.wanted() as u64)?;
        writer.objects(items);
        writer.put(if length == 1 { "," } else { "" });
        Ok(())
    })
}

pub(super) fn dict(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    _: &TypeInfo,
) -> Result<(), LookError> {
    let length = writer.look.dict_length(object)?;
    container(writer, object, length, DICT, |writer| {
        let items = writer.look.dict_items(object, writer.wanted())?;
        writer.pairs(items);
        Ok(())
    })
}

/// Around the members of a container; and what stands for all of it in a cycle, and where it lies too deep.
#[derive(Clone, Copy)]
struct Brackets {
    before: &'static str,
    after: &'static str,
    cycle: &'static str,
    deep: &'static str,
}

const LIST: Brackets = Brackets {
    before: "[",
    after: "]",
    cycle: "[...]",
    deep: "[…]",
};
const TUPLE: Brackets = Brackets {
    before: "(",
    after: ")",
    cycle: "(...)",
    deep: "(…)",
};
const DICT: Brackets = Brackets {
    before: "{",
    after: "}",
    cycle: "{...}",
    deep: "{…}",
};

/// What is written between brackets: nothing else if it is empty, and `...` if it is being written already.
fn container(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    length: u64,
    brackets: Brackets,
    members: impl FnOnce(&mut Writer<'_, '_>) -> Result<(), LookError>,
) -> Result<(), LookError> {
    writer.count(length, LengthUnit::Items);
    if length == 0 {
        writer.put(brackets.before);
        writer.put(brackets.after);
        return Ok(());
    }
    writer.nested(object, brackets.cycle, brackets.deep, |writer| {
        writer.put(brackets.before);
        members(writer)?;
        writer.put(brackets.after);
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
