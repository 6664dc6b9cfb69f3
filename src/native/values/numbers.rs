//! Numbers, truth values and characters, in the form of their language.

use super::plain::{is_rust, torn};
use super::storage::Storage;
use super::text::Text;
use super::{Writer, Written};
use crate::model::Absence;
use crate::native::types::{Shape, Type};

impl<'s, 'a> Writer<'_, 's, 'a> {
    pub(super) fn write_base(
        &self,
        kind: &Type<'s, 'a>,
        encoding: gimli::DwAte,
        storage: &Storage,
        text: &mut Text,
    ) -> Written {
        let size = kind.size.unwrap_or(0);
        let written = self.base_text(kind, encoding, storage, size)?;
        Ok(text.push(&written)?)
    }

    fn base_text(
        &self,
        kind: &Type<'s, 'a>,
        encoding: gimli::DwAte,
        storage: &Storage,
        size: u64,
    ) -> Result<String, Absence> {
        let rust = is_rust(kind.at);
        if size == 0 {
            return Ok(if kind.name == "!" {
                "!".into()
            } else {
                "()".into()
            });
        }
        let memory = self.memory;
        if let Some(format) = self.format {
            let bits = storage.unsigned(memory, size)?;
            return Ok(format.write(bits, size, encoding));
        }
        Ok(match encoding {
            gimli::DW_ATE_boolean => match storage.unsigned(memory, size)? {
                0 => "false".into(),
                1 => "true".into(),
                other => other.to_string(),
            },
            gimli::DW_ATE_float => self.float_text(storage, size, rust)?,
            gimli::DW_ATE_complex_float => {
                let half = size / 2;
                let part = |at: &Storage| self.float_text(at, half, rust);
                format!("{} + {}i", part(storage)?, part(&storage.at(half))?)
            }
            gimli::DW_ATE_UTF if rust => {
                let value = storage.unsigned(memory, size)? as u32;
                let letter = char::from_u32(value)
                    .ok_or_else(|| torn(format!("{value:#x} is no character")))?;
                format!("{letter:?}")
            }
            gimli::DW_ATE_UTF => {
                let value = storage.unsigned(memory, size)? as u32;
                char::from_u32(value)
                    .map_or(value.to_string(), |letter| format!("{value} {letter:?}"))
            }
            // Of C it is a typedef of a number.
            gimli::DW_ATE_signed if kind.name == "wchar_t" => {
                let value = storage.signed(memory, size)?;
                let letter = u32::try_from(value).ok().and_then(char::from_u32);
                letter.map_or(value.to_string(), |letter| format!("{value} L{letter:?}"))
            }
            gimli::DW_ATE_signed_char => letter_text(storage.signed(memory, size)?),
            gimli::DW_ATE_unsigned_char => {
                letter_text(storage.unsigned(memory, size)?.cast_signed())
            }
            gimli::DW_ATE_signed => storage.signed(memory, size)?.to_string(),
            _ => storage.unsigned(memory, size)?.to_string(),
        })
    }

    fn float_text(&self, storage: &Storage, size: u64, rust: bool) -> Result<String, Absence> {
        let bits = storage.unsigned(self.memory, size)?;
        let plain = |number: String| {
            if rust {
                number
            } else {
                number.strip_suffix(".0").unwrap_or(&number).to_owned()
            }
        };
        Ok(match size {
            4 => plain(format!("{:?}", f32::from_bits(bits as u32))),
            8 => plain(format!("{:?}", f64::from_bits(bits as u64))),
            10 | 12 | 16 => plain(format!("{:?}", extended(bits))),
            _ => {
                return Err(Absence::Unsupported {
                    what: format!("a floating-point number of {size} bytes"),
                });
            }
        })
    }
}

/// `char` of C.
pub(super) fn is_letter(kind: &Type<'_, '_>) -> bool {
    kind.size == Some(1)
        && matches!(
            kind.shape,
            Shape::Base(gimli::DW_ATE_signed_char | gimli::DW_ATE_unsigned_char)
        )
        && kind.name.contains("char")
}

/// What stands before a string of such characters, if they are wider than a byte.
pub(super) fn wide_prefix(kind: &Type<'_, '_>) -> Option<&'static str> {
    let is_base = matches!(kind.shape, Shape::Base(_));
    match (kind.name.as_str(), kind.size) {
        ("wchar_t", Some(4)) if is_base => Some("L"),
        ("char32_t", Some(4)) if is_base => Some("U"),
        ("char16_t", Some(2)) if is_base => Some("u"),
        _ => None,
    }
}

/// A string of characters of 2 or 4 bytes, without the zeros behind its end; what is no character is marked as one.
pub(super) fn wide_text(bytes: &[u8], size: usize) -> String {
    let number = |unit: &[u8]| {
        let mut whole = [0; 4];
        whole[..unit.len()].copy_from_slice(unit);
        u32::from_le_bytes(whole)
    };
    let mut units: Vec<u32> = bytes.chunks_exact(size).map(number).collect();
    let end = units.iter().rposition(|&unit| unit != 0);
    units.truncate(end.map_or(0, |last| last + 1));
    let text: String = match size {
        2 => {
            let units = units.iter().map(|&unit| unit as u16);
            let letters = char::decode_utf16(units);
            letters
                .map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        _ => {
            let letters = units.iter().map(|&unit| char::from_u32(unit));
            letters
                .map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
    };
    format!("{text:?}")
}

fn letter_text(value: i128) -> String {
    match u8::try_from(value) {
        Ok(byte @ (b' '..=b'~')) => format!("{value} '{}'", char::from(byte).escape_default()),
        _ => value.to_string(),
    }
}

/// The 80-bit format of the x87 as the nearest double.
fn extended(bits: u128) -> f64 {
    let mantissa = bits as u64;
    let (sign, exponent) = ((bits >> 79) & 1, ((bits >> 64) & 0x7fff) as i32);
    let magnitude = match exponent {
        0x7fff if mantissa << 1 == 0 => f64::INFINITY,
        0x7fff => f64::NAN,
        // 2^-63 makes the mantissa a number from 1 to 2; the steps keep each factor in range.
        _ => {
            mantissa as f64
                * 2f64.powi(-63)
                * 2f64.powi((exponent - 16383) / 2)
                * 2f64.powi((exponent - 16383) - (exponent - 16383) / 2)
        }
    };
    if sign == 1 { -magnitude } else { magnitude }
}
