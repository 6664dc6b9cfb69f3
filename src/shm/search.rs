//! Finding elements of a view by what they are: `docs/guide/shm-find.md`.

use thiserror::Error;

use super::bytes::SegmentBytes;
use super::statistics::Format;
use super::walk::{Block, Progress, Walk, WalkError};
use crate::array::{ElementType, Kind, View};
use crate::process::page_buffer::PageBuffer;

/// What is looked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Sought {
    Nan,
    /// Of either sign without one.
    Infinite {
        negative: Option<bool>,
    },
    Subnormal,
    /// Both ends belong to it. One value is a range from itself to itself.
    Range {
        least: f64,
        most: f64,
    },
    /// Integers, which doubles do not hold exactly.
    Integers {
        least: i128,
        most: i128,
    },
    /// The bytes of an element, or some that may begin anywhere.
    Bytes(Vec<u8>),
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SoughtError {
    #[error(
        "'{0}' is nothing to look for: nan, inf, -inf, subnormal, a number, a range 0..1, 'hex:00 ff', 'text:…'"
    )]
    Unknown(String),
    #[error("elements of {dtype} have no {what}")]
    NotOfType { dtype: String, what: String },
}

impl Sought {
    /// As a user writes it, for elements of a type.
    pub fn parse(text: &str, element: &ElementType) -> Result<Sought, SoughtError> {
        let unknown = || SoughtError::Unknown(text.to_string());
        if text.is_empty() {
            return Err(unknown());
        }
        if let Some(digits) = text.strip_prefix("hex:") {
            return hexadecimal(digits).map(Sought::Bytes).ok_or_else(unknown);
        }
        if let Some(letters) = text.strip_prefix("text:") {
            let letters = letters.as_bytes().to_vec();
            return match letters.is_empty() {
                true => Err(unknown()),
                false => Ok(Sought::Bytes(letters)),
            };
        }
        let refused = || SoughtError::NotOfType {
            dtype: crate::array::dtype_text::name(element),
            what: text.to_string(),
        };
        let format = Format::of(element).ok_or_else(refused)?;
        let is_time = matches!(element.kind, Kind::Moment(_) | Kind::Span(_));
        let has_nan = !format.is_integer() || is_time;
        match text.to_ascii_lowercase().as_str() {
            "nan" | "nat" if has_nan => return Ok(Sought::Nan),
            "inf" if !format.is_integer() => return Ok(Sought::Infinite { negative: None }),
            "+inf" if !format.is_integer() => {
                return Ok(Sought::Infinite {
                    negative: Some(false),
                });
            }
            "-inf" if !format.is_integer() => {
                return Ok(Sought::Infinite {
                    negative: Some(true),
                });
            }
            "subnormal" if !format.is_integer() => return Ok(Sought::Subnormal),
            "nan" | "nat" | "inf" | "+inf" | "-inf" | "subnormal" => return Err(refused()),
            "true" if format.is_integer() => return Ok(Sought::Integers { least: 1, most: 1 }),
            "false" if format.is_integer() => return Ok(Sought::Integers { least: 0, most: 0 }),
            "true" | "false" => return Err(refused()),
            _ => {}
        }
        let (least, most) = match text.split_once("..") {
            Some((least, most)) => (least.trim(), most.trim().trim_start_matches('=')),
            None => (text, text),
        };
        if format.is_integer() {
            let end = |word: &str, open: i128| match word {
                "" => Some(open),
                word => integer(word),
            };
            if let (Some(least), Some(most)) = (end(least, i128::MIN), end(most, i128::MAX)) {
                return Ok(Sought::Integers { least, most });
            }
        }
        let end = |word: &str, open: f64| match word {
            "" => Some(open),
            word => word.parse::<f64>().ok().filter(|value| !value.is_nan()),
        };
        match (end(least, f64::NEG_INFINITY), end(most, f64::INFINITY)) {
            // What a user writes of a single or a half is what numpy prints of it.
            (Some(least), Some(most)) if least.to_bits() == most.to_bits() => {
                let value = format.rounded(least);
                Ok(Sought::Range {
                    least: value,
                    most: value,
                })
            }
            (Some(least), Some(most)) => Ok(Sought::Range { least, most }),
            _ => Err(unknown()),
        }
    }

    fn is_zero_sought(&self) -> bool {
        match self {
            Sought::Range { least, most } => *least <= 0.0 && 0.0 <= *most,
            Sought::Integers { least, most } => *least <= 0 && 0 <= *most,
            Sought::Bytes(bytes) => bytes.iter().all(|&byte| byte == 0),
            _ => false,
        }
    }
}

fn integer(word: &str) -> Option<i128> {
    let (sign, digits) = match word.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, word),
    };
    let number = match digits.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    number.ok().map(|number: i128| sign * number)
}

fn hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = digits
        .bytes()
        .filter(|byte| !matches!(byte, b' ' | b'_' | b':'))
        .collect();
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let byte = |pair: &[u8]| Some(digit(*pair.first()?)? << 4 | digit(*pair.last()?)?);
    digits.chunks(2).map(byte).collect()
}

/// Where something is: numbers of elements (bytes, of a pattern), the first of them alone, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hits {
    pub count: u64,
    pub first: Vec<u64>,
    /// Of the last.
    pub last: Option<u64>,
}

impl Hits {
    fn add(&mut self, number: u64, most: usize) {
        self.count += 1;
        self.last = Some(number);
        if self.first.len() < most {
            self.first.push(number);
        }
    }

    fn add_run(&mut self, first: u64, count: u64, most: usize) {
        self.count += count;
        self.last = Some(first + count - 1);
        let room = most.saturating_sub(self.first.len()) as u64;
        self.first.extend(first..first + count.min(room));
    }

    fn join(mut self, other: Hits, most: usize) -> Hits {
        self.count += other.count;
        self.last = other.last.or(self.last);
        let room = most.saturating_sub(self.first.len());
        self.first.extend(other.first.into_iter().take(room));
        self
    }
}

/// Looks through the elements of a view in the order of their indices. At most `most` of the hits are kept.
pub fn search(
    bytes: &SegmentBytes,
    view: &View,
    sought: &Sought,
    most: usize,
    progress: &Progress,
) -> Result<Hits, WalkError> {
    if let Sought::Bytes(pattern) = sought {
        return search_pattern(bytes, view, pattern, most, progress);
    }
    let walk = Walk::by_index(bytes, view);
    let Some(format) = Format::of(&view.element) else {
        return Ok(Hits::default());
    };
    let least_normal = format.least_normal();
    let found = walk.fold(
        progress,
        || (Hits::default(), Vec::new()),
        |(hits, numbers), block| {
            let (first, bytes) = match block {
                Block::Zeros { first, count } => {
                    if sought.is_zero_sought() {
                        hits.add_run(first, count, most);
                    }
                    return;
                }
                Block::Bytes { first, bytes } => (first, bytes),
            };
            if let Sought::Integers {
                least,
                most: largest,
            } = *sought
            {
                let size = view.element.size.max(1) as usize;
                for (index, bytes) in bytes.chunks_exact(size).enumerate() {
                    let value = format.integer(bytes);
                    if value.is_some_and(|value| (least..=largest).contains(&value)) {
                        hits.add(first + index as u64, most);
                    }
                }
                return;
            }
            numbers.clear();
            format.decode(bytes, numbers);
            for (index, &number) in numbers.iter().enumerate() {
                let is_it = match *sought {
                    Sought::Nan => number.is_nan(),
                    Sought::Infinite { negative } => {
                        number.is_infinite()
                            && negative.is_none_or(|negative| negative == (number < 0.0))
                    }
                    Sought::Subnormal => number != 0.0 && number.abs() < least_normal,
                    Sought::Range { least, most } => least <= number && number <= most,
                    Sought::Integers { .. } | Sought::Bytes(_) => false,
                };
                if is_it {
                    hits.add(first + index as u64, most);
                }
            }
        },
    )?;
    let all = found.into_iter().map(|(hits, _)| hits);
    Ok(all.fold(Hits::default(), |all, hits| all.join(hits, most)))
}

/// Bytes that may begin anywhere in what the view spans. Numbers are bytes from its beginning.
fn search_pattern(
    bytes: &SegmentBytes,
    view: &View,
    pattern: &[u8],
    most: usize,
    progress: &Progress,
) -> Result<Hits, WalkError> {
    let (start, end) = view.reach();
    let (start, end) = (start.max(0) as u64, end.max(0) as u64);
    let finder = memchr::memmem::Finder::new(pattern);
    let overlap = pattern.len() as u64 - 1;
    let is_empty = pattern.iter().all(|&byte| byte == 0);
    let mut hits = Hits::default();
    let mut room = PageBuffer::default();
    let stretches = bytes.stretches(start..end);
    let whole = vec![crate::process::shared_file::Stretch {
        range: start..end,
        is_hole: false,
    }];
    // A pattern of zeros is found in holes too, byte by byte.
    let stretches = match stretches {
        Some(stretches) if !is_empty => stretches,
        _ => whole,
    };
    for stretch in stretches {
        if stretch.is_hole {
            progress.advance(stretch.range.end - stretch.range.start);
            continue;
        }
        // It may begin before what is there, or end behind it.
        let mut at = stretch.range.start.saturating_sub(overlap).max(start);
        let stop = stretch.range.end;
        while at < stop {
            let until = (at + PIECE).min(stop);
            let length = until.saturating_add(overlap).min(end) - at;
            let buffer = room.at(at, length as usize);
            bytes.read_what_is_left(at, buffer)?;
            for index in finder.find_iter(buffer) {
                let place = at + index as u64;
                if place < until && hits.last.is_none_or(|last| place > last) {
                    hits.add(place - start, most);
                }
            }
            progress.advance(until - at);
            if progress.is_cancelled() {
                return Ok(hits);
            }
            at = until;
        }
    }
    Ok(hits)
}

/// Bytes that are searched at once.
const PIECE: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::dtype;

    #[test]
    fn what_is_sought_depends_on_the_type() {
        let sought = |text: &str, name: &str| Sought::parse(text, &dtype::parse(name).unwrap());
        let range = |least, most| Ok(Sought::Range { least, most });
        assert_eq!(sought("nan", "f64"), Ok(Sought::Nan));
        assert_eq!(sought("NaT", "M8[s]"), Ok(Sought::Nan));
        assert_eq!(sought("0..1", "f64"), range(0.0, 1.0));
        assert_eq!(sought("..-1e3", "f64"), range(f64::NEG_INFINITY, -1000.0));
        assert_eq!(
            sought("0.1", "f32"),
            range(f64::from(0.1_f32), f64::from(0.1_f32))
        );
        assert_eq!(
            sought("0x10", "u8"),
            Ok(Sought::Integers {
                least: 16,
                most: 16
            })
        );
        assert_eq!(sought("0.5..2.5", "u8"), range(0.5, 2.5));
        assert_eq!(sought("hex:00 fF", "u8"), Ok(Sought::Bytes(vec![0, 255])));
        assert!(sought("nan", "i32").is_err());
        assert!(sought("true", "f64").is_err());
        for text in ["", "x", "hex:0", "hex:", "text:", "1..x"] {
            assert!(sought(text, "f64").is_err(), "{text}");
        }
        assert!(sought("1", "S4").is_err());
    }
}
