//! The texts of an array's elements, all of one type, so that they stand below each other.

use super::calendar::{self, NOT_A_TIME};
use super::element::{ElementType, Field, Kind, Width};
use super::floats::Column;
use super::number_text;
use super::page;
use super::real::Real;
use super::release::Release;

/// Elements that are written for one array. Only one of many dimensions, each longer than twice the edge, has more.
pub const MOST: usize = 20_000;
/// Bytes of one string that are read.
pub const LONGEST_ITEM: u64 = 64 * 1024;

/// Where the elements are, and what only Python knows how to write. A place is a number that it alone understands.
pub trait Elements {
    type Error;

    fn bytes(&self, place: u64, length: usize) -> Result<Vec<u8>, Self::Error>;
    /// The text of the object that an element points to.
    fn object(&mut self, place: u64) -> Result<String, Self::Error>;
    /// What `repr()` gives for bytes, and for a string of these characters.
    fn bytes_literal(&self, bytes: &[u8]) -> String;
    fn text_literal(&self, points: &[u32]) -> String;
}

#[derive(Debug, PartialEq, Eq)]
pub enum TextError<E> {
    /// They cannot be read.
    Elements(E),
    TooMany,
    /// Of a type that pmdb does not know.
    Unknown,
}

impl<E> From<E> for TextError<E> {
    fn from(error: E) -> TextError<E> {
        TextError::Elements(error)
    }
}

/// How elements are written.
#[derive(Debug, Clone, Copy)]
pub struct Writing {
    pub release: Release,
    /// The array has no dimension, so nothing stands below anything.
    pub alone: bool,
    /// A record by itself: its numbers are written in full.
    pub scalar: bool,
    /// Of an array in a record only the edges are shown if it has more elements.
    pub longest_subarray: u64,
}

type Texts<E> = Result<Vec<String>, TextError<<E as Elements>::Error>>;

impl Writing {
    /// One text for each place.
    pub fn texts<E: Elements>(
        self,
        element: &ElementType,
        places: &[u64],
        elements: &mut E,
    ) -> Texts<E> {
        if places.len() > MOST {
            return Err(TextError::TooMany);
        }
        match &element.kind {
            Kind::Bool => {
                let write = |bytes: &[u8]| match bytes.first() != Some(&0) {
                    true if self.alone => "True".to_string(),
                    true => " True".to_string(),
                    false => "False".to_string(),
                };
                each(element, places, elements, write)
            }
            Kind::Integer { signed } => {
                let numbers = integers(element, *signed, places, elements)?;
                Ok(justified(numbers.iter().map(i128::to_string).collect()))
            }
            Kind::Real(width) => self.reals(element, *width, places, elements),
            Kind::Complex(width) => self.complexes(element, *width, places, elements),
            Kind::Moment(unit) => {
                let counts = integers(element, true, places, elements)?.into_iter();
                let text = |count: i128| format!("'{}'", calendar::moment(count as i64, *unit));
                Ok(justified(counts.map(text).collect()))
            }
            Kind::Span(_) => {
                let counts = integers(element, true, places, elements)?.into_iter();
                let text = |count: i128| match count == i128::from(NOT_A_TIME) {
                    true => "'NaT'".to_string(),
                    false => count.to_string(),
                };
                Ok(justified(counts.map(text).collect()))
            }
            Kind::Object => {
                let mut texts = Vec::new();
                for &place in places {
                    texts.push(elements.object(place)?);
                }
                Ok(texts)
            }
            Kind::Bytes => {
                let all = all_bytes(element, places, elements)?;
                let write = |bytes: &Vec<u8>| elements.bytes_literal(trimmed(bytes, 1));
                Ok(all.iter().map(write).collect())
            }
            Kind::Text => {
                let all = all_bytes(element, places, elements)?;
                let write = |bytes: &Vec<u8>| {
                    let points: Vec<u32> = trimmed(bytes, 4)
                        .chunks_exact(4)
                        .map(|unit| u32::from_le_bytes([unit[0], unit[1], unit[2], unit[3]]))
                        .collect();
                    elements.text_literal(&points)
                };
                Ok(all.iter().map(write).collect())
            }
            Kind::Opaque => each(element, places, elements, hexadecimal),
            Kind::Record(fields) => self.records(fields, places, elements),
            Kind::Subarray { base, shape } => self.subarrays(base, shape, places, elements),
            Kind::Unknown => Err(TextError::Unknown),
        }
    }

    fn reals<E: Elements>(
        self,
        element: &ElementType,
        width: Width,
        places: &[u64],
        elements: &mut E,
    ) -> Texts<E> {
        let mut numbers = Vec::new();
        for bytes in all_bytes(element, places, elements)? {
            numbers.extend(Real::from_bytes(width, &bytes));
        }
        if self.scalar {
            let text = |&number: &Real| number_text::plain(number, self.release);
            return Ok(numbers.iter().map(text).collect());
        }
        let column = Column::of(&numbers, width, false, self.release);
        Ok(numbers.iter().map(|&number| column.write(number)).collect())
    }

    fn complexes<E: Elements>(
        self,
        element: &ElementType,
        width: Width,
        places: &[u64],
        elements: &mut E,
    ) -> Texts<E> {
        let (mut reals, mut imaginaries) = (Vec::new(), Vec::new());
        for bytes in all_bytes(element, places, elements)? {
            let (left, right) = bytes.split_at(bytes.len() / 2);
            reals.extend(Real::from_bytes(width, left));
            imaginaries.extend(Real::from_bytes(width, right));
        }
        if self.scalar {
            let text = |(&real, &imaginary): (&Real, &Real)| {
                number_text::complex(real, imaginary, self.release)
            };
            return Ok(reals.iter().zip(&imaginaries).map(text).collect());
        }
        let left = Column::of(&reals, width, false, self.release);
        let right = Column::of(&imaginaries, width, true, self.release);
        let text = |(&real, &imaginary): (&Real, &Real)| {
            let imaginary = right.write(imaginary);
            let digits = imaginary.trim_end();
            let blanks = " ".repeat(imaginary.len() - digits.len());
            format!("{}{digits}j{blanks}", left.write(real))
        };
        Ok(reals.iter().zip(&imaginaries).map(text).collect())
    }

    fn records<E: Elements>(self, fields: &[Field], places: &[u64], elements: &mut E) -> Texts<E> {
        let mut columns = Vec::new();
        for field in fields {
            let places: Vec<u64> = places
                .iter()
                .map(|place| place.wrapping_add(field.offset))
                .collect();
            columns.push(self.texts(&field.element, &places, elements)?.into_iter());
        }
        let mut texts = Vec::new();
        for _ in places {
            let parts: Vec<String> = columns.iter_mut().filter_map(Iterator::next).collect();
            texts.push(match &parts[..] {
                [part] => format!("({part},)"),
                _ => format!("({})", parts.join(", ")),
            });
        }
        Ok(texts)
    }

    /// Always in one line.
    fn subarrays<E: Elements>(
        self,
        base: &ElementType,
        shape: &[u64],
        places: &[u64],
        elements: &mut E,
    ) -> Texts<E> {
        let size = shape
            .iter()
            .try_fold(1_u64, |size, &length| size.checked_mul(length))
            .and_then(|size| usize::try_from(size).ok())
            .filter(|size| {
                size.checked_mul(places.len())
                    .is_some_and(|all| all <= MOST)
            })
            .unwrap_or(MOST + 1);
        let mut inner = Vec::new();
        for place in places {
            let along = |index: u64| place.wrapping_add(index.wrapping_mul(base.size));
            inner.extend((0..size as u64).map(along));
            if inner.len() > MOST {
                break;
            }
        }
        let writing = Writing {
            alone: self.alone && shape.is_empty(),
            ..self
        };
        let texts = writing.texts(base, &inner, elements)?;
        let summarised = size as u64 > self.longest_subarray;
        let row = |index: usize| {
            let own = texts
                .get(index * size..(index + 1) * size)
                .unwrap_or_default();
            in_brackets(shape, summarised, own)
        };
        Ok((0..places.len()).map(row).collect())
    }
}

/// The bytes of one element, in the machine's order.
pub fn element_bytes<E: Elements>(
    element: &ElementType,
    place: u64,
    elements: &E,
) -> Result<Vec<u8>, E::Error> {
    let length = element.size.min(LONGEST_ITEM);
    let mut bytes = elements.bytes(place, length as usize)?;
    element.in_machine_order(&mut bytes);
    Ok(bytes)
}

fn all_bytes<E: Elements>(
    element: &ElementType,
    places: &[u64],
    elements: &E,
) -> Result<Vec<Vec<u8>>, TextError<E::Error>> {
    let bytes = |&place: &u64| Ok(element_bytes(element, place, elements)?);
    places.iter().map(bytes).collect()
}

fn each<E: Elements>(
    element: &ElementType,
    places: &[u64],
    elements: &E,
    write: impl Fn(&[u8]) -> String,
) -> Texts<E> {
    let text = |&place: &u64| Ok(write(&element_bytes(element, place, elements)?));
    places.iter().map(text).collect()
}

fn integers<E: Elements>(
    element: &ElementType,
    signed: bool,
    places: &[u64],
    elements: &E,
) -> Result<Vec<i128>, TextError<E::Error>> {
    let number = |&place: &u64| {
        let bytes = element_bytes(element, place, elements)?;
        Ok(wide(&bytes, signed))
    };
    places.iter().map(number).collect()
}

/// An integer of up to 16 bytes.
pub fn wide(bytes: &[u8], signed: bool) -> i128 {
    let negative = signed && bytes.last().is_some_and(|&byte| byte >> 7 == 1);
    let mut wide = [if negative { 0xff } else { 0 }; 16];
    for (wide, &byte) in wide.iter_mut().zip(bytes) {
        *wide = byte;
    }
    i128::from_le_bytes(wide)
}

/// Aligned to the right.
fn justified(texts: Vec<String>) -> Vec<String> {
    let width = texts.iter().map(String::len).max().unwrap_or(0);
    texts.iter().map(|text| format!("{text:>width$}")).collect()
}

/// Strings end where only NULs follow.
pub fn trimmed(bytes: &[u8], unit: usize) -> &[u8] {
    let used = bytes
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    bytes.get(..used.next_multiple_of(unit)).unwrap_or(bytes)
}

/// `b'\x61\xFF'`.
pub fn hexadecimal(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("\\x{byte:02X}")).collect();
    format!("b'{}'", digits.concat())
}

fn in_brackets(shape: &[u64], summarised: bool, texts: &[String]) -> String {
    let Some((&length, inner)) = shape.split_first() else {
        return texts.first().cloned().unwrap_or_default();
    };
    let step = match usize::try_from(length) {
        Ok(length) if length > 0 => texts.len() / length,
        _ => return "[]".to_string(),
    };
    let mut parts = Vec::new();
    let (mut last, shown) = (None, page::shown(length, summarised));
    for index in shown {
        if last.is_some_and(|last| last + 1 != index) {
            parts.push("...".to_string());
        }
        last = Some(index);
        let start = index as usize * step;
        let own = texts.get(start..start + step).unwrap_or_default();
        parts.push(in_brackets(inner, summarised, own));
    }
    format!("[{}]", parts.join(", "))
}
