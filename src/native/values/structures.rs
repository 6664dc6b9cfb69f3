//! Structures, unions and the variants of enumerations of Rust, with their members.

use super::plain::{torn, without_parameters};
use super::storage::{Storage, sign_extended};
use super::text::Text;
use super::{Writer, Written};
use crate::model::Absence;
use crate::native::types::{Member, Shape, Type, VariantPart, Variants};

impl<'s, 'a> Writer<'_, 's, 'a> {
    pub(super) fn write_variant(
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
    pub(in crate::native) fn active_variant<'v>(
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
    pub(super) fn write_rust_structure(
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
    pub(super) fn write_members(
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
}
