//! Fields, and what can be told of a value as a method without running it.

use super::ExpressionError;
use super::datum::{Datum, Target};
use super::evaluate::{Evaluated, Evaluator, truth};
use super::load::described;
use super::primitive;
use crate::native::types::{Bits, Member, Shape, Type};
use crate::native::values::{Storage, is_rust, sign_extended};

/// Classes that a class is derived from, and anonymous structures in each other.
const DEEPEST: usize = 16;

type Found<'s, 'a> = (Member<'s, 'a>, Storage);

impl<'s, 'a> Evaluator<'_, 's, 'a> {
    /// A field of a structure, of the variant that an enumeration of Rust is, or of what a pointer points to.
    pub fn field(&self, of: &Datum<'s, 'a>, name: &str) -> Evaluated<'s, 'a> {
        let found = self.through_pointers(of, |at| self.own_field(at, name))?;
        if let Some(found) = found {
            return found;
        }
        // What the pointers lead to has fields, if anything has.
        let holder = self.last_pointee(of);
        let kind = self.target_of(&holder);
        Err(ExpressionError::NoSuchField {
            kind: self.name_of(&kind),
            name: name.to_owned(),
            fields: self.field_names(&holder),
        })
    }

    fn last_pointee(&self, of: &Datum<'s, 'a>) -> Datum<'s, 'a> {
        let mut at = of.clone();
        for _ in 0..DEEPEST {
            if self.row(&at).is_some() {
                break;
            }
            match self.pointee(&at) {
                Some(Ok(inner)) => at = inner,
                _ => break,
            }
        }
        at
    }

    fn own_field(&self, of: &Datum<'s, 'a>, name: &str) -> Option<Evaluated<'s, 'a>> {
        let Datum::Place(Target::Described(at), storage) = of else {
            return None;
        };
        let kind = Type::read(*at, self.writer.module)?;
        let (member, storage) = match self.member(&kind, storage, name, DEEPEST)? {
            Ok(found) => found,
            Err(error) => return Some(Err(error)),
        };
        Some(self.value_of_member(&member, &storage))
    }

    /// A member, and where the structure is that has it.
    fn member(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        name: &str,
        deeper: usize,
    ) -> Option<Result<Found<'s, 'a>, ExpressionError>> {
        let deeper = deeper.checked_sub(1)?;
        if let Shape::Structure {
            variants: Some(variants),
            ..
        } = &kind.shape
        {
            let active = match self.writer.active_variant(variants, storage) {
                Ok(active) => active?,
                Err(absence) => return Some(Err(absence.into())),
            };
            let inner = Type::read(active.kind?, self.writer.module)?;
            return self.member(&inner, &storage.at(active.offset), name, deeper);
        }
        let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
        let wanted = match is_number {
            true => format!("__{name}"),
            false => name.to_owned(),
        };
        let members = kind.members();
        if let Some(member) = members
            .iter()
            .find(|it| it.name.as_deref() == Some(&wanted))
        {
            return Some(Ok((member.clone(), storage.clone())));
        }
        let nameless = members.iter().filter(|it| it.is_base || it.name.is_none());
        nameless
            .filter_map(|member| {
                let inner = Type::read(member.kind?, self.writer.module)?;
                self.member(&inner, &storage.at(member.offset), name, deeper)
            })
            .next()
    }

    fn value_of_member(&self, member: &Member<'s, 'a>, storage: &Storage) -> Evaluated<'s, 'a> {
        let kind = member
            .kind
            .ok_or_else(|| crate::model::Absence::Unsupported {
                what: "its type, which the debug information does not tell".into(),
            })?;
        match member.bits {
            Some(bits) => self.bit_field(bits, &Target::Described(kind), storage),
            None => {
                let at = storage.at(member.offset);
                Ok(Datum::Place(Target::Described(kind), at))
            }
        }
    }

    fn bit_field(&self, bits: Bits, kind: &Target<'s, 'a>, storage: &Storage) -> Evaluated<'s, 'a> {
        let Target::Described(at) = kind else {
            return Err(ExpressionError::Overflow);
        };
        let kind = Type::read(*at, self.writer.module);
        let primitive = kind.map_or(primitive::ADDRESS, |kind| match kind.shape {
            Shape::Base(encoding) => described(encoding, kind.size.unwrap_or(8), is_rust(kind.at)),
            _ => primitive::Primitive {
                name: "unsigned int",
                size: 4,
                sort: primitive::Sort::Unsigned,
            },
        });
        let count = bits.count.min(64);
        let length = (bits.first % 8 + count).div_ceil(8);
        let whole = storage
            .at(bits.first / 8)
            .unsigned(self.writer.memory, length)?;
        let value = (whole >> (bits.first % 8)) & ((1 << count) - 1);
        let value = if primitive.is_signed() {
            sign_extended(value, count)
        } else {
            value.cast_signed()
        };
        Ok(Datum::Integer(value, Some(primitive)))
    }

    pub fn field_names(&self, of: &Datum<'s, 'a>) -> Vec<String> {
        let Datum::Place(Target::Described(at), storage) = of else {
            return Vec::new();
        };
        let Some(kind) = Type::read(*at, self.writer.module) else {
            return Vec::new();
        };
        let members = match &kind.shape {
            Shape::Structure {
                variants: Some(variants),
                ..
            } => {
                let active = self.writer.active_variant(variants, storage).ok().flatten();
                let inner = active.and_then(|it| Type::read(it.kind?, self.writer.module));
                inner.map_or(Vec::new(), |inner| inner.members().to_vec())
            }
            _ => kind.members().to_vec(),
        };
        let name = |member: &Member<'s, 'a>| {
            let name = member.name.clone()?;
            Some(name.strip_prefix("__").map_or(name.clone(), |digits| {
                let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
                if is_number {
                    digits.to_owned()
                } else {
                    name.clone()
                }
            }))
        };
        members.iter().filter_map(name).collect()
    }

    /// What methods of the libraries would give that only look: `len()`, `is_some()`, `unwrap()` and the like.
    pub fn method(&self, of: &Datum<'s, 'a>, name: &str) -> Evaluated<'s, 'a> {
        let found = match name {
            "len" | "size" | "length" | "is_empty" | "empty" => {
                let count = self.through_pointers(of, |at| self.count(at))?;
                count.map(|count| {
                    let count = count?;
                    Ok(match name {
                        "is_empty" | "empty" => truth(count == 0),
                        _ => Datum::Integer(count.into(), Some(primitive::ADDRESS)),
                    })
                })
            }
            "is_some" | "is_ok" => self.variant_is(of, &["Some", "Ok"])?,
            "is_none" | "is_err" => self.variant_is(of, &["None", "Err"])?,
            "unwrap" | "expect" => self.payload(of, &["Some", "Ok"])?,
            "unwrap_err" => self.payload(of, &["Err"])?,
            "get" | "borrow" | "as_ref" | "as_ptr" | "data" => self.pointee(of),
            _ => None,
        };
        found.unwrap_or_else(|| {
            Err(ExpressionError::NoSuchMethod {
                kind: self.type_name(of),
                name: name.to_owned(),
            })
        })
    }

    fn count(&self, of: &Datum<'s, 'a>) -> Option<Result<u64, ExpressionError>> {
        if let Datum::Text(text) = of {
            return Some(Ok(text.len() as u64));
        }
        if let Some(row) = self.row(of) {
            return Some(row.map(|row| row.count()));
        }
        let Datum::Place(Target::Described(at), storage) = of else {
            return None;
        };
        let kind = Type::read(*at, self.writer.module)?;
        let count = self.writer.count(&kind, storage)?;
        Some(count.map_err(ExpressionError::from))
    }

    /// The variant that an enumeration of Rust is: its name, and its contents.
    fn variant(
        &self,
        of: &Datum<'s, 'a>,
    ) -> Option<Result<(String, Datum<'s, 'a>), ExpressionError>> {
        let Datum::Place(Target::Described(at), storage) = of else {
            return None;
        };
        let kind = Type::read(*at, self.writer.module)?;
        let Shape::Structure {
            variants: Some(variants),
            ..
        } = &kind.shape
        else {
            return None;
        };
        let active = match self.writer.active_variant(variants, storage) {
            Ok(active) => active?,
            Err(absence) => return Some(Err(absence.into())),
        };
        let at = active.kind?;
        let inner = Type::read(at, self.writer.module)?;
        let place = Datum::Place(Target::Described(at), storage.at(active.offset));
        Some(Ok((inner.name, place)))
    }

    fn variant_is(
        &self,
        of: &Datum<'s, 'a>,
        names: &[&str],
    ) -> Result<Option<Evaluated<'s, 'a>>, ExpressionError> {
        let variant = self.through_pointers(of, |at| self.variant(at))?;
        Ok(variant.map(|variant| Ok(truth(names.contains(&variant?.0.as_str())))))
    }

    fn payload(
        &self,
        of: &Datum<'s, 'a>,
        names: &[&str],
    ) -> Result<Option<Evaluated<'s, 'a>>, ExpressionError> {
        let variant = self.through_pointers(of, |at| self.variant(at))?;
        Ok(variant.map(|variant| {
            let (name, contents) = variant?;
            if !names.contains(&name.as_str()) {
                return Err(ExpressionError::Unsuitable {
                    what: "there is nothing to unwrap",
                    kind: name,
                });
            }
            self.field(&contents, "0")
        }))
    }
}
