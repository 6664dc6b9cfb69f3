//! Values by the shape of their types; those of pointers, enumerations of C, and arrays.

use gimli::DwLang;

use super::numbers::{is_letter, wide_prefix, wide_text};
use super::storage::{Storage, sign_extended};
use super::strings::quoted;
use super::text::Text;
use super::{Format, Shown, Stop, Writer, Written};
use crate::model::{Absence, Addr};
use crate::native::dwarf::{EntryRef, code_ranges};
use crate::native::types::{Shape, Type};

/// Characters of a string of C that are looked at for its end.
const LONGEST_STRING: usize = 4096;

impl<'s, 'a> Writer<'_, 's, 'a> {
    /// Writes a value. An absence within it stands where its part would.
    pub(super) fn write(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        depth: usize,
        text: &mut Text,
    ) -> Written {
        let Some(deeper) = depth.checked_sub(1) else {
            return Ok(text.push("...")?);
        };
        let is_rust = is_rust(kind.at);
        let value = Shown {
            kind,
            storage,
            depth: deeper,
        };
        let known = if is_rust {
            self.write_rust_library(value, text)
        } else {
            self.write_cpp_library(value, text)
        };
        match known {
            Ok(true) => return Ok(()),
            Ok(false) | Err(Stop::OtherLayout) => {}
            Err(stop) => return Err(stop),
        }
        match &kind.shape {
            Shape::Base(encoding) => self.write_base(kind, *encoding, storage, text),
            Shape::Pointer { to, is_reference } => {
                self.write_pointer(kind, *to, *is_reference, storage, deeper, text)
            }
            Shape::Structure {
                variants: Some(variants),
                ..
            } => self.write_variant(variants, storage, depth, text),
            Shape::Structure { members, .. } if is_rust => {
                self.write_rust_structure(kind, members, storage, deeper, text)
            }
            Shape::Structure { members, .. } | Shape::Union(members) => {
                self.write_members(members, storage, deeper, text)
            }
            Shape::Array { element, counts } => {
                self.write_array(*element, counts, storage, deeper, text)
            }
            Shape::Enumeration(enumerators) => {
                self.write_enumerator(kind, enumerators, storage, text)
            }
            Shape::Function => Ok(text.push("{function}")?),
            Shape::Declared => Err(unsupported("its type is only declared in this unit")),
            Shape::Other => Err(unsupported("a type that pmdb does not know")),
        }
    }

    /// Writes the value, or in its place why it is not there.
    pub(super) fn write_within(
        &self,
        at: Option<EntryRef<'s, 'a>>,
        storage: &Storage,
        depth: usize,
        text: &mut Text,
    ) -> Written {
        let kind = at.and_then(|at| Type::read(at, self.module));
        let written = match &kind {
            Some(kind) => self.write(kind, storage, depth, text),
            None => Err(unsupported("its type")),
        };
        match written {
            Err(Stop::Absent(absence)) => Ok(text.push(&absence.to_string())?),
            written => written,
        }
    }

    fn write_pointer(
        &self,
        kind: &Type<'s, 'a>,
        to: Option<EntryRef<'s, 'a>>,
        is_reference: bool,
        storage: &Storage,
        depth: usize,
        text: &mut Text,
    ) -> Written {
        let address = storage.pointer(self.memory)?;
        let rust = is_rust(kind.at);
        // References and boxes of Rust are shown as what they refer to, as `{:?}` does it.
        let is_transparent = if rust {
            kind.name.starts_with('&') || kind.name.contains("Box<")
        } else {
            is_reference
        };
        if is_transparent {
            return self.write_within(to, &Storage::Memory(address), depth, text);
        }
        if let Some(format) = self.format.filter(|format| *format != Format::Text) {
            return Ok(text.push(&format.write(address.0.into(), 8, gimli::DW_ATE_address))?);
        }
        text.push(&address.to_string())?;
        let pointee = to.and_then(|at| Type::read(at, self.module));
        if pointee
            .as_ref()
            .is_some_and(|kind| matches!(kind.shape, Shape::Function))
            && let Some(name) = self.function_at(address)
        {
            text.push(&format!(" <{name}>"))?;
        }
        let is_string = !rust && pointee.is_some_and(|kind| is_letter(&kind));
        if is_string
            && !address.is_null()
            && let Ok(bytes) = self.memory.c_string(address, LONGEST_STRING)
        {
            text.push(" ")?;
            text.push(&quoted(&bytes))?;
        }
        Ok(())
    }

    /// The function of this module that begins at an address.
    fn function_at(&self, address: Addr) -> Option<String> {
        let svma = address.minus(self.bias.0).0;
        let at = self.module.scopes_at(svma).pop()?;
        let ranges = code_ranges(at.within, at.read().ok()?.attrs());
        let begins = ranges.first().is_some_and(|range| range.begin == svma);
        self.module.full_name(at).filter(|_| begins)
    }

    fn write_enumerator(
        &self,
        kind: &Type<'s, 'a>,
        enumerators: &[(i128, String)],
        storage: &Storage,
        text: &mut Text,
    ) -> Written {
        let size = kind.size.unwrap_or(4);
        let value = storage.unsigned(self.memory, size)?;
        let signed = sign_extended(value, size * 8);
        let same =
            |(number, _): &&(i128, String)| *number == signed || *number == value.cast_signed();
        match enumerators.iter().find(same) {
            Some((_, name)) => Ok(text.push(name)?),
            None => Ok(text.push(&flags(enumerators, value).unwrap_or(signed.to_string()))?),
        }
    }

    fn write_array(
        &self,
        element: Option<EntryRef<'s, 'a>>,
        counts: &[Option<u64>],
        storage: &Storage,
        depth: usize,
        text: &mut Text,
    ) -> Written {
        let kind = element
            .and_then(|at| Type::read(at, self.module))
            .ok_or_else(|| unsupported("the type of its elements"))?;
        let Some((count, inner)) = counts.split_first() else {
            return Err(unsupported("an array without a length"));
        };
        let Some(count) = *count else {
            return Err(unsupported("an array whose length the program computes"));
        };
        let is_text = match self.format {
            None => is_letter(&kind) && !is_rust(kind.at),
            Some(format) => format == Format::Text && kind.size == Some(1),
        };
        if is_text && inner.is_empty() {
            let bytes = storage.bytes(self.memory, count.min(LONGEST_STRING as u64))?;
            // What stands behind the end of the text is of no interest if it is all zeros, and shown otherwise.
            let end = bytes
                .iter()
                .rposition(|&byte| byte != 0)
                .map_or(0, |last| last + 1);
            return Ok(text.push(&quoted(&bytes[..end]))?);
        }
        if let (Some(prefix), None, []) = (wide_prefix(&kind), self.format, inner) {
            let size = kind.size.unwrap_or(4);
            let bytes = storage.bytes(self.memory, count.min(LONGEST_STRING as u64) * size)?;
            text.push(prefix)?;
            return Ok(text.push(&wide_text(&bytes, size as usize))?);
        }
        let of_inner = inner
            .iter()
            .try_fold(kind.size.unwrap_or(0), |size, count| {
                size.checked_mul((*count)?)
            });
        let size =
            of_inner.ok_or_else(|| unsupported("an array whose length the program computes"))?;
        let brackets = if is_rust(kind.at) {
            ("[", "]")
        } else {
            ("{", "}")
        };
        self.write_list(brackets, count, text, |index, text| {
            let storage = storage.at(index.wrapping_mul(size));
            if inner.is_empty() {
                self.write_within(Some(kind.at), &storage, depth, text)
            } else {
                self.write_array(element, inner, &storage, depth, text)
            }
        })
    }

    /// Writes elements between brackets until all are written or the text is full.
    pub(super) fn write_list(
        &self,
        (open, close): (&str, &str),
        count: u64,
        text: &mut Text,
        mut each: impl FnMut(u64, &mut Text) -> Written,
    ) -> Written {
        text.push(open)?;
        for index in 0..count {
            if index > 0 {
                text.push(", ")?;
            }
            if let Some(limit) = self.memory.spent() {
                return Err(Stop::Absent(Absence::LimitReached {
                    limit: limit.to_string(),
                }));
            }
            each(index, text)?;
        }
        Ok(text.push(close)?)
    }
}

/// `(A | C)`, if the enumerators are bits that can be set together.
fn flags(enumerators: &[(i128, String)], value: u128) -> Option<String> {
    let mut left = value;
    let mut known = 0_u128;
    let mut names = Vec::new();
    for (number, name) in enumerators.iter().filter(|(number, _)| *number != 0) {
        let bit = u128::try_from(*number)
            .ok()
            .filter(|bit| bit.is_power_of_two())?;
        if known & bit == 0 && value & bit != 0 {
            names.push(name.as_str());
            left &= !bit;
        }
        known |= bit;
    }
    let unknown = format!("unknown: {left:#x}");
    match (left, names.is_empty()) {
        (_, true) => None,
        (0, false) => Some(format!("({})", names.join(" | "))),
        (_, false) => Some(format!("({} | {unknown})", names.join(" | "))),
    }
}

/// `Vec` of `Vec<i32>`.
pub(super) fn without_parameters(name: &str) -> &str {
    name.split('<').next().unwrap_or(name)
}

pub(in crate::native) fn is_rust(at: EntryRef<'_, '_>) -> bool {
    at.within.unit.language() == Some(DwLang(gimli::DW_LANG_Rust.0))
}

pub(super) fn unsupported(what: &str) -> Stop {
    Stop::Absent(Absence::Unsupported { what: what.into() })
}

pub(super) fn torn(what: String) -> Absence {
    Absence::Torn { what }
}
