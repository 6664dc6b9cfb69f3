//! numpy's scalars: `3.0` in numpy 1, `np.float64(3.0)` in numpy 2.

use super::dtype::{Dtype, Element, TimeUnit, Width};
use super::elements::{Elements, WriteObject};
use super::tables::NUMPY_1;
use super::value::{NumpyScalar, Plain};
use crate::array::Release;
use crate::array::calendar::{self, NOT_A_TIME};
use crate::array::number_text::{complex, plain};
use crate::array::real::Real;
use crate::array::text::hexadecimal;
use crate::model::Addr;
use crate::python::object::TypeInfo;
use crate::python::{Look, LookError};

/// Bytes of a void scalar that are read.
const LONGEST_VOID: u64 = 64 * 1024;
/// Characters of a `str_` or `bytes_` that are read.
const LONGEST_TEXT: usize = 64 * 1024;

/// What a scalar type holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::python) enum ScalarKind {
    Bool,
    Integer { bytes: u64, signed: bool },
    Real(Width),
    Complex(Width),
    Text,
    Bytes,
    Moment,
    Span,
    Void,
}

/// By the name of the type in `numpy`, of which some changed in numpy 2.
fn kind_of(name: &str) -> Option<ScalarKind> {
    let integer = |bytes, signed| ScalarKind::Integer { bytes, signed };
    Some(match name {
        "bool_" | "bool" => ScalarKind::Bool,
        "int8" => integer(1, true),
        "int16" => integer(2, true),
        "int32" | "intc" => integer(4, true),
        "int64" | "longlong" => integer(8, true),
        "uint8" => integer(1, false),
        "uint16" => integer(2, false),
        "uint32" | "uintc" => integer(4, false),
        "uint64" | "ulonglong" => integer(8, false),
        "float16" => ScalarKind::Real(Width::Half),
        "float32" => ScalarKind::Real(Width::Single),
        "float64" => ScalarKind::Real(Width::Double),
        "float128" | "longdouble" => ScalarKind::Real(Width::Extended),
        "complex64" => ScalarKind::Complex(Width::Single),
        "complex128" => ScalarKind::Complex(Width::Double),
        "complex256" | "clongdouble" => ScalarKind::Complex(Width::Extended),
        "str_" => ScalarKind::Text,
        "bytes_" => ScalarKind::Bytes,
        "datetime64" => ScalarKind::Moment,
        "timedelta64" => ScalarKind::Span,
        "void" | "record" => ScalarKind::Void,
        _ => return None,
    })
}

/// Whether instances of a type are scalars that [`Look::scalar_text`] can write.
pub(in crate::python) fn is_scalar(kind: &TypeInfo) -> bool {
    kind.module == "numpy" && kind_of(&kind.name).is_some()
}

impl Look<'_> {
    /// The text of a numpy scalar.
    pub(in crate::python) fn scalar_text(
        &self,
        object: Addr,
        name: &str,
        objects: &mut dyn WriteObject,
    ) -> Result<String, LookError> {
        let kind = kind_of(name).ok_or_else(|| torn(object))?;
        if let Some(scalar) = self.scalar_object(object, name)? {
            return self.scalar_value_text(&scalar, objects);
        }
        let release = self.numpy_release().unwrap_or(Release::of_major(2));
        match kind {
            ScalarKind::Text => {
                let text = self.text(object, LONGEST_TEXT)?;
                Ok(named(name, self.text_literal(&text.code_points), release))
            }
            ScalarKind::Bytes => {
                let (bytes, _) = self.bytes_object(object, LONGEST_TEXT)?;
                Ok(named(name, self.bytes_literal(&bytes), release))
            }
            _ => {
                // These are where they are in both major versions.
                let at = |offset| self.memory.pointer(object.plus(offset));
                let data = at(NUMPY_1.scalar_void_data)?;
                let dtype = self.dtype(at(NUMPY_1.scalar_void_descr)?)?;
                self.void(data, &dtype, name, release, objects)
            }
        }
    }

    /// A number or a time of the inferior; nothing if it is text, bytes, a record or no scalar of numpy.
    pub(in crate::python) fn scalar_object(
        &self,
        object: Addr,
        name: &str,
    ) -> Result<Option<NumpyScalar>, LookError> {
        let Some(kind) = kind_of(name) else {
            return Ok(None);
        };
        let layout = &NUMPY_1;
        let unit = match kind {
            ScalarKind::Text | ScalarKind::Bytes | ScalarKind::Void => return Ok(None),
            ScalarKind::Moment | ScalarKind::Span => {
                let at = object.plus(layout.scalar_datetime_multiple);
                TimeUnit {
                    number: self.memory.u32(object.plus(layout.scalar_datetime_unit))?,
                    multiple: self.memory.i32(at)?,
                }
            }
            _ => TimeUnit::GENERIC,
        };
        let class = self
            .memory
            .pointer(object.plus(self.layout().object.kind))?;
        let release = self.numpy_release().unwrap_or(Release::of_major(2));
        let dtype = Dtype::plain(kind, unit, class, release.0);
        let at = match kind {
            ScalarKind::Real(Width::Extended) | ScalarKind::Complex(Width::Extended) => {
                layout.scalar_long_double
            }
            _ => layout.scalar_value,
        };
        let bytes = self
            .memory
            .bytes(object.plus(at), dtype.item_size as usize)?;
        Ok(Some(NumpyScalar::new(dtype, bytes, object.plus(at))))
    }

    /// The text of a scalar that pmdb took from an array or computed.
    pub(in crate::python) fn scalar_value_text(
        &self,
        scalar: &NumpyScalar,
        objects: &mut dyn WriteObject,
    ) -> Result<String, LookError> {
        let NumpyScalar {
            dtype,
            bytes,
            place,
        } = scalar;
        let release = self.release_of(dtype);
        let named = |name: &str, text: String| named(name, text, release);
        let real =
            |width: Width, bytes: &[u8]| Real::from_bytes(width, bytes).ok_or_else(|| torn(*place));
        Ok(match (&dtype.element, scalar.plain()) {
            (_, Plain::Bool(truth)) => {
                let text = if truth { "True" } else { "False" };
                match release.is_second() {
                    true => format!("np.{text}_"),
                    false => text.to_string(),
                }
            }
            (Element::Integer { signed }, Plain::Int(number)) => {
                let unsigned = if *signed { "" } else { "u" };
                let bits = dtype.item_size * 8;
                named(&format!("{unsigned}int{bits}"), number.to_string())
            }
            (Element::Real(width), _) => {
                let text = plain(real(*width, bytes)?, release);
                match width {
                    Width::Half => named("float16", text),
                    Width::Brain => named("bfloat16", text),
                    Width::Single => named("float32", text),
                    Width::Double => named("float64", text),
                    Width::Extended if release.is_second() => format!("np.longdouble('{text}')"),
                    Width::Extended => text,
                }
            }
            (Element::Complex(width), _) => {
                let (left, right) = bytes.split_at(bytes.len() / 2);
                let text = complex(real(*width, left)?, real(*width, right)?, release);
                let bare = text.trim_matches(['(', ')']);
                match width {
                    _ if !release.is_second() => text,
                    Width::Extended => format!("np.clongdouble('{bare}')"),
                    Width::Single => named("complex64", bare.to_string()),
                    _ => named("complex128", bare.to_string()),
                }
            }
            (Element::Text, Plain::Text(points)) => named("str_", self.text_literal(&points)),
            (Element::Bytes, Plain::Bytes(bytes)) => named("bytes_", self.bytes_literal(&bytes)),
            (Element::Moment(unit) | Element::Span(unit), Plain::Int(count)) => {
                let (kind, name) = match &dtype.element {
                    Element::Moment(_) => (ScalarKind::Moment, "datetime64"),
                    _ => (ScalarKind::Span, "timedelta64"),
                };
                let module = if release.is_second() { "np" } else { "numpy" };
                format!(
                    "{module}.{name}({})",
                    time(kind, count as i64, *unit, release)
                )
            }
            (Element::Record(_) | Element::Opaque, _) => {
                let name = match self.type_at(dtype.scalar_type) {
                    Ok(kind) => kind.plain_name().to_string(),
                    Err(_) => "void".to_string(),
                };
                self.void(*place, dtype, &name, release, objects)?
            }
            _ => return Err(torn(*place)),
        })
    }

    /// What `str()` gives for a number; nothing for what is no number.
    pub(in crate::python) fn scalar_str(&self, scalar: &NumpyScalar) -> Option<String> {
        let release = self.release_of(&scalar.dtype);
        let real = Real::from_bytes;
        Some(match (&scalar.dtype.element, scalar.plain()) {
            (_, Plain::Bool(truth)) => if truth { "True" } else { "False" }.to_string(),
            (Element::Integer { .. }, Plain::Int(number)) => number.to_string(),
            (Element::Real(width), _) => plain(real(*width, &scalar.bytes)?, release),
            (Element::Complex(width), _) => {
                let (left, right) = scalar.bytes.split_at(scalar.bytes.len() / 2);
                complex(real(*width, left)?, real(*width, right)?, release)
            }
            (Element::Moment(unit), Plain::Int(count)) => calendar::moment(count as i64, *unit),
            _ => return None,
        })
    }

    fn void(
        &self,
        data: Addr,
        dtype: &Dtype,
        name: &str,
        release: Release,
        objects: &mut dyn WriteObject,
    ) -> Result<String, LookError> {
        if !matches!(dtype.element, Element::Record(_)) {
            let length = dtype.item_size.min(LONGEST_VOID) as usize;
            let text = hexadecimal(&self.element_bytes(data, length)?);
            return Ok(match release.is_second() {
                true => format!("np.{name}({text})"),
                false => format!("{name}({text})"),
            });
        }
        let mut elements = Elements {
            look: self,
            objects,
            release,
            alone: true,
            scalar: release.is_second(),
        };
        let text = elements.texts(dtype, &[data])?.concat();
        if !release.is_second() {
            return Ok(text);
        }
        let plain = Dtype {
            scalar_type: Addr::NULL,
            ..dtype.clone()
        };
        Ok(format!(
            "np.{name}({text}, dtype={})",
            self.dtype_str(&plain)?
        ))
    }

    /// The text of a dtype object.
    pub(in crate::python) fn dtype_object_text(&self, object: Addr) -> Result<String, LookError> {
        let dtype = self.dtype(object)?;
        self.dtype_repr(&dtype)
    }
}

fn torn(address: Addr) -> LookError {
    LookError::Torn {
        what: "a numpy scalar",
        address,
    }
}

fn named(name: &str, text: String, release: Release) -> String {
    match release.is_second() {
        true => format!("np.{name}({text})"),
        false => text,
    }
}

/// The argument of a time's constructor.
fn time(kind: ScalarKind, count: i64, unit: TimeUnit, release: Release) -> String {
    let not_a_time = count == NOT_A_TIME;
    if kind == ScalarKind::Span {
        let text = match not_a_time {
            true => "'NaT'".to_string(),
            false => count.to_string(),
        };
        return match unit.is_generic() {
            true => text,
            false => format!("{text},'{}'", unit.counted()),
        };
    }
    let says_unit = match not_a_time {
        true => release.nat_has_unit(),
        false => unit.is_hidden_in_text(),
    };
    let text = calendar::moment(count, unit);
    match says_unit {
        true => format!("'{text}','{}'", unit.counted()),
        false => format!("'{text}'"),
    }
}
