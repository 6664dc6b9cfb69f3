//! The types of elements, and their text.

use std::str::FromStr;

/// A number as it lies in memory, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementType {
    Bool,
    Unsigned(u8),
    Signed(u8),
    Float32,
    Float64,
}

impl FromStr for ElementType {
    type Err = String;

    /// By Rust's name, numpy's or C's: `f64`, `float64`, `double`.
    fn from_str(text: &str) -> Result<ElementType, String> {
        Ok(match text {
            "bool" | "?" => ElementType::Bool,
            "u8" | "uint8" | "B" | "u1" => ElementType::Unsigned(1),
            "u16" | "uint16" | "H" | "u2" => ElementType::Unsigned(2),
            "u32" | "uint32" | "I" | "u4" => ElementType::Unsigned(4),
            "u64" | "uint64" | "Q" => ElementType::Unsigned(8),
            "i8" | "int8" | "b" | "i1" => ElementType::Signed(1),
            "i16" | "int16" | "h" | "i2" => ElementType::Signed(2),
            "i32" | "int32" | "int" | "i" | "i4" => ElementType::Signed(4),
            "i64" | "int64" | "q" => ElementType::Signed(8),
            "f32" | "float32" | "float" | "f" | "f4" => ElementType::Float32,
            "f64" | "float64" | "double" | "d" | "f8" => ElementType::Float64,
            _ => {
                return Err(format!(
                    "{text} is no type of elements: bool, u8 to u64, i8 to i64, f32, f64"
                ));
            }
        })
    }
}

impl ElementType {
    /// Bytes.
    pub fn size(self) -> u64 {
        match self {
            ElementType::Bool => 1,
            ElementType::Unsigned(size) | ElementType::Signed(size) => size.into(),
            ElementType::Float32 => 4,
            ElementType::Float64 => 8,
        }
    }

    /// As numpy names it.
    pub fn name(self) -> String {
        match self {
            ElementType::Bool => "bool".to_string(),
            ElementType::Unsigned(size) => format!("uint{}", 8 * u32::from(size)),
            ElementType::Signed(size) => format!("int{}", 8 * u32::from(size)),
            ElementType::Float32 => "float32".to_string(),
            ElementType::Float64 => "float64".to_string(),
        }
    }

    /// As Python writes the number; missing bytes are zeros.
    pub fn text(self, bytes: &[u8]) -> String {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(bytes) {
            *to = *from;
        }
        let [a, b, c, d, ..] = word;
        match self {
            ElementType::Bool => if a == 0 { "False" } else { "True" }.to_string(),
            ElementType::Unsigned(_) => u64::from_le_bytes(word).to_string(),
            ElementType::Signed(1) => i8::from_le_bytes([a]).to_string(),
            ElementType::Signed(2) => i16::from_le_bytes([a, b]).to_string(),
            ElementType::Signed(4) => i32::from_le_bytes([a, b, c, d]).to_string(),
            ElementType::Signed(_) => i64::from_le_bytes(word).to_string(),
            ElementType::Float32 => of_float(format!("{:?}", f32::from_le_bytes([a, b, c, d]))),
            ElementType::Float64 => of_float(format!("{:?}", f64::from_le_bytes(word))),
        }
    }

    /// The bytes of a number that somebody has typed.
    pub fn bytes(self, text: &str) -> Result<Vec<u8>, String> {
        let failed = || format!("{text} is no {}", self.name());
        let all = match self {
            ElementType::Bool => match text {
                "0" | "False" | "false" => vec![0],
                "1" | "True" | "true" => vec![1],
                _ => return Err(failed()),
            },
            ElementType::Unsigned(size) => {
                let number = number(text).ok_or_else(failed)?;
                let number = u64::try_from(number).map_err(|_| failed())?;
                if size < 8 && number >> (8 * u32::from(size)) != 0 {
                    return Err(failed());
                }
                number.to_le_bytes().to_vec()
            }
            ElementType::Signed(size) => {
                let number = number(text).ok_or_else(failed)?;
                let number = i64::try_from(number).map_err(|_| failed())?;
                let spare = 64 - 8 * u32::from(size);
                if (number << spare) >> spare != number {
                    return Err(failed());
                }
                number.to_le_bytes().to_vec()
            }
            ElementType::Float32 => {
                let number: f32 = text.parse().map_err(|_| failed())?;
                number.to_le_bytes().to_vec()
            }
            ElementType::Float64 => {
                let number: f64 = text.parse().map_err(|_| failed())?;
                number.to_le_bytes().to_vec()
            }
        };
        let size = usize::try_from(self.size()).unwrap_or(0);
        Ok(all.into_iter().take(size).collect())
    }
}

/// Python's words for what is no number.
fn of_float(text: String) -> String {
    text.replace("NaN", "nan")
}

fn number(text: &str) -> Option<i128> {
    match text.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_have_the_text_that_python_gives_them() {
        let text = |name: &str, bytes: &[u8]| name.parse::<ElementType>().unwrap().text(bytes);
        assert_eq!(text("f64", &1.5_f64.to_le_bytes()), "1.5");
        assert_eq!(text("f32", &f32::NAN.to_le_bytes()), "nan");
        assert_eq!(text("f64", &f64::NEG_INFINITY.to_le_bytes()), "-inf");
        assert_eq!(text("i16", &(-2_i16).to_le_bytes()), "-2");
        assert_eq!(text("u64", &u64::MAX.to_le_bytes()), u64::MAX.to_string());
        assert_eq!(text("bool", &[7]), "True");
    }

    #[test]
    fn what_is_typed_fits_or_is_refused() {
        let bytes = |name: &str, text: &str| name.parse::<ElementType>().unwrap().bytes(text);
        assert_eq!(bytes("u8", "255"), Ok(vec![255]));
        assert_eq!(bytes("i8", "-128"), Ok(vec![128]));
        assert_eq!(bytes("u16", "0x102"), Ok(vec![2, 1]));
        assert_eq!(bytes("f32", "1.5"), Ok(1.5_f32.to_le_bytes().to_vec()));
        for (name, text) in [
            ("u8", "256"),
            ("u8", "-1"),
            ("i8", "128"),
            ("i32", "x"),
            ("bool", "2"),
        ] {
            assert!(bytes(name, text).is_err(), "{name} {text}");
        }
    }
}
