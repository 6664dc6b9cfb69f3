//! numpy's scalars: `3.0` in numpy 1, `np.float64(3.0)` in numpy 2.

use super::calendar::{self, NOT_A_TIME};
use super::dtype::{Dtype, Element, TimeUnit, Width};
use super::elements::{Elements, WriteObject, hexadecimal};
use super::real::Real;
use super::release::Release;
use super::tables::NUMPY_1;
use crate::model::Addr;
use crate::python::object::TypeInfo;
use crate::python::{Look, LookError};

/// Bytes of a void scalar that are read.
const LONGEST_VOID: u64 = 64 * 1024;
/// Characters of a `str_` or `bytes_` that are read.
const LONGEST_TEXT: usize = 64 * 1024;

/// What a scalar type holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
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
fn kind_of(name: &str) -> Option<Kind> {
    let integer = |bytes, signed| Kind::Integer { bytes, signed };
    Some(match name {
        "bool_" | "bool" => Kind::Bool,
        "int8" => integer(1, true),
        "int16" => integer(2, true),
        "int32" | "intc" => integer(4, true),
        "int64" | "longlong" => integer(8, true),
        "uint8" => integer(1, false),
        "uint16" => integer(2, false),
        "uint32" | "uintc" => integer(4, false),
        "uint64" | "ulonglong" => integer(8, false),
        "float16" => Kind::Real(Width::Half),
        "float32" => Kind::Real(Width::Single),
        "float64" => Kind::Real(Width::Double),
        "float128" | "longdouble" => Kind::Real(Width::Extended),
        "complex64" => Kind::Complex(Width::Single),
        "complex128" => Kind::Complex(Width::Double),
        "complex256" | "clongdouble" => Kind::Complex(Width::Extended),
        "str_" => Kind::Text,
        "bytes_" => Kind::Bytes,
        "datetime64" => Kind::Moment,
        "timedelta64" => Kind::Span,
        "void" | "record" => Kind::Void,
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
        let torn = LookError::Torn {
            what: "a numpy scalar",
            address: object,
        };
        let kind = kind_of(name).ok_or(torn)?;
        let release = self.numpy_release().unwrap_or(Release::of_major(2));
        // These are where they are in both major versions.
        let layout = &NUMPY_1;
        let value = object.plus(layout.scalar_value);
        let named = |name: &str, text: String| match release.is_second() {
            true => format!("np.{name}({text})"),
            false => text,
        };
        Ok(match kind {
            Kind::Bool => {
                let truth = self.memory.u8(value)? != 0;
                let text = if truth { "True" } else { "False" };
                match release.is_second() {
                    true => format!("np.{text}_"),
                    false => text.to_string(),
                }
            }
            Kind::Integer { bytes, signed } => {
                let mut wide = [0; 8];
                self.memory
                    .read(value, wide.get_mut(..bytes as usize).unwrap_or_default())?;
                let shift = 64 - 8 * bytes;
                let number = u64::from_le_bytes(wide);
                let text = match signed {
                    true => (((number << shift) as i64) >> shift).to_string(),
                    false => number.to_string(),
                };
                let unsigned = if signed { "" } else { "u" };
                named(&format!("{unsigned}int{}", bytes * 8), text)
            }
            Kind::Real(width) => {
                let text = plain(self.real_at(object, width, 0)?, release);
                match width {
                    Width::Extended if release.is_second() => format!("np.longdouble('{text}')"),
                    _ => named(name, text),
                }
            }
            Kind::Complex(width) => {
                let real = self.real_at(object, width, 0)?;
                let imaginary = self.real_at(object, width, width.bytes())?;
                let text = complex(real, imaginary, release);
                match width {
                    Width::Extended if release.is_second() => {
                        let text = text.trim_matches(['(', ')']);
                        format!("np.clongdouble('{text}')")
                    }
                    _ => {
                        let text = match release.is_second() {
                            true => text.trim_matches(['(', ')']).to_string(),
                            false => text,
                        };
                        named(name, text)
                    }
                }
            }
            Kind::Text => {
                let text = self.text(object, LONGEST_TEXT)?;
                named(name, self.text_literal(&text.code_points))
            }
            Kind::Bytes => {
                let (bytes, _) = self.bytes_object(object, LONGEST_TEXT)?;
                named(name, self.bytes_literal(&bytes))
            }
            Kind::Moment | Kind::Span => {
                let unit = TimeUnit {
                    number: self.memory.u32(object.plus(layout.scalar_datetime_unit))?,
                    multiple: self
                        .memory
                        .i32(object.plus(layout.scalar_datetime_multiple))?,
                };
                let module = if release.is_second() { "np" } else { "numpy" };
                let count = self.memory.i64(value)?;
                format!("{module}.{name}({})", time(kind, count, unit, release))
            }
            Kind::Void => self.void(object, name, release, objects)?,
        })
    }

    fn real_at(&self, object: Addr, width: Width, offset: u64) -> Result<Real, LookError> {
        let at = match width {
            Width::Extended => NUMPY_1.scalar_long_double,
            _ => NUMPY_1.scalar_value,
        };
        let place = object.plus(at).plus(offset);
        let bytes = self.memory.bytes(place, width.bytes() as usize)?;
        Real::from_bytes(width, &bytes).ok_or(LookError::Torn {
            what: "a numpy scalar",
            address: object,
        })
    }

    fn void(
        &self,
        object: Addr,
        name: &str,
        release: Release,
        objects: &mut dyn WriteObject,
    ) -> Result<String, LookError> {
        let data = self.memory.pointer(object.plus(NUMPY_1.scalar_void_data))?;
        let descr = self
            .memory
            .pointer(object.plus(NUMPY_1.scalar_void_descr))?;
        let dtype = self.dtype(descr)?;
        if !matches!(dtype.element, Element::Record(_)) {
            let length = dtype.item_size.min(LONGEST_VOID) as usize;
            let text = hexadecimal(&self.memory.bytes(data, length)?);
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
        let text = elements.texts(&dtype, &[data])?.concat();
        if !release.is_second() {
            return Ok(text);
        }
        let plain = Dtype {
            scalar_type: Addr::NULL,
            ..(*dtype).clone()
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

/// The argument of a time's constructor.
fn time(kind: Kind, count: i64, unit: TimeUnit, release: Release) -> String {
    let not_a_time = count == NOT_A_TIME;
    if kind == Kind::Span {
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

/// A number by itself: without an exponent from 1e-4 up to where its precision, or 16 digits, end.
pub(super) fn plain(number: Real, release: Release) -> String {
    let text = parts(number, release);
    match text.contains(['.', 'e', 'n']) {
        true => text,
        false => text + ".0",
    }
}

fn parts(number: Real, release: Release) -> String {
    if number.is_nan() {
        return "nan".to_string();
    }
    let sign = if number.is_negative() { "-" } else { "" };
    if !number.is_finite() {
        return format!("{sign}inf");
    }
    let most = match number {
        Real::Half(..) if release.exponent_by_type() => 3,
        Real::Single(_) if release.exponent_by_type() => 6,
        _ => 16,
    };
    let decimal = number.shortest();
    if number.is_zero() || (-4..most).contains(&decimal.exponent) {
        let (left, right) = decimal.positional();
        return match right.is_empty() {
            true => format!("{sign}{left}"),
            false => format!("{sign}{left}.{right}"),
        };
    }
    let digits: String = decimal
        .digits
        .iter()
        .map(|&digit| char::from(digit))
        .collect();
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let direction = if decimal.exponent < 0 { '-' } else { '+' };
    let exponent = decimal.exponent.unsigned_abs();
    format!("{sign}{first}{point}{rest}e{direction}{exponent:02}")
}

fn complex(real: Real, imaginary: Real, release: Release) -> String {
    let right = parts(imaginary, release) + "j";
    if real.is_zero() && !real.is_negative() {
        return right;
    }
    let plus = if right.starts_with('-') { "" } else { "+" };
    format!("({}{plus}{right})", parts(real, release))
}
