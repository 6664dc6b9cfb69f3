//! Numbers in another form than that of their type: the letters of gdb's `print/x`.

use gimli::DwAte;

use super::storage::sign_extended;
use super::strings::quoted;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `x`
    Hexadecimal,
    /// `d`
    Decimal,
    /// `u`
    Unsigned,
    /// `o`
    Octal,
    /// `t`
    Binary,
    /// `c`
    Character,
    /// `a`
    Address,
    /// `f`
    Float,
    /// `s`: arrays of bytes and pointers to them as strings, all else as usual.
    Text,
}

impl Format {
    pub fn of(letter: char) -> Option<Format> {
        Some(match letter {
            'x' | 'z' => Format::Hexadecimal,
            'd' => Format::Decimal,
            'u' => Format::Unsigned,
            'o' => Format::Octal,
            't' => Format::Binary,
            'c' => Format::Character,
            'a' => Format::Address,
            'f' => Format::Float,
            's' => Format::Text,
            _ => return None,
        })
    }

    /// A number of `size` bytes.
    pub fn write(self, bits: u128, size: u64, encoding: DwAte) -> String {
        match self {
            Format::Hexadecimal | Format::Address => format!("{bits:#x}"),
            Format::Decimal => sign_extended(bits, size * 8).to_string(),
            Format::Unsigned => bits.to_string(),
            Format::Octal => format!("{bits:#o}"),
            Format::Binary => format!("{bits:b}"),
            Format::Character => match u32::try_from(bits).ok().and_then(char::from_u32) {
                Some(letter) if letter.is_ascii() => {
                    let text = quoted(&[letter as u8]);
                    format!("{bits} '{}'", text.trim_matches('"'))
                }
                Some(letter) if size > 1 => format!("{bits} {letter:?}"),
                _ => bits.to_string(),
            },
            Format::Float => match size {
                4 => f32::from_bits(bits as u32).to_string(),
                8 => f64::from_bits(bits as u64).to_string(),
                _ => sign_extended(bits, size * 8).to_string(),
            },
            Format::Text if encoding == gimli::DW_ATE_signed => {
                sign_extended(bits, size * 8).to_string()
            }
            Format::Text => bits.to_string(),
        }
    }
}
