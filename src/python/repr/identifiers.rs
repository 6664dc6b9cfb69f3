//! Paths, addresses of networks, UUIDs, fractions: classes of the standard library written in Python.

use std::net::{Ipv4Addr, Ipv6Addr};

use num_traits::ToPrimitive;

use super::dispatch::{Known, python};
use super::{Writer, instances};
use crate::model::Addr;
use crate::python::object::{Builtin, Integer, TypeInfo};
use crate::python::{Look, LookError};

pub(super) const TYPES: &[Known] = &[
    python("fractions.Fraction.__repr__", fraction),
    python("uuid.UUID.__repr__", uuid),
    python("pathlib.PurePath.__repr__", path),
    python("pathlib._local.PurePath.__repr__", path),
    python("ipaddress._BaseAddress.__repr__", address),
    python("ipaddress._BaseNetwork.__repr__", network),
    python(
        "multiprocessing.shared_memory.SharedMemory.__repr__",
        shared_memory,
    ),
];

/// Parts of a path that are read.
const MOST_PARTS: u64 = 10_000;

fn fraction(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let numerator = writer.look.attribute_object(object, "_numerator")?;
    let denominator = writer.look.attribute_object(object, "_denominator")?;
    let Some((numerator, denominator)) = numerator.zip(denominator) else {
        return instances::instance(writer, object, kind);
    };
    writer.put(&format!("{}(", kind.plain_name()));
    writer.objects([numerator, denominator]);
    writer.put(")");
    Ok(())
}

fn uuid(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let Some(number) = writer.look.number_attribute(object, "int")? else {
        return instances::instance(writer, object, kind);
    };
    let digits = format!("{number:032x}");
    let ends = [0, 8, 12, 16, 20, 32];
    let parts: Vec<&str> = ends
        .windows(2)
        .filter_map(|pair| digits.get(pair[0]..pair[1]))
        .collect();
    writer.put(&format!("{}('{}')", kind.plain_name(), parts.join("-")));
    Ok(())
}

fn path(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let classes = writer.look.mro(kind.address)?;
    let windows = classes.into_iter().any(|class| {
        let class = writer.look.type_at(class);
        class.is_ok_and(|class| class.name == "PureWindowsPath")
    });
    let text = match writer.look.path_text(object)? {
        Some(text) if windows => Some(text.replace('\\', "/")),
        text => text,
    };
    let Some(text) = text else {
        return instances::instance(writer, object, kind);
    };
    let points: Vec<u32> = text.chars().map(u32::from).collect();
    writer.put(&format!(
        "{}({})",
        kind.plain_name(),
        writer.look.text_literal(&points)
    ));
    Ok(())
}

fn address(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    match writer.look.ip_text(object)? {
        Some(text) => {
            writer.put(&format!("{}('{text}')", kind.plain_name()));
            Ok(())
        }
        None => instances::instance(writer, object, kind),
    }
}

fn network(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let length = look.number_attribute(object, "_prefixlen")?;
    let first = look.attribute_object(object, "network_address")?;
    let first = first
        .map(|first| look.ip_text(first))
        .transpose()?
        .flatten();
    match first.zip(length) {
        Some((first, length)) => {
            writer.put(&format!("{}('{first}/{length}')", kind.plain_name()));
            Ok(())
        }
        None => instances::instance(writer, object, kind),
    }
}

/// Its buffer, a memoryview, says where it is mapped.
fn shared_memory(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    let look = writer.look;
    let title = look.attribute_object(object, "_name")?;
    let size = look.number_attribute(object, "_size")?;
    let Some((title, size)) = title.zip(size) else {
        return instances::instance(writer, object, kind);
    };
    if let Some(view) = look.held_attribute(object, "_buf")?
        && look.type_of(view)?.static_name() == Some("memoryview")
    {
        let layout = &look.layout().object;
        let at = view.plus(layout.memoryview_view + layout.buffer_buf);
        if let Some(segment) = look.segment_of(look.memory.pointer(at)?) {
            writer.lies_in(segment);
        }
    }
    let title = look.name(title)?;
    let title = title.strip_prefix('/').unwrap_or(&title);
    let points: Vec<u32> = title.chars().map(u32::from).collect();
    let title = writer.look.text_literal(&points);
    writer.put(&format!("{}({title}, size={size})", kind.plain_name()));
    Ok(())
}

impl Look<'_> {
    /// An attribute that is an int of at most 128 bits and not below zero.
    fn number_attribute(&self, object: Addr, name: &str) -> Result<Option<u128>, LookError> {
        let Some(number) = self.attribute_object(object, name)? else {
            return Ok(None);
        };
        if self.type_of(number)?.builtin != Builtin::Int {
            return Ok(None);
        }
        Ok(match self.integer(number)? {
            Integer::Exact(number) => number.to_u128(),
            Integer::Huge { .. } => None,
        })
    }

    /// Also one in a slot.
    fn str_attribute(&self, object: Addr, name: &str) -> Result<Option<String>, LookError> {
        match self.attribute_object(object, name)? {
            Some(text) if self.type_of(text)?.builtin == Builtin::Str => Ok(Some(self.name(text)?)),
            _ => Ok(None),
        }
    }

    fn text_parts(&self, object: Addr, name: &str) -> Result<Option<Vec<String>>, LookError> {
        let Some(parts) = self.attribute_object(object, name)? else {
            return Ok(None);
        };
        let is_sequence = matches!(self.type_of(parts)?.builtin, Builtin::List | Builtin::Tuple);
        if !is_sequence {
            return Ok(None);
        }
        let parts = self.sequence(parts, MOST_PARTS)?;
        let parts: Result<Vec<String>, LookError> =
            parts.into_iter().map(|part| self.name(part)).collect();
        Ok(Some(parts?))
    }

    /// `str(path)`. It is kept once it was asked for (`_str`); before, a path has its parts (up to 3.11), or what it
    /// was made from (3.12+).
    fn path_text(&self, object: Addr) -> Result<Option<String>, LookError> {
        if let Some(text) = self.str_attribute(object, "_str")? {
            return Ok(Some(text));
        }
        if let Some(raw) = self.text_parts(object, "_raw_paths")? {
            return Ok(Some(joined(&raw)));
        }
        let drive = self.str_attribute(object, "_drv")?.unwrap_or_default();
        let root = self.str_attribute(object, "_root")?.unwrap_or_default();
        let Some(parts) = self.text_parts(object, "_parts")? else {
            return Ok(None);
        };
        let text = match drive.is_empty() && root.is_empty() {
            true => parts.join("/"),
            // The first part is the two together.
            false => format!(
                "{drive}{root}{}",
                parts.get(1..).unwrap_or_default().join("/")
            ),
        };
        Ok(Some(if text.is_empty() {
            ".".to_string()
        } else {
            text
        }))
    }

    fn ip_text(&self, object: Addr) -> Result<Option<String>, LookError> {
        let Some(number) = self.number_attribute(object, "_ip")? else {
            return Ok(None);
        };
        let classes = self.mro(self.type_of(object)?.address)?;
        let is_fourth = |class: Addr| {
            let class = self.type_at(class);
            class.is_ok_and(|class| class.name == "IPv4Address")
        };
        if classes.into_iter().any(is_fourth) {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            return Ok(Some(Ipv4Addr::from(number).to_string()));
        }
        let mut text = Ipv6Addr::from(number).to_string();
        // `IPv6Address._string_from_ip_int` writes the last four octets as numbers from 3.13 on.
        if number >> 32 == 0xffff && self.located.layout.version.0 < 13 {
            text = format!("::ffff:{:x}:{:x}", number >> 16 & 0xffff, number & 0xffff);
        }
        if let Some(scope) = self.str_attribute(object, "_scope_id")? {
            text = format!("{text}%{scope}");
        }
        Ok(Some(text))
    }
}

/// As `PurePosixPath` joins and parses what it was made from: empty parts and `.` say nothing, an absolute one
/// replaces what was before it, and only exactly two slashes at the beginning are kept.
fn joined(raw: &[String]) -> String {
    let start = raw.iter().rposition(|part| part.starts_with('/'));
    let text = raw.get(start.unwrap_or(0)..).unwrap_or_default().join("/");
    let slashes = text.len() - text.trim_start_matches('/').len();
    let root = match slashes {
        0 => "",
        2 => "//",
        _ => "/",
    };
    let parts: Vec<&str> = text
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    match (root, parts.is_empty()) {
        ("", true) => ".".to_string(),
        _ => format!("{root}{}", parts.join("/")),
    }
}
