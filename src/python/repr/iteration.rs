//! `itertools.count` and `itertools.repeat`: the two iterators that say where they are.

use super::Writer;
use super::dispatch::{Known, native};
use crate::model::Addr;
use crate::python::LookError;
use crate::python::object::{Builtin, Integer, TypeInfo};

pub(super) const TYPES: &[Known] = &[
    native("itertools.count", count),
    native("itertools.repeat", repeat),
];

/// `countobject` and `repeatobject` behind their headers of 16 bytes, `Modules/itertoolsmodule.c`: the same from 3.8 to 3.15.
const COUNT: u64 = 16;
const COUNT_OBJECT: u64 = 24;
const COUNT_STEP: u64 = 32;
const REPEAT_ELEMENT: u64 = 16;
const REPEAT_LEFT: u64 = 24;

/// `count_repr`: it counts in a C integer until it needs more.
fn count(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let name = kind.plain_name();
    let (at, step) = (
        look.memory.pointer(object.plus(COUNT_OBJECT))?,
        look.memory.pointer(object.plus(COUNT_STEP))?,
    );
    if at.is_null() {
        let number = look.memory.i64(object.plus(COUNT))?;
        writer.put(&format!("{name}({number})"));
        return Ok(());
    }
    let is_one = look.type_of(step)?.builtin == Builtin::Int
        && matches!(look.integer(step)?, Integer::Exact(step) if step == 1.into());
    writer.nested(object, "...", &format!("{name}(…)"), |writer| {
        writer.put(&format!("{name}("));
        writer.object(at);
        if !is_one {
            writer.put(", ");
            writer.object(step);
        }
        writer.put(")");
        Ok(())
    })
}

/// `repeat_repr`.
fn repeat(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let left = writer.look.memory.i64(object.plus(REPEAT_LEFT))?;
    let name = kind.plain_name();
    writer.nested(object, "...", &format!("{name}(…)"), |writer| {
        writer.put(&format!("{name}("));
        writer.field(object.plus(REPEAT_ELEMENT))?;
        if left != -1 {
            writer.put(&format!(", {left}"));
        }
        writer.put(")");
        Ok(())
    })
}
