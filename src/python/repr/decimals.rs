//! `decimal.Decimal`, written in C (`Modules/_decimal`) and in Python (`Lib/_pydecimal.py`).

use num_traits::ToPrimitive;

use super::dispatch::{Known, native, python};
use super::{Writer, instances};
use crate::model::{Addr, LengthUnit};
use crate::python::object::{Builtin, Integer, TypeInfo};
use crate::python::{Look, LookError};

pub(super) const TYPES: &[Known] = &[
    native("decimal.Decimal", decimal),
    python("decimal.Decimal.__repr__", python_decimal),
    python("_pydecimal.Decimal.__repr__", python_decimal),
];

/// `MPD_RDIGITS` of a 64-bit build: decimal digits in a word (`mpdecimal.h`).
const WORD_DIGITS: u64 = 19;
/// `MPD_NEG`, `MPD_INF`, `MPD_NAN`, `MPD_SNAN`.
const NEGATIVE: u8 = 1;
const INFINITE: u8 = 2;
const QUIET: u8 = 4;
const SIGNALING: u8 = 8;

/// A decimal, as far as it is written.
struct Decimal {
    is_negative: bool,
    kind: Kind,
    /// The first of the digits; none of `NaN` without a payload.
    digits: String,
    /// How many digits there are.
    count: u64,
    exponent: i128,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Finite,
    Infinite,
    Quiet,
    Signaling,
}

fn decimal(writer: &mut Writer<'_, '_>, object: Addr, _: &TypeInfo) -> Result<(), LookError> {
    let read = writer.look.native_decimal(object, writer.wanted())?;
    write(writer, &read);
    Ok(())
}

fn python_decimal(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    match writer.look.python_decimal(object, writer.wanted())? {
        Some(read) => write(writer, &read),
        None => return instances::instance(writer, object, kind),
    }
    Ok(())
}

/// The scientific string of the General Decimal Arithmetic Specification, "Conversion to string".
fn write(writer: &mut Writer<'_, '_>, read: &Decimal) {
    writer.put("Decimal('");
    if read.is_negative {
        writer.put("-");
    }
    writer.count(read.count, LengthUnit::Digits);
    match read.kind {
        Kind::Infinite => writer.put("Infinity"),
        Kind::Quiet => writer.put("NaN"),
        Kind::Signaling => writer.put("sNaN"),
        Kind::Finite => return write_finite(writer, read),
    }
    digits(writer, read, &read.digits);
    writer.put("')");
}

fn write_finite(writer: &mut Writer<'_, '_>, read: &Decimal) {
    // Digits before the point, if it stands where the exponent says.
    let point = i128::from(read.count).saturating_add(read.exponent);
    let is_plain = read.exponent <= 0 && point > -6;
    let before = if is_plain { point } else { 1 };
    if before <= 0 {
        writer.put("0.");
        writer.put(&"0".repeat(usize::try_from(-before).unwrap_or(0)));
        digits(writer, read, &read.digits);
    } else {
        let at = usize::try_from(before).unwrap_or(usize::MAX);
        let (whole, fraction) = read
            .digits
            .split_at_checked(at)
            .unwrap_or((&read.digits, ""));
        writer.put(whole);
        if i128::from(read.count) > before {
            writer.put(".");
        }
        digits(writer, read, fraction);
    }
    if !is_plain && point != before {
        writer.put(&format!("E{:+}", point.saturating_sub(before)));
    }
    writer.put("')");
}

/// The last of the digits that were read: if there are more, the text ends here.
fn digits(writer: &mut Writer<'_, '_>, read: &Decimal, last: &str) {
    writer.put(last);
    if (read.digits.len() as u64) < read.count {
        writer.cut();
    }
}

impl Look<'_> {
    /// The number in a `PyDecObject`; of its digits, the first `wanted` at least.
    fn native_decimal(&self, object: Addr, wanted: usize) -> Result<Decimal, LookError> {
        let torn = || LookError::Torn {
            what: "a decimal",
            address: object,
        };
        let layout = &self.layout().data;
        let flags = self.memory.u8(object.plus(layout.decimal_flags))?;
        let exponent = self.memory.i64(object.plus(layout.decimal_exponent))?;
        let count = self.memory.u64(object.plus(layout.decimal_digits))?;
        let words = self.memory.u64(object.plus(layout.decimal_words))?;
        let kind = match flags & (INFINITE | QUIET | SIGNALING) {
            0 => Kind::Finite,
            INFINITE => Kind::Infinite,
            QUIET => Kind::Quiet,
            SIGNALING => Kind::Signaling,
            _ => return Err(torn()),
        };
        let has_digits = match kind {
            Kind::Infinite => false,
            Kind::Finite => true,
            // The payload.
            Kind::Quiet | Kind::Signaling => count > 0,
        };
        let mut decimal = Decimal {
            is_negative: flags & NEGATIVE != 0,
            kind,
            digits: String::new(),
            count: 0,
            exponent: exponent.into(),
        };
        if has_digits {
            if count == 0 || count > i64::MAX as u64 || words != count.div_ceil(WORD_DIGITS) {
                return Err(torn());
            }
            let data = self.memory.pointer(object.plus(layout.decimal_data))?;
            let read = words.min((wanted as u64) / WORD_DIGITS + 2);
            let first = data.plus((words - read).wrapping_mul(8));
            let found = self.pointers(first, read)?;
            for word in found.iter().rev() {
                if word.0 >= 10_u64.pow(WORD_DIGITS as u32) {
                    return Err(torn());
                }
                let width = match decimal.digits.is_empty() {
                    true => count - (words - 1) * WORD_DIGITS,
                    false => WORD_DIGITS,
                };
                let word = format!("{:0width$}", word.0, width = width as usize);
                decimal.digits += &word;
            }
            if read == words && decimal.digits.len() as u64 != count {
                return Err(torn());
            }
            decimal.count = count;
        }
        Ok(decimal)
    }

    /// `_sign`, `_int`, `_exp` and `_is_special`; `_exp` of a special one is `F`, `n` or `N`.
    fn python_decimal(&self, object: Addr, wanted: usize) -> Result<Option<Decimal>, LookError> {
        let sign = self.attribute_object(object, "_sign")?;
        let digits = self.attribute_object(object, "_int")?;
        let exponent = self.attribute_object(object, "_exp")?;
        let (Some(sign), Some(digits), Some(exponent)) = (sign, digits, exponent) else {
            return Ok(None);
        };
        let kind =
            |object: Addr| -> Result<Builtin, LookError> { Ok(self.type_of(object)?.builtin) };
        if kind(sign)? != Builtin::Int || kind(digits)? != Builtin::Str {
            return Ok(None);
        }
        let (kind, exponent) = match kind(exponent)? {
            Builtin::Int => match self.integer(exponent)? {
                Integer::Exact(exponent) => (Kind::Finite, exponent.to_i128()),
                Integer::Huge { .. } => (Kind::Finite, None),
            },
            Builtin::Str => match self.name(exponent)?.as_str() {
                "F" => (Kind::Infinite, Some(0)),
                "n" => (Kind::Quiet, Some(0)),
                "N" => (Kind::Signaling, Some(0)),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        let Some(exponent) = exponent else {
            return Ok(None);
        };
        let text = self.text(digits, wanted)?;
        let characters = text.code_points.into_iter().filter_map(char::from_u32);
        let is_infinite = kind == Kind::Infinite;
        Ok(Some(Decimal {
            is_negative: self.integer(sign)? == Integer::Exact(1.into()),
            kind,
            // Of an infinity it is `0`.
            digits: characters.filter(|_| !is_infinite).collect(),
            count: if is_infinite { 0 } else { text.length },
            exponent,
        }))
    }
}
