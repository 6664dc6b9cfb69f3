//! The elements of a segment, for those who write them as numpy does.

use crate::array::text::Elements;
use crate::python::layout::Minor;
use crate::python::{bytes_literal, text_literal};
use crate::shm::{BytesError, SegmentBytes};

/// The newest CPython that pmdb knows: strings are written as it would.
const NEWEST: Minor = Minor(15);

/// A place is an offset in the segment.
pub(super) struct InSegment<'b>(pub &'b SegmentBytes);

impl Elements for InSegment<'_> {
    type Error = BytesError;

    fn bytes(&self, place: u64, length: usize) -> Result<Vec<u8>, BytesError> {
        let mut bytes = vec![0; length];
        self.0.read(place, &mut bytes)?;
        Ok(bytes)
    }

    /// No element type that a user can name has objects.
    fn object(&mut self, _: u64) -> Result<String, BytesError> {
        Ok("<object>".to_string())
    }

    fn bytes_literal(&self, bytes: &[u8]) -> String {
        bytes_literal(bytes, NEWEST)
    }

    fn text_literal(&self, points: &[u32]) -> String {
        text_literal(points, NEWEST)
    }
}
