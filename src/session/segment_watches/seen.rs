//! What the tracing thread knows of what is watched: what was there last, and what each writer has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::SegmentWatch;
use crate::array::Release;
use crate::array::array_text::{array_text, element_text};
use crate::array::text::Elements;
use crate::model::{Addr, Pid, Tid};
use crate::process::live::LiveProcess;
use crate::process::trace::{AfterWrite, Write};
use crate::process::{Backing, Process, ReadMemory};
use crate::python::layout::Minor;
use crate::python::{bytes_literal, text_literal};

/// The newest CPython that pmdb knows: strings are written as it would.
const NEWEST: Minor = Minor(15);

/// What the tracing thread knows.
#[derive(Default)]
pub(super) struct Seen {
    pieces: BTreeMap<Tag, Piece>,
    /// Threads that stand behind a write, and what that has changed.
    writes: BTreeMap<(Pid, Tid), Vec<Changed>>,
}

/// The number of a watchpoint, and which of its pieces.
pub(super) type Tag = (u32, u8);

#[derive(Clone)]
pub(super) struct Piece {
    pub offset: u64,
    /// Device and inode of the segment.
    pub file: (u64, u64),
    pub bytes: Vec<u8>,
}

impl Piece {
    /// Whether a process has it at an address. What was mapped there may be gone, and other memory be in its place.
    fn lies_at(&self, process: &LiveProcess, address: Addr) -> bool {
        let Some(mapping) = process.mapping_at(address) else {
            return false;
        };
        let Backing::File {
            offset,
            device,
            inode,
            ..
        } = mapping.backing
        else {
            return false;
        };
        let into = address.0.wrapping_sub(mapping.start.0);
        (device, inode) == self.file && offset.checked_add(into) == Some(self.offset)
    }
}

/// The elements of a watchpoint before a write, and behind it.
pub(super) struct Changed {
    pub number: u32,
    pub old: Pieces,
    pub new: Pieces,
}

/// Bytes by their place in the segment.
pub(super) struct Pieces(Vec<(u64, Vec<u8>)>);

pub(super) fn tag_of((number, piece): Tag) -> u64 {
    u64::from(number) << 8 | u64::from(piece)
}

pub(super) fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    // What a panic has left half done is a value that is told once more.
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Seen {
    /// A thread stands behind the instruction with which it has written.
    pub fn note(&mut self, write: &Write) -> AfterWrite {
        let Ok(process) = LiveProcess::open(write.pid) else {
            return AfterWrite::GoesOn;
        };
        let mut now: BTreeMap<Tag, Vec<u8>> = BTreeMap::new();
        for point in &write.hit {
            let is_it = |(tag, _): &(&Tag, &Piece)| tag_of(**tag) == point.tag;
            let Some((&tag, piece)) = self.pieces.iter().find(is_it) else {
                continue;
            };
            let mut bytes = vec![0; usize::from(point.length)];
            if process.read(point.address, &mut bytes).is_ok()
                && bytes != piece.bytes
                && piece.lies_at(&process, point.address)
            {
                now.insert(tag, bytes);
            }
        }
        let numbers: BTreeSet<u32> = now.keys().map(|(number, _)| *number).collect();
        if numbers.is_empty() {
            return AfterWrite::GoesOn;
        }
        let before: Vec<Pieces> = numbers.iter().map(|&number| self.of(number)).collect();
        for (tag, bytes) in now {
            if let Some(piece) = self.pieces.get_mut(&tag) {
                piece.bytes = bytes;
            }
        }
        let changed = numbers.iter().zip(before).map(|(&number, old)| Changed {
            number,
            old,
            new: self.of(number),
        });
        let changed = changed.collect();
        self.writes.insert((write.pid, write.tid), changed);
        AfterWrite::Stays
    }

    /// What threads of a process have changed, each by its number; of the first that is named first. It is told now.
    pub fn taken_of(&mut self, pid: Pid, first: Tid) -> Vec<(Tid, Vec<Changed>)> {
        let all = std::mem::take(&mut self.writes);
        let (own, others) = all.into_iter().partition(|((of, _), _)| *of == pid);
        self.writes = others;
        let own: BTreeMap<(Pid, Tid), Vec<Changed>> = own;
        let mut own: Vec<(Tid, Vec<Changed>)> =
            (own.into_iter().map(|((_, tid), changed)| (tid, changed))).collect();
        own.sort_by_key(|(tid, _)| *tid != first);
        own
    }

    /// Whether it is known what the elements of a watchpoint are.
    pub fn knows(&self, number: u32) -> bool {
        let mut own = self.pieces.range((number, 0)..=(number, u8::MAX));
        own.next().is_some()
    }

    /// These are watched from now on. What is known of one already may be newer.
    pub fn take(&mut self, pieces: BTreeMap<Tag, Piece>) {
        self.pieces.retain(|tag, _| pieces.contains_key(tag));
        for (tag, piece) in pieces {
            self.pieces.entry(tag).or_insert(piece);
        }
    }

    pub fn of(&self, number: u32) -> Pieces {
        let own = self.pieces.range((number, 0)..=(number, u8::MAX));
        Pieces(
            own.map(|(_, piece)| (piece.offset, piece.bytes.clone()))
                .collect(),
        )
    }
}

impl Elements for &Pieces {
    type Error = Infallible;

    fn bytes(&self, place: u64, length: usize) -> Result<Vec<u8>, Infallible> {
        let byte = |at: u64| {
            let mut pieces = self.0.iter();
            pieces.find_map(|(start, bytes)| {
                let into = usize::try_from(at.checked_sub(*start)?).ok()?;
                bytes.get(into).copied()
            })
        };
        let all = (0..length as u64).map(|into| byte(place.wrapping_add(into)).unwrap_or(0));
        Ok(all.collect())
    }

    fn object(&mut self, _: u64) -> Result<String, Infallible> {
        Ok("<object>".to_string())
    }

    fn bytes_literal(&self, bytes: &[u8]) -> String {
        bytes_literal(bytes, NEWEST)
    }

    fn text_literal(&self, points: &[u32]) -> String {
        text_literal(points, NEWEST)
    }
}

impl SegmentWatch {
    pub(super) fn text(&self, pieces: &Pieces) -> String {
        let (release, mut pieces) = (Release::of_major(2), pieces);
        let text = match self.view.shape.is_empty() {
            true => element_text(&self.view.element, self.view.offset, release, &mut pieces),
            false => array_text(&self.view, release, &mut pieces),
        };
        // There are 32 bytes of it at most.
        text.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::view::Order;
    use crate::array::{View, dtype};

    #[test]
    fn an_element_may_lie_in_several_pieces() {
        let watch = |dtype: &str, shape: &[i64]| {
            let element = dtype::parse(dtype).expect("a type");
            let view = View::new(element, 8, Some(shape), None, Order::C, 4096);
            view.expect("it fits")
        };
        let one = (1.5_f64).to_le_bytes().to_vec();
        let two = (2.5_f64).to_le_bytes().to_vec();
        let pieces = Pieces(vec![(8, one), (16, two)]);
        let array = array_text(&watch("f64", &[2]), Release::of_major(2), &mut &pieces);
        assert_eq!(array.ok().as_deref(), Some("array([1.5, 2.5])"));
        let view = watch("c128", &[1]);
        let number = element_text(&view.element, 8, Release::of_major(2), &mut &pieces);
        assert_eq!(number.ok().as_deref(), Some("(1.5+2.5j)"));
    }
}
