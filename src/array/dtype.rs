//! Element types by the names that numpy, Rust, C and torch have for them.

use std::sync::Arc;

use thiserror::Error;

use super::calendar;
use super::element::{ByteOrder, ElementType, Kind, TimeUnit, Width};
use super::structure;

/// Bytes of an element: more would be garbage.
pub(super) const LARGEST: u64 = 1 << 40;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DtypeError {
    #[error(
        "'{0}' is no element type: f64, float32, '>i4', u8, bf16, bool, complex128, 'datetime64[ns]', S8, U4, 'struct {{u32 a; f32 x[4];}}'"
    )]
    Unknown(String),
    #[error("in the structure: {0}")]
    Structure(String),
    #[error("an element of '{0}' would be too large")]
    TooLarge(String),
}

/// `f64`, `>i4`, `datetime64[ns]`, `struct {…}`.
///
/// A number behind a letter counts bits, as in Rust (`u8`, `f32`), if Rust has such a type, and else bytes, as in numpy (`f4`);
/// with a byte order before it always bytes (`<u8` has 64 bits).
pub fn parse(text: &str) -> Result<Arc<ElementType>, DtypeError> {
    let text = text.trim();
    if text.contains('{') {
        return structure::parse(text).map(Arc::new);
    }
    plain(text)
        .map(Arc::new)
        .ok_or_else(|| DtypeError::Unknown(text.to_string()))
}

/// Anything but a structure.
pub(super) fn plain(text: &str) -> Option<ElementType> {
    let bare = ["np.", "numpy.", "torch."]
        .iter()
        .find_map(|module| text.strip_prefix(module))
        .unwrap_or(text);
    let (order, bare) = match bare.split_at_checked(1) {
        Some(("<" | "=" | "|", rest)) => (Some(ByteOrder::Little), rest),
        Some((">" | "!", rest)) => (Some(ByteOrder::Big), rest),
        _ => (None, bare),
    };
    let little = order.unwrap_or(ByteOrder::Little);
    let coded = |order| counted(bare).map(|(kind, size)| ElementType::new(kind, size, order));
    if order.is_some()
        && let Some(element) = coded(little)
    {
        return Some(element);
    }
    if let Some((kind, size)) = named(bare) {
        return Some(ElementType::new(kind, size, little));
    }
    coded(little)
}

fn integer(signed: bool, bytes: u64) -> (Kind, u64) {
    (Kind::Integer { signed }, bytes)
}

fn real(width: Width) -> (Kind, u64) {
    (Kind::Real(width), width.bytes())
}

fn complex(width: Width) -> (Kind, u64) {
    (Kind::Complex(width), 2 * width.bytes())
}

/// Names that count bits or nothing, of the LP64 machines that pmdb runs on; and the letters of `NPY_TYPECHAR`.
fn named(name: &str) -> Option<(Kind, u64)> {
    Some(match name {
        "bool" | "bool_" | "_Bool" | "bool8" | "?" => (Kind::Bool, 1),
        "i8" | "int8" | "int8_t" | "byte" | "b" | "signed char" => integer(true, 1),
        "u8" | "uint8" | "uint8_t" | "ubyte" | "B" | "unsigned char" => integer(false, 1),
        "i16" | "int16" | "int16_t" | "short" | "short int" | "h" => integer(true, 2),
        "u16" | "uint16" | "uint16_t" | "ushort" | "unsigned short" | "unsigned short int"
        | "H" => integer(false, 2),
        "i32" | "int32" | "int32_t" | "int" | "intc" | "i" => integer(true, 4),
        "u32" | "uint32" | "uint32_t" | "uintc" | "unsigned" | "unsigned int" | "I" => {
            integer(false, 4)
        }
        "i64" | "int64" | "int64_t" | "isize" | "ssize_t" | "long" | "long int" | "long long"
        | "longlong" | "long long int" | "intp" | "int_" | "intptr_t" | "ptrdiff_t" | "l" | "q" => {
            integer(true, 8)
        }
        "u64"
        | "uint64"
        | "uint64_t"
        | "usize"
        | "size_t"
        | "unsigned long"
        | "unsigned long int"
        | "unsigned long long"
        | "unsigned long long int"
        | "ulonglong"
        | "uint"
        | "uintp"
        | "uintptr_t"
        | "L"
        | "Q" => integer(false, 8),
        "i128" => integer(true, 16),
        "u128" => integer(false, 16),
        "f16" | "float16" | "half" | "e" => real(Width::Half),
        "bf16" | "bfloat16" => real(Width::Brain),
        "f32" | "float32" | "float" | "single" | "f" => real(Width::Single),
        "f64" | "float64" | "double" | "float_" | "d" => real(Width::Double),
        "float128" | "longdouble" | "long double" | "g" => real(Width::Extended),
        "c64" | "complex64" | "csingle" | "cfloat" | "F" => complex(Width::Single),
        "c128" | "complex128" | "complex" | "cdouble" | "D" => complex(Width::Double),
        "complex256" | "clongdouble" | "G" => complex(Width::Extended),
        "char" => (Kind::Bytes, 1),
        _ => return timed(name),
    })
}

/// `datetime64[ns]`, `M8[25s]`, `timedelta64`.
fn timed(name: &str) -> Option<(Kind, u64)> {
    let (base, unit) = match name.split_once('[') {
        Some((base, rest)) => (base, Some(rest.strip_suffix(']')?)),
        None => (name, None),
    };
    let unit = match unit {
        None => TimeUnit::GENERIC,
        Some(text) => {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            let (multiple, name) = text.split_at(digits);
            TimeUnit {
                number: calendar::number_of(name)?,
                multiple: match multiple {
                    "" => 1,
                    digits => digits.parse().ok().filter(|&multiple| multiple > 0)?,
                },
            }
        }
    };
    match base {
        "datetime64" | "M8" | "M" => Some((Kind::Moment(unit), 8)),
        "timedelta64" | "m8" | "m" => Some((Kind::Span(unit), 8)),
        _ => None,
    }
}

/// numpy's codes: a letter, and a number of bytes (of characters for `U`).
fn counted(code: &str) -> Option<(Kind, u64)> {
    let (letter, digits) = code.split_at_checked(1)?;
    if let Some(timed) = timed(code) {
        return Some(timed);
    }
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let count: u64 = match is_number {
        true => digits.parse().ok()?,
        false => return if digits.is_empty() { named(code) } else { None },
    };
    let text = |kind, bytes: u64| {
        let size = count.checked_mul(bytes)?;
        (size > 0 && size <= LARGEST).then_some((kind, size))
    };
    Some(match (letter, count) {
        ("b", 1) => (Kind::Bool, 1),
        ("i", 1 | 2 | 4 | 8) => integer(true, count),
        ("u", 1 | 2 | 4 | 8) => integer(false, count),
        ("f", 2) => real(Width::Half),
        ("f", 4) => real(Width::Single),
        ("f", 8) => real(Width::Double),
        ("f", 16) => real(Width::Extended),
        ("c", 8) => complex(Width::Single),
        ("c", 16) => complex(Width::Double),
        ("c", 32) => complex(Width::Extended),
        ("S" | "a", _) => text(Kind::Bytes, 1)?,
        ("U", _) => text(Kind::Text, 4)?,
        ("V", _) => text(Kind::Opaque, 1)?,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::dtype_text::name;

    #[test]
    fn names_are_those_of_several_languages() {
        let cases = [
            ("f64", "float64"),
            ("<f8", "float64"),
            (">f8", ">f8"),
            ("f4", "float32"),
            ("f16", "float16"),
            ("<f16", "float128"),
            ("u8", "uint8"),
            ("<u8", "uint64"),
            ("i8", "int8"),
            ("=i8", "int64"),
            ("i4", "int32"),
            ("torch.bfloat16", "bfloat16"),
            ("np.float32", "float32"),
            (">int32", ">i4"),
            ("unsigned long", "uint64"),
            ("?", "bool"),
            ("|b1", "bool"),
            ("c16", "complex128"),
            ("c64", "complex64"),
            ("S8", "|S8"),
            (">U4", ">U4"),
            ("V3", "|V3"),
            ("M8[25s]", "datetime64[25s]"),
            (">m8[us]", ">m8[us]"),
            ("datetime64", "datetime64"),
        ];
        for (text, expected) in cases {
            assert_eq!(
                parse(text).map(|element| name(&element)).as_deref(),
                Ok(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_type_is_refused() {
        for text in [
            "",
            "<",
            "f3",
            "é8",
            "S",
            "S0",
            "S99999999999999999999",
            "U4611686018427387904",
            "M8[x]",
            "M8[0s]",
            "M8[s",
            "int7",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
