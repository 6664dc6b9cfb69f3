//! The format specification (`Python/formatter_unicode.c`): `format(x, '>10,.2f')`.

use num_bigint::BigInt;
use num_traits::Signed;

use super::number::{Number, int_to_float};
use super::text::to_points;
use super::{Datum, EvalError, Evaluator};
use crate::python::repr::float_text;

/// The widest field, and the largest precision.
const WIDEST: usize = 1_000_000;

#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) fill: u32,
    pub(super) align: Option<char>,
    pub(super) sign: Option<char>,
    pub(super) no_negative_zero: bool,
    pub(super) alternate: bool,
    pub(super) width: usize,
    pub(super) grouping: Option<char>,
    pub(super) precision: Option<usize>,
    pub(super) kind: Option<char>,
}

impl Spec {
    pub(super) fn parse(text: &str, type_name: &str) -> Result<Spec, EvalError> {
        let invalid = || {
            EvalError::value_error(format!(
                "Invalid format specifier '{text}' for object of type '{type_name}'"
            ))
        };
        let characters: Vec<char> = text.chars().collect();
        let mut spec = Spec {
            fill: ' '.into(),
            align: None,
            sign: None,
            no_negative_zero: false,
            alternate: false,
            width: 0,
            grouping: None,
            precision: None,
            kind: None,
        };
        let mut at = 0;
        let is_align = |character: Option<&char>| matches!(character, Some('<' | '>' | '=' | '^'));
        if is_align(characters.get(1)) {
            spec.fill = characters[0].into();
            spec.align = Some(characters[1]);
            at = 2;
        } else if is_align(characters.first()) {
            spec.align = Some(characters[0]);
            at = 1;
        }
        let accept = |wanted: &[char], at: &mut usize| {
            let found = characters
                .get(*at)
                .copied()
                .filter(|found| wanted.contains(found));
            *at += usize::from(found.is_some());
            found
        };
        spec.sign = accept(&['+', '-', ' '], &mut at);
        spec.no_negative_zero = accept(&['z'], &mut at).is_some();
        spec.alternate = accept(&['#'], &mut at).is_some();
        if accept(&['0'], &mut at).is_some() && spec.align.is_none() {
            spec.fill = '0'.into();
            spec.align = Some('=');
        }
        let number = |at: &mut usize| -> Result<Option<usize>, EvalError> {
            let start = *at;
            while characters.get(*at).is_some_and(char::is_ascii_digit) {
                *at += 1;
            }
            let digits: String = characters[start..*at].iter().collect();
            match digits.parse::<usize>() {
                Ok(value) if value <= WIDEST => Ok(Some(value)),
                Ok(_) => Err(EvalError::Limit {
                    limit: format!("a field of {WIDEST} characters has room for"),
                }),
                Err(_) if digits.is_empty() => Ok(None),
                Err(_) => Err(EvalError::value_error(
                    "Too many decimal digits in format string",
                )),
            }
        };
        spec.width = number(&mut at)?.unwrap_or(0);
        let accept = |wanted: &[char], at: &mut usize| {
            let found = characters
                .get(*at)
                .copied()
                .filter(|found| wanted.contains(found));
            *at += usize::from(found.is_some());
            found
        };
        spec.grouping = accept(&[',', '_'], &mut at);
        if accept(&['.'], &mut at).is_some() {
            spec.precision = number(&mut at)?;
            if spec.precision.is_none() {
                return Err(EvalError::value_error("Format specifier missing precision"));
            }
        }
        match characters.len() - at {
            0 => {}
            1 => spec.kind = Some(characters[at]),
            _ => return Err(invalid()),
        }
        Ok(spec)
    }

    /// Fills a field; `sign` and `prefix` stay left of what `=` fills.
    fn pad(&self, prefix: &str, body: &[u32], default: char) -> Vec<u32> {
        let prefix = to_points(prefix);
        let missing = self.width.saturating_sub(prefix.len() + body.len());
        let (before, between, after) = match self.align.unwrap_or(default) {
            '<' => (0, 0, missing),
            '^' => (missing / 2, 0, missing - missing / 2),
            '=' => (0, missing, 0),
            _ => (missing, 0, 0),
        };
        let fill = |count| std::iter::repeat_n(self.fill, count);
        let mut text: Vec<u32> = fill(before).collect();
        text.extend(prefix);
        text.extend(fill(between));
        text.extend(body);
        text.extend(fill(after));
        text
    }

    fn sign_of(&self, negative: bool) -> &'static str {
        match (negative, self.sign) {
            (true, _) => "-",
            (false, Some('+')) => "+",
            (false, Some(' ')) => " ",
            _ => "",
        }
    }

    /// A number of digits and the rest behind them (point, fraction, exponent), with its separators.
    fn number(&self, negative: bool, prefix: &str, digits: &str, rest: &str) -> Vec<u32> {
        let sign = self.sign_of(negative);
        let every = match self.kind {
            Some('b' | 'o' | 'x' | 'X') => 4,
            _ => 3,
        };
        let zeros = self.fill == u32::from('0') && self.align == Some('=');
        let body = match self.grouping {
            None => digits.to_string(),
            Some(separator) => {
                let room = if zeros {
                    self.width
                        .saturating_sub(sign.len() + prefix.len() + rest.chars().count())
                } else {
                    0
                };
                grouped(digits, separator, every, room)
            }
        };
        self.pad(&format!("{sign}{prefix}"), &to_points(&(body + rest)), '>')
    }
}

/// Digits in groups from the right, with zeros in front until they take `room` characters.
fn grouped(digits: &str, separator: char, every: usize, room: usize) -> String {
    let mut reversed = String::new();
    let mut count = 0;
    let mut source = digits.chars().rev();
    loop {
        let next = source.next();
        if next.is_none() && reversed.len() >= room {
            break;
        }
        if count > 0 && count % every == 0 {
            reversed.push(separator);
        }
        reversed.push(next.unwrap_or('0'));
        count += 1;
    }
    reversed.chars().rev().collect()
}

impl Evaluator<'_, '_> {
    /// `format(x, spec)`.
    pub(super) fn format(&self, datum: &Datum, text: &str) -> Result<Vec<u32>, EvalError> {
        self.refuse_overrides(datum, &["__format__"])?;
        if text.is_empty() {
            // A scalar of numpy is formatted as Python's own number.
            if self.numpy_scalar(datum)?.is_some() {
                return self.str(&self.load(datum)?);
            }
            return self.str(datum);
        }
        let name = self.type_name(datum);
        let loaded = self.load(datum)?;
        let unsupported = || {
            EvalError::type_error(format!(
                "unsupported format string passed to {name}.__format__"
            ))
        };
        match &loaded {
            Datum::Str(points) => format_text(points, &Spec::parse(text, &name)?, &name),
            Datum::Bool(_) | Datum::Int(_) | Datum::Float(_) => {
                let spec = Spec::parse(text, &name)?;
                match Number::of(&loaded) {
                    Some(Number::Int(value)) => self.format_int(&value, &spec, &name),
                    Some(Number::Float(value)) => format_float(value, &spec, &name),
                    _ => Err(unsupported()),
                }
            }
            Datum::Complex(..) => Err(EvalError::unsupported("the format of a complex")),
            Datum::Object(object) => {
                let class = self.look.type_of(*object)?.address;
                if self.is_default(class, "__format__")? {
                    Err(unsupported())
                } else {
                    Err(EvalError::unsupported(format!("`{name}.__format__`")))
                }
            }
            _ => Err(unsupported()),
        }
    }

    fn format_int(
        &self,
        value: &BigInt,
        spec: &Spec,
        type_name: &str,
    ) -> Result<Vec<u32>, EvalError> {
        let negative = value.is_negative();
        let digits = |radix| value.abs().to_str_radix(radix);
        let prefix = |prefix| if spec.alternate { prefix } else { "" };
        let kind = spec.kind.unwrap_or('d');
        if matches!(kind, 'd' | 'n' | 'b' | 'o' | 'x' | 'X' | 'c') && spec.precision.is_some() {
            return Err(EvalError::value_error(
                "Precision not allowed in integer format specifier",
            ));
        }
        if spec.grouping == Some(',') && matches!(kind, 'b' | 'o' | 'x' | 'X' | 'c' | 'n') {
            return Err(EvalError::value_error(format!(
                "Cannot specify ',' with '{kind}'."
            )));
        }
        match kind {
            'd' | 'n' => Ok(spec.number(negative, "", &digits(10), "")),
            'b' => Ok(spec.number(negative, prefix("0b"), &digits(2), "")),
            'o' => Ok(spec.number(negative, prefix("0o"), &digits(8), "")),
            'x' => Ok(spec.number(negative, prefix("0x"), &digits(16), "")),
            'X' => Ok(spec.number(negative, prefix("0X"), &digits(16).to_uppercase(), "")),
            'c' => match u32::try_from(value) {
                Ok(point) if point < 0x11_0000 => Ok(spec.pad("", &[point], '>')),
                _ => Err(EvalError::raised(
                    "OverflowError",
                    "%c arg not in range(0x110000)",
                )),
            },
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%' => {
                format_float(int_to_float(value)?, spec, type_name)
            }
            other => Err(unknown(other, type_name)),
        }
    }
}

fn unknown(kind: char, type_name: &str) -> EvalError {
    EvalError::value_error(format!(
        "Unknown format code '{kind}' for object of type '{type_name}'"
    ))
}

fn format_text(points: &[u32], spec: &Spec, type_name: &str) -> Result<Vec<u32>, EvalError> {
    if let Some(kind) = spec.kind.filter(|kind| *kind != 's') {
        return Err(unknown(kind, type_name));
    }
    if spec.sign.is_some() {
        return Err(EvalError::value_error(
            "Sign not allowed in string format specifier",
        ));
    }
    if spec.alternate {
        return Err(EvalError::value_error(
            "Alternate form (#) not allowed in string format specifier",
        ));
    }
    if spec.align == Some('=') && spec.fill != u32::from('0') {
        return Err(EvalError::value_error(
            "'=' alignment not allowed in string format specifier",
        ));
    }
    if let Some(separator) = spec.grouping {
        return Err(EvalError::value_error(format!(
            "Cannot specify '{separator}' with 's'."
        )));
    }
    let mut spec = spec.clone();
    if spec.align == Some('=') {
        spec.align = Some('<');
    }
    let count = spec.precision.unwrap_or(points.len()).min(points.len());
    Ok(spec.pad("", &points[..count], '<'))
}

fn format_float(value: f64, spec: &Spec, type_name: &str) -> Result<Vec<u32>, EvalError> {
    let kind = spec.kind;
    let magnitude = value.abs();
    let precision = spec.precision;
    let text = match kind {
        _ if !value.is_finite() => {
            let text = if value.is_nan() { "nan" } else { "inf" };
            let text = match kind {
                Some('E' | 'F' | 'G') => text.to_uppercase(),
                Some('%') => format!("{text}%"),
                _ => text.to_string(),
            };
            let negative = value.is_sign_negative() && !value.is_nan();
            let mut plain = spec.clone();
            plain.grouping = None;
            return Ok(plain.number(negative, "", &text, ""));
        }
        Some('f' | 'F') => with_point(fixed(magnitude, precision.unwrap_or(6)), spec.alternate),
        Some('%') => {
            with_point(
                fixed(magnitude * 100.0, precision.unwrap_or(6)),
                spec.alternate,
            ) + "%"
        }
        Some('e') => with_point(
            scientific(magnitude, precision.unwrap_or(6)),
            spec.alternate,
        ),
        Some('E') => with_point(
            scientific(magnitude, precision.unwrap_or(6)),
            spec.alternate,
        )
        .to_uppercase(),
        Some('g' | 'n') => general(magnitude, precision.unwrap_or(6), spec.alternate, false),
        Some('G') => {
            general(magnitude, precision.unwrap_or(6), spec.alternate, false).to_uppercase()
        }
        None => match precision {
            None => float_text(magnitude),
            Some(precision) => general(magnitude, precision, spec.alternate, true),
        },
        Some(other) => return Err(unknown(other, type_name)),
    };
    let mut negative = value.is_sign_negative();
    if spec.no_negative_zero && !text.contains(|digit: char| ('1'..='9').contains(&digit)) {
        negative = false;
    }
    let end = text
        .find(|digit: char| !digit.is_ascii_digit())
        .unwrap_or(text.len());
    Ok(spec.number(negative, "", &text[..end], &text[end..]))
}

/// `'.0f'` and its like have a point in the alternate form.
fn with_point(text: String, alternate: bool) -> String {
    if !alternate || text.contains('.') {
        return text;
    }
    match text.find('e') {
        Some(at) => format!("{}.{}", &text[..at], &text[at..]),
        None => text + ".",
    }
}

pub(super) fn fixed(value: f64, precision: usize) -> String {
    format!("{value:.precision$}")
}

pub(super) fn scientific(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

/// `%g`: so many significant digits, in the shorter of two forms. `as_repr` keeps a `.0`, and turns to exponents one digit
/// earlier, as the empty type with a precision does.
pub(super) fn general(value: f64, precision: usize, alternate: bool, as_repr: bool) -> String {
    let precision = precision.max(1);
    let exact = scientific(value, precision - 1);
    let exponent: i64 = exact
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse().ok())
        .unwrap_or(0);
    let limit = precision as i64 - i64::from(as_repr && precision > 1 && value != 0.0);
    let strip = |text: &str| {
        if alternate || !text.contains('.') {
            text.to_string()
        } else {
            text.trim_end_matches('0').trim_end_matches('.').to_string()
        }
    };
    if exponent < -4 || exponent >= limit.max(if as_repr { 1 } else { 0 }) {
        let (digits, exponent) = exact.split_once('e').unwrap_or((&exact, "+00"));
        return format!("{}e{exponent}", strip(digits));
    }
    let decimals = usize::try_from(precision as i64 - 1 - exponent).unwrap_or(0);
    let text = strip(&fixed(value, decimals));
    if as_repr && !text.contains('.') {
        text + ".0"
    } else {
        text
    }
}
