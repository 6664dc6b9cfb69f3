//! Code, frames, cells, generators and references.

use super::Writer;
use super::dialect::Dialect;
use super::dispatch::{Known, native};
use crate::model::Addr;
use crate::python::generator::GeneratorPhase;
use crate::python::layout::FrameLayout;
use crate::python::object::{Builtin, TypeInfo};
use crate::python::{Look, LookError};

pub(super) const TYPES: &[Known] = &[
    native("builtins.code", code),
    native("builtins.frame", frame),
    native("builtins.cell", cell),
    native("builtins.generator", generator),
    native("builtins.coroutine", generator),
    native("builtins.async_generator", generator),
    native("builtins.weakref", weak),
    native("builtins.weakproxy", weak_proxy),
    native("builtins.weakcallableproxy", weak_proxy),
    native("weakref.ReferenceType", weak),
    native("weakref.ProxyType", weak_proxy),
    native("weakref.CallableProxyType", weak_proxy),
];

/// `code_repr`, `Objects/codeobject.c`.
fn code(writer: &mut Writer<'_, '_>, object: Addr, _: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let code = look.code(object)?;
    let name = look.code_name(object)?;
    let line = match code.first_line {
        0 => -1,
        line => line,
    };
    writer.put(&format!(
        "<code object {name} at {object}, file \"{}\", line {line}>",
        code.file
    ));
    Ok(())
}

/// `frame_repr`, `Objects/frameobject.c`.
fn frame(writer: &mut Writer<'_, '_>, object: Addr, _: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let address = match look.layout().frame {
        FrameLayout::Object(_) => object,
        FrameLayout::Interpreter(layout) => look
            .memory
            .pointer(object.plus(layout.frame_object_frame))?,
    };
    let torn = LookError::Torn {
        what: "a frame",
        address: object,
    };
    let (code_at, tag) = match look.layout().frame {
        FrameLayout::Object(layout) => (layout.code, 0),
        FrameLayout::Interpreter(layout) => (layout.code, layout.reference_tag),
    };
    let frame = look.frame(address)?.ok_or(torn)?;
    let code = Addr(look.memory.u64(address.plus(code_at))? & !tag);
    let name = look.code_name(code)?;
    let file = look
        .memory
        .pointer(code.plus(look.layout().code.filename))?;
    writer.put(&format!("<frame at {object}, file "));
    writer.object(file);
    let line = frame
        .position
        .line
        .map_or("None".to_string(), |line| line.to_string());
    writer.put(&format!(", line {line}, code {name}>"));
    Ok(())
}

/// `cell_repr`, `Objects/cellobject.c`.
fn cell(writer: &mut Writer<'_, '_>, object: Addr, _: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let at = object.plus(look.layout().object.cell_contents);
    let contents = look.memory.pointer(at)?;
    if contents.is_null() {
        writer.put(&format!("<cell at {object}: empty>"));
        return Ok(());
    }
    let kind: String = look.c_type_name_of(contents)?.chars().take(80).collect();
    writer.put(&format!("<cell at {object}: {kind} object at {contents}>"));
    Ok(())
}

/// `gen_repr`, `Objects/genobject.c`.
fn generator(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let name = look.generator_name(object)?;
    writer.is_at(look.progress_of(object)?);
    writer.put(&format!(
        "<{} object {name} at {object}>",
        kind.plain_name()
    ));
    Ok(())
}

/// `weakref_repr`, `Objects/weakrefobject.c`.
fn weak(writer: &mut Writer<'_, '_>, object: Addr, _: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let at = object.plus(look.layout().object.weakref_object);
    let target = look.memory.pointer(at)?;
    if target.is_null() || look.is_none(target)? {
        writer.put(&format!("<weakref at {object}; dead>"));
        return Ok(());
    }
    let kind = look.weakly_named(target)?;
    let name = match look.name_for_weakref(target)? {
        Some(name) => format!(" ({name})"),
        None => String::new(),
    };
    let text = format!("<weakref at {object}; to '{kind}' at {target}{name}>");
    writer.put(&text);
    Ok(())
}

/// `proxy_repr`, `Objects/weakrefobject.c`.
fn weak_proxy(writer: &mut Writer<'_, '_>, object: Addr, _: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let at = object.plus(look.layout().object.weakref_object);
    let target = look.memory.pointer(at)?;
    let has_quotes = Dialect::of(look.layout().version).weakproxy_has_quotes;
    if target.is_null() || (has_quotes && look.is_none(target)?) {
        writer.put(&format!("<weakproxy at {object}; dead>"));
        return Ok(());
    }
    let kind = look.weakly_named(target)?;
    writer.put(&if has_quotes {
        format!("<weakproxy at {object}; to '{kind}' at {target}>")
    } else {
        format!("<weakproxy at {object} to {kind} at {target}>")
    });
    Ok(())
}

impl Look<'_> {
    /// Where a generator or coroutine is.
    fn progress_of(&self, generator: Addr) -> Result<String, LookError> {
        let what = match self.generator_phase(generator)? {
            GeneratorPhase::Created => "created",
            GeneratorPhase::Running => "running",
            GeneratorPhase::Finished => "finished",
            GeneratorPhase::Suspended => "suspended",
        };
        let frame = match what {
            "finished" | "created" => None,
            _ => self.suspended_frame(generator)?,
        };
        let place = frame.and_then(|frame| {
            let line = frame.position.line?;
            Some(format!("{what} at {}:{line}", frame.code.file))
        });
        Ok(place.unwrap_or_else(|| what.to_string()))
    }

    /// The name of the type of what a weak reference refers to.
    fn weakly_named(&self, target: Addr) -> Result<String, LookError> {
        if Dialect::of(self.layout().version).weakref_has_module {
            return Ok(self.type_of(target)?.shown_name());
        }
        self.c_type_name_of(target)
    }

    /// `__name__` of what a weak reference refers to.
    fn name_for_weakref(&self, target: Addr) -> Result<Option<String>, LookError> {
        let kind = self.type_of(target)?;
        if kind.builtin == Builtin::Type {
            return Ok(Some(self.type_at(target)?.plain_name().to_string()));
        }
        let asks = Dialect::of(self.layout().version).weakref_asks_instances;
        if !asks && self.class_lookup(kind.address, "__name__")?.is_none() {
            return Ok(None);
        }
        match self.attribute_object(target, "__name__")? {
            Some(name) if self.type_of(name)?.builtin == Builtin::Str => Ok(Some(self.name(name)?)),
            _ => Ok(None),
        }
    }

    /// `co_name`, which is not qualified.
    fn code_name(&self, code: Addr) -> Result<String, LookError> {
        let at = self.layout().code.name;
        self.name(self.memory.pointer(code.plus(at))?)
    }
}
