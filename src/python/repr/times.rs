//! `datetime`: dates, times, differences and zones (`Modules/_datetimemodule.c`).

use super::Writer;
use super::dispatch::{Known, native, python};
use super::instances;
use crate::model::Addr;
use crate::python::LookError;
use crate::python::object::{Builtin, TypeInfo};

pub(super) const TYPES: &[Known] = &[
    native("datetime.date", date),
    native("datetime.time", time),
    native("datetime.datetime", moment),
    native("datetime.timedelta", difference),
    native("datetime.timezone", zone),
    native("zoneinfo.ZoneInfo", zone_info),
    python("zoneinfo.ZoneInfo.__repr__", zone_info),
];

/// `tp_name`: with the module for a type made in C, without for a class.
fn name(kind: &TypeInfo) -> String {
    match kind.is_heap() && kind.module != "datetime" && kind.module != "zoneinfo" {
        true => kind.plain_name().to_string(),
        false => kind.full_name(),
    }
}

fn date(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let at = object.plus(look.layout().object.date_data);
    let [high, low, month, day] = bytes(writer, at)?;
    let year = u32::from(high) << 8 | u32::from(low);
    writer.put(&format!("{}({year}, {month}, {day})", name(kind)));
    Ok(())
}

fn time(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let layout = &writer.look.layout().object;
    let clock: [u8; 6] = bytes(writer, object.plus(layout.time_data))?;
    writer.put(&format!("{}({}", name(kind), clock_text(clock)));
    put_zone(writer, object, object.plus(layout.time_tzinfo))?;
    put_fold(writer, object.plus(layout.time_fold))?;
    writer.put(")");
    Ok(())
}

fn moment(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let layout = &writer.look.layout().object;
    let at = object.plus(layout.datetime_data);
    let [high, low, month, day] = bytes(writer, at)?;
    let clock: [u8; 6] = bytes(writer, at.plus(4))?;
    let year = u32::from(high) << 8 | u32::from(low);
    let clock = clock_text(clock);
    writer.put(&format!("{}({year}, {month}, {day}, {clock}", name(kind)));
    put_fold(writer, object.plus(layout.datetime_fold))?;
    put_zone(writer, object, object.plus(layout.datetime_tzinfo))?;
    writer.put(")");
    Ok(())
}

fn bytes<const N: usize>(writer: &Writer<'_, '_>, at: Addr) -> Result<[u8; N], LookError> {
    let mut bytes = [0; N];
    writer.look.memory.read(at, &mut bytes)?;
    Ok(bytes)
}

/// Hour and minute; seconds and microseconds only if there are any.
fn clock_text([hour, minute, second, high, middle, low]: [u8; 6]) -> String {
    let micros = u32::from(high) << 16 | u32::from(middle) << 8 | u32::from(low);
    match (second, micros) {
        (0, 0) => format!("{hour}, {minute}"),
        (_, 0) => format!("{hour}, {minute}, {second}"),
        _ => format!("{hour}, {minute}, {second}, {micros}"),
    }
}

fn put_fold(writer: &mut Writer<'_, '_>, at: Addr) -> Result<(), LookError> {
    let fold = writer.look.memory.u8(at)?;
    if fold != 0 {
        writer.put(&format!(", fold={fold}"));
    }
    Ok(())
}

/// An object without a zone ends before the field.
fn put_zone(writer: &mut Writer<'_, '_>, object: Addr, at: Addr) -> Result<(), LookError> {
    let flag = object.plus(writer.look.layout().object.datetime_has_tzinfo);
    if writer.look.memory.u8(flag)? != 0 {
        writer.put(", tzinfo=");
        writer.nested(object, "...", "…", |writer| writer.field(at))?;
    }
    Ok(())
}

fn difference(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let layout = &writer.look.layout().object;
    let parts = [
        ("days", layout.delta_days),
        ("seconds", layout.delta_seconds),
        ("microseconds", layout.delta_microseconds),
    ];
    let mut shown = Vec::new();
    for (part, at) in parts {
        match writer.look.memory.i32(object.plus(at))? {
            0 => {}
            value => shown.push(format!("{part}={value}")),
        }
    }
    let shown = match shown.is_empty() {
        true => "0".to_string(),
        false => shown.join(", "),
    };
    writer.put(&format!("{}({shown})", name(kind)));
    Ok(())
}

fn zone(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let layout = &look.layout().object;
    let offset = look.memory.pointer(object.plus(layout.timezone_offset))?;
    let title = look.memory.pointer(object.plus(layout.timezone_name))?;
    let mut nothing = true;
    for at in [
        layout.delta_days,
        layout.delta_seconds,
        layout.delta_microseconds,
    ] {
        nothing &= look.memory.i32(offset.plus(at))? == 0;
    }
    if nothing && title.is_null() {
        writer.put("datetime.timezone.utc");
        return Ok(());
    }
    writer.put(&format!("{}(", name(kind)));
    writer.object(offset);
    if !title.is_null() {
        writer.put(", ");
        writer.object(title);
    }
    writer.put(")");
    Ok(())
}

fn zone_info(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let Some(key) = writer.look.attribute_object(object, "key")? else {
        return instances::instance(writer, object, kind);
    };
    if writer.look.type_of(key)?.builtin != Builtin::Str {
        return instances::instance(writer, object, kind);
    }
    writer.put(&format!("{}(key=", name(kind)));
    writer.object(key);
    writer.put(")");
    Ok(())
}
