//! Types by name, their sizes, and casts.

use super::ExpressionError;
use super::datum::{Datum, Target};
use super::evaluate::{Evaluated, Evaluator};
use super::primitive::{self, Primitive, Sort};
use super::syntax::TypeName;
use crate::native::dwarf::{EntryRef, Sort as Named};
use crate::native::types::{Shape, Type};
use crate::native::values::Storage;

impl<'s, 'a> Evaluator<'_, 's, 'a> {
    pub fn resolve(&self, name: &TypeName) -> Result<Target<'s, 'a>, ExpressionError> {
        Ok(match name {
            TypeName::Pointer(to) => Target::Pointer(Box::new(self.resolve(to)?)),
            TypeName::Array(element, count) => {
                Target::Array(Box::new(self.resolve(element)?), *count)
            }
            TypeName::Named(name) => {
                if name == "char" && self.is_rust() {
                    return Ok(Target::Primitive(primitive::LETTER));
                }
                if let Some(known) = Primitive::named(name) {
                    return Ok(Target::Primitive(known));
                }
                let found = self.type_named(name);
                Target::Described(
                    found.ok_or_else(|| ExpressionError::NoSuchType { name: name.clone() })?,
                )
            }
        })
    }

    fn type_named(&self, name: &str) -> Option<EntryRef<'s, 'a>> {
        let module = self.writer.module;
        let (path, last) = split_path(name);
        let is_at = |at: &EntryRef<'s, 'a>| {
            path.is_empty() || {
                let whole = at.path();
                whole == path || whole.ends_with(&format!("::{path}"))
            }
        };
        let is_named = |at: &EntryRef<'s, 'a>| own_name(*at).is_some_and(|own| own == last);
        let exact = module.named(Named::Type, last);
        if let Some(at) = exact.filter(is_named).find(is_at) {
            return Some(at);
        }
        if !last.contains('<') {
            return None;
        }
        // `Vec<u8>` for `Vec<u8, alloc::alloc::Global>`: parameters that have a usual value are left out by whoever types it.
        let wanted = without_spaces(last);
        let begin = wanted.strip_suffix('>').map(|begin| format!("{begin},"));
        let suits = |at: &EntryRef<'s, 'a>| {
            let own = own_name(*at).map(|own| without_spaces(&own));
            own.is_some_and(|own| {
                own == wanted || begin.as_ref().is_some_and(|begin| own.starts_with(begin))
            })
        };
        module.all_of(Named::Type).filter(suits).find(is_at)
    }

    /// In bytes.
    pub fn size(&self, kind: &Target<'s, 'a>) -> Option<u64> {
        match kind {
            Target::Described(at) => Type::read(*at, self.writer.module)?.size,
            Target::Primitive(kind) if kind.sort == Sort::Nothing => None,
            Target::Primitive(kind) => Some(kind.size),
            Target::Pointer(_) => Some(8),
            Target::Array(element, count) => self.size(element)?.checked_mul(*count),
        }
    }

    pub fn cast(&self, datum: &Datum<'s, 'a>, to: Target<'s, 'a>) -> Evaluated<'s, 'a> {
        // What is only a symbol is read as the type that it is said to be; a number or pointer is where a pointer points.
        match &to {
            Target::Primitive(kind) if kind.sort == Sort::Nothing => {
                Err(self.unsuitable("nothing has this type", datum))
            }
            Target::Primitive(kind) => self.cast_to_number(datum, *kind),
            Target::Pointer(inner) => {
                let at = self.cast_source(datum)?;
                Ok(Datum::Address((**inner).clone(), at))
            }
            Target::Array(..) => self.reinterpreted(datum, to.clone()),
            Target::Described(at) => {
                let Some(kind) = Type::read(*at, self.writer.module) else {
                    return Err(self.unsuitable("its type cannot be read", datum));
                };
                match kind.shape {
                    Shape::Pointer { to: inner, .. } => {
                        let at = self.cast_source(datum)?;
                        let inner =
                            inner.map_or(Target::Primitive(primitive::NOTHING), Target::Described);
                        Ok(Datum::Address(inner, at))
                    }
                    Shape::Base(encoding) => {
                        let size = kind.size.unwrap_or(0);
                        let is_rust = crate::native::values::is_rust(kind.at);
                        self.cast_to_number(datum, super::load::described(encoding, size, is_rust))
                    }
                    _ => self.reinterpreted(datum, to.clone()),
                }
            }
        }
    }

    fn cast_source(&self, datum: &Datum<'s, 'a>) -> Result<crate::model::Addr, ExpressionError> {
        let loaded = self.load(datum)?;
        let (value, _) = self.as_integer(&loaded)?;
        Ok(crate::model::Addr(value as u64))
    }

    /// What lies there, as another type.
    fn reinterpreted(&self, datum: &Datum<'s, 'a>, to: Target<'s, 'a>) -> Evaluated<'s, 'a> {
        match datum {
            Datum::Place(_, storage) => Ok(Datum::Place(to, storage.clone())),
            Datum::Symbol { address, .. } => Ok(Datum::Place(to, Storage::Memory(*address))),
            Datum::Integer(value, kind) => {
                let bytes = value.to_le_bytes();
                let size = kind.map_or(8, |kind| kind.size).min(16) as usize;
                let pieces = crate::native::values::Pieces {
                    bytes: bytes[..size].to_vec(),
                    lost: Vec::new(),
                };
                Ok(Datum::Place(to, Storage::of(pieces)))
            }
            other => Err(self.unsuitable("this cannot be read as another type", other)),
        }
    }

    fn cast_to_number(&self, datum: &Datum<'s, 'a>, kind: Primitive) -> Evaluated<'s, 'a> {
        // A symbol without a type, read as a number.
        if let Datum::Symbol {
            address,
            is_function: false,
            ..
        } = datum
        {
            return self.load_primitive(kind, &Storage::Memory(*address));
        }
        match (self.load(datum)?, kind.sort) {
            (Datum::Float(value, _), Sort::Float) => Ok(Datum::Float(narrowed(value, kind), kind)),
            // As `as` does: what is out of range becomes the nearest number.
            (Datum::Float(value, _), _) => {
                Ok(Datum::Integer(kind.wrapped(value as i128), Some(kind)))
            }
            (Datum::Integer(value, _), Sort::Float) => {
                Ok(Datum::Float(narrowed(value as f64, kind), kind))
            }
            (loaded, _) => {
                let (value, _) = self.as_integer(&loaded)?;
                Ok(Datum::Integer(kind.wrapped(value), Some(kind)))
            }
        }
    }

    /// The type of what an expression gives.
    pub fn target_of(&self, datum: &Datum<'s, 'a>) -> Target<'s, 'a> {
        match datum {
            Datum::Integer(_, kind) => Target::Primitive(kind.unwrap_or(primitive::INTEGER)),
            Datum::Float(_, kind) => Target::Primitive(*kind),
            Datum::Place(kind, _) => kind.clone(),
            Datum::Address(to, _) => Target::Pointer(Box::new(to.clone())),
            Datum::Row(row) => {
                let element = match row.at(0) {
                    Datum::Place(kind, _) => kind,
                    _ => Target::Primitive(primitive::NOTHING),
                };
                Target::Array(Box::new(element), row.count())
            }
            Datum::Text(text) => Target::Array(
                Box::new(Target::Primitive(primitive::BYTE)),
                text.len() as u64,
            ),
            Datum::Symbol { .. } => Target::Primitive(primitive::NOTHING),
        }
    }
}

fn narrowed(value: f64, kind: Primitive) -> f64 {
    if kind.size == 4 {
        f64::from(value as f32)
    } else {
        value
    }
}

fn own_name(at: EntryRef<'_, '_>) -> Option<String> {
    at.within
        .text(at.read().ok()?.attr_value(gimli::DW_AT_name)?)
}

fn without_spaces(text: &str) -> String {
    text.split_whitespace().collect()
}

/// The path with its last `::`, and the name with its parameters.
fn split_path(name: &str) -> (&str, &str) {
    let end = name.find('<').unwrap_or(name.len());
    let at = name[..end].rfind("::").map_or(0, |at| at + 2);
    name.split_at(at)
}

#[cfg(test)]
mod tests {
    use super::split_path;

    #[test]
    fn a_path_ends_before_the_parameters() {
        assert_eq!(
            split_path("alloc::vec::Vec<a::b>"),
            ("alloc::vec::", "Vec<a::b>")
        );
        assert_eq!(split_path("Point"), ("", "Point"));
    }
}
