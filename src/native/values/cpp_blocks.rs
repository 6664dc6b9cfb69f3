//! More of the C++ library of GCC: values whose elements lie in blocks, and those that hold one of several types.

use super::cpp_library::lacks;
use super::storage::Storage;
use super::strings::{MOST, garbage};
use super::text::Text;
use super::{Shown, Writer, Written};
use crate::model::Addr;
use crate::native::types::{Shape, Type};

/// A block of a deque has so many bytes, or one element (`_GLIBCXX_DEQUE_BUF_SIZE` of `stl_deque.h`).
const BLOCK: u64 = 512;
/// Types that a variant may have: one has been seen with hundreds.
pub(super) const MOST_ALTERNATIVES: u64 = 4096;
/// What an empty variant has for an index: all bits of it.
fn is_valueless(index: u64, size: u64) -> bool {
    index == u64::MAX >> (64 - 8 * size.clamp(1, 8))
}

impl<'s, 'a> Writer<'_, 's, 'a> {
    /// `deque`: a table of blocks, and where in it the first and the last element are.
    pub(super) fn write_cpp_deque(&self, value: Shown<'_, 's, 'a>, text: &mut Text) -> Written {
        let Shown {
            kind,
            storage,
            depth,
        } = value;
        let (start, at_start) = self.find(kind, storage, "_M_start").ok_or_else(lacks)?;
        let (finish, at_finish) = self.find(kind, storage, "_M_finish").ok_or_else(lacks)?;
        let iterator =
            |kind: &Type<'s, 'a>, at: &Storage, name: &str| self.pointer_in(kind, at, name);
        let (current, _) = self.find(&start, &at_start, "_M_cur").ok_or_else(lacks)?;
        let Shape::Pointer {
            to: Some(element), ..
        } = current.shape
        else {
            return Err(lacks());
        };
        let size = self
            .size_at(element)
            .filter(|size| *size > 0)
            .ok_or_else(lacks)?;
        let room = (BLOCK / size).max(1);
        let (first, first_block) = (
            iterator(&start, &at_start, "_M_cur")?,
            iterator(&start, &at_start, "_M_first")?,
        );
        let (last, last_block) = (
            iterator(&finish, &at_finish, "_M_cur")?,
            iterator(&finish, &at_finish, "_M_first")?,
        );
        let nodes = (
            iterator(&start, &at_start, "_M_node")?,
            iterator(&finish, &at_finish, "_M_node")?,
        );
        let skipped = first.0.wrapping_sub(first_block.0) / size;
        let blocks = nodes.1.0.wrapping_sub(nodes.0.0) / 8;
        let in_last = last.0.wrapping_sub(last_block.0) / size;
        let count = blocks
            .checked_mul(room)
            .and_then(|whole| whole.checked_add(in_last)?.checked_sub(skipped))
            .filter(|count| *count <= MOST && skipped <= room)
            .ok_or_else(|| garbage("number of blocks", blocks))?;
        self.write_list(("{", "}"), count, text, |index, text| {
            let place = skipped + index;
            let block = self
                .memory
                .pointer(nodes.0.plus(place / room * 8))
                .map_err(|error| error.absence())?;
            let offset = (place % room).checked_mul(size).ok_or_else(lacks)?;
            let at = Storage::Memory(block.plus(offset));
            self.write_within(Some(element), &at, depth, text)
        })
    }

    /// `variant`: which of its types it has, and the value.
    pub(super) fn write_cpp_variant(&self, value: Shown<'_, 's, 'a>, text: &mut Text) -> Written {
        let Shown {
            kind,
            storage,
            depth,
        } = value;
        let (index_kind, at) = self.find(kind, storage, "_M_index").ok_or_else(lacks)?;
        let size = index_kind.size.unwrap_or(1).clamp(1, 8);
        let index = at.unsigned(self.memory, size)? as u64;
        if is_valueless(index, size) {
            return Ok(text.push("valueless")?);
        }
        let (mut at_union, mut inner) = self
            .find(kind, storage, "_M_u")
            .map(|(kind, at)| (at, kind))
            .ok_or_else(lacks)?;
        if index > MOST_ALTERNATIVES {
            return Err(garbage("index", index).into());
        }
        for _ in 0..index {
            (inner, at_union) = self
                .member_at(&inner, &at_union, "_M_rest")
                .ok_or_else(|| garbage("index", index))?;
        }
        let (first, at_first) = self
            .member_at(&inner, &at_union, "_M_first")
            .ok_or_else(|| garbage("index", index))?;
        let (held, at_held) = self
            .member_at(&first, &at_first, "_M_storage")
            .ok_or_else(lacks)?;
        // One that needs a destructor lies in a buffer, whose type is a parameter.
        let held = match held.parameter("_Tp", self.module) {
            Some(inside)
                if held
                    .own_name(self.module)
                    .is_some_and(|name| name.starts_with("__aligned")) =>
            {
                inside
            }
            _ => held.at,
        };
        self.write_within(Some(held), &at_held, depth, text)
    }

    /// `function`: what is called, by the name of the code that calls it.
    pub(super) fn write_cpp_function(&self, value: Shown<'_, 's, 'a>, text: &mut Text) -> Written {
        let Shown { kind, storage, .. } = value;
        let manager = self.pointer_in(kind, storage, "_M_manager")?;
        if manager.is_null() {
            return Ok(text.push("nullptr")?);
        }
        let invoker: Addr = self.pointer_in(kind, storage, "_M_invoker")?;
        let frames = self.module.frames_at(invoker.minus(self.bias.0).0);
        let handler = frames.last().and_then(|frame| frame.function.clone());
        match handler.as_deref().and_then(handled) {
            Some(called) => Ok(text.push(&format!("function({called})"))?),
            None => Ok(text.push(&format!("function({invoker})"))?),
        }
    }
}

/// What is called by `std::_Function_handler<int (long), main::{lambda(long)#1}>::_M_invoke(…)`.
fn handled(handler: &str) -> Option<&str> {
    let (_, rest) = handler.split_once("_Function_handler<")?;
    let (parameters, _) = rest.split_once(">::_M_invoke")?;
    Some(parameters.get(end_of_first(parameters)? + 1..)?.trim())
}

/// Where the first of several template arguments ends: at a comma that is in no brackets. `void (int (*)(int, int), char), f()::{lambda()#1}`.
fn end_of_first(arguments: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in arguments.bytes().enumerate() {
        match byte {
            b'(' | b'<' | b'[' | b'{' => depth += 1,
            // Of `->` and `operator>` the depth would be wrong; none can be below 0.
            b')' | b'>' | b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}
