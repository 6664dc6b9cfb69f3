//! `int()`, `float()` and `complex()`, from numbers and from text.

use num_bigint::BigInt;
use num_traits::{FromPrimitive, Num, ToPrimitive};

use super::number::{Number, int_to_float};
use super::{Datum, EvalError, Evaluator};

impl Evaluator<'_, '_> {
    pub(super) fn int(
        &self,
        value: Option<&Datum>,
        base: Option<&Datum>,
    ) -> Result<Datum, EvalError> {
        let Some(value) = value else {
            return Ok(Datum::int(0));
        };
        self.refuse_overrides(value, &["__int__", "__index__", "__trunc__"])?;
        let loaded = self.load(value)?;
        let base = match base {
            None => None,
            Some(base) => match self.as_index(base)?.and_then(|base| base.to_u32()) {
                Some(base @ (0 | 2..=36)) => Some(base),
                _ => {
                    return Err(EvalError::value_error(
                        "int() base must be >= 2 and <= 36, or 0",
                    ));
                }
            },
        };
        let text = match (&loaded, base) {
            (Datum::Str(points), _) => super::text::to_string(points),
            (Datum::Bytes(bytes) | Datum::ByteArray(bytes), _) => {
                String::from_utf8_lossy(bytes).into_owned()
            }
            (_, Some(_)) => {
                return Err(EvalError::type_error(
                    "int() can't convert non-string with explicit base",
                ));
            }
            _ => {
                return match Number::of(&loaded) {
                    Some(Number::Int(value)) => Ok(Datum::Int(value)),
                    Some(Number::Float(value)) => whole(value.trunc()).map(Datum::Int),
                    _ => {
                        let kind = self.type_name(value);
                        Err(EvalError::type_error(format!(
                            "int() argument must be a string, a bytes-like object or a real number, not '{kind}'"
                        )))
                    }
                };
            }
        };
        let base = base.unwrap_or(10);
        if text.len() > 100_000 {
            return Err(EvalError::Limit {
                limit: "an int of 100,000 digits has room for".to_string(),
            });
        }
        parse_int(&text, base).map(Datum::Int).ok_or_else(|| {
            let shown = self
                .look
                .show(&loaded, &crate::python::Limits::default())
                .text;
            EvalError::value_error(format!(
                "invalid literal for int() with base {base}: {shown}"
            ))
        })
    }

    pub(super) fn float(&self, value: Option<&Datum>) -> Result<Datum, EvalError> {
        let Some(value) = value else {
            return Ok(Datum::Float(0.0));
        };
        self.refuse_overrides(value, &["__float__", "__index__"])?;
        let loaded = self.load(value)?;
        let text = match &loaded {
            Datum::Str(points) => super::text::to_string(points),
            Datum::Bytes(bytes) | Datum::ByteArray(bytes) => {
                String::from_utf8_lossy(bytes).into_owned()
            }
            _ => {
                return match Number::of(&loaded) {
                    Some(Number::Int(value)) => int_to_float(&value).map(Datum::Float),
                    Some(Number::Float(value)) => Ok(Datum::Float(value)),
                    _ => {
                        let kind = self.type_name(value);
                        Err(EvalError::type_error(format!(
                            "float() argument must be a string or a real number, not '{kind}'"
                        )))
                    }
                };
            }
        };
        parse_float(&text).map(Datum::Float).ok_or_else(|| {
            let shown = self
                .look
                .show(&loaded, &crate::python::Limits::default())
                .text;
            EvalError::value_error(format!("could not convert string to float: {shown}"))
        })
    }

    pub(super) fn complex(
        &self,
        real: Option<&Datum>,
        imaginary: Option<&Datum>,
    ) -> Result<Datum, EvalError> {
        let part = |datum: Option<&Datum>| -> Result<(f64, f64), EvalError> {
            let Some(datum) = datum else {
                return Ok((0.0, 0.0));
            };
            match Number::of(&self.load(datum)?) {
                Some(Number::Int(value)) => Ok((int_to_float(&value)?, 0.0)),
                Some(Number::Float(value)) => Ok((value, 0.0)),
                Some(Number::Complex(real, imaginary)) => Ok((real, imaginary)),
                None => Err(EvalError::unsupported("complex() of text")),
            }
        };
        let (a, b) = part(real)?;
        if imaginary.is_none() {
            return Ok(Datum::Complex(a, b));
        }
        let (c, d) = part(imaginary)?;
        Ok(Datum::Complex(a - d, b + c))
    }
}

/// The int that a float without a fraction is.
pub(super) fn whole(value: f64) -> Result<BigInt, EvalError> {
    if value.is_nan() {
        return Err(EvalError::value_error(
            "cannot convert float NaN to integer",
        ));
    }
    BigInt::from_f64(value).ok_or_else(|| {
        EvalError::raised("OverflowError", "cannot convert float infinity to integer")
    })
}

fn parse_int(text: &str, base: u32) -> Option<BigInt> {
    let text = text.trim();
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_lowercase();
    let prefixed = [("0x", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .find(|(prefix, radix)| lower.starts_with(prefix) && (base == 0 || base == *radix));
    let (digits, radix) = match prefixed {
        Some((_, radix)) => (lower[2..].strip_prefix('_').unwrap_or(&lower[2..]), radix),
        None if base == 0
            && lower.len() > 1
            && lower.starts_with('0')
            && !lower.trim_matches(['0', '_']).is_empty() =>
        {
            return None;
        }
        None => (&lower[..], if base == 0 { 10 } else { base }),
    };
    let well_formed = !digits.is_empty()
        && !digits.starts_with('_')
        && !digits.ends_with('_')
        && !digits.contains("__")
        && digits
            .chars()
            .all(|digit| digit == '_' || digit.is_digit(radix));
    if !well_formed {
        return None;
    }
    let value = BigInt::from_str_radix(&digits.replace('_', ""), radix).ok()?;
    Some(if negative { -value } else { value })
}

fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim();
    let bare = text.trim_start_matches(['+', '-']).to_lowercase();
    if text.len() > bare.len() + 1 {
        return None;
    }
    match bare.as_str() {
        "inf" | "infinity" | "nan" => {}
        _ if !bare.starts_with(|first: char| first.is_ascii_digit() || first == '.')
            || bare.contains("__")
            || bare.starts_with('_')
            || bare.ends_with('_') =>
        {
            return None;
        }
        _ => {}
    }
    text.replace('_', "").to_lowercase().parse().ok()
}
