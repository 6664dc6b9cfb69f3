//! Members of enumerations.

use num_bigint::{BigInt, Sign};

use super::dispatch::{Known, python};
use super::{Writer, instances};
use crate::model::Addr;
use crate::python::object::{Builtin, Integer, TypeInfo};
use crate::python::{Look, LookError};

pub(super) const TYPES: &[Known] = &[
    python("enum.Enum.__repr__", member),
    python("enum.Flag.__repr__", flag),
    python("enum.global_enum_repr", global_member),
    python("enum.global_flag_repr", global_flag),
    python("re.RegexFlag.__repr__", regex_flag),
];

/// Members of a flag that are looked through.
const MOST_MEMBERS: usize = 10_000;

/// `<Colour.RED: 1>`.
fn member(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let name = look.attribute_object(object, "_name_")?;
    let value = look.attribute_object(object, "_value_")?;
    let (Some(name), Some(value)) = (name, value) else {
        return instances::instance(writer, object, kind);
    };
    let name = look.plain(name)?;
    labelled(
        writer,
        object,
        &format!("{}.{name}", kind.plain_name()),
        value,
    )
}

/// `<Permission.READ|WRITE: 3>`. Up to 3.10 the names of a combination are worked out each time; since then such a
/// member has a name, unless it is empty.
fn flag(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let name = look.attribute_object(object, "_name_")?;
    let value = look.attribute_object(object, "_value_")?;
    let (Some(name), Some(value)) = (name, value) else {
        return instances::instance(writer, object, kind);
    };
    let class = kind.plain_name();
    if !look.is_none(name)? {
        let name = look.plain(name)?;
        return labelled(writer, object, &format!("{class}.{name}"), value);
    }
    let has_boundary = look.class_lookup(kind.address, "_boundary_")?.is_some();
    if has_boundary {
        return labelled(writer, object, class, value);
    }
    let names = look.decomposed(kind, value)?;
    labelled(writer, object, &format!("{class}.{names}"), value)
}

fn labelled(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    label: &str,
    value: Addr,
) -> Result<(), LookError> {
    let cut = format!("<{label}: …>");
    writer.nested(object, &cut, &cut, |writer| {
        writer.put(&format!("<{label}: "));
        writer.object(value);
        writer.put(">");
        Ok(())
    })
}

/// `module.NAME`, for an enumeration whose members are names of its module (3.11+).
fn global_member(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    let look = writer.look;
    let module = kind.module.rsplit('.').next().unwrap_or_default();
    let Some(name) = look.attribute_object(object, "_name_")? else {
        return instances::instance(writer, object, kind);
    };
    if look.is_none(name)? {
        return unnamed(writer, object, module, kind);
    }
    writer.put(&format!("{module}.{}", look.plain(name)?));
    Ok(())
}

fn global_flag(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    let look = writer.look;
    let module = kind.module.rsplit('.').next().unwrap_or_default();
    let Some(name) = look.attribute_object(object, "_name_")? else {
        return instances::instance(writer, object, kind);
    };
    if look.is_none(name)? {
        return unnamed(writer, object, module, kind);
    }
    let names = look.plain(name)?;
    let named = names.split('|').map(|name| {
        let is_number = name.starts_with(|first: char| first.is_ascii_digit());
        if is_number {
            name.to_string()
        } else {
            format!("{module}.{name}")
        }
    });
    writer.put(&named.collect::<Vec<_>>().join("|"));
    Ok(())
}

/// `re.RegexFlag(0)`.
fn unnamed(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    module: &str,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    writer.put(&format!("{module}.{}(", kind.plain_name()));
    if let Some(value) = writer.look.attribute_object(object, "_value_")? {
        writer.object(value);
    }
    writer.put(")");
    Ok(())
}

/// Up to 3.10: the members of the value in the order of their definition, then what no member covers in hexadecimal.
fn regex_flag(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let name = look.attribute_object(object, "_name_")?;
    if let Some(name) = name
        && !look.is_none(name)?
    {
        writer.put(&format!("re.{}", look.plain(name)?));
        return Ok(());
    }
    let Integer::Exact(mut value) = look.integer(object)? else {
        return instances::instance(writer, object, kind);
    };
    let is_negative = value.sign() == Sign::Minus;
    if is_negative {
        value = !value;
    }
    let mut parts = Vec::new();
    for (bits, name) in look.named_members(kind)? {
        if &value & &bits != BigInt::ZERO {
            value &= !bits;
            parts.push(format!("re.{name}"));
        }
    }
    if value != BigInt::ZERO {
        parts.push(format!("{value:#x}"));
    }
    let text = parts.join("|");
    writer.put(&match (is_negative, parts.len()) {
        (true, 0 | 1) => format!("~{text}"),
        (true, _) => format!("~({text})"),
        (false, _) => text,
    });
    Ok(())
}

impl Look<'_> {
    /// The characters of a `str`, or the text of anything else.
    fn plain(&self, object: Addr) -> Result<String, LookError> {
        if self.type_of(object)?.builtin == Builtin::Str {
            return self.name(object);
        }
        Ok(self.value(object, &super::Limits::default()).text)
    }

    /// Values and names of the members that have a name, in the order of their definition.
    fn named_members(&self, kind: &TypeInfo) -> Result<Vec<(BigInt, String)>, LookError> {
        let mut named = Vec::new();
        for (value, name) in self.members_by_value(kind)? {
            named.extend(name.map(|name| (value, name)));
        }
        Ok(named)
    }

    /// `_value2member_map_`: members and combinations that were made so far.
    fn members_by_value(
        &self,
        kind: &TypeInfo,
    ) -> Result<Vec<(BigInt, Option<String>)>, LookError> {
        let mut members = Vec::new();
        let Some(map) = self.class_lookup(kind.address, "_value2member_map_")? else {
            return Ok(members);
        };
        for (value, member) in self.dict_items(map, MOST_MEMBERS)? {
            let Integer::Exact(value) = self.integer(value)? else {
                continue;
            };
            let name = match self.attribute_object(member, "_name_")? {
                Some(name) if !self.is_none(name)? => Some(self.name(name)?),
                _ => None,
            };
            members.push((value, name));
        }
        Ok(members)
    }

    /// `_decompose`, `Lib/enum.py` of CPython 3.10: the names of the members that make up a value, the largest first.
    fn decomposed(&self, kind: &TypeInfo, value: Addr) -> Result<String, LookError> {
        let Integer::Exact(value) = self.integer(value)? else {
            return Ok("…".to_string());
        };
        let is_negative = value.sign() == Sign::Minus;
        let all = self.members_by_value(kind)?;
        let single_bit =
            |bits: &BigInt| bits.sign() == Sign::Plus && bits.magnitude().count_ones() == 1;
        let mut found: Vec<(BigInt, Option<String>)> = all
            .iter()
            .filter(|(bits, name)| name.is_some() || (!is_negative && single_bit(bits)))
            .filter(|(bits, _)| *bits != BigInt::ZERO && &(bits & &value) == bits)
            .cloned()
            .collect();
        if found.is_empty() {
            found.extend(all.into_iter().filter(|(bits, _)| *bits == value));
        }
        found.sort_by(|(one, _), (other, _)| other.cmp(one));
        if found.len() > 1 && found.first().is_some_and(|(bits, _)| *bits == value) {
            found.remove(0);
        }
        let names = found
            .into_iter()
            .map(|(bits, name)| name.unwrap_or_else(|| bits.to_string()));
        Ok(names.collect::<Vec<_>>().join("|"))
    }
}
