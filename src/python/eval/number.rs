//! Arithmetic as CPython does it (`Objects/longobject.c`, `floatobject.c`, `complexobject.c`).

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};
use num_integer::Integer as _;
use num_traits::{FromPrimitive, Signed, ToPrimitive, Zero};
use ruff_python_ast::Operator;

use super::{Datum, EvalError};

/// Bits of the largest int that an operator makes.
const MOST_BITS: u64 = 1 << 22;

/// A number in the tower of `int`, `float` and `complex`.
#[derive(Debug, Clone)]
pub(super) enum Number {
    Int(BigInt),
    Float(f64),
    Complex(f64, f64),
}

impl Number {
    pub(super) fn of(datum: &Datum) -> Option<Number> {
        Some(match datum {
            Datum::Bool(truth) => Number::Int(BigInt::from(u8::from(*truth))),
            Datum::Int(value) => Number::Int(value.clone()),
            Datum::Float(value) => Number::Float(*value),
            Datum::Complex(real, imaginary) => Number::Complex(*real, *imaginary),
            _ => return None,
        })
    }

    fn to_complex(&self) -> Result<(f64, f64), EvalError> {
        Ok(match self {
            Number::Int(value) => (int_to_float(value)?, 0.0),
            Number::Float(value) => (*value, 0.0),
            Number::Complex(real, imaginary) => (*real, *imaginary),
        })
    }
}

/// `left op right` of two numbers; nothing if Python has no such operation on them.
pub(super) fn binary(
    left: &Number,
    op: Operator,
    right: &Number,
) -> Result<Option<Datum>, EvalError> {
    match (left, right) {
        (Number::Int(a), Number::Int(b)) => ints(a, op, b),
        (Number::Complex(..), _) | (_, Number::Complex(..)) => {
            complexes(left.to_complex()?, op, right.to_complex()?)
        }
        (a, b) => floats(a.to_complex()?.0, op, b.to_complex()?.0),
    }
}

fn ints(a: &BigInt, op: Operator, b: &BigInt) -> Result<Option<Datum>, EvalError> {
    Ok(Some(Datum::Int(match op {
        Operator::Add => a + b,
        Operator::Sub => a - b,
        Operator::Mult => {
            bounded(a.bits().saturating_add(b.bits()))?;
            a * b
        }
        Operator::Div => return true_divide(a, b).map(|value| Some(Datum::Float(value))),
        Operator::FloorDiv if b.is_zero() => {
            return Err(zero_division("integer division or modulo by zero"));
        }
        Operator::FloorDiv => a.div_floor(b),
        Operator::Mod if b.is_zero() => return Err(zero_division("integer modulo by zero")),
        Operator::Mod => a.mod_floor(b),
        Operator::Pow => return int_power(a, b).map(Some),
        Operator::LShift => {
            if b.is_negative() {
                return Err(EvalError::value_error("negative shift count"));
            }
            if a.is_zero() {
                BigInt::ZERO
            } else {
                let count = b.to_u64().unwrap_or(u64::MAX);
                bounded(a.bits().saturating_add(count))?;
                a << count
            }
        }
        Operator::RShift => {
            if b.is_negative() {
                return Err(EvalError::value_error("negative shift count"));
            }
            match b.to_u64() {
                Some(count) if count <= a.bits() => a >> count,
                _ if a.is_negative() => BigInt::from(-1),
                _ => BigInt::ZERO,
            }
        }
        Operator::BitOr => a | b,
        Operator::BitXor => a ^ b,
        Operator::BitAnd => a & b,
        Operator::MatMult => return Ok(None),
    })))
}

fn bounded(bits: u64) -> Result<(), EvalError> {
    if bits > MOST_BITS {
        return Err(EvalError::Limit {
            limit: format!("an int of {MOST_BITS} bits"),
        });
    }
    Ok(())
}

fn zero_division(message: &str) -> EvalError {
    // 3.14 has one sentence for them all, earlier versions one for each.
    let _ = message;
    EvalError::raised("ZeroDivisionError", "division by zero")
}

fn int_power(base: &BigInt, exponent: &BigInt) -> Result<Datum, EvalError> {
    if exponent.is_negative() {
        return float_power(int_to_float(base)?, int_to_float(exponent)?);
    }
    if base.abs() <= BigInt::from(1) {
        let odd = exponent.is_odd();
        return Ok(Datum::Int(match base.sign() {
            _ if exponent.is_zero() => BigInt::from(1),
            Sign::Minus if !odd => BigInt::from(1),
            _ => base.clone(),
        }));
    }
    let count = exponent.to_u32().unwrap_or(u32::MAX);
    bounded(base.bits().saturating_mul(count.into()))?;
    Ok(Datum::Int(base.pow(count)))
}

fn floats(a: f64, op: Operator, b: f64) -> Result<Option<Datum>, EvalError> {
    Ok(Some(Datum::Float(match op {
        Operator::Add => a + b,
        Operator::Sub => a - b,
        Operator::Mult => a * b,
        Operator::Div if b == 0.0 => return Err(zero_division("float division by zero")),
        Operator::Div => a / b,
        Operator::FloorDiv if b == 0.0 => {
            return Err(zero_division("float floor division by zero"));
        }
        Operator::FloorDiv => float_divmod(a, b).0,
        Operator::Mod if b == 0.0 => return Err(zero_division("float modulo")),
        Operator::Mod => float_divmod(a, b).1,
        Operator::Pow => return float_power(a, b).map(Some),
        _ => return Ok(None),
    })))
}

/// `_float_div_mod`, `Objects/floatobject.c`.
pub(super) fn float_divmod(a: f64, b: f64) -> (f64, f64) {
    let mut modulo = a % b;
    let mut quotient = (a - modulo) / b;
    if modulo == 0.0 {
        modulo = 0.0_f64.copysign(b);
    } else if (b < 0.0) != (modulo < 0.0) {
        modulo += b;
        quotient -= 1.0;
    }
    let floor = if quotient == 0.0 {
        0.0_f64.copysign(a / b)
    } else {
        let floor = quotient.floor();
        if quotient - floor > 0.5 {
            floor + 1.0
        } else {
            floor
        }
    };
    (floor, modulo)
}

fn float_power(a: f64, b: f64) -> Result<Datum, EvalError> {
    if a == 0.0 && b < 0.0 {
        return Err(EvalError::raised(
            "ZeroDivisionError",
            "zero to a negative power",
        ));
    }
    if a < 0.0 && a.is_finite() && b.is_finite() && b.fract() != 0.0 {
        let (real, imaginary) = complex_power((a, 0.0), (b, 0.0))?;
        return Ok(Datum::Complex(real, imaginary));
    }
    let value = a.powf(b);
    if value.is_infinite() && a.is_finite() && b.is_finite() {
        return Err(EvalError::raised(
            "OverflowError",
            "(34, 'Numerical result out of range')",
        ));
    }
    Ok(Datum::Float(value))
}

fn complexes(
    (a, b): (f64, f64),
    op: Operator,
    (c, d): (f64, f64),
) -> Result<Option<Datum>, EvalError> {
    let (real, imaginary) = match op {
        Operator::Add => (a + c, b + d),
        Operator::Sub => (a - c, b - d),
        Operator::Mult => (a * c - b * d, a * d + b * c),
        Operator::Div => complex_divide((a, b), (c, d))?,
        Operator::Pow => complex_power((a, b), (c, d))?,
        _ => return Ok(None),
    };
    Ok(Some(Datum::Complex(real, imaginary)))
}

/// Smith's method, as `_Py_c_quot` has it.
fn complex_divide((a, b): (f64, f64), (c, d): (f64, f64)) -> Result<(f64, f64), EvalError> {
    if c.abs() >= d.abs() {
        if c == 0.0 {
            return Err(zero_division("complex division by zero"));
        }
        let ratio = d / c;
        let denominator = c + d * ratio;
        Ok(((a + b * ratio) / denominator, (b - a * ratio) / denominator))
    } else if d.abs() >= c.abs() {
        let ratio = c / d;
        let denominator = c * ratio + d;
        Ok(((a * ratio + b) / denominator, (b * ratio - a) / denominator))
    } else {
        Ok((f64::NAN, f64::NAN))
    }
}

/// `complex_pow`: small whole exponents by multiplication, others by polar coordinates.
fn complex_power(base: (f64, f64), exponent: (f64, f64)) -> Result<(f64, f64), EvalError> {
    let times = |(a, b): (f64, f64), (c, d): (f64, f64)| (a * c - b * d, a * d + b * c);
    let (real, imaginary) = exponent;
    if imaginary == 0.0 && real == real.floor() && real.abs() <= 100.0 {
        let mut count = real.abs() as u32;
        let (mut result, mut square) = ((1.0, 0.0), base);
        while count > 0 {
            if count & 1 == 1 {
                result = times(result, square);
            }
            count >>= 1;
            square = times(square, square);
        }
        return if real < 0.0 {
            complex_divide((1.0, 0.0), result)
        } else {
            Ok(result)
        };
    }
    if base == (0.0, 0.0) {
        if imaginary != 0.0 || real < 0.0 {
            let message = "zero to a negative or complex power";
            return Err(EvalError::raised("ZeroDivisionError", message));
        }
        return Ok((0.0, 0.0));
    }
    let absolute = base.0.hypot(base.1);
    let mut length = absolute.powf(real);
    let angle = base.1.atan2(base.0);
    let mut phase = angle * real;
    if imaginary != 0.0 {
        length *= (-angle * imaginary).exp();
        phase += imaginary * absolute.ln();
    }
    Ok((length * phase.cos(), length * phase.sin()))
}

pub(super) fn int_to_float(value: &BigInt) -> Result<f64, EvalError> {
    match value.to_f64() {
        Some(float) if float.is_finite() => Ok(float),
        _ => Err(EvalError::raised(
            "OverflowError",
            "int too large to convert to float",
        )),
    }
}

/// `int / int`, correctly rounded (half to even) whatever their size.
fn true_divide(a: &BigInt, b: &BigInt) -> Result<f64, EvalError> {
    if b.is_zero() {
        return Err(zero_division("division by zero"));
    }
    if a.bits() <= 53 && b.bits() <= 53 {
        return Ok(a.to_f64().unwrap_or(0.0) / b.to_f64().unwrap_or(1.0));
    }
    let negative = a.is_negative() != b.is_negative();
    let (a, b) = (a.abs(), b.abs());
    if a.is_zero() {
        return Ok(if negative { -0.0 } else { 0.0 });
    }
    // The quotient gets at least 65 bits; what is lost below them is kept as one sticky bit.
    let shift = a.bits() as i64 - b.bits() as i64 - 66;
    let (quotient, rest) = if shift >= 0 {
        a.div_rem(&(b << shift.unsigned_abs()))
    } else {
        (a << shift.unsigned_abs()).div_rem(&b)
    };
    let sticky = !rest.is_zero();
    let exponent = quotient.bits() as i64 + shift;
    let too_large = || {
        EvalError::raised(
            "OverflowError",
            "integer division result too large for a float",
        )
    };
    if exponent > 1024 {
        return Err(too_large());
    }
    let precision = if exponent > -1021 {
        53
    } else {
        53 - (-1021 - exponent)
    };
    let value = if precision < 0 {
        0.0
    } else {
        let dropped = (quotient.bits() as i64 - precision).unsigned_abs();
        let mut kept: BigInt = &quotient >> dropped;
        let low = &quotient - (&kept << dropped);
        let half = BigInt::from(1) << (dropped.saturating_sub(1));
        let up = match low.cmp(&half) {
            Ordering::Greater => true,
            Ordering::Equal => sticky || kept.is_odd(),
            Ordering::Less => false,
        };
        if up {
            kept += 1;
        }
        scaled(kept.to_f64().unwrap_or(0.0), shift + dropped as i64)
    };
    if value.is_infinite() {
        return Err(too_large());
    }
    Ok(if negative { -value } else { value })
}

/// `value * 2**exponent` where the result is exact or overflows.
fn scaled(value: f64, exponent: i64) -> f64 {
    let power = |exponent: i64| 2.0_f64.powi(exponent.clamp(-1000, 1000) as i32);
    let first = exponent.clamp(-1000, 1000);
    value * power(first) * power(exponent - first)
}

/// `x < y` and its like; `None` if one is not a number that is ordered (nan) or not equal in any order (complex).
pub(super) fn compare(left: &Number, right: &Number) -> Option<Ordering> {
    match (left, right) {
        (Number::Int(a), Number::Int(b)) => Some(a.cmp(b)),
        (Number::Float(a), Number::Float(b)) => a.partial_cmp(b),
        (Number::Int(a), Number::Float(b)) => compare_exactly(a, *b),
        (Number::Float(a), Number::Int(b)) => compare_exactly(b, *a).map(Ordering::reverse),
        (Number::Complex(a, b), Number::Complex(c, d)) => {
            (a == c && b == d).then_some(Ordering::Equal)
        }
        (Number::Complex(real, imaginary), other) | (other, Number::Complex(real, imaginary)) => {
            let equal =
                *imaginary == 0.0 && compare(&Number::Float(*real), other) == Some(Ordering::Equal);
            equal.then_some(Ordering::Equal)
        }
    }
}

fn compare_exactly(int: &BigInt, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    let Some(whole) = BigInt::from_f64(float.trunc()) else {
        return Some(if float > 0.0 {
            Ordering::Less
        } else {
            Ordering::Greater
        });
    };
    let order = int.cmp(&whole);
    if order != Ordering::Equal {
        return Some(order);
    }
    0.0.partial_cmp(&float.fract())
}
