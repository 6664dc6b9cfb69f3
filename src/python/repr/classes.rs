//! Classes and modules.

use super::Writer;
use super::dispatch::{Known, native, python};
use crate::model::Addr;
use crate::python::object::{Builtin, TypeInfo};
use crate::python::{Attribute, Look, LookError};

pub(super) const TYPES: &[Known] = &[
    native("builtins.type", class),
    native("builtins.module", module),
    python("enum.EnumMeta.__repr__", enum_class),
    python("enum.EnumType.__repr__", flag_or_enum_class),
    python("typing._AnyMeta.__repr__", any_or_class),
];

pub(super) fn class(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    _: &TypeInfo,
) -> Result<(), LookError> {
    let name = writer.look.qualified_type_name(object)?;
    writer.put(&format!("<class '{name}'>"));
    Ok(())
}

/// Up to 3.10.
fn enum_class(writer: &mut Writer<'_, '_>, object: Addr, _: &TypeInfo) -> Result<(), LookError> {
    let class = writer.look.type_at(object)?;
    writer.put(&format!("<enum '{}'>", class.plain_name()));
    Ok(())
}

/// From 3.11 on.
fn flag_or_enum_class(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    _: &TypeInfo,
) -> Result<(), LookError> {
    let look = writer.look;
    let class = look.type_at(object)?;
    let mut what = "enum";
    for base in look.mro(object)? {
        if look.type_at(base)?.full_name() == "enum.Flag" {
            what = "flag";
        }
    }
    writer.put(&format!("<{what} '{}'>", class.plain_name()));
    Ok(())
}

/// `typing.Any`, which is a class since 3.11.
fn any_or_class(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    if writer.look.qualified_type_name(object)? == "typing.Any" {
        writer.put("typing.Any");
        return Ok(());
    }
    class(writer, object, kind)
}

/// `_module_repr`, `Lib/importlib/_bootstrap.py`.
pub(super) fn module(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    let look = writer.look;
    let spec = look.attribute_object(object, "__spec__")?;
    let spec = match spec {
        Some(spec) if !look.is_none(spec)? => Some(spec),
        _ => None,
    };
    let owner = spec.unwrap_or(object);
    let name = if spec.is_some() { "name" } else { "__name__" };
    let Some(name) = look.attribute_object(owner, name)? else {
        writer.put("<module '?'>");
        return Ok(());
    };
    let cut = format!("<{} object at {object}>", kind.plain_name());
    writer.nested(object, &cut, &cut, |writer| {
        writer.put("<module ");
        writer.object(name);
        let origin = if spec.is_some() { "origin" } else { "__file__" };
        let origin = look.attribute_object(owner, origin)?;
        match origin {
            Some(origin) if !look.is_none(origin)? => {
                let is_file = match spec {
                    Some(spec) => look.spec_has_location(spec)?,
                    None => true,
                };
                if is_file {
                    writer.put(" from ");
                    writer.object(origin);
                } else {
                    let origin = look.name(origin)?;
                    writer.put(&format!(" ({origin})"));
                }
            }
            _ => {
                let loader = if spec.is_some() {
                    "loader"
                } else {
                    "__loader__"
                };
                if let Some(loader) = look.attribute_object(owner, loader)?
                    && !look.is_none(loader)?
                {
                    writer.put(" (");
                    match look.loader_name(loader)?.as_str() {
                        "NamespaceLoader" => writer.put("namespace"),
                        // They spoke for their modules until 3.11 (`module_repr`).
                        "BuiltinImporter" => writer.put("built-in"),
                        "FrozenImporter" => writer.put("frozen"),
                        _ => writer.object(loader),
                    }
                    writer.put(")");
                }
            }
        }
        writer.put(">");
        Ok(())
    })
}

impl Look<'_> {
    pub(in crate::python) fn is_none(&self, object: Addr) -> Result<bool, LookError> {
        Ok(self.type_of(object)?.builtin == Builtin::None)
    }

    /// The name of a loader's class; some loaders are classes themselves.
    fn loader_name(&self, loader: Addr) -> Result<String, LookError> {
        let kind = self.type_of(loader)?;
        let class = if kind.builtin == Builtin::Type {
            self.type_at(loader)?
        } else {
            kind
        };
        Ok(class.plain_name().to_string())
    }

    /// `ModuleSpec.has_location`, a property that returns `_set_fileattr`.
    fn spec_has_location(&self, spec: Addr) -> Result<bool, LookError> {
        self.truth_of(spec, "_set_fileattr")
    }

    /// Whether an attribute is `True`.
    pub(in crate::python) fn truth_of(&self, object: Addr, name: &str) -> Result<bool, LookError> {
        let found = self.attribute(object, name)?;
        let Some(Attribute::Object(found)) = found else {
            return Ok(false);
        };
        let is_bool = self.type_of(found)?.builtin == Builtin::Bool;
        Ok(is_bool && self.digit_count(found)? > 0)
    }
}
