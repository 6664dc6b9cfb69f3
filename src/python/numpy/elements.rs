//! The elements of arrays in the memory of a process, as `array::text` reads and writes them.

use super::dtype::Dtype;
use crate::array::Release;
use crate::array::page::THRESHOLD;
use crate::array::text::{self, TextError, Writing};
use crate::model::Addr;
use crate::python::{Look, LookError};

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
        let writing = Writing {
            release: self.release,
            alone: self.alone,
            scalar: self.scalar,
            longest_subarray: match self.release.is_second() {
                true => THRESHOLD,
                false => u64::MAX,
            },
        };
        let raw: Vec<u64> = places.iter().map(|place| place.0).collect();
        let texts = writing.texts(&dtype.element_type(), &raw, self);
        texts.map_err(|error| match error {
            TextError::Elements(error) => error,
            TextError::TooMany => LookError::Torn {
                what: "a numpy array with too many elements to show",
                address: places.first().copied().unwrap_or_default(),
            },
            TextError::Unknown => LookError::Torn {
                what: "a numpy dtype that pmdb does not know",
                address: dtype.scalar_type,
            },
        })
    }
}

impl text::Elements for Elements<'_, '_, '_> {
    type Error = LookError;

    fn bytes(&self, place: u64, length: usize) -> Result<Vec<u8>, LookError> {
        self.look.element_bytes(Addr(place), length)
    }

    fn object(&mut self, place: u64) -> Result<String, LookError> {
        let object = self.look.memory.pointer(Addr(place))?;
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

    fn bytes_literal(&self, bytes: &[u8]) -> String {
        self.look.bytes_literal(bytes)
    }

    fn text_literal(&self, points: &[u32]) -> String {
        self.look.text_literal(points)
    }
}

/// Turns the bytes of one element round where they are in the other order.
pub(super) fn in_machine_order(dtype: &Dtype, bytes: &mut [u8]) {
    if dtype.byte_order == b'>' {
        dtype.shallow_type().in_machine_order(bytes);
    }
}
