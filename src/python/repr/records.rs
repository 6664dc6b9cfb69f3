//! Records: named tuples, structure sequences, dataclasses, namespaces.

use super::dialect::Dialect;
use super::dispatch::{Known, Write, native, python};
use super::{Writer, instances};
use crate::model::{Addr, LengthUnit};
use crate::python::object::{Builtin, TypeInfo};
use crate::python::{Attribute, Look, LookError};

pub(super) const TYPES: &[Known] = &[
    native("types.SimpleNamespace", namespace),
    python("argparse._AttributeHolder.__repr__", arguments),
];

/// Fields that are read at most.
const MOST_FIELDS: usize = 10_000;
/// Bytes of a field's name in C.
const LONGEST_NAME: usize = 512;

/// `namespace_repr`, `Objects/namespaceobject.c`.
fn namespace(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let is_exact = !kind.is_heap() && kind.full_name() == "types.SimpleNamespace";
    let name = if is_exact {
        "namespace"
    } else {
        kind.plain_name()
    };
    let (cycle, deep) = (format!("{name}(...)"), format!("{name}(…)"));
    writer.nested(object, &cycle, &deep, |writer| {
        let mut attributes = writer.look.instance_attributes(object, MOST_FIELDS)?;
        if Dialect::of(writer.look.layout().version).namespace_is_sorted {
            attributes.sort();
        }
        writer.put(&format!("{name}("));
        writer.attributes(attributes);
        writer.put(")");
        Ok(())
    })
}

/// `argparse.Namespace`. Others that inherit the same `__repr__` choose what it shows by methods of theirs.
fn arguments(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let mut attributes = writer.look.instance_attributes(object, MOST_FIELDS)?;
    let is_plain = |name: &String| {
        let mut characters = name.chars();
        let first = characters.next().unwrap_or('0');
        (first.is_alphabetic() || first == '_')
            && characters.all(|one| one.is_alphanumeric() || one == '_')
    };
    if kind.full_name() != "argparse.Namespace"
        || !attributes.iter().all(|(name, _)| is_plain(name))
    {
        return instances::instance(writer, object, kind);
    }
    if Dialect::of(writer.look.layout().version).arguments_are_sorted {
        attributes.sort();
    }
    let name = kind.plain_name();
    writer.nested(object, "...", &format!("{name}(…)"), |writer| {
        writer.put(&format!("{name}("));
        writer.attributes(attributes);
        writer.put(")");
        Ok(())
    })
}

/// What attrs makes (`_make_repr_script`, `attr/_make.py`). A function that writes one attribute is not run.
fn attrs_class(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    let look = writer.look;
    let Some(attributes) = look.class_lookup(kind.address, "__attrs_attrs__")? else {
        return instances::instance(writer, object, kind);
    };
    let attributes = look.sequence(attributes, MOST_FIELDS as u64)?;
    // Without the function that it was made in.
    let name = kind.name.rsplit(">.").next().unwrap_or(&kind.name);
    writer.nested(object, "...", &format!("{name}(…)"), |writer| {
        writer.put(&format!("{name}("));
        let mut is_first = true;
        for attribute in attributes {
            let shown = look.attribute_object(attribute, "repr")?;
            let title = look.attribute_object(attribute, "name")?;
            let (Some(shown), Some(title)) = (shown, title) else {
                continue;
            };
            let is_bool = look.type_of(shown)?.builtin == Builtin::Bool;
            if is_bool && !look.truth_of(attribute, "repr")? {
                continue;
            }
            let title = look.name(title)?;
            writer.put(if is_first { "" } else { ", " });
            is_first = false;
            writer.put(&format!("{title}="));
            match look.attribute(object, &title)? {
                _ if !is_bool => writer.put("<computed>"),
                Some(Attribute::Object(value)) => writer.object(value),
                Some(_) => writer.put("<computed>"),
                None if look.truth_of(attribute, "init")? => writer.put("<unbound>"),
                None => writer.put("NOTHING"),
            }
            if writer.is_full() {
                break;
            }
        }
        writer.put(")");
        Ok(())
    })
}

/// What `collections.namedtuple` makes.
fn named_tuple(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    let look = writer.look;
    let Some(fields) = look.class_lookup(kind.address, "_fields")? else {
        return instances::instance(writer, object, kind);
    };
    let names = look.sequence(fields, MOST_FIELDS as u64)?;
    let items = look.sequence(object, MOST_FIELDS as u64)?;
    let mut fields = Vec::new();
    for (name, item) in names.into_iter().zip(items) {
        fields.push((look.name(name)?, item));
    }
    record(writer, object, kind.plain_name(), fields)
}

/// `structseq_repr`, `Objects/structseq.c`: `os.stat_result`, `time.struct_time`.
fn structure_sequence(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    let look = writer.look;
    let layout = look.layout();
    let members = look
        .memory
        .pointer(kind.address.plus(layout.types.members))?;
    let mut fields = Vec::new();
    for (index, item) in (0_u64..).zip(look.sequence(object, MOST_FIELDS as u64)?) {
        let at = members
            .plus(index.wrapping_mul(layout.function.memberdef_size))
            .plus(layout.function.memberdef_name);
        let name = look
            .memory
            .c_string(look.memory.pointer(at)?, LONGEST_NAME)?;
        fields.push((String::from_utf8_lossy(&name).into_owned(), item));
    }
    let name = look.c_type_name(kind.address)?;
    record(writer, object, &name, fields)
}

fn record(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    name: &str,
    fields: Vec<(String, Addr)>,
) -> Result<(), LookError> {
    writer.count(fields.len() as u64, LengthUnit::Items);
    let (cycle, deep) = (format!("{name}(...)"), format!("{name}(…)"));
    writer.nested(object, &cycle, &deep, |writer| {
        writer.put(&format!("{name}("));
        writer.attributes(fields);
        writer.put(")");
        Ok(())
    })
}

/// What `dataclasses.dataclass` makes (`_repr_fn`, `Lib/dataclasses.py`).
fn data_class(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let name = &kind.name;
    writer.nested(object, "...", &format!("{name}(…)"), |writer| {
        let look = writer.look;
        writer.put(&format!("{name}("));
        for (index, field) in look.data_class_fields(kind)?.into_iter().enumerate() {
            writer.put(if index == 0 { "" } else { ", " });
            writer.put(&field);
            writer.put("=");
            match look.attribute(object, &field)? {
                Some(Attribute::Object(value)) => writer.object(value),
                Some(_) => writer.put("<computed>"),
                None => writer.put("<unbound>"),
            }
        }
        writer.put(")");
        Ok(())
    })
}

impl Look<'_> {
    /// The names of the fields of a dataclass that its `__repr__` shows, in their order.
    pub(in crate::python) fn data_class_fields(
        &self,
        kind: &TypeInfo,
    ) -> Result<Vec<String>, LookError> {
        let mut names = Vec::new();
        let Some(fields) = self.class_lookup(kind.address, "__dataclass_fields__")? else {
            return Ok(names);
        };
        for (name, field) in self.dict_items(fields, MOST_FIELDS)? {
            // Class variables and the arguments of `__init__` alone are in the same dict.
            let is_field = match self.attribute_object(field, "_field_type")? {
                Some(marker) => match self.attribute_object(marker, "name")? {
                    Some(name) => self.name(name)? == "_FIELD",
                    None => false,
                },
                None => false,
            };
            if is_field && self.truth_of(field, "repr")? {
                names.push(self.name(name)?);
            }
        }
        Ok(names)
    }

    /// What writes for a `__repr__` in Python that a tool made for the class `owner`.
    pub(super) fn generated_repr(
        &self,
        owner: &TypeInfo,
        method: Addr,
    ) -> Result<Option<Write>, LookError> {
        let dict = self.class_dict(owner.address)?;
        let file = |function: Addr| -> Result<String, LookError> {
            let at = self.layout().function.code;
            Ok(self
                .code(self.memory.pointer(function.plus(at))?)?
                .file
                .clone())
        };
        let has = |name: &str| -> Result<bool, LookError> {
            Ok(self.dict_get_str(dict, name)?.is_some())
        };
        let of_method = file(method)?;
        if has("_fields")? && of_method.ends_with("collections/__init__.py") {
            return Ok(Some(named_tuple));
        }
        // Older versions of attrs made a closure in their own file.
        let is_attrs =
            of_method.starts_with("<attrs generated ") || of_method.ends_with("/attr/_make.py");
        if has("__attrs_attrs__")? && is_attrs {
            return Ok(Some(attrs_class));
        }
        Ok(self
            .is_data_class_repr(owner.address, method)?
            .then_some(data_class as Write))
    }

    /// Whether a `__repr__` of the class `owner` is one that `dataclasses` made.
    pub(in crate::python) fn is_data_class_repr(
        &self,
        owner: Addr,
        method: Addr,
    ) -> Result<bool, LookError> {
        let dict = self.class_dict(owner)?;
        // The function that it compiled is wrapped in one that knows recursion.
        if self.dict_get_str(dict, "__dataclass_fields__")?.is_some()
            && let Some(wrapped) = self.attribute_object(method, "__wrapped__")?
            && self.type_of(wrapped)?.static_name() == Some("function")
        {
            let code = wrapped.plus(self.layout().function.code);
            return Ok(self.code(self.memory.pointer(code)?)?.file == "<string>");
        }
        Ok(false)
    }

    /// What writes for a `__repr__` in C that many types share.
    pub(super) fn shared_repr(&self, owner: &TypeInfo) -> Result<Option<Write>, LookError> {
        let dict = self.class_dict(owner.address)?;
        let is_sequence = !dict.is_null()
            && self.dict_get_str(dict, "n_sequence_fields")?.is_some()
            && owner.builtin == Builtin::Tuple;
        Ok(is_sequence.then_some(structure_sequence as Write))
    }
}
