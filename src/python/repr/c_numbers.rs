//! One value in C's form, as `struct`, `array`, `ctypes` and memoryviews name the forms: by a letter.

use super::{complex_text, float_text};
use crate::python::numpy::half;

/// Bytes of a value with this letter on x86-64 Linux; nothing if it is no letter of a number.
pub(super) fn size_of(code: u8) -> Option<usize> {
    Some(match code {
        b'b' | b'B' | b'c' | b'?' => 1,
        b'h' | b'H' | b'e' => 2,
        b'i' | b'I' | b'f' => 4,
        b'l' | b'L' | b'q' | b'Q' | b'n' | b'N' | b'd' | b'F' | b'P' => 8,
        b'g' | b'D' => 16,
        b'G' => 32,
        _ => return None,
    })
}

/// What `repr()` gives for the number, from its bytes, the lowest first.
pub(super) fn number_text(code: u8, bytes: &[u8]) -> Option<String> {
    Some(match code {
        b'?' => match bytes.first()? {
            0 => "False".to_string(),
            _ => "True".to_string(),
        },
        b'b' | b'h' | b'i' | b'l' | b'q' | b'n' => signed(bytes)?.to_string(),
        b'B' | b'H' | b'I' | b'L' | b'Q' | b'N' | b'P' => unsigned(bytes)?.to_string(),
        b'e' | b'f' | b'd' | b'g' => float_text(real(code, bytes)?),
        b'F' => complex(b'f', bytes)?,
        b'D' => complex(b'd', bytes)?,
        b'G' => complex(b'g', bytes)?,
        _ => return None,
    })
}

/// Whether an integer with this letter may be below zero; nothing if it is no integer.
pub(super) fn is_signed(code: u8) -> Option<bool> {
    match code {
        b'b' | b'h' | b'i' | b'l' | b'q' | b'n' => Some(true),
        b'B' | b'H' | b'I' | b'L' | b'Q' | b'N' | b'?' => Some(false),
        _ => None,
    }
}

/// Of at most eight bytes, the lowest first.
pub(super) fn unsigned(bytes: &[u8]) -> Option<u64> {
    let mut word = [0; 8];
    word.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(u64::from_le_bytes(word))
}

fn signed(bytes: &[u8]) -> Option<i64> {
    let unused = 64
        - 8 * u32::try_from(bytes.len())
            .ok()
            .filter(|size| (1..=8).contains(size))?;
    Some((unsigned(bytes)? << unused).cast_signed() >> unused)
}

fn real(code: u8, bytes: &[u8]) -> Option<f64> {
    Some(match code {
        b'e' => half(u16::from_le_bytes(bytes.try_into().ok()?)),
        b'f' => f32::from_le_bytes(bytes.try_into().ok()?).into(),
        b'd' => f64::from_le_bytes(bytes.try_into().ok()?),
        _ => extended(bytes)?,
    })
}

/// The 80 bits of the x87 as the nearest double, which is what becomes of a `long double` in Python.
fn extended(bytes: &[u8]) -> Option<f64> {
    let mantissa = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
    let top = u16::from_le_bytes(bytes.get(8..10)?.try_into().ok()?);
    let magnitude = match i32::from(top & 0x7fff) {
        0x7fff if mantissa == 1 << 63 => f64::INFINITY,
        0x7fff => f64::NAN,
        exponent => {
            // In two steps: the power alone may lie outside of what a double can be.
            let power = exponent - 16_383 - 63;
            mantissa as f64 * 2_f64.powi(power / 2) * 2_f64.powi(power - power / 2)
        }
    };
    Some(match top >> 15 {
        0 => magnitude,
        _ => -magnitude,
    })
}

fn complex(part: u8, bytes: &[u8]) -> Option<String> {
    let (first, second) = bytes.split_at_checked(bytes.len() / 2)?;
    Some(complex_text(real(part, first)?, real(part, second)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_sign_and_the_width_of_their_letter() {
        assert_eq!(number_text(b'b', &[0x80]).as_deref(), Some("-128"));
        assert_eq!(number_text(b'B', &[0x80]).as_deref(), Some("128"));
        assert_eq!(number_text(b'q', &[0xff; 8]).as_deref(), Some("-1"));
        assert_eq!(
            number_text(b'Q', &[0xff; 8]).as_deref(),
            Some("18446744073709551615")
        );
        assert_eq!(number_text(b'e', &[0, 0x3c]).as_deref(), Some("1.0"));
        assert_eq!(
            number_text(b'f', &0.1_f32.to_le_bytes()).as_deref(),
            Some("0.10000000149011612")
        );
        assert_eq!(number_text(b'q', &[0; 9]), None);
        assert_eq!(number_text(b'i', &[]), None);
        assert_eq!(number_text(b'x', &[0]), None);
    }

    #[test]
    fn long_doubles_are_rounded_to_doubles() {
        let mut one = [0; 16];
        one[7] = 0x80;
        one[8..10].copy_from_slice(&0xbfff_u16.to_le_bytes());
        assert_eq!(number_text(b'g', &one).as_deref(), Some("-1.0"));
        one[8..10].copy_from_slice(&0x7fff_u16.to_le_bytes());
        assert_eq!(number_text(b'g', &one).as_deref(), Some("inf"));
        one[8..10].copy_from_slice(&0x7ffe_u16.to_le_bytes());
        assert_eq!(number_text(b'g', &one).as_deref(), Some("inf"));
        one[8..10].copy_from_slice(&1_u16.to_le_bytes());
        assert_eq!(number_text(b'g', &one).as_deref(), Some("0.0"));
    }
}
