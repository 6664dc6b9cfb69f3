//! Numbers by themselves, as `str()` of a numpy scalar gives them.

use super::real::Real;
use super::release::Release;

/// A number by itself: without an exponent from 1e-4 up to where its precision, or 16 digits, end.
pub fn plain(number: Real, release: Release) -> String {
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

/// As `str()` gives it.
pub fn complex(real: Real, imaginary: Real, release: Release) -> String {
    let right = parts(imaginary, release) + "j";
    if real.is_zero() && !real.is_negative() {
        return right;
    }
    let plus = if right.starts_with('-') { "" } else { "+" };
    format!("({}{plus}{right})", parts(real, release))
}
