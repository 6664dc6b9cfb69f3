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
    let is_true = writer.look.small_integer(object)? != Some(0);
    writer.put(if is_true { "True" } else { "False" });
    Ok(())
}

/// All its digits, also where `repr()` in the target refuses to write more than `sys.get_int_max_str_digits()`.
pub(super) fn int(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    _: &TypeInfo,
) -> Result<(), LookError> {
    if let Some(value) = writer.look.small_integer(object)? {
        let mut digits = itoa::Buffer::new();
        let text = digits.format(value);
        let count = text.trim_start_matches('-').len();
        writer.count(count as u64, LengthUnit::Digits);
        writer.put(text);
        return Ok(());
    }
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
    plain_float_text(value).unwrap_or_else(|| long_way(value))
}

/// By all digits that tell a finite number from its neighbours.
fn long_way(value: f64) -> String {
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

/// The same of a number with few decimals, as most are, or nothing. A decimal number of at most 15 digits is the shortest
/// text of the double that it stands for, and the only one of its length: no two of them have the same.
fn plain_float_text(value: f64) -> Option<String> {
    const POWERS: [f64; 6] = [1e1, 1e2, 1e3, 1e4, 1e5, 1e6];
    const MOST: f64 = 1e15;
    let size = value.abs();
    if !(size == 0.0 || (1e-4..MOST).contains(&size)) {
        return None;
    }
    // The quotient of two integers that a double holds exactly is the double that is nearest to it.
    let is_exact = |power: &f64| {
        let scaled = (size * power).round();
        scaled < MOST && scaled / power == size
    };
    let places = POWERS.iter().position(is_exact)? + 1;
    let power = 10_u64.pow(places as u32);
    let scaled = (size * power as f64).round() as u64;
    let mut text = String::with_capacity(24);
    if value.is_sign_negative() {
        text.push('-');
    }
    let mut digits = itoa::Buffer::new();
    text.push_str(digits.format(scaled / power));
    text.push('.');
    let decimals = digits.format(scaled % power);
    text.extend(std::iter::repeat_n('0', places - decimals.len()));
    text.push_str(decimals);
    Some(text)
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

    /// Both ways to a text agree on decimal numbers of every size, and on their neighbours.
    #[test]
    fn short_floats_are_written_alike_by_both_ways() {
        let mut seed = 7_u64;
        let mut short = 0;
        for round in 0..200_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let number = (seed >> 20) % 10_u64.pow(round % 16) + 1;
            let decimal = number as f64 / 10_f64.powi(((seed >> 8) % 8) as i32);
            for value in [decimal, decimal.next_up(), -decimal.next_down()] {
                if let Some(text) = plain_float_text(value) {
                    assert_eq!(text, long_way(value));
                    short += 1;
                }
            }
        }
        assert!(short > 100_000, "{short}");
    }

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
            (0.0, "0.0"),
            (-2.5, "-2.5"),
            (0.07, "0.07"),
            (0.000_25, "0.00025"),
            (0.1 + 0.2, "0.30000000000000004"),
            (999_999_999_999_999.0, "999999999999999.0"),
            (99_999_999_999_999.95, "99999999999999.95"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (5e-324, "5e-324"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (value, text) in texts {
            assert_eq!(float_text(value), text);
        }
    }
}
