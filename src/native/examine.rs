//! `x/8xb ADDRESS`: memory in units, as gdb's command of this name shows it.

use super::LoadedModules;
use super::values::{Format, quoted, sign_extended};
use crate::model::Addr;
use crate::process::Memory;

/// Units that are shown at once.
const MOST_UNITS: u64 = 100_000;
/// A longer string is cut. Bytes.
const LONGEST_STRING: usize = 4096;

/// What is shown, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub count: u64,
    pub what: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Numbers of so many bytes.
    Number {
        format: Format,
        size: u64,
    },
    /// Strings with a zero at their end.
    Text,
    Instruction,
}

impl Layout {
    /// By what stands behind `x/`: a count, a letter for the form and one for the size (`b` 1, `h` 2, `w` 4, `g` 8 bytes), in any order.
    pub fn of(text: &str) -> Result<Layout, String> {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        let count = match digits.as_str() {
            "" => 1,
            digits => digits.parse().unwrap_or(u64::MAX).min(MOST_UNITS),
        };
        let (mut size, mut form) = (None, 'x');
        for letter in text[digits.len()..].chars() {
            match letter {
                'b' => size = Some(1),
                'h' => size = Some(2),
                'w' => size = Some(4),
                'g' => size = Some(8),
                's' | 'i' => form = letter,
                letter if Format::of(letter).is_some() => form = letter,
                other => {
                    return Err(format!(
                        "'{other}' is neither a format (x d u o t c a f s i) nor a size (b h w g)"
                    ));
                }
            }
        }
        let what = match form {
            'i' => Unit::Instruction,
            's' => Unit::Text,
            letter => {
                let usual = match letter {
                    'a' | 'f' => 8,
                    'c' => 1,
                    _ => 4,
                };
                let format = Format::of(letter).unwrap_or(Format::Hexadecimal);
                Unit::Number {
                    format,
                    size: size.unwrap_or(usual),
                }
            }
        };
        Ok(Layout { count, what })
    }
}

/// The lines of text, until something cannot be read, which is said there.
pub fn examined(
    layout: Layout,
    begin: Addr,
    memory: &Memory<'_>,
    modules: &LoadedModules<'_>,
) -> Vec<String> {
    let label = |at: Addr| match modules.name_of(at) {
        Some(name) => format!("{at} <{name}>:\t"),
        None => format!("{at}:\t"),
    };
    match layout.what {
        Unit::Number { format, size } => {
            numbers(layout.count, (format, size), begin, memory, modules, &label)
        }
        Unit::Text => {
            let (mut lines, mut at) = (Vec::new(), begin);
            for _ in 0..layout.count {
                match memory.c_string(at, LONGEST_STRING) {
                    Ok(bytes) => {
                        let is_cut = bytes.len() >= LONGEST_STRING;
                        let goes_on = if is_cut { "..." } else { "" };
                        lines.push(format!("{}{}{goes_on}", label(at), quoted(&bytes)));
                        at = at.plus(bytes.len() as u64 + u64::from(!is_cut));
                    }
                    Err(error) => {
                        lines.push(format!("{}{}", label(at), error.absence()));
                        break;
                    }
                }
            }
            lines
        }
        Unit::Instruction => {
            match modules.instructions(memory, begin, None, layout.count as usize) {
                Ok(instructions) => instructions
                    .iter()
                    .map(|it| format!("{}{}", label(it.address), it.with_target(modules)))
                    .collect(),
                Err(absence) => vec![format!("{}{absence}", label(begin))],
            }
        }
    }
}

fn numbers(
    count: u64,
    (format, size): (Format, u64),
    begin: Addr,
    memory: &Memory<'_>,
    modules: &LoadedModules<'_>,
    label: &dyn Fn(Addr) -> String,
) -> Vec<String> {
    // As many in a line as gdb has.
    let per_line = match (format, size) {
        (Format::Binary, 1) | (_, 1 | 2) => 8,
        (Format::Address, _) | (_, 8) => 2,
        _ => 4,
    };
    let mut lines: Vec<String> = Vec::new();
    for index in 0..count {
        let at = begin.plus(index.wrapping_mul(size));
        if index % per_line == 0 {
            lines.push(label(at));
        } else if let Some(line) = lines.last_mut() {
            line.push('\t');
        }
        let mut whole = [0; 16];
        let text = match memory.read(at, &mut whole[..size as usize]) {
            Ok(()) => {
                let bits = u128::from_le_bytes(whole);
                match format {
                    Format::Address => {
                        let address = Addr(bits as u64);
                        let name = modules.name_of(address);
                        name.map_or(address.to_string(), |name| format!("{address} <{name}>"))
                    }
                    Format::Hexadecimal => format!("0x{bits:0width$x}", width = 2 * size as usize),
                    Format::Binary => format!("{bits:0width$b}", width = 8 * size as usize),
                    Format::Decimal => sign_extended(bits, size * 8).to_string(),
                    other => other.write(bits, size, gimli::DW_ATE_unsigned),
                }
            }
            Err(error) => error.absence().to_string(),
        };
        let is_absent = text.starts_with('<');
        if let Some(line) = lines.last_mut() {
            line.push_str(&text);
        }
        if is_absent {
            break;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_those_of_gdb() {
        let of = |text| Layout::of(text).expect("a layout");
        let number = |format, size| Unit::Number { format, size };
        assert_eq!(
            of("8xb"),
            Layout {
                count: 8,
                what: number(Format::Hexadecimal, 1)
            }
        );
        assert_eq!(
            of("2gd"),
            Layout {
                count: 2,
                what: number(Format::Decimal, 8)
            }
        );
        assert_eq!(
            of(""),
            Layout {
                count: 1,
                what: number(Format::Hexadecimal, 4)
            }
        );
        assert_eq!(of("5i").what, Unit::Instruction);
        assert_eq!(of("s").what, Unit::Text);
        assert_eq!(of("a").what, number(Format::Address, 8));
        assert!(Layout::of("3q").is_err());
        assert_eq!(of("99999999999999999999x").count, MOST_UNITS);
    }
}
