//! Types of the standard library that people meet in a stack: patterns, generic aliases, loggers, threads.

use super::dispatch::{Known, native, python};
use super::{Limits, Writer, instances};
use crate::model::Addr;
use crate::python::object::{Builtin, Integer, TypeInfo};
use crate::python::{Attribute, Field, Look, LookError};

pub(super) const TYPES: &[Known] = &[
    native("re.Pattern", pattern),
    native("re.Match", found),
    native("types.GenericAlias", generic_alias),
    native("types.UnionType", union),
    native("typing.Union", union),
    python("typing._SpecialForm.__repr__", special_form),
    python("typing.TypeVar.__repr__", type_variable),
    python("typing._TypeVarLike.__repr__", type_variable),
    python("typing._BoundVarianceMixin.__repr__", type_variable),
    native("typing.TypeVar", type_variable),
    native("typing.ParamSpec", type_variable),
    native("_contextvars.ContextVar", context_variable),
    native("_contextvars.Token", context_token),
    // Up to 3.11 without a module.
    native("builtins.ContextVar", context_variable),
    native("builtins.Token", context_token),
    python("subprocess.CompletedProcess.__repr__", completed_process),
    python("logging.Logger.__repr__", logger),
    python("threading.Thread.__repr__", thread),
];

/// The flags of `re` in the order in which they are written (`pattern_repr`, `Modules/_sre/sre.c`).
const PATTERN_FLAGS: &[(i128, &str)] = &[
    (1, "re.TEMPLATE"),
    (2, "re.IGNORECASE"),
    (4, "re.LOCALE"),
    (8, "re.MULTILINE"),
    (16, "re.DOTALL"),
    (32, "re.UNICODE"),
    (64, "re.VERBOSE"),
    (128, "re.DEBUG"),
    (256, "re.ASCII"),
];
const UNICODE: i128 = 32;
/// `LOCALE`, `UNICODE` and `ASCII`.
const ALPHABET: i128 = 4 | UNICODE | 256;
/// Characters of a pattern that are written.
const LONGEST_PATTERN: usize = 200;
/// Members of a union or arguments of a generic type that are read.
const MOST_ARGUMENTS: u64 = 1_000;
/// `PyContextVar` and `PyContextToken` behind their headers of 16 bytes, `internal/pycore_context.h`: the same from 3.8
/// to 3.15.
const VARIABLE_NAME: u64 = 16;
const VARIABLE_DEFAULT: u64 = 24;
const TOKEN_VARIABLE: u64 = 24;
const TOKEN_USED: u64 = 40;
/// Loggers above a logger that are asked for its level.
const DEEPEST_LOGGER: usize = 100;

fn pattern(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let source = look.attribute_object(object, "pattern")?;
    let flags = look.attribute(object, "flags")?;
    let (Some(source), Some(Attribute::Field(Field::Integer(mut flags)))) = (source, flags) else {
        return instances::instance(writer, object, kind);
    };
    let is_text = look.type_of(source)?.builtin == Builtin::Str;
    if is_text && flags & ALPHABET == UNICODE {
        flags &= !UNICODE;
    }
    let limits = Limits {
        characters: LONGEST_PATTERN,
        ..Limits::default()
    };
    let text = look.value(source, &limits).text;
    writer.put("re.compile(");
    writer.put(text.strip_suffix('…').unwrap_or(&text));
    let mut names = Vec::new();
    for (bit, name) in PATTERN_FLAGS {
        if flags & bit != 0 {
            names.push((*name).to_string());
            flags &= !bit;
        }
    }
    if flags != 0 {
        names.push(format!("{flags:#x}"));
    }
    if !names.is_empty() {
        writer.put(", ");
        writer.put(&names.join("|"));
    }
    writer.put(")");
    Ok(())
}

/// `match_repr`, `Modules/_sre/sre.c`.
fn found(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let marks = object.plus(look.layout().object.match_marks);
    let start = look.memory.i64(marks)?;
    let end = look.memory.i64(marks.plus(8))?;
    let Some(subject) = look.attribute_object(object, "string")? else {
        return instances::instance(writer, object, kind);
    };
    let name = look.qualified_type_name(kind.address)?;
    writer.put(&format!("<{name} object; span=({start}, {end}), match="));
    let first = usize::try_from(start).unwrap_or(0);
    let count = usize::try_from(end.saturating_sub(start)).unwrap_or(0);
    let wanted = count.min(writer.wanted());
    match look.type_of(subject)?.builtin {
        Builtin::Str => {
            let part = look.text_part(subject, first, wanted)?;
            let is_all = part.len() == count;
            super::text::quoted(writer, &part, is_all);
        }
        Builtin::Bytes => {
            let at = look.layout().object.bytes_data;
            let start = subject.plus(at).plus(first as u64);
            let bytes = look.memory.bytes(start, wanted)?;
            super::text::quoted_bytes(writer, &bytes, count as u64);
        }
        _ => writer.put("…"),
    }
    writer.put(">");
    Ok(())
}

/// `list[int]` (`ga_repr`, `Objects/genericaliasobject.c`).
pub(super) fn generic_alias(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    let look = writer.look;
    let origin = look.attribute_object(object, "__origin__")?;
    let arguments = look.attribute_object(object, "__args__")?;
    let (Some(origin), Some(arguments)) = (origin, arguments) else {
        return instances::instance(writer, object, kind);
    };
    writer.nested(object, "...", "…", |writer| {
        type_item(writer, origin)?;
        writer.put("[");
        let items = look.sequence(arguments, MOST_ARGUMENTS)?;
        if items.is_empty() {
            writer.put("()");
        }
        for (index, item) in items.into_iter().enumerate() {
            writer.put(if index == 0 { "" } else { ", " });
            type_item(writer, item)?;
        }
        writer.put("]");
        Ok(())
    })
}

/// `int | None` (`union_repr`, `Objects/unionobject.c`).
fn union(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let Some(arguments) = look.attribute_object(object, "__args__")? else {
        return instances::instance(writer, object, kind);
    };
    writer.nested(object, "...", "…", |writer| {
        let items = look.sequence(arguments, MOST_ARGUMENTS)?;
        for (index, item) in items.into_iter().enumerate() {
            writer.put(if index == 0 { "" } else { " | " });
            type_item(writer, item)?;
        }
        Ok(())
    })
}

/// A class by its name, `...`, `None` for its type, anything else by its text.
fn type_item(writer: &mut Writer<'_, '_>, item: Addr) -> Result<(), LookError> {
    let look = writer.look;
    match look.type_of(item)?.builtin {
        Builtin::Ellipsis => writer.put("..."),
        Builtin::Type => {
            let name = look.qualified_type_name(item)?;
            writer.put(if name == "NoneType" { "None" } else { &name });
        }
        _ => writer.object(item),
    }
    Ok(())
}

fn special_form(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    let look = writer.look;
    match look.attribute_object(object, "_name")? {
        Some(name) => writer.put(&format!("typing.{}", look.name(name)?)),
        None => return instances::instance(writer, object, kind),
    }
    Ok(())
}

pub(super) fn type_variable(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    let look = writer.look;
    let truth = |name: &str| -> Result<bool, LookError> {
        Ok(match look.attribute(object, name)? {
            Some(Attribute::Field(Field::Bool(truth))) => truth,
            Some(Attribute::Object(_)) => look.truth_of(object, name)?,
            _ => false,
        })
    };
    let prefix = match (truth("__covariant__")?, truth("__contravariant__")?) {
        (true, _) => "+",
        (_, true) => "-",
        _ if truth("__infer_variance__")? => "",
        _ => "~",
    };
    match look.attribute_object(object, "__name__")? {
        Some(name) => writer.put(&format!("{prefix}{}", look.name(name)?)),
        None => return instances::instance(writer, object, kind),
    }
    Ok(())
}

/// `<Logger name (LEVEL)>`, with the level that is in force.
fn logger(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let Some(name) = look.attribute_object(object, "name")? else {
        return instances::instance(writer, object, kind);
    };
    let mut level = num_bigint::BigInt::ZERO;
    let mut at = object;
    for _ in 0..DEEPEST_LOGGER {
        if let Some(own) = look.attribute_object(at, "level")?
            && let Integer::Exact(own) = look.integer(own)?
        {
            level = own;
        }
        let parent = look.attribute_object(at, "parent")?;
        match parent {
            Some(parent) if level == num_bigint::BigInt::ZERO && !look.is_none(parent)? => {
                at = parent;
            }
            _ => break,
        }
    }
    let level = match level.to_string().as_str() {
        "0" => "NOTSET".to_string(),
        "10" => "DEBUG".to_string(),
        "20" => "INFO".to_string(),
        "30" => "WARNING".to_string(),
        "40" => "ERROR".to_string(),
        "50" => "CRITICAL".to_string(),
        other => format!("Level {other}"),
    };
    let (class, name) = (kind.plain_name(), look.name(name)?);
    writer.put(&format!("<{class} {name} ({level})>"));
    Ok(())
}

/// `<Thread(Thread-1, started daemon 139…)>`, without asking the thread whether it still runs.
fn thread(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let name = look.attribute_object(object, "_name")?;
    let started = look.attribute_object(object, "_started")?;
    let (Some(name), Some(started)) = (name, started) else {
        return instances::instance(writer, object, kind);
    };
    let mut status = "initial".to_string();
    if look.truth_of(started, "_flag")? {
        status = "started".to_string();
    }
    if look.is_thread_over(object)? {
        status = "stopped".to_string();
    }
    if look.truth_of(object, "_daemonic")? {
        status += " daemon";
    }
    let (class, name) = (kind.plain_name(), look.name(name)?);
    writer.put(&format!("<{class}({name}, {status}"));
    if let Some(ident) = look.attribute_object(object, "_ident")?
        && !look.is_none(ident)?
    {
        writer.put(" ");
        writer.object(ident);
    }
    writer.put(")>");
    Ok(())
}

/// `contextvar_tp_repr`, `Python/context.c`.
fn context_variable(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    _: &TypeInfo,
) -> Result<(), LookError> {
    let default = writer.look.memory.pointer(object.plus(VARIABLE_DEFAULT))?;
    writer.nested(object, "<ContextVar ...>", "<ContextVar …>", |writer| {
        writer.put("<ContextVar name=");
        writer.field(object.plus(VARIABLE_NAME))?;
        if !default.is_null() {
            writer.put(" default=");
            writer.object(default);
        }
        writer.put(&format!(" at {object}>"));
        Ok(())
    })
}

/// `token_tp_repr`.
fn context_token(writer: &mut Writer<'_, '_>, object: Addr, _: &TypeInfo) -> Result<(), LookError> {
    let is_used = writer.look.memory.i32(object.plus(TOKEN_USED))? != 0;
    writer.nested(object, "<Token ...>", "<Token …>", |writer| {
        writer.put("<Token");
        writer.put(if is_used { " used" } else { "" });
        writer.put(" var=");
        writer.field(object.plus(TOKEN_VARIABLE))?;
        writer.put(&format!(" at {object}>"));
        Ok(())
    })
}

/// `CompletedProcess(args=['ls'], returncode=0)`; what was not captured is not shown.
fn completed_process(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    let look = writer.look;
    let mut fields = Vec::new();
    for name in ["args", "returncode", "stdout", "stderr"] {
        if let Some(value) = look.attribute_object(object, name)?
            && (!name.starts_with("std") || !look.is_none(value)?)
        {
            fields.push((name.to_string(), value));
        }
    }
    let name = kind.plain_name();
    writer.nested(object, "...", &format!("{name}(…)"), |writer| {
        writer.put(&format!("{name}("));
        writer.attributes(fields);
        writer.put(")");
        Ok(())
    })
}

impl Look<'_> {
    /// Up to 3.12 a thread says so itself (`_is_stopped`), once somebody asked; from 3.13 on, its handle does.
    fn is_thread_over(&self, thread: Addr) -> Result<bool, LookError> {
        self.truth_of(thread, "_is_stopped")
    }
}
