//! Values by the shape of their types: numbers, pointers, structures, enumerations, arrays.

use gimli::DwLang;

use super::storage::{Storage, sign_extended};
use super::strings::quoted;
use super::text::Text;
use super::{Stop, Writer, Written};
use crate::model::Absence;
use crate::native::dwarf::EntryRef;
use crate::native::types::{Member, Shape, Type, VariantPart, Variants};

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
        let known = if is_rust {
            self.write_rust_library(kind, storage, deeper, text)
        } else {
            self.write_cpp_library(kind, storage, deeper, text)
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

    fn write_base(
        &self,
        kind: &Type<'s, 'a>,
        encoding: gimli::DwAte,
        storage: &Storage,
        text: &mut Text,
    ) -> Written {
        let size = kind.size.unwrap_or(0);
        let written = self.base_text(kind, encoding, storage, size)?;
        Ok(text.push(&written)?)
    }

    fn base_text(
        &self,
        kind: &Type<'s, 'a>,
        encoding: gimli::DwAte,
        storage: &Storage,
        size: u64,
    ) -> Result<String, Absence> {
        let rust = is_rust(kind.at);
        if size == 0 {
            return Ok(if kind.name == "!" {
                "!".into()
            } else {
                "()".into()
            });
        }
        let memory = self.memory;
        Ok(match encoding {
            gimli::DW_ATE_boolean => match storage.unsigned(memory, size)? {
                0 => "false".into(),
                1 => "true".into(),
                other => other.to_string(),
            },
            gimli::DW_ATE_float => self.float_text(storage, size, rust)?,
            gimli::DW_ATE_UTF if rust => {
                let value = storage.unsigned(memory, size)? as u32;
                let letter = char::from_u32(value)
                    .ok_or_else(|| torn(format!("{value:#x} is no character")))?;
                format!("{letter:?}")
            }
            gimli::DW_ATE_UTF => {
                let value = storage.unsigned(memory, size)? as u32;
                char::from_u32(value)
                    .map_or(value.to_string(), |letter| format!("{value} {letter:?}"))
            }
            gimli::DW_ATE_signed_char => letter_text(storage.signed(memory, size)?),
            gimli::DW_ATE_unsigned_char => {
                letter_text(storage.unsigned(memory, size)?.cast_signed())
            }
            gimli::DW_ATE_signed => storage.signed(memory, size)?.to_string(),
            _ => storage.unsigned(memory, size)?.to_string(),
        })
    }

    fn float_text(&self, storage: &Storage, size: u64, rust: bool) -> Result<String, Absence> {
        let bits = storage.unsigned(self.memory, size)?;
        let plain = |number: String| {
            if rust {
                number
            } else {
                number.strip_suffix(".0").unwrap_or(&number).to_owned()
            }
        };
        Ok(match size {
            4 => plain(format!("{:?}", f32::from_bits(bits as u32))),
            8 => plain(format!("{:?}", f64::from_bits(bits as u64))),
            10 | 12 | 16 => plain(format!("{:?}", extended(bits))),
            _ => {
                return Err(Absence::Unsupported {
                    what: format!("a floating-point number of {size} bytes"),
                });
            }
        })
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
        text.push(&address.to_string())?;
        let pointee = to
            .filter(|_| !rust)
            .and_then(|at| Type::read(at, self.module));
        let is_string = pointee.is_some_and(|kind| is_letter(&kind));
        if is_string
            && !address.is_null()
            && let Ok(bytes) = self.memory.c_string(address, LONGEST_STRING)
        {
            text.push(" ")?;
            text.push(&quoted(&bytes))?;
        }
        Ok(())
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
            None => Ok(text.push(&format!("{signed}"))?),
        }
    }

    fn write_variant(
        &self,
        part: &VariantPart<'s, 'a>,
        storage: &Storage,
        depth: usize,
        text: &mut Text,
    ) -> Written {
        let active = self.active_variant(part, storage)?;
        let member = active.ok_or_else(|| torn("no variant has this discriminant".into()))?;
        self.write_within(member.kind, &storage.at(member.offset), depth, text)
    }

    /// The variant that a value of an enumeration of Rust is.
    pub(super) fn active_variant<'v>(
        &self,
        part: &'v VariantPart<'s, 'a>,
        storage: &Storage,
    ) -> Result<Option<&'v Member<'s, 'a>>, Absence> {
        let Some(discriminant) = &part.discriminant else {
            return Ok(part.variants.first().map(|variant| &variant.member));
        };
        let kind = discriminant.kind.and_then(|at| Type::read(at, self.module));
        let size = kind.and_then(|kind| kind.size).unwrap_or(8);
        let value = storage
            .at(discriminant.offset)
            .unsigned(self.memory, size)?;
        let bits = size.min(16) * 8;
        let mask = if bits == 128 {
            u128::MAX
        } else {
            (1 << bits) - 1
        };
        let is_active = |values: &Variants| match values {
            Variants::One(number) => number.cast_unsigned() & mask == value,
            Variants::Others => false,
        };
        let mut variants = part.variants.iter();
        let exact = variants.find(|variant| is_active(&variant.values));
        let active = exact.or_else(|| {
            part.variants
                .iter()
                .find(|variant| matches!(variant.values, Variants::Others))
        });
        Ok(active.map(|variant| &variant.member))
    }

    /// As derived `Debug` writes it.
    fn write_rust_structure(
        &self,
        kind: &Type<'s, 'a>,
        members: &[Member<'s, 'a>],
        storage: &Storage,
        depth: usize,
        text: &mut Text,
    ) -> Written {
        let is_tuple = kind.name.starts_with('(');
        let is_positional = members
            .first()
            .is_some_and(|member| member.name.as_deref() == Some("__0"));
        if !is_tuple {
            let name = if kind.name.starts_with("PhantomData<") {
                &kind.name
            } else {
                without_parameters(&kind.name)
            };
            text.push(name)?;
        }
        if members.is_empty() && !is_tuple {
            return Ok(());
        }
        let (open, close) = if is_tuple || is_positional {
            ("(", ")")
        } else {
            (" { ", " }")
        };
        text.push(open)?;
        for (index, member) in members.iter().enumerate() {
            if index > 0 {
                text.push(", ")?;
            }
            if !is_tuple && !is_positional {
                text.push(member.name.as_deref().unwrap_or("?"))?;
                text.push(": ")?;
            }
            self.write_member(member, storage, depth, text)?;
        }
        if is_tuple && members.len() == 1 {
            text.push(",")?;
        }
        Ok(text.push(close)?)
    }

    /// As gdb writes structures of C and C++.
    fn write_members(
        &self,
        members: &[Member<'s, 'a>],
        storage: &Storage,
        depth: usize,
        text: &mut Text,
    ) -> Written {
        text.push("{")?;
        for (index, member) in members.iter().enumerate() {
            if index > 0 {
                text.push(", ")?;
            }
            if member.is_base {
                let name = member
                    .kind
                    .and_then(|at| Type::read(at, self.module))
                    .map(|kind| kind.name);
                text.push(&format!("<{}> = ", name.as_deref().unwrap_or("?")))?;
            } else if let Some(name) = &member.name {
                text.push(name)?;
                text.push(" = ")?;
            }
            self.write_member(member, storage, depth, text)?;
        }
        Ok(text.push("}")?)
    }

    fn write_member(
        &self,
        member: &Member<'s, 'a>,
        storage: &Storage,
        depth: usize,
        text: &mut Text,
    ) -> Written {
        let Some(bits) = member.bits else {
            return self.write_within(member.kind, &storage.at(member.offset), depth, text);
        };
        let kind = member.kind.and_then(|at| Type::read(at, self.module));
        let (first, count) = (bits.first / 8, bits.count.min(64));
        let length = (bits.first % 8 + count).div_ceil(8);
        let value = storage.at(first).unsigned(self.memory, length);
        let written = value.map(|value| {
            let value = (value >> (bits.first % 8)) & ((1 << count) - 1);
            match kind.map(|kind| kind.shape) {
                Some(Shape::Base(gimli::DW_ATE_boolean)) => (value != 0).to_string(),
                Some(Shape::Base(gimli::DW_ATE_signed | gimli::DW_ATE_signed_char)) => {
                    sign_extended(value, count).to_string()
                }
                Some(Shape::Enumeration(names)) => {
                    let same = names
                        .iter()
                        .find(|(number, _)| *number == value.cast_signed());
                    same.map_or(value.to_string(), |(_, name)| name.clone())
                }
                _ => value.to_string(),
            }
        });
        Ok(text.push(&written.unwrap_or_else(|absence| absence.to_string()))?)
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
        if is_letter(&kind) && inner.is_empty() && !is_rust(kind.at) {
            let bytes = storage.bytes(self.memory, count.min(LONGEST_STRING as u64))?;
            // What stands behind the end of the text is of no interest if it is all zeros, and shown otherwise.
            let end = bytes
                .iter()
                .rposition(|&byte| byte != 0)
                .map_or(0, |last| last + 1);
            return Ok(text.push(&quoted(&bytes[..end]))?);
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

/// `Vec` of `Vec<i32>`.
pub(super) fn without_parameters(name: &str) -> &str {
    name.split('<').next().unwrap_or(name)
}

pub(super) fn is_rust(at: EntryRef<'_, '_>) -> bool {
    at.within.unit.language() == Some(DwLang(gimli::DW_LANG_Rust.0))
}

/// `char` of C.
fn is_letter(kind: &Type<'_, '_>) -> bool {
    kind.size == Some(1)
        && matches!(
            kind.shape,
            Shape::Base(gimli::DW_ATE_signed_char | gimli::DW_ATE_unsigned_char)
        )
        && kind.name.contains("char")
}

fn letter_text(value: i128) -> String {
    match u8::try_from(value) {
        Ok(byte @ (b' '..=b'~')) => format!("{value} '{}'", char::from(byte).escape_default()),
        _ => value.to_string(),
    }
}

/// The 80-bit format of the x87 as the nearest double.
fn extended(bits: u128) -> f64 {
    let mantissa = bits as u64;
    let (sign, exponent) = ((bits >> 79) & 1, ((bits >> 64) & 0x7fff) as i32);
    let magnitude = match exponent {
        0x7fff if mantissa << 1 == 0 => f64::INFINITY,
        0x7fff => f64::NAN,
        // 2^-63 makes the mantissa a number from 1 to 2; the steps keep each factor in range.
        _ => {
            mantissa as f64
                * 2f64.powi(-63)
                * 2f64.powi((exponent - 16383) / 2)
                * 2f64.powi((exponent - 16383) - (exponent - 16383) / 2)
        }
    };
    if sign == 1 { -magnitude } else { magnitude }
}

pub(super) fn unsupported(what: &str) -> Stop {
    Stop::Absent(Absence::Unsupported { what: what.into() })
}

pub(super) fn torn(what: String) -> Absence {
    Absence::Torn { what }
}
