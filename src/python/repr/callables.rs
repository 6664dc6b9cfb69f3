//! Functions, methods, descriptors and what wraps them.

use super::Writer;
use super::dialect::Dialect;
use super::dispatch::{Known, native};
use crate::model::Addr;
use crate::python::object::{Builtin, TypeInfo};
use crate::python::{Attribute, Look, LookError};

pub(super) const TYPES: &[Known] = &[
    native("builtins.function", function),
    native("builtins.method", method),
    native("builtins.builtin_function_or_method", builtin),
    native("builtins.builtin_method", builtin),
    native("builtins.method-wrapper", method_wrapper),
    native("builtins.wrapper_descriptor", slot_wrapper),
    native("builtins.method_descriptor", method_descriptor),
    native("builtins.classmethod_descriptor", method_descriptor),
    native("builtins.getset_descriptor", attribute_descriptor),
    native("builtins.member_descriptor", member_descriptor),
    native("builtins.staticmethod", wrapped),
    native("builtins.classmethod", wrapped),
    native("builtins.super", super_object),
    native("functools.partial", partial),
];

/// Characters of a method's name in C.
const LONGEST_NAME: usize = 512;
/// Arguments of a partial that are read at most.
const MOST_ARGUMENTS: u64 = 1_000;

fn function(writer: &mut Writer<'_, '_>, object: Addr, _: &TypeInfo) -> Result<(), LookError> {
    let name = writer.look.qualname_of_function(object)?;
    writer.put(&format!("<function {name} at {object}>"));
    Ok(())
}

/// `method_repr`, `Objects/classobject.c`.
fn method(writer: &mut Writer<'_, '_>, object: Addr, _: &TypeInfo) -> Result<(), LookError> {
    let layout = &writer.look.layout().function;
    let (function_at, self_at) = (layout.method_function, layout.method_self);
    let function = writer.look.memory.pointer(object.plus(function_at))?;
    let name = writer.look.name_of_callable(function)?;
    let start = format!("<bound method {name} of ");
    let cut = format!("{start}…>");
    writer.nested(object, &cut, &cut, |writer| {
        writer.put(&start);
        writer.field(object.plus(self_at))?;
        writer.put(">");
        Ok(())
    })
}

/// `meth_repr`, `Objects/methodobject.c`.
fn builtin(writer: &mut Writer<'_, '_>, object: Addr, _: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let layout = &look.layout().function;
    let definition = look.memory.pointer(object.plus(layout.builtin_def))?;
    let name = look.c_name(definition)?;
    let receiver = look.memory.pointer(object.plus(layout.builtin_self))?;
    if receiver.is_null() || look.type_of(receiver)?.builtin == Builtin::Module {
        writer.put(&format!("<built-in function {name}>"));
        return Ok(());
    }
    let kind = look.c_type_name_of(receiver)?;
    writer.put(&format!(
        "<built-in method {name} of {kind} object at {receiver}>"
    ));
    Ok(())
}

/// `wrapper_repr`, `Objects/descrobject.c`.
fn method_wrapper(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    _: &TypeInfo,
) -> Result<(), LookError> {
    let look = writer.look;
    let layout = &look.layout().function;
    let descriptor = look.memory.pointer(object.plus(layout.wrapper_descr))?;
    let name = look.name(look.memory.pointer(descriptor.plus(layout.descr_name))?)?;
    let receiver = look.memory.pointer(object.plus(layout.wrapper_self))?;
    let kind = look.c_type_name_of(receiver)?;
    writer.put(&format!(
        "<method-wrapper '{name}' of {kind} object at {receiver}>"
    ));
    Ok(())
}

fn slot_wrapper(writer: &mut Writer<'_, '_>, object: Addr, _: &TypeInfo) -> Result<(), LookError> {
    descriptor(writer, object, "slot wrapper")
}

fn method_descriptor(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    _: &TypeInfo,
) -> Result<(), LookError> {
    descriptor(writer, object, "method")
}

fn attribute_descriptor(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    _: &TypeInfo,
) -> Result<(), LookError> {
    descriptor(writer, object, "attribute")
}

fn member_descriptor(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    _: &TypeInfo,
) -> Result<(), LookError> {
    descriptor(writer, object, "member")
}

/// `descr_repr`, `Objects/descrobject.c`.
fn descriptor(writer: &mut Writer<'_, '_>, object: Addr, what: &str) -> Result<(), LookError> {
    let look = writer.look;
    let layout = &look.layout().function;
    let name = look.name(look.memory.pointer(object.plus(layout.descr_name))?)?;
    let owner = look.memory.pointer(object.plus(layout.descr_type))?;
    let kind = look.c_type_name(owner)?;
    let is_short = Dialect::of(look.layout().version).descriptors_of_object_are_short;
    if is_short && look.type_at(owner)?.static_name() == Some("object") {
        writer.put(&format!("<{what} '{name}'>"));
    } else {
        writer.put(&format!("<{what} '{name}' of '{kind}' objects>"));
    }
    Ok(())
}

fn wrapped(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let name = kind.plain_name();
    let at = writer.look.layout().function.wrapped_callable;
    let cut = format!("<{name}(…)>");
    writer.nested(object, &cut, &cut, |writer| {
        writer.put(&format!("<{name}("));
        writer.field(object.plus(at))?;
        writer.put(")>");
        Ok(())
    })
}

/// `super_repr`, `Objects/typeobject.c`.
fn super_object(writer: &mut Writer<'_, '_>, object: Addr, _: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let part = |name: &str| -> Result<Option<String>, LookError> {
        match look.attribute_object(object, name)? {
            Some(class) => look.c_type_name(class).map(Some),
            None => Ok(None),
        }
    };
    let of = part("__thisclass__")?.unwrap_or("NULL".to_string());
    match part("__self_class__")? {
        Some(kind) => writer.put(&format!("<super: <class '{of}'>, <{kind} object>>")),
        None => writer.put(&format!("<super: <class '{of}'>, NULL>")),
    }
    Ok(())
}

/// `partial_repr`, `Modules/_functoolsmodule.c`.
fn partial(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let name = writer.look.qualified_type_name(kind.address)?;
    writer.nested(object, "...", &format!("{name}(…)"), |writer| {
        let look = writer.look;
        writer.put(&format!("{name}("));
        if let Some(function) = look.attribute_object(object, "func")? {
            writer.object(function);
        }
        if let Some(arguments) = look.attribute_object(object, "args")? {
            for argument in look.sequence(arguments, MOST_ARGUMENTS)? {
                writer.put(", ");
                writer.object(argument);
            }
        }
        if let Some(keywords) = look.attribute_object(object, "keywords")? {
            for (key, value) in look.dict_items(keywords, MOST_ARGUMENTS as usize)? {
                writer.put(", ");
                writer.put(&look.name(key)?);
                writer.put("=");
                writer.object(value);
            }
        }
        writer.put(")");
        Ok(())
    })
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

    /// `__qualname__` of whatever a bound method calls, else `__name__`, else `?`.
    fn name_of_callable(&self, callable: Addr) -> Result<String, LookError> {
        if self.type_of(callable)?.static_name() == Some("function") {
            return self.qualname_of_function(callable);
        }
        if let Some(name) = self.builtin_qualname(callable)? {
            return Ok(name);
        }
        for name in ["__qualname__", "__name__"] {
            if let Some(text) = self.attribute_object(callable, name)?
                && self.type_of(text)?.builtin == Builtin::Str
            {
                return self.name(text);
            }
        }
        Ok("?".to_string())
    }

    /// `meth_get__qualname__`, `Objects/methodobject.c`; nothing if it is no builtin function.
    fn builtin_qualname(&self, callable: Addr) -> Result<Option<String>, LookError> {
        let layout = &self.layout().function;
        let kind = self.type_of(callable)?;
        if !matches!(
            kind.static_name(),
            Some("builtin_function_or_method" | "builtin_method")
        ) {
            return Ok(None);
        }
        let name = self.c_name(self.memory.pointer(callable.plus(layout.builtin_def))?)?;
        let receiver = self.memory.pointer(callable.plus(layout.builtin_self))?;
        if receiver.is_null() {
            return Ok(Some(name));
        }
        let kind = self.type_of(receiver)?;
        Ok(Some(match kind.builtin {
            Builtin::Module => name,
            Builtin::Type => format!("{}.{name}", self.type_at(receiver)?.name),
            _ => format!("{}.{name}", kind.name),
        }))
    }

    /// The name that begins a `PyMethodDef`.
    fn c_name(&self, definition: Addr) -> Result<String, LookError> {
        let name = self.memory.pointer(definition)?;
        let name = self.memory.c_string(name, LONGEST_NAME)?;
        Ok(String::from_utf8_lossy(&name).into_owned())
    }

    /// `tp_name` of the type of an object: with the module for types made in C only.
    pub(super) fn c_type_name_of(&self, object: Addr) -> Result<String, LookError> {
        let at = self.layout().object.kind;
        self.c_type_name(self.memory.pointer(object.plus(at))?)
    }

    /// An attribute, if it is an object that is there without running anything.
    pub(in crate::python) fn attribute_object(
        &self,
        object: Addr,
        name: &str,
    ) -> Result<Option<Addr>, LookError> {
        Ok(match self.attribute(object, name)? {
            Some(Attribute::Object(found)) => Some(found),
            _ => None,
        })
    }
}
