//! The texts of an array's elements, all of one dtype, so that they stand below each other.

use super::calendar::{self, NOT_A_TIME};
use super::dtype::{Dtype, Element, Field, Width};
use super::floats::Column;
use super::page::{self, THRESHOLD};
use super::real::Real;
use super::release::Release;
use crate::model::Addr;
use crate::python::{Look, LookError};

/// Elements that are written for one array. Only one of many dimensions, each longer than twice the edge, has more.
pub(super) const MOST: usize = 20_000;
/// Bytes of one string that are read.
pub(super) const LONGEST_ITEM: u64 = 64 * 1024;

/// Writes objects that an array refers to, as `repr()` has them.
pub(in crate::python) trait WriteObject {
    fn object(&mut self, object: Addr) -> String;
}

/// What all elements of an array are written with.
pub(super) struct Elements<'l, 'p, 'w> {
    pub look: &'l Look<'p>,
    pub objects: &'w mut dyn WriteObject,
    pub release: Release,
    /// The array has no dimension, so nothing stands below anything.
    pub alone: bool,
    /// A record by itself: its numbers are written in full.
    pub scalar: bool,
}

impl Elements<'_, '_, '_> {
    pub(super) fn texts(
        &mut self,
        dtype: &Dtype,
        places: &[Addr],
    ) -> Result<Vec<String>, LookError> {
        if places.len() > MOST {
            return Err(LookError::Torn {
                what: "a numpy array with too many elements to show",
                address: places.first().copied().unwrap_or_default(),
            });
        }
        match &dtype.element {
            Element::Bool => {
                let truth = |place: &Addr| Ok(self.look.memory.u8(*place)? != 0);
                let write = |truth| match truth {
                    true if self.alone => "True".to_string(),
                    true => " True".to_string(),
                    false => "False".to_string(),
                };
                places
                    .iter()
                    .map(truth)
                    .map(|truth| truth.map(write))
                    .collect()
            }
            Element::Integer { signed } => {
                let numbers = self.integers(dtype, *signed, places)?;
                Ok(justified(numbers.iter().map(i128::to_string).collect()))
            }
            Element::Real(width) => self.reals(dtype, *width, places),
            Element::Complex(width) => self.complexes(dtype, *width, places),
            Element::Moment(unit) => {
                let counts = self.integers(dtype, true, places)?.into_iter();
                let text = |count: i128| format!("'{}'", calendar::moment(count as i64, *unit));
                Ok(justified(counts.map(text).collect()))
            }
            Element::Span(_) => {
                let counts = self.integers(dtype, true, places)?.into_iter();
                let text = |count: i128| match count == i128::from(NOT_A_TIME) {
                    true => "'NaT'".to_string(),
                    false => count.to_string(),
                };
                Ok(justified(counts.map(text).collect()))
            }
            Element::Object => {
                let mut texts = Vec::new();
                for &place in places {
                    let object = self.look.memory.pointer(place)?;
                    texts.push(self.object(object)?);
                }
                Ok(texts)
            }
            Element::Bytes => self.each(dtype, places, |bytes| {
                self.look.bytes_literal(trimmed(bytes, 1))
            }),
            Element::Text => self.each(dtype, places, |bytes| {
                let points: Vec<u32> = trimmed(bytes, 4)
                    .chunks_exact(4)
                    .map(|unit| u32::from_le_bytes([unit[0], unit[1], unit[2], unit[3]]))
                    .collect();
                self.look.text_literal(&points)
            }),
            Element::Opaque => self.each(dtype, places, hexadecimal),
            Element::Record(fields) => self.records(fields, places),
            Element::Subarray { base, shape } => self.subarrays(base, shape, places),
            Element::Foreign => Err(LookError::Torn {
                what: "a numpy dtype that pmdb does not know",
                address: dtype.scalar_type,
            }),
        }
    }

    /// The bytes of each element, in the machine's order.
    fn each(
        &self,
        dtype: &Dtype,
        places: &[Addr],
        write: impl Fn(&[u8]) -> String,
    ) -> Result<Vec<String>, LookError> {
        let mut texts = Vec::new();
        for &place in places {
            texts.push(write(&self.bytes(dtype, place)?));
        }
        Ok(texts)
    }

    fn bytes(&self, dtype: &Dtype, place: Addr) -> Result<Vec<u8>, LookError> {
        let length = dtype.item_size.min(LONGEST_ITEM);
        let mut bytes = self.look.memory.bytes(place, length as usize)?;
        in_machine_order(dtype, &mut bytes);
        Ok(bytes)
    }

    fn integers(
        &self,
        dtype: &Dtype,
        signed: bool,
        places: &[Addr],
    ) -> Result<Vec<i128>, LookError> {
        let number = |place: &Addr| {
            let bytes = self.bytes(dtype, *place)?;
            Ok(wide(&bytes, signed))
        };
        places.iter().map(number).collect()
    }

    fn reals(
        &self,
        dtype: &Dtype,
        width: Width,
        places: &[Addr],
    ) -> Result<Vec<String>, LookError> {
        let mut numbers = Vec::new();
        for &place in places {
            numbers.extend(real(width, &self.bytes(dtype, place)?));
        }
        if self.scalar {
            let text = |&number: &Real| super::scalar::plain(number, self.release);
            return Ok(numbers.iter().map(text).collect());
        }
        let column = Column::of(&numbers, width, false, self.release);
        Ok(numbers.iter().map(|&number| column.write(number)).collect())
    }

    fn complexes(
        &self,
        dtype: &Dtype,
        width: Width,
        places: &[Addr],
    ) -> Result<Vec<String>, LookError> {
        let (mut reals, mut imaginaries) = (Vec::new(), Vec::new());
        for &place in places {
            let bytes = self.bytes(dtype, place)?;
            let (left, right) = bytes.split_at(bytes.len() / 2);
            reals.extend(real(width, left));
            imaginaries.extend(real(width, right));
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

    fn object(&mut self, object: Addr) -> Result<String, LookError> {
        // An array that is being made has NULLs, which numpy takes for None.
        if object.is_null() {
            return Ok("None".to_string());
        }
        let text = self.objects.object(object);
        let kind = self.look.type_of(object)?;
        Ok(match kind.static_name() == Some("list") {
            true => format!("list({text})"),
            false => text,
        })
    }

    fn records(&mut self, fields: &[Field], places: &[Addr]) -> Result<Vec<String>, LookError> {
        let mut columns = Vec::new();
        for field in fields {
            let places: Vec<Addr> = places
                .iter()
                .map(|place| place.plus(field.offset))
                .collect();
            columns.push(self.texts(&field.dtype, &places)?.into_iter());
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
    fn subarrays(
        &mut self,
        base: &Dtype,
        shape: &[u64],
        places: &[Addr],
    ) -> Result<Vec<String>, LookError> {
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
            inner.extend(
                (0..size as u64).map(|index| place.plus(index.wrapping_mul(base.item_size))),
            );
            if inner.len() > MOST {
                break;
            }
        }
        let alone = self.alone;
        self.alone = alone && shape.is_empty();
        let texts = self.texts(base, &inner);
        self.alone = alone;
        let texts = texts?;
        let summarised = self.release.is_second() && size as u64 > THRESHOLD;
        let row = |index: usize| {
            let own = texts
                .get(index * size..(index + 1) * size)
                .unwrap_or_default();
            in_brackets(shape, summarised, own)
        };
        Ok((0..places.len()).map(row).collect())
    }
}

fn real(width: Width, bytes: &[u8]) -> Option<Real> {
    Real::from_bytes(width, bytes)
}

/// Turns the bytes of one element round where they are in the other order.
pub(super) fn in_machine_order(dtype: &Dtype, bytes: &mut [u8]) {
    if dtype.byte_order != b'>' {
        return;
    }
    let unit = match &dtype.element {
        Element::Complex(width) => width.bytes() as usize,
        Element::Text => 4,
        Element::Bytes | Element::Opaque => 1,
        _ => bytes.len().max(1),
    };
    for part in bytes.chunks_exact_mut(unit) {
        part.reverse();
    }
}

/// An integer of up to 16 bytes.
pub(super) fn wide(bytes: &[u8], signed: bool) -> i128 {
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
pub(super) fn trimmed(bytes: &[u8], unit: usize) -> &[u8] {
    let used = bytes
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    bytes.get(..used.next_multiple_of(unit)).unwrap_or(bytes)
}

/// `b'\x61\xFF'`.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
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
