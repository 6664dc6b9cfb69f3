//! `None`, truth values and numbers.

use super::Writer;
use super::dispatch::{Known, native};
use crate::model::{Addr, LengthUnit};
use crate::python::LookError;
use crate::python::object::{Integer, TypeInfo};

pub(super) const TYPES: &[Known] = &[
    native("builtins.NoneType", none),
    native("builtins.ellipsis", ellipsis),
    native("builtins.NotImplementedType", not_implemented),
    native("builtins.bool", truth),
    native("builtins.int", int),
    native("builtins.float", float),
    native("builtins.complex", complex),
];

fn none(writer: &mut Writer<'_, '_>, _: Addr, _: &TypeInfo) -> Result<(), LookError> {
    writer.put("None");
    Ok(())
}

fn ellipsis(writer: &mut Writer<'_, '_>, _: Addr, _: &TypeInfo) -> Result<(), LookError> {
    writer.put("Ellipsis");
    Ok(())
}

fn not_implemented(writer: &mut Writer<'_, '_>, _: Addr, _: &TypeInfo) -> Result<(), LookError> {
    writer.put("NotImplemented");
    Ok(())
}

fn truth(writer: &mut Writer<'_, '_>, object: Addr, _: &TypeInfo) -> Result<(), LookError> {
    let is_true = writer.look.integer(object)? != Integer::Exact(0.into());
    writer.put(if is_true { "True" } else { "False" });
    Ok(())
}

/// All its digits, also where `repr()` in the target refuses to write more than `sys.get_int_max_str_digits()`.
pub(super) fn int(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    _: &TypeInfo,
) -> Result<(), LookError> {
    match writer.look.integer(object)? {
        Integer::Exact(value) => {
            let text = value.to_string();
            let digits = text.trim_start_matches('-').len();
            writer.count(digits as u64, LengthUnit::Digits);
            writer.put(&text);
        }
        Integer::Huge { bits } => writer.put(&format!("<int of about {bits} bits>")),
    }
    Ok(())
}

pub(super) fn float(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    _: &TypeInfo,
) -> Result<(), LookError> {
    let at = writer.look.layout().object.float_value;
    let value = writer.look.memory.f64(object.plus(at))?;
    writer.put(&float_text(value));
    Ok(())
}

pub(super) fn complex(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    _: &TypeInfo,
) -> Result<(), LookError> {
    let at = object.plus(writer.look.layout().object.complex_real);
    let real = writer.look.memory.f64(at)?;
    let imaginary = writer.look.memory.f64(at.plus(8))?;
    writer.put(&complex_text(real, imaginary));
    Ok(())
}

/// `complex_repr`, `Objects/complexobject.c`: a real part of +0 is left out.
pub(in crate::python) fn complex_text(real: f64, imaginary: f64) -> String {
    let without_point = |value: f64| {
        let text = float_text(value);
        text.strip_suffix(".0").map_or(text.clone(), str::to_string)
    };
    let (first, second) = (without_point(real), without_point(imaginary));
    if real == 0.0 && real.is_sign_positive() {
        return format!("{second}j");
    }
    let is_negative = imaginary.is_sign_negative() && !imaginary.is_nan();
    let sign = if is_negative { "" } else { "+" };
    format!("({first}{sign}{second}j)")
}

/// `float_repr_style` short: the fewest digits that give the number back, with an exponent below 1e-4 and from 1e16 on
/// (`format_float_short`, `Python/pystrtod.c`).
pub(in crate::python) fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_string();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_string();
    }
    let scientific = even(value, format!("{value:e}"));
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    // The same digits without an exponent.
    let count = digits.bytes().filter(u8::is_ascii_digit).count() as i32;
    let decimals = (count - 1 - exponent).max(1);
    format!("{value:.*}", decimals.unsigned_abs() as usize)
}

/// Of two shortest texts that are equally near, Python takes the even one; Rust may take the other.
fn even(value: f64, shortest: String) -> String {
    let digits = shortest
        .bytes()
        .take_while(|byte| *byte != b'e')
        .filter(u8::is_ascii_digit);
    let rounded = format!("{value:.*e}", digits.count().saturating_sub(1));
    if rounded.parse() == Ok(value) {
        rounded
    } else {
        shortest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        let texts = [
            (0.1, "0.1"),
            (-0.0, "-0.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e-5, "1.5e-05"),
            (0.0001, "0.0001"),
            (-9_007_199_254_740_992.0 * 0.1, "-900719925474099.2"),
            (123_456_789.125, "123456789.125"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (5e-324, "5e-324"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (value, text) in texts {
            assert_eq!(float_text(value), text);
        }
    }
}
