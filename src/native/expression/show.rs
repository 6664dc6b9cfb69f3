//! Values and the names of their types as text.

use super::ExpressionError;
use super::datum::{Datum, Row, Target};
use super::evaluate::Evaluator;
use super::primitive::{self, Primitive, Sort};
use crate::model::{Absence, Addr, Value};
use crate::native::types::Type;
use crate::native::values::{Format, Limits, quoted};

/// A string of C that is longer is not read to its end. Bytes.
const LONGEST_STRING: usize = 4096;
/// Elements of a type without debug information that are shown.
const MOST_ELEMENTS: u64 = 10_000;

impl<'s, 'a> Evaluator<'_, 's, 'a> {
    pub fn value(&self, datum: &Datum<'s, 'a>, limits: &Limits) -> Result<Value, ExpressionError> {
        let type_name = self.type_name(datum);
        let simple = |text: String| Value {
            type_name: type_name.clone(),
            text,
            ..Value::default()
        };
        Ok(match datum {
            Datum::Integer(value, kind) => simple(self.integer(*value, *kind)),
            Datum::Float(value, kind) => simple(self.float(*value, *kind)),
            Datum::Text(bytes) => simple(quoted(bytes)),
            Datum::Address(to, at) => Value {
                address: Some(*at),
                ..simple(self.pointer(to, *at))
            },
            Datum::Symbol {
                name,
                address,
                is_function: true,
            } => Value {
                address: Some(*address),
                ..simple(format!("{address} <{name}>"))
            },
            Datum::Symbol { name, .. } => {
                return Err(ExpressionError::Absent(Absence::Unsupported {
                    what: format!(
                        "the type of {name}, of which only a symbol is there: say what it is (`{name} as u64`, `(int){name}`, `&{name}`)"
                    ),
                }));
            }
            Datum::Place(Target::Described(at), storage) => {
                let kind = Type::read(*at, self.writer.module);
                let kind = kind.ok_or_else(|| Absence::Unsupported {
                    what: "its type, which the debug information does not tell".into(),
                })?;
                if let Some(text) = self.text_by_format(datum)? {
                    return Ok(simple(text));
                }
                let mut value = self.writer.value(&kind, Ok(storage.clone()), limits);
                // The context of an expression is the whole answer.
                value.type_name = type_name;
                value
            }
            Datum::Place(..) => {
                let loaded = match self.row(datum) {
                    Some(row) => Datum::Row(row?),
                    None => self.load(datum)?,
                };
                return match &loaded {
                    Datum::Place(..) => Err(self.unsuitable("it cannot be shown", &loaded)),
                    loaded => self.value(loaded, limits),
                };
            }
            Datum::Row(row) => self.row_value(row, type_name, limits)?,
        })
    }

    /// `/s`: bytes as a string.
    fn text_by_format(&self, datum: &Datum<'s, 'a>) -> Result<Option<String>, ExpressionError> {
        if self.writer.format != Some(Format::Text) {
            return Ok(None);
        }
        let Some(row) = self.row(datum) else {
            return Ok(None);
        };
        let Row::Described(elements) = row? else {
            return Ok(None);
        };
        if elements.size != 1 || elements.ring.is_some() {
            return Ok(None);
        }
        let count = elements.count.min(LONGEST_STRING as u64);
        let bytes = elements.first.bytes(self.writer.memory, count)?;
        let end = bytes.iter().position(|byte| *byte == 0);
        Ok(Some(quoted(&bytes[..end.unwrap_or(bytes.len())])))
    }

    fn row_value(
        &self,
        row: &Row<'s, 'a>,
        type_name: String,
        limits: &Limits,
    ) -> Result<Value, ExpressionError> {
        if let Row::Described(elements) = row {
            if let Some(text) = self.text_by_format(&Datum::Row(row.clone()))? {
                return Ok(Value {
                    type_name,
                    text,
                    ..Value::default()
                });
            }
            let value = self.writer.elements_value(elements, limits);
            return Ok(Value { type_name, ..value });
        }
        let mut text = String::from("[");
        let mut truncated = false;
        for index in 0..row.count() {
            if text.len() > limits.characters || index == MOST_ELEMENTS {
                truncated = true;
                break;
            }
            if index > 0 {
                text += ", ";
            }
            match self.value(&row.at(index), limits) {
                Ok(value) => text += &value.text,
                Err(ExpressionError::Absent(absence)) if index > 0 => {
                    text += &absence.to_string();
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        if !truncated {
            text.push(']');
        }
        Ok(Value {
            type_name,
            text,
            truncated,
            ..Value::default()
        })
    }

    fn integer(&self, value: i128, kind: Option<Primitive>) -> String {
        let Primitive { size, sort, .. } = kind.unwrap_or(primitive::WIDE);
        if let Some(format) = self.writer.format {
            // A number without a type is as wide as it has to be.
            let size = match kind {
                Some(_) => size,
                None if i64::try_from(value).is_ok() || u64::try_from(value).is_ok() => 8,
                None => 16,
            };
            let bits = match size {
                16 => value.cast_unsigned(),
                size => value.cast_unsigned() & ((1 << (8 * size)) - 1),
            };
            let encoding = match sort {
                Sort::Signed | Sort::SignedByteLetter => gimli::DW_ATE_signed,
                _ => gimli::DW_ATE_unsigned,
            };
            return format.write(bits, size, encoding);
        }
        let letter = u32::try_from(value).ok().and_then(char::from_u32);
        match (sort, letter) {
            (Sort::Truth, _) if value == 0 || value == 1 => (value != 0).to_string(),
            (Sort::Letter, Some(letter)) => format!("{letter:?}"),
            (Sort::ByteLetter | Sort::SignedByteLetter, Some(letter @ ' '..='~')) => {
                format!("{value} '{}'", letter.escape_default())
            }
            _ => value.to_string(),
        }
    }

    fn float(&self, value: f64, kind: Primitive) -> String {
        let bits = match kind.size {
            4 => (value as f32).to_bits().into(),
            _ => value.to_bits(),
        };
        if let Some(format) = self.writer.format {
            return format.write(bits.into(), kind.size, gimli::DW_ATE_float);
        }
        let text = match kind.size {
            4 => format!("{:?}", value as f32),
            _ => format!("{value:?}"),
        };
        match self.is_rust() {
            true => text,
            false => text.strip_suffix(".0").unwrap_or(&text).to_owned(),
        }
    }

    fn pointer(&self, to: &Target<'s, 'a>, at: Addr) -> String {
        if let Some(format) = self.writer.format.filter(|it| *it != Format::Text) {
            return format.write(at.0.into(), 8, gimli::DW_ATE_address);
        }
        let is_letter = match to {
            Target::Primitive(kind) => {
                matches!(kind.sort, Sort::ByteLetter | Sort::SignedByteLetter)
            }
            Target::Described(kind) => {
                let kind = Type::read(*kind, self.writer.module);
                kind.is_some_and(|kind| {
                    kind.size == Some(1) && kind.name.contains("char") && !self.is_rust()
                })
            }
            _ => false,
        };
        if (is_letter || self.writer.format.is_some())
            && !at.is_null()
            && let Ok(bytes) = self.writer.memory.c_string(at, LONGEST_STRING)
        {
            return format!("{at} {}", quoted(&bytes));
        }
        at.to_string()
    }

    /// With its path, as far as it has one.
    pub fn type_name(&self, datum: &Datum<'s, 'a>) -> String {
        match datum {
            Datum::Integer(_, None) => "integer".to_owned(),
            Datum::Text(_) => "text".to_owned(),
            Datum::Symbol {
                is_function: true, ..
            } => "function".to_owned(),
            Datum::Symbol { .. } => "data without debug information".to_owned(),
            other => self.name_of(&self.target_of(other)),
        }
    }

    pub fn name_of(&self, kind: &Target<'s, 'a>) -> String {
        match kind {
            Target::Described(at) => {
                let kind = Type::read(*at, self.writer.module);
                kind.map_or_else(
                    || "(unknown)".to_owned(),
                    |kind| {
                        // A typedef has no path of its own here.
                        let own = kind.own_name(self.writer.module);
                        match own.is_some_and(|own| own == kind.name) {
                            true => format!("{}{}", kind.path(self.writer.module), kind.name),
                            false => kind.name,
                        }
                    },
                )
            }
            Target::Primitive(kind) => kind.name.to_owned(),
            Target::Pointer(to) if self.is_rust() => format!("*const {}", self.name_of(to)),
            Target::Pointer(to) => {
                let name = self.name_of(to);
                let space = if name.ends_with('*') { "" } else { " " };
                format!("{name}{space}*")
            }
            Target::Array(element, count) if self.is_rust() => {
                format!("[{}; {count}]", self.name_of(element))
            }
            Target::Array(element, count) => format!("{} [{count}]", self.name_of(element)),
        }
    }
}
