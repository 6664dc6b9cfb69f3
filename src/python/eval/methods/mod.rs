//! Methods of builtin types that only look.

mod bytes;
mod characters;
mod container;
mod text;

use std::sync::Arc;

use num_integer::Integer as _;
use num_traits::Signed;

use super::call::Arguments;
use super::{Datum, EvalError, Evaluator, sequence};
use crate::python::object::Builtin;

impl Evaluator<'_, '_> {
    /// `receiver.name(…)`.
    pub(super) fn method(
        &self,
        receiver: &Datum,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Datum, EvalError> {
        let of_numpy = if let Some(view) = self.array(receiver)? {
            self.array_method(&view, name, arguments)?
        } else if let Some(scalar) = self.numpy_scalar(receiver)? {
            self.scalar_method(receiver, &scalar, name, arguments)?
        } else {
            None
        };
        if let Some(answer) = of_numpy {
            return Ok(answer);
        }
        let loaded = self.load(receiver)?;
        let answer = match (&loaded, self.builtin(&loaded)?) {
            (Datum::Str(points), _) => self.text_method(points, name, arguments)?,
            (Datum::Bytes(bytes) | Datum::ByteArray(bytes), _) => {
                self.bytes_method(bytes, name, arguments)?
            }
            (Datum::Int(_) | Datum::Bool(_) | Datum::Float(_) | Datum::Complex(..), _) => {
                self.number_method(&loaded, name, arguments)?
            }
            (Datum::Range(_), _) | (_, Builtin::List | Builtin::Tuple) => {
                self.sequence_method(&loaded, name, arguments)?
            }
            (_, Builtin::Dict) => self.dict_method(&loaded, name, arguments)?,
            (_, Builtin::Set | Builtin::FrozenSet) => self.set_method(&loaded, name, arguments)?,
            _ if self.type_name(&loaded) == "mappingproxy" => {
                self.dict_method(&loaded, name, arguments)?
            }
            _ => None,
        };
        answer.ok_or_else(|| {
            let kind = self.type_name(receiver);
            EvalError::needs(format!("calling `{kind}.{name}`"))
        })
    }

    fn number_method(
        &self,
        receiver: &Datum,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Datum>, EvalError> {
        arguments.count(name, 0, usize::MAX, &["signed", "length", "byteorder"])?;
        let int = self.as_index(receiver)?;
        Ok(Some(match (receiver, int, name) {
            (_, Some(value), "bit_length") => Datum::int(value.bits()),
            (_, Some(value), "bit_count") => {
                let digits = value.magnitude().to_u64_digits();
                Datum::int(digits.iter().map(|digit| digit.count_ones()).sum::<u32>())
            }
            (_, Some(value), "conjugate" | "__int__" | "__index__") => Datum::Int(value),
            (_, Some(_), "is_integer") => Datum::Bool(true),
            (_, Some(value), "as_integer_ratio") => {
                Datum::tuple(vec![Datum::Int(value), Datum::int(1)])
            }
            (_, Some(value), "to_bytes") => return self.to_bytes(&value, arguments).map(Some),
            (Datum::Float(value), _, "is_integer") => Datum::Bool(value.fract() == 0.0),
            (Datum::Float(value), _, "conjugate") => Datum::Float(*value),
            (Datum::Float(value), _, "hex") => Datum::text(&hexadecimal(*value)),
            (Datum::Float(value), _, "as_integer_ratio") if value.is_finite() => ratio(*value),
            (Datum::Complex(real, imaginary), _, "conjugate") => Datum::Complex(*real, -imaginary),
            _ => return Ok(None),
        }))
    }

    fn to_bytes(
        &self,
        value: &num_bigint::BigInt,
        arguments: &Arguments,
    ) -> Result<Datum, EvalError> {
        let length = match arguments.either(0, "length") {
            Some(length) => self
                .as_index(length)?
                .and_then(|length| usize::try_from(&length).ok()),
            None => Some(1),
        };
        let length =
            length.ok_or_else(|| EvalError::value_error("length argument must be non-negative"))?;
        self.budget.allocate(length as u64)?;
        let order = match arguments.either(1, "byteorder") {
            Some(order) => self.load(order)?,
            None => Datum::text("big"),
        };
        let Datum::Str(order) = order else {
            return Err(EvalError::type_error(
                "to_bytes() argument 'byteorder' must be str",
            ));
        };
        let signed = arguments
            .named("signed")
            .map_or(Ok(false), |signed| self.truth(signed))?;
        if value.is_negative() && !signed {
            return Err(EvalError::raised(
                "OverflowError",
                "can't convert negative int to unsigned",
            ));
        }
        let mut bytes = if signed {
            value.to_signed_bytes_le()
        } else {
            value.magnitude().to_bytes_le()
        };
        let fill = if value.is_negative() { 0xff } else { 0 };
        while bytes.len() > length && bytes.last() == Some(&0) && !signed {
            bytes.pop();
        }
        if bytes.len() > length {
            return Err(EvalError::raised("OverflowError", "int too big to convert"));
        }
        bytes.resize(length, fill);
        match super::text::to_string(&order).as_str() {
            "little" => {}
            "big" => bytes.reverse(),
            _ => {
                return Err(EvalError::value_error(
                    "byteorder must be either 'little' or 'big'",
                ));
            }
        }
        Ok(Datum::Bytes(Arc::new(bytes)))
    }
}

/// `float.hex()`.
fn hexadecimal(value: f64) -> String {
    if !value.is_finite() {
        return crate::python::repr::float_text(value);
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let bits = value.to_bits();
    let (exponent, mantissa) = (bits >> 52 & 0x7ff, bits & ((1 << 52) - 1));
    if exponent == 0 && mantissa == 0 {
        return format!("{sign}0x0.0p+0");
    }
    let (lead, exponent) = if exponent == 0 {
        (0, -1022)
    } else {
        (1, exponent as i64 - 1023)
    };
    format!("{sign}0x{lead}.{mantissa:013x}p{exponent:+}")
}

fn ratio(value: f64) -> Datum {
    let bits = value.to_bits();
    let (exponent, mantissa) = ((bits >> 52 & 0x7ff) as i64, bits & ((1 << 52) - 1));
    let (mantissa, exponent) = if exponent == 0 {
        (mantissa, -1074)
    } else {
        (mantissa | 1 << 52, exponent - 1075)
    };
    let mut top = num_bigint::BigInt::from(mantissa);
    let mut bottom = num_bigint::BigInt::from(1);
    if exponent >= 0 {
        top <<= exponent.unsigned_abs();
    } else {
        bottom <<= exponent.unsigned_abs();
    }
    let common = top.gcd(&bottom);
    let top = if value.is_sign_negative() { -top } else { top };
    Datum::tuple(vec![Datum::Int(top / &common), Datum::Int(bottom / common)])
}

/// The part of a sequence that `start` and `end` arguments name, as offsets.
pub(super) fn window(
    evaluator: &Evaluator<'_, '_>,
    length: usize,
    start: Option<&Datum>,
    end: Option<&Datum>,
) -> Result<Option<(usize, usize)>, EvalError> {
    let parts = [
        start.cloned().unwrap_or(Datum::None),
        end.cloned().unwrap_or(Datum::None),
        Datum::None,
    ];
    if let Some(start) = start
        && let Some(start) = evaluator.as_index(start)?
        && start > length.into()
    {
        return Ok(None);
    }
    let (start, _, count) = evaluator.slice_bounds(&parts, &length.into())?;
    let start = usize::try_from(&start).unwrap_or(0);
    let count = usize::try_from(&count).unwrap_or(0);
    Ok(Some((start, start.saturating_add(count).min(length))))
}

/// What `find`, `index`, `count` and their like answer on text and bytes alike.
pub(super) fn search<T: PartialEq>(
    whole: &[T],
    part: &[T],
    window: Option<(usize, usize)>,
    name: &str,
) -> Option<i64> {
    let (start, end) = window?;
    let within = whole.get(start..end.max(start))?;
    let found = if name.starts_with('r') {
        last(within, part)
    } else {
        sequence::find(within, part)
    };
    found.map(|at| (start + at) as i64)
}

fn last<T: PartialEq>(whole: &[T], part: &[T]) -> Option<usize> {
    if part.is_empty() {
        return Some(whole.len());
    }
    whole.windows(part.len()).rposition(|window| window == part)
}

/// How often `part` lies in `whole` without overlap.
pub(super) fn occurrences<T: PartialEq>(whole: &[T], part: &[T]) -> usize {
    if part.is_empty() {
        return whole.len() + 1;
    }
    let (mut count, mut rest) = (0, whole);
    while let Some(at) = sequence::find(rest, part) {
        count += 1;
        rest = &rest[at + part.len()..];
    }
    count
}

/// Replaces at most `limit` occurrences.
pub(super) fn replaced<T: PartialEq + Clone>(
    whole: &[T],
    old: &[T],
    new: &[T],
    limit: usize,
) -> Vec<T> {
    let mut result = Vec::new();
    let mut rest = whole;
    let mut left = limit;
    if old.is_empty() {
        for item in whole {
            if left > 0 {
                result.extend_from_slice(new);
                left -= 1;
            }
            result.push(item.clone());
        }
        if left > 0 {
            result.extend_from_slice(new);
        }
        return result;
    }
    while left > 0
        && let Some(at) = sequence::find(rest, old)
    {
        result.extend_from_slice(&rest[..at]);
        result.extend_from_slice(new);
        rest = &rest[at + old.len()..];
        left -= 1;
    }
    result.extend_from_slice(rest);
    result
}
