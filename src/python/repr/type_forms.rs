//! What `typing` makes of annotations: `typing.List[int]`, `typing.Optional[str]`, parameters, references by name.
//!
//! `Lib/typing.py`, whose classes have had these forms since 3.8; where one changed, [`Dialect`] tells.

use super::dialect::Dialect;
use super::dispatch::{Known, native, python};
use super::{Writer, instances};
use crate::model::Addr;
use crate::python::LookError;
use crate::python::object::{Builtin, TypeInfo};

pub(super) const TYPES: &[Known] = &[
    python("typing._GenericAlias.__repr__", alias),
    python("typing._UnionGenericAlias.__repr__", union),
    python("typing._CallableGenericAlias.__repr__", callable),
    python("typing._AnnotatedAlias.__repr__", annotated),
    python("typing._UnpackGenericAlias.__repr__", unpacked),
    python("typing._SpecialGenericAlias.__repr__", bare),
    python("collections.abc._CallableGenericAlias.__repr__", callable),
    python("_collections_abc._CallableGenericAlias.__repr__", callable),
    python("typing.ForwardRef.__repr__", reference),
    python("annotationlib.ForwardRef.__repr__", reference),
    python("typing.NewType.__repr__", new_type),
    python("typing.TypeVarTuple.__repr__", named),
    native("typing.TypeVarTuple", type_tuple),
    native("typing.TypeAliasType", named),
    python("typing.ParamSpecArgs.__repr__", arguments_of),
    python("typing.ParamSpecKwargs.__repr__", keywords_of),
    native("typing.ParamSpecArgs", arguments_of),
    native("typing.ParamSpecKwargs", keywords_of),
];

/// Arguments of one form that are read.
const MOST_ARGUMENTS: u64 = 1_000;

type Written = Result<(), LookError>;

/// `typing.List[int]`: its name, else that of its origin, and its arguments.
fn alias(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Written {
    // Up to 3.8 the bare `typing.List`, and `typing.Callable`, are of the same class.
    if writer.look.truth_of(object, "_special")? {
        return bare(writer, object, kind);
    }
    if kind.plain_name() != "_CallableGenericAlias"
        && name_of(writer, object)?.as_deref() == Some("Callable")
    {
        return callable(writer, object, kind);
    }
    subscripted(writer, object, kind)
}

fn subscripted(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Written {
    let Some(arguments) = arguments(writer, object)? else {
        return instances::instance(writer, object, kind);
    };
    let name = name_of(writer, object)?;
    let origin = writer.look.attribute_object(object, "__origin__")?;
    writer.nested(object, "...", "…", |writer| {
        match (name, origin) {
            (Some(name), _) => writer.put(&format!("typing.{name}")),
            (None, Some(origin)) => item(writer, origin)?,
            (None, None) => writer.put("?"),
        }
        writer.put("[");
        if arguments.is_empty() {
            writer.put("()");
        }
        items(writer, &arguments)?;
        writer.put("]");
        Ok(())
    })
}

fn union(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Written {
    let found = arguments(writer, object)?.unwrap_or_default();
    if let [first, second] = found[..] {
        let other = match (is_none_type(writer, first)?, is_none_type(writer, second)?) {
            (true, _) => Some(second),
            (_, true) => Some(first),
            _ => None,
        };
        if let Some(other) = other {
            return writer.nested(object, "...", "…", |writer| {
                writer.put("typing.Optional[");
                item(writer, other)?;
                writer.put("]");
                Ok(())
            });
        }
    }
    subscripted(writer, object, kind)
}

/// `typing.Callable[[int], str]`, and that of `collections.abc`.
fn callable(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Written {
    let Some(found) = arguments(writer, object)? else {
        return instances::instance(writer, object, kind);
    };
    let is_of_typing = kind.module == "typing";
    let Some((result, parameters)) = found.split_last() else {
        return instances::instance(writer, object, kind);
    };
    if let [only] = parameters
        && stands_for_parameters(writer, *only)?
    {
        if is_of_typing {
            return subscripted(writer, object, kind);
        }
        return super::library::generic_alias(writer, object, kind);
    }
    let module = if is_of_typing {
        "typing"
    } else {
        "collections.abc"
    };
    writer.nested(object, "...", "…", |writer| {
        writer.put(&format!("{module}.Callable[["));
        items(writer, parameters)?;
        writer.put("], ");
        item(writer, *result)?;
        writer.put("]");
        Ok(())
    })
}

/// `...`, a `ParamSpec` or a `Concatenate` (`_is_param_expr`).
fn stands_for_parameters(writer: &Writer<'_, '_>, object: Addr) -> Result<bool, LookError> {
    let kind = writer.look.type_of(object)?;
    let by_name = ["ParamSpec", "_ConcatenateGenericAlias"].contains(&kind.plain_name());
    Ok(by_name || kind.builtin == Builtin::Ellipsis)
}

fn annotated(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Written {
    let look = writer.look;
    let origin = look.attribute_object(object, "__origin__")?;
    let metadata = look.attribute_object(object, "__metadata__")?;
    let (Some(origin), Some(metadata)) = (origin, metadata) else {
        return instances::instance(writer, object, kind);
    };
    writer.nested(object, "...", "…", |writer| {
        writer.put("typing.Annotated[");
        item(writer, origin)?;
        writer.put(", ");
        let metadata = writer.look.sequence(metadata, MOST_ARGUMENTS)?;
        writer.objects(metadata);
        writer.put("]");
        Ok(())
    })
}

fn unpacked(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Written {
    let Some(&[only]) = arguments(writer, object)?.as_deref() else {
        return instances::instance(writer, object, kind);
    };
    let has_star = Dialect::of(writer.look.layout().version).unpacked_has_star;
    writer.nested(object, "...", "…", |writer| {
        if has_star {
            writer.put("*");
            writer.object(only);
        } else {
            writer.put("typing.Unpack[");
            item(writer, only)?;
            writer.put("]");
        }
        Ok(())
    })
}

/// `typing.List` without arguments.
fn bare(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Written {
    match name_of(writer, object)? {
        Some(name) => writer.put(&format!("typing.{name}")),
        None => return instances::instance(writer, object, kind),
    }
    Ok(())
}

/// `ForwardRef('Name')`.
fn reference(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Written {
    let look = writer.look;
    let mut text = None;
    // From 3.14 on the one is a property that reads the other.
    for name in ["__forward_arg__", "__arg__"] {
        text = text.or(look.attribute_object(object, name)?);
    }
    let Some(text) = text else {
        return instances::instance(writer, object, kind);
    };
    let dialect = Dialect::of(look.layout().version);
    writer.nested(object, "...", "…", |writer| {
        writer.put("ForwardRef(");
        writer.object(text);
        let has = |name: &str| look.attribute_object(object, name);
        if dialect.reference_has_module
            && let Some(module) = has("__forward_module__")?
            && !look.is_none(module)?
        {
            writer.put(", module=");
            writer.object(module);
        }
        if dialect.reference_has_owner {
            if look.truth_of(object, "__forward_is_class__")? {
                writer.put(", is_class=True");
            }
            if let Some(owner) = has("__owner__")?
                && !look.is_none(owner)?
            {
                writer.put(", owner=");
                writer.object(owner);
            }
        }
        writer.put(")");
        Ok(())
    })
}

/// `module.Name`.
fn new_type(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Written {
    let module = text(writer, object, "__module__")?;
    let name = text(writer, object, "__qualname__")?;
    match module.zip(name) {
        Some((module, name)) => writer.put(&format!("{module}.{name}")),
        None => return instances::instance(writer, object, kind),
    }
    Ok(())
}

/// What is shown by its name alone.
fn named(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Written {
    match text(writer, object, "__name__")? {
        Some(name) => writer.put(&name),
        None => return instances::instance(writer, object, kind),
    }
    Ok(())
}

fn type_tuple(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Written {
    if Dialect::of(writer.look.layout().version).type_tuples_have_variance {
        return super::library::type_variable(writer, object, kind);
    }
    named(writer, object, kind)
}

fn arguments_of(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Written {
    part_of(writer, object, kind, "args")
}

fn keywords_of(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Written {
    part_of(writer, object, kind, "kwargs")
}

/// `P.args`, of a `ParamSpec` P.
fn part_of(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo, part: &str) -> Written {
    let origin = writer.look.attribute_object(object, "__origin__")?;
    let name = match origin {
        Some(origin) => text(writer, origin, "__name__")?,
        None => None,
    };
    match name {
        Some(name) => writer.put(&format!("{name}.{part}")),
        None => return instances::instance(writer, object, kind),
    }
    Ok(())
}

fn arguments(writer: &Writer<'_, '_>, object: Addr) -> Result<Option<Vec<Addr>>, LookError> {
    let found = writer.look.attribute_object(object, "__args__")?;
    found
        .map(|found| writer.look.sequence(found, MOST_ARGUMENTS))
        .transpose()
}

/// `_name`, unless that is None.
fn name_of(writer: &Writer<'_, '_>, object: Addr) -> Result<Option<String>, LookError> {
    text(writer, object, "_name")
}

fn text(writer: &Writer<'_, '_>, object: Addr, name: &str) -> Result<Option<String>, LookError> {
    match writer.look.attribute_object(object, name)? {
        Some(found) if writer.look.type_of(found)?.builtin == Builtin::Str => {
            writer.look.name(found).map(Some)
        }
        _ => Ok(None),
    }
}

fn is_none_type(writer: &Writer<'_, '_>, object: Addr) -> Result<bool, LookError> {
    let look = writer.look;
    let is_type = look.type_of(object)?.builtin == Builtin::Type;
    Ok(is_type && look.type_at(object)?.static_name() == Some("NoneType"))
}

fn items(writer: &mut Writer<'_, '_>, objects: &[Addr]) -> Written {
    for (index, object) in objects.iter().enumerate() {
        writer.put(if index == 0 { "" } else { ", " });
        item(writer, *object)?;
        if writer.is_full() {
            break;
        }
    }
    Ok(())
}

/// `_type_repr`: a class and a function by name, `...`, all else by its text.
fn item(writer: &mut Writer<'_, '_>, object: Addr) -> Written {
    let look = writer.look;
    let kind = look.type_of(object)?;
    let dialect = Dialect::of(look.layout().version);
    match kind.builtin {
        Builtin::Ellipsis => writer.put("..."),
        Builtin::Type => writer.put(&look.qualified_type_name(object)?),
        Builtin::Tuple if dialect.type_lists_have_brackets => {
            let members = look.sequence(object, MOST_ARGUMENTS)?;
            return writer.nested(object, "...", "…", |writer| {
                writer.put("[");
                items(writer, &members)?;
                writer.put("]");
                Ok(())
            });
        }
        _ if kind.static_name() == Some("function") => {
            let full = look.function_full_name(object)?;
            let name = match dialect.type_functions_have_module {
                true => full.strip_prefix("builtins.").unwrap_or(&full),
                false => full.rsplit('.').next().unwrap_or(&full),
            };
            writer.put(name);
        }
        _ => writer.object(object),
    }
    Ok(())
}
