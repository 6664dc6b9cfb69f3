//! From where a value is to the number, pointer or text that it is.

use super::ExpressionError;
use super::datum::{Datum, Row, Target};
use super::evaluate::{Evaluated, Evaluator};
use super::primitive::{self, Primitive, Sort};
use crate::native::types::{Shape, Type};
use crate::native::values::{Storage, is_rust, sign_extended};

/// A longer text is not compared. Bytes.
const LONGEST_TEXT: u64 = 1 << 16;
/// References to references.
const MOST_REFERENCES: usize = 8;

impl<'s, 'a> Evaluator<'_, 's, 'a> {
    /// A number, pointer or text, as far as the value is one; references of Rust and C++ are followed. Else it stays where it is.
    pub fn load(&self, datum: &Datum<'s, 'a>) -> Evaluated<'s, 'a> {
        let mut at = datum.clone();
        for _ in 0..MOST_REFERENCES {
            match self.followed(&at) {
                Some(inner) => at = inner?,
                None => return self.load_itself(&at),
            }
        }
        Ok(at)
    }

    /// What a reference refers to.
    fn followed(&self, datum: &Datum<'s, 'a>) -> Option<Evaluated<'s, 'a>> {
        let Datum::Place(Target::Described(at), _) = datum else {
            return None;
        };
        let kind = Type::read(*at, self.writer.module)?;
        let is_reference = match kind.shape {
            Shape::Pointer { is_reference, .. } if !is_rust(kind.at) => is_reference,
            Shape::Pointer { .. } => kind.name.starts_with('&') || kind.name.contains("Box<"),
            _ => false,
        };
        is_reference.then(|| self.pointee(datum))?
    }

    fn load_itself(&self, datum: &Datum<'s, 'a>) -> Evaluated<'s, 'a> {
        match datum {
            Datum::Place(Target::Primitive(kind), storage) => self.load_primitive(*kind, storage),
            Datum::Place(Target::Pointer(to), storage) => Ok(Datum::Address(
                (**to).clone(),
                storage.pointer(self.writer.memory)?,
            )),
            Datum::Place(Target::Described(at), storage) => {
                let Some(kind) = Type::read(*at, self.writer.module) else {
                    return Ok(datum.clone());
                };
                self.load_described(datum, &kind, storage)
            }
            Datum::Row(row) => match self.text_of(row)? {
                Some(text) => Ok(Datum::Text(text)),
                None => Ok(datum.clone()),
            },
            other => Ok(other.clone()),
        }
    }

    fn load_described(
        &self,
        datum: &Datum<'s, 'a>,
        kind: &Type<'s, 'a>,
        storage: &Storage,
    ) -> Evaluated<'s, 'a> {
        let size = kind.size.unwrap_or(0);
        match &kind.shape {
            Shape::Base(encoding) => {
                let primitive = described(*encoding, size, is_rust(kind.at));
                self.load_primitive(primitive, storage)
            }
            Shape::Pointer { to, .. } => {
                let to = to.map_or(Target::Primitive(primitive::NOTHING), Target::Described);
                Ok(Datum::Address(to, storage.pointer(self.writer.memory)?))
            }
            Shape::Enumeration(enumerators) => {
                let value = storage.unsigned(self.writer.memory, size)?;
                let is_signed = enumerators.iter().any(|(value, _)| *value < 0);
                let sort = if is_signed {
                    Sort::Signed
                } else {
                    Sort::Unsigned
                };
                let primitive = Primitive {
                    name: "int",
                    size,
                    sort,
                };
                let value = if is_signed {
                    sign_extended(value, size * 8)
                } else {
                    value.cast_signed()
                };
                Ok(Datum::Integer(value, Some(primitive)))
            }
            // In C an array is where it begins.
            Shape::Array {
                element: Some(element),
                ..
            } if !is_rust(kind.at) => Ok(match storage.address() {
                Some(at) => Datum::Address(Target::Described(*element), at),
                None => datum.clone(),
            }),
            Shape::Structure { .. } => self.load_structure(datum, kind, storage),
            _ => Ok(datum.clone()),
        }
    }

    /// Texts, and numbers of the library that wrap one: atomics, `NonZero`, `Wrapping`.
    fn load_structure(
        &self,
        datum: &Datum<'s, 'a>,
        kind: &Type<'s, 'a>,
        storage: &Storage,
    ) -> Evaluated<'s, 'a> {
        if let Some(elements) = self.writer.elements(kind, storage) {
            let row = Row::Described(elements?);
            return Ok(match self.text_of(&row)? {
                Some(text) => Datum::Text(text),
                None => datum.clone(),
            });
        }
        let path = kind.path(self.writer.module);
        let is_number = ["Atomic", "NonZero", "Wrapping", "atomic<"]
            .iter()
            .any(|begin| kind.name.starts_with(begin));
        if !is_number || !["core::", "std::"].iter().any(|of| path.starts_with(of)) {
            return Ok(datum.clone());
        }
        match self.writer.innermost(kind, storage) {
            Some((inner, storage)) if kind.name == "AtomicBool" => {
                let size = inner.size.unwrap_or(1);
                let value = storage.unsigned(self.writer.memory, size)?;
                Ok(super::evaluate::truth(value != 0))
            }
            Some((inner, storage)) if matches!(inner.shape, Shape::Base(_)) => {
                self.load_described(datum, &inner, &storage)
            }
            _ => Ok(datum.clone()),
        }
    }

    fn text_of(&self, row: &Row<'s, 'a>) -> Result<Option<Vec<u8>>, ExpressionError> {
        let Row::Described(elements) = row else {
            return Ok(None);
        };
        if !elements.is_text || elements.count > LONGEST_TEXT {
            return Ok(None);
        }
        let bytes = elements.first.bytes(self.writer.memory, elements.count)?;
        Ok(Some(bytes))
    }

    /// A pointer that is none of Rust's references or boxes, nor one of C++: with what it points to.
    pub fn load_pointer(
        &self,
        datum: &Datum<'s, 'a>,
    ) -> Result<Option<Datum<'s, 'a>>, ExpressionError> {
        if self.followed(datum).is_some() {
            return Ok(None);
        }
        let is_pointer = match datum {
            Datum::Address(..) | Datum::Place(Target::Pointer(_), _) => true,
            Datum::Place(Target::Described(at), _) => {
                let kind = Type::read(*at, self.writer.module);
                kind.is_some_and(|kind| matches!(kind.shape, Shape::Pointer { .. }))
            }
            _ => false,
        };
        is_pointer.then(|| self.load_itself(datum)).transpose()
    }

    pub fn load_primitive(&self, kind: Primitive, storage: &Storage) -> Evaluated<'s, 'a> {
        let memory = self.writer.memory;
        match (kind.sort, kind.size) {
            (Sort::Float, 4) => {
                let bits = storage.unsigned(memory, 4)? as u32;
                Ok(Datum::Float(f32::from_bits(bits).into(), kind))
            }
            (Sort::Float, 8) => {
                let bits = storage.unsigned(memory, 8)? as u64;
                Ok(Datum::Float(f64::from_bits(bits), kind))
            }
            (Sort::Float | Sort::Nothing, _) => Err(ExpressionError::Unsuitable {
                what: "a number that can be computed with is needed",
                kind: kind.name.to_owned(),
            }),
            (Sort::Signed | Sort::SignedByteLetter, size) => {
                Ok(Datum::Integer(storage.signed(memory, size)?, Some(kind)))
            }
            (_, size) => {
                let value = storage.unsigned(memory, size)?;
                let value = i128::try_from(value).map_err(|_| ExpressionError::Overflow)?;
                Ok(Datum::Integer(value, Some(kind)))
            }
        }
    }
}

/// What the debug information calls a base type, among those that are known without it.
pub fn described(encoding: gimli::DwAte, size: u64, rust: bool) -> Primitive {
    let sort = match encoding {
        gimli::DW_ATE_boolean => Sort::Truth,
        gimli::DW_ATE_float => Sort::Float,
        gimli::DW_ATE_UTF => Sort::Letter,
        gimli::DW_ATE_signed_char if !rust => Sort::SignedByteLetter,
        gimli::DW_ATE_unsigned_char if !rust => Sort::ByteLetter,
        gimli::DW_ATE_signed | gimli::DW_ATE_signed_char => Sort::Signed,
        _ => Sort::Unsigned,
    };
    let name = match (sort, size, rust) {
        (Sort::Truth, ..) => "bool",
        (Sort::Float, 4, true) => "f32",
        (Sort::Float, _, true) => "f64",
        (Sort::Float, 4, false) => "float",
        (Sort::Float, _, false) => "double",
        (Sort::Letter | Sort::SignedByteLetter, ..) => "char",
        (Sort::ByteLetter, ..) => "unsigned char",
        (Sort::Signed, 1, true) => "i8",
        (Sort::Signed, 2, true) => "i16",
        (Sort::Signed, 4, true) => "i32",
        (Sort::Signed, 16, _) => "i128",
        (Sort::Signed, _, true) => "i64",
        (Sort::Signed, 2, false) => "short",
        (Sort::Signed, 1 | 4, false) => "int",
        (Sort::Signed, _, false) => "long",
        (Sort::Unsigned, 1, true) => "u8",
        (Sort::Unsigned, 2, true) => "u16",
        (Sort::Unsigned, 4, true) => "u32",
        (Sort::Unsigned, 16, _) => "u128",
        (Sort::Unsigned, _, true) => "u64",
        (Sort::Unsigned, 2, false) => "unsigned short",
        (Sort::Unsigned, 1 | 4, false) => "unsigned int",
        (Sort::Unsigned, _, false) => "unsigned long",
        (Sort::Nothing, ..) => "void",
    };
    Primitive { name, size, sort }
}
