//! Functions and classes.

use super::Writer;
use super::dispatch::{Known, native};
use crate::model::Addr;
use crate::python::object::{Builtin, TypeInfo};
use crate::python::{Look, LookError};

pub(super) const TYPES: &[Known] = &[
    native("builtins.function", function),
    native("builtins.type", class),
];

fn function(writer: &mut Writer<'_, '_>, object: Addr, _: &TypeInfo) -> Result<(), LookError> {
    let name = writer.look.qualname_of_function(object)?;
    writer.put(&format!("<function {name} at {object}>"));
    Ok(())
}

pub(super) fn class(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    _: &TypeInfo,
) -> Result<(), LookError> {
    let name = writer.look.qualified_type_name(object)?;
    writer.put(&format!("<class '{name}'>"));
    Ok(())
}

impl Look<'_> {
    /// The qualified name of a Python function.
    pub(in crate::python) fn qualname_of_function(
        &self,
        function: Addr,
    ) -> Result<String, LookError> {
        let at = self.layout().function.qualname;
        self.name(self.memory.pointer(function.plus(at))?)
    }

    /// The same behind the name of its module: `enum.Flag.__repr__`.
    pub(in crate::python) fn function_full_name(
        &self,
        function: Addr,
    ) -> Result<String, LookError> {
        let name = self.qualname_of_function(function)?;
        let at = self.layout().function.module;
        let module = self.memory.pointer(function.plus(at))?;
        if module.is_null() || self.type_of(module)?.builtin != Builtin::Str {
            return Ok(name);
        }
        Ok(format!("{}.{name}", self.name(module)?))
    }
}
