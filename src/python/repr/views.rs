//! Views on mappings.

use super::Writer;
use super::dispatch::{Known, native};
use crate::model::{Addr, LengthUnit};
use crate::python::LookError;
use crate::python::object::TypeInfo;

pub(super) const TYPES: &[Known] = &[
    native("builtins.dict_keys", keys),
    native("builtins.odict_keys", keys),
    native("builtins.dict_values", values),
    native("builtins.odict_values", values),
    native("builtins.dict_items", items),
    native("builtins.odict_items", items),
    native("builtins.mappingproxy", proxy),
];

fn keys(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    view(writer, object, kind, |writer, items| {
        writer.objects(items.into_iter().map(|(key, _)| key));
    })
}

fn values(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    view(writer, object, kind, |writer, items| {
        writer.objects(items.into_iter().map(|(_, value)| value));
    })
}

fn items(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    view(writer, object, kind, |writer, items| {
        for (index, (key, value)) in items.into_iter().enumerate() {
            writer.put(if index == 0 { "(" } else { ", (" });
            writer.objects([key, value]);
            writer.put(")");
            if writer.is_full() {
                break;
            }
        }
    })
}

fn view(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
    write: impl FnOnce(&mut Writer<'_, '_>, Vec<(Addr, Addr)>),
) -> Result<(), LookError> {
    let name = kind.plain_name();
    let at = object.plus(writer.look.layout().dict.view_dict);
    let dict = writer.look.memory.pointer(at)?;
    let is_ordered = writer.look.is_ordered_dict(dict)?;
    writer.count(writer.look.dict_length(dict)?, LengthUnit::Items);
    writer.nested(object, "...", &format!("{name}([…])"), |writer| {
        let items = if is_ordered {
            writer.look.ordered_items(dict, writer.wanted())?
        } else {
            writer.look.dict_items(dict, writer.wanted())?
        };
        writer.put(&format!("{name}(["));
        write(writer, items);
        writer.put("])");
        Ok(())
    })
}

fn proxy(writer: &mut Writer<'_, '_>, object: Addr, _: &TypeInfo) -> Result<(), LookError> {
    let at = writer.look.layout().dict.proxy_mapping;
    writer.nested(object, "mappingproxy(...)", "mappingproxy(…)", |writer| {
        writer.put("mappingproxy(");
        writer.field(object.plus(at))?;
        writer.put(")");
        Ok(())
    })
}
