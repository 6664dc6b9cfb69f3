//! `str` and `bytes`.

use crate::model::Addr;
use crate::python::{Look, LookError};

/// Characters of a name, a file or anything else that is not a value.
const LONGEST_NAME: usize = 8 * 1024;

/// The beginning of a `str`: code points, since a `str` may hold lone surrogates, which no Rust string does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub code_points: Vec<u32>,
    /// Characters of the whole.
    pub length: u64,
}

impl Look<'_> {
    /// At most `limit` characters of a `str`.
    pub(in crate::python) fn text(&self, object: Addr, limit: usize) -> Result<Text, LookError> {
        let (code_points, length) = self.text_from(object, 0, limit)?;
        Ok(Text {
            code_points,
            length,
        })
    }

    /// At most `limit` characters of a `str` from the one at `first` on.
    pub(in crate::python) fn text_part(
        &self,
        object: Addr,
        first: usize,
        limit: usize,
    ) -> Result<Vec<u32>, LookError> {
        Ok(self.text_from(object, first, limit)?.0)
    }

    /// The same, with the length of the whole (`Include/cpython/unicodeobject.h`).
    fn text_from(
        &self,
        object: Addr,
        first: usize,
        limit: usize,
    ) -> Result<(Vec<u32>, u64), LookError> {
        let layout = &self.layout().text;
        let torn = LookError::Torn {
            what: "a str",
            address: object,
        };
        let length = self.memory.u64(object.plus(layout.length))?;
        let state = self.memory.u32(object.plus(layout.state))?;
        let flag = |shift: u32| state >> shift & 1 == 1;
        let width = (state >> layout.kind_shift & 7) as usize;
        if length > i64::MAX as u64 || !matches!(width, 1 | 2 | 4) {
            return Err(torn);
        }
        let data = if !flag(layout.compact_shift) {
            self.memory.pointer(object.plus(layout.data_pointer))?
        } else if flag(layout.ascii_shift) {
            object.plus(layout.ascii_data)
        } else {
            object.plus(layout.compact_data)
        };
        let rest = usize::try_from(length).unwrap_or(usize::MAX);
        let count = rest.saturating_sub(first).min(limit);
        let start = data.plus((first as u64).wrapping_mul(width as u64));
        let bytes = self.memory.bytes(start, count.saturating_mul(width))?;
        let code_points: Vec<u32> = bytes
            .chunks_exact(width)
            .map(|unit| {
                let mut wide = [0; 4];
                wide[..width].copy_from_slice(unit);
                u32::from_le_bytes(wide)
            })
            .collect();
        if code_points.iter().any(|&point| point > 0x10_ffff) {
            return Err(torn);
        }
        Ok((code_points, length))
    }

    /// The bytes of a short `str` if it is one that is known to be ASCII, as nearly every name is.
    pub(super) fn ascii(&self, object: Addr) -> Result<Option<Vec<u8>>, LookError> {
        let length = self.ascii_length(object)?;
        let Some(length) = length.filter(|&length| length <= LONGEST_NAME as u64) else {
            return Ok(None);
        };
        let at = object.plus(self.layout().text.ascii_data);
        let bytes = self.memory.bytes(at, length as usize)?;
        Ok(bytes.is_ascii().then_some(bytes))
    }

    /// Hands the beginning of a `str`, at most `limit` characters, to `use_it` with the length of the whole, if all of it
    /// is printable ASCII.
    pub(in crate::python) fn with_plain_text<T>(
        &self,
        object: Addr,
        limit: usize,
        use_it: impl FnOnce(&str, u64) -> T,
    ) -> Result<Option<T>, LookError> {
        let Some(length) = self.ascii_length(object)? else {
            return Ok(None);
        };
        let count = usize::try_from(length).unwrap_or(limit).min(limit);
        let at = object.plus(self.layout().text.ascii_data);
        Ok(self.memory.with_bytes(at, count, |bytes| {
            let is_plain = bytes.iter().fold(true, |is_plain, byte| {
                is_plain & matches!(byte, b' '..=b'~')
            });
            let text = std::str::from_utf8(bytes).ok().filter(|_| is_plain)?;
            Some(use_it(text, length))
        })?)
    }

    /// The length of a `str` that says of itself that it is ASCII, as nearly every one does.
    fn ascii_length(&self, object: Addr) -> Result<Option<u64>, LookError> {
        let layout = &self.layout().text;
        let state = self.memory.u32(object.plus(layout.state))?;
        let length = self.memory.u64(object.plus(layout.length))?;
        let is_ascii = state >> layout.compact_shift & state >> layout.ascii_shift & 1 == 1;
        let is_one_wide = state >> layout.kind_shift & 7 == 1;
        Ok((is_ascii && is_one_wide && length <= i64::MAX as u64).then_some(length))
    }

    /// A `str` that names something; lone surrogates become U+FFFD.
    pub(in crate::python) fn name(&self, object: Addr) -> Result<String, LookError> {
        if let Some(text) = self.ascii(object)?.map(String::from_utf8)
            && let Ok(text) = text
        {
            return Ok(text);
        }
        let text = self.text(object, LONGEST_NAME)?;
        let character = |point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER);
        Ok(text.code_points.into_iter().map(character).collect())
    }

    /// At most `limit` bytes of a `bytes` object, and how long the whole is.
    pub(in crate::python) fn bytes_object(
        &self,
        object: Addr,
        limit: usize,
    ) -> Result<(Vec<u8>, u64), LookError> {
        let layout = &self.layout().object;
        let length = self.length(object)?;
        let count = usize::try_from(length).unwrap_or(limit).min(limit);
        Ok((
            self.memory.bytes(object.plus(layout.bytes_data), count)?,
            length,
        ))
    }

    /// `ob_size` of an object that has no sign in it.
    pub(in crate::python) fn length(&self, object: Addr) -> Result<u64, LookError> {
        let length = self.memory.i64(object.plus(self.layout().object.size))?;
        u64::try_from(length).map_err(|_| LookError::Torn {
            what: "the length of an object",
            address: object,
        })
    }
}
