//! `memoryview`: what `repr()` says, and what the memory holds.

use super::Writer;
use super::c_numbers::{number_text, size_of};
use super::dispatch::{Known, native};
use super::text::quoted_bytes;
use crate::model::{Addr, LengthUnit};
use crate::python::object::TypeInfo;
use crate::python::{Look, LookError};

pub(super) const TYPES: &[Known] = &[native("builtins.memoryview", memory)];

/// `_Py_MEMORYVIEW_RELEASED`, `Include/memoryobject.h`.
const RELEASED: i32 = 1;
/// `PyBUF_MAX_NDIM`, `Include/pybuffer.h`.
const MOST_DIMENSIONS: i32 = 64;
/// Characters of a format, in bytes.
const LONGEST_FORMAT: usize = 256;

/// What a memoryview looks at: a `Py_buffer`.
pub(in crate::python) struct Buffer {
    data: Addr,
    /// As `struct` writes it: `B`, `<i`.
    pub format: String,
    /// Bytes.
    item_size: u64,
    pub shape: Vec<u64>,
    pub strides: Vec<i64>,
    pub is_read_only: bool,
    /// Rows lie behind pointers of their own (`suboffsets`).
    is_indirect: bool,
}

/// `<memory at 0x…: b'abc'>`; where the items are no bytes, `<memory at 0x…: format='i', shape=(3,), [1, 2, 3]>`.
fn memory(writer: &mut Writer<'_, '_>, object: Addr, _: &TypeInfo) -> Result<(), LookError> {
    let Some(buffer) = writer.look.buffer(object)? else {
        writer.put(&format!("<released memory at {object}>"));
        return Ok(());
    };
    if let Some(segment) = writer.look.segment_of(buffer.data) {
        writer.lies_in(segment);
    }
    let items = buffer.shape.iter().copied().fold(1, u64::saturating_mul);
    writer.put(&format!("<memory at {object}: "));
    if buffer.format == "B" && buffer.shape.len() == 1 && buffer.strides == [1] {
        writer.count(items, LengthUnit::Bytes);
        let wanted = items.min(writer.wanted() as u64);
        let bytes = writer.look.memory.bytes(buffer.data, wanted as usize)?;
        quoted_bytes(writer, &bytes, items);
    } else {
        writer.count(items, LengthUnit::Items);
        let shape = dimensions(&buffer.shape);
        writer.put(&format!("format='{}', shape={shape}", buffer.format));
        if let Some(code) = buffer.number() {
            writer.put(", ");
            buffer.axis(writer, code, buffer.data, 0)?;
        }
    }
    writer.put(">");
    Ok(())
}

/// `(3,)`, `(3, 4)`.
pub(in crate::python) fn dimensions<N: ToString>(numbers: &[N]) -> String {
    let texts: Vec<String> = numbers.iter().map(N::to_string).collect();
    match &texts[..] {
        [one] => format!("({one},)"),
        _ => format!("({})", texts.join(", ")),
    }
}

impl Buffer {
    /// The letter of its items, if they are numbers as this machine writes them.
    fn number(&self) -> Option<u8> {
        let format = self.format.strip_prefix(['@', '<', '=']);
        let [code] = format.unwrap_or(&self.format).as_bytes() else {
            return None;
        };
        let is_known = size_of(*code) == Some(self.item_size as usize) && *code != b'c';
        (is_known && !self.is_indirect).then_some(*code)
    }

    /// The items along an axis, as `tolist()` nests them.
    fn axis(
        &self,
        writer: &mut Writer<'_, '_>,
        code: u8,
        at: Addr,
        axis: usize,
    ) -> Result<(), LookError> {
        let (Some(&count), Some(&stride)) = (self.shape.get(axis), self.strides.get(axis)) else {
            let bytes = writer.look.memory.bytes(at, self.item_size as usize)?;
            let text = number_text(code, &bytes);
            writer.put(text.as_deref().unwrap_or("?"));
            return Ok(());
        };
        writer.put("[");
        for index in 0..count {
            writer.put(if index == 0 { "" } else { ", " });
            let step = stride.wrapping_mul(index.cast_signed());
            self.axis(writer, code, at.plus(step.cast_unsigned()), axis + 1)?;
            if writer.is_full() {
                return Ok(());
            }
        }
        writer.put("]");
        Ok(())
    }
}

impl Look<'_> {
    /// What a memoryview looks at; nothing if it was released.
    pub(in crate::python) fn buffer(&self, view: Addr) -> Result<Option<Buffer>, LookError> {
        let (memory, layout) = (&self.memory, &self.layout().object);
        if memory.i32(view.plus(layout.memoryview_flags))? & RELEASED != 0 {
            return Ok(None);
        }
        let at = view.plus(layout.memoryview_view);
        let dimensions = memory.i32(at.plus(layout.buffer_ndim))?;
        if !(0..=MOST_DIMENSIONS).contains(&dimensions) {
            return Err(LookError::Torn {
                what: "a memoryview",
                address: view,
            });
        }
        let words = |field: u64| -> Result<Vec<u64>, LookError> {
            let start = memory.pointer(at.plus(field))?;
            let all = 0..u64::from(dimensions.cast_unsigned());
            all.map(|index| Ok(memory.u64(start.plus(8 * index))?))
                .collect()
        };
        let format = memory.pointer(at.plus(layout.buffer_format))?;
        let format = match format.is_null() {
            true => "B".to_string(),
            false => {
                let text = memory.c_string(format, LONGEST_FORMAT)?;
                String::from_utf8_lossy(&text).into_owned()
            }
        };
        let strides = words(layout.buffer_strides)?;
        let suboffsets = layout.buffer_strides + 8;
        Ok(Some(Buffer {
            data: memory.pointer(at.plus(layout.buffer_buf))?,
            format,
            item_size: memory.u64(at.plus(layout.buffer_itemsize))?,
            shape: words(layout.buffer_shape)?,
            strides: strides.into_iter().map(u64::cast_signed).collect(),
            is_read_only: memory.i32(at.plus(layout.buffer_readonly))? != 0,
            is_indirect: !memory.pointer(at.plus(suboffsets))?.is_null(),
        }))
    }
}
