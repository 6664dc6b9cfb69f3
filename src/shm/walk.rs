//! Going through all elements of a view, in parallel.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::prelude::*;
use thiserror::Error;

use super::bytes::{BytesError, SegmentBytes};
use crate::array::View;
use crate::array::view::joined_axes;
use crate::process::page_buffer::PageBuffer;

/// Bytes that are read at once: they fit into the second cache, and are few enough for that to be shared.
const PIECE: u64 = 128 * 1024;
/// Bytes of one task: many of them, so that all processors have something to do until the end.
const TASK: u64 = 2 << 20;
/// Elements of a block.
pub(super) const BLOCK: u64 = 4_096;
/// Elements that lie further apart are read one by one. Bytes.
const FAR: u64 = 4_096;

/// How far it has come. Others look at it, and may end it.
#[derive(Debug, Default)]
pub struct Progress {
    expected: AtomicU64,
    done: AtomicU64,
    cancelled: AtomicBool,
}

impl Progress {
    /// So many elements more are going to be looked at.
    pub fn expect(&self, elements: u64) {
        self.expected.fetch_add(elements, Ordering::Relaxed);
    }

    /// Elements.
    pub fn expected(&self) -> u64 {
        self.expected.load(Ordering::Relaxed)
    }

    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// How much of what is expected is done; nothing if nothing is.
    pub fn percent(&self) -> Option<u64> {
        let percent = u128::from(self.done()) * 100 / u128::from(self.expected().max(1));
        (self.expected() > 0).then_some(percent.min(100) as u64)
    }

    /// So many more are done.
    pub(super) fn advance(&self, elements: u64) {
        self.done.fetch_add(elements, Ordering::Relaxed);
    }

    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WalkError {
    #[error(transparent)]
    Bytes(#[from] BytesError),
    #[error("interrupted")]
    Cancelled,
}

/// Elements that follow each other in the order of the walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Task {
    first: u64,
    count: u64,
    is_hole: bool,
}

/// What of the elements is handed on.
pub(super) enum Block<'b> {
    /// The bytes of elements, one after the other; number `first` of all is the first.
    Bytes { first: u64, bytes: &'b [u8] },
    /// Elements of which every byte is 0.
    Zeros { first: u64, count: u64 },
}

pub(super) struct Walk<'v> {
    bytes: &'v SegmentBytes,
    offset: u64,
    axes: Vec<(u64, i64)>,
    item: u64,
    total: u64,
}

impl<'v> Walk<'v> {
    /// In the order of the indices.
    pub(super) fn by_index(bytes: &'v SegmentBytes, view: &View) -> Walk<'v> {
        Walk::along(bytes, view, false)
    }

    /// As they follow in memory.
    pub(super) fn in_memory(bytes: &'v SegmentBytes, view: &View) -> Walk<'v> {
        Walk::along(bytes, view, true)
    }

    fn along(bytes: &'v SegmentBytes, view: &View, in_memory: bool) -> Walk<'v> {
        Walk {
            bytes,
            offset: view.offset,
            axes: joined_axes(&view.shape, &view.strides, in_memory),
            item: view.element.size.max(1),
            total: view.size(),
        }
    }

    pub(super) fn has_order_of(&self, other: &Walk<'_>) -> bool {
        self.axes == other.axes
    }

    /// Elements.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    fn is_contiguous(&self) -> bool {
        match self.axes[..] {
            [] => true,
            [(_, stride)] => u64::try_from(stride) == Ok(self.item),
            _ => false,
        }
    }

    /// Makes something of each task, in parallel, with what `fold` adds to it for each of its blocks. They come back in order; if somebody ends
    /// it before its end, those that were done by then.
    pub(super) fn fold<T: Send>(
        &self,
        progress: &Progress,
        empty: impl Fn() -> T + Sync,
        fold: impl Fn(&mut T, Block<'_>) + Sync,
    ) -> Result<Vec<T>, WalkError> {
        let run = |room: &mut PageBuffer, task: &Task| {
            if progress.is_cancelled() {
                return Ok(None);
            }
            let mut made = empty();
            self.run(*task, room, progress, &mut |block| fold(&mut made, block))?;
            Ok(Some(made))
        };
        let tasks = self.tasks();
        let made = tasks.par_iter().map_init(PageBuffer::default, run);
        let made: Result<Vec<Option<T>>, WalkError> = made.collect();
        Ok(made?.into_iter().flatten().collect())
    }

    /// The same, of which two at a time are joined into one, so that there never are many. In no order.
    pub(super) fn reduce<T: Send>(
        &self,
        progress: &Progress,
        empty: impl Fn() -> T + Sync + Send,
        fold: impl Fn(&mut T, Block<'_>) + Sync + Send,
        join: impl Fn(T, T) -> T + Sync + Send,
    ) -> Result<T, WalkError> {
        let run = |room: &mut PageBuffer, task: &Task| {
            if progress.is_cancelled() {
                return Err(WalkError::Cancelled);
            }
            let mut made = empty();
            self.run(*task, room, progress, &mut |block| fold(&mut made, block))?;
            Ok(made)
        };
        let both = |one, other| Ok(join(one, other));
        let tasks = self.tasks();
        let made = tasks.par_iter().map_init(PageBuffer::default, run);
        made.try_reduce(&empty, both)
    }

    fn tasks(&self) -> Vec<Task> {
        let step = (TASK / self.item / BLOCK).max(1) * BLOCK;
        let cut = |first: u64, end: u64| {
            let starts = (first..end).step_by(usize::try_from(step).unwrap_or(usize::MAX));
            starts.map(move |start| Task {
                first: start,
                count: step.min(end - start),
                is_hole: false,
            })
        };
        let range = self.offset
            ..self
                .offset
                .saturating_add(self.total.saturating_mul(self.item));
        let stretches = match self.is_contiguous() && self.total > 0 {
            true => self.bytes.stretches(range),
            false => None,
        };
        let Some(stretches) = stretches else {
            return cut(0, self.total).collect();
        };
        let mut tasks = Vec::new();
        let mut at = 0;
        for stretch in stretches {
            let number = |byte: u64| (byte - self.offset).div_ceil(self.item).min(self.total);
            let end = number(stretch.range.end);
            if stretch.is_hole {
                // Whole elements alone; the last of them may reach into what is there.
                let inner = (stretch.range.end - self.offset) / self.item;
                let first = number(stretch.range.start).max(at);
                tasks.extend(cut(at, first));
                if inner > first {
                    tasks.push(Task {
                        first,
                        count: inner - first,
                        is_hole: true,
                    });
                }
                at = inner.max(first);
            } else {
                tasks.extend(cut(at, end));
                at = end;
            }
        }
        tasks.extend(cut(at, self.total));
        tasks
    }

    fn run(
        &self,
        task: Task,
        room: &mut PageBuffer,
        progress: &Progress,
        visit: &mut dyn FnMut(Block<'_>),
    ) -> Result<(), WalkError> {
        let count = task.count;
        if task.is_hole {
            visit(Block::Zeros {
                first: task.first,
                count,
            });
        } else if self.is_contiguous() {
            self.run_contiguous(task, room, visit)?;
        } else {
            self.run_scattered(task, visit)?;
        }
        progress.advance(count);
        Ok(())
    }

    fn run_contiguous(
        &self,
        task: Task,
        room: &mut PageBuffer,
        visit: &mut dyn FnMut(Block<'_>),
    ) -> Result<(), WalkError> {
        let start = self.offset + task.first * self.item;
        let at_once = (PIECE / self.item).max(1);
        let mut done = 0;
        while done < task.count {
            let count = at_once.min(task.count - done);
            let offset = start + done * self.item;
            let bytes = room.at(offset, (count * self.item) as usize);
            self.bytes.read_what_is_left(offset, bytes)?;
            let mut first = task.first + done;
            for bytes in bytes.chunks((BLOCK * self.item) as usize) {
                visit(Block::Bytes { first, bytes });
                first += BLOCK;
            }
            done += count;
        }
        Ok(())
    }

    fn run_scattered(&self, task: Task, visit: &mut dyn FnMut(Block<'_>)) -> Result<(), WalkError> {
        let mut window = Window::new(self.bytes);
        let item = self.item as usize;
        let at_once = (PIECE / self.item).clamp(1, BLOCK);
        let mut gathered = Vec::new();
        let is_far = self
            .axes
            .last()
            .is_some_and(|(_, stride)| stride.unsigned_abs() > FAR);
        let mut indices = vec![0; self.axes.len()];
        let mut rest = task.first;
        for (index, (length, _)) in indices.iter_mut().zip(&self.axes).rev() {
            *index = rest % length;
            rest /= length;
        }
        for number in task.first..task.first + task.count {
            let axes = indices.iter().zip(&self.axes);
            let place = axes.fold(self.offset, |place, (&index, &(_, stride))| {
                place.wrapping_add((stride as u64).wrapping_mul(index))
            });
            window.append(place, item, is_far, &mut gathered)?;
            if gathered.len() as u64 >= at_once * self.item {
                let count = (gathered.len() / item) as u64;
                visit(Block::Bytes {
                    first: number + 1 - count,
                    bytes: &gathered,
                });
                gathered.clear();
            }
            for (index, (length, _)) in indices.iter_mut().zip(&self.axes).rev() {
                *index += 1;
                if *index < *length {
                    break;
                }
                *index = 0;
            }
        }
        if !gathered.is_empty() {
            let count = (gathered.len() / item) as u64;
            visit(Block::Bytes {
                first: task.first + task.count - count,
                bytes: &gathered,
            });
        }
        Ok(())
    }
}

/// The bytes around the last that were asked for.
struct Window<'b> {
    source: &'b SegmentBytes,
    start: u64,
    length: usize,
    room: PageBuffer,
}

impl<'b> Window<'b> {
    fn new(source: &'b SegmentBytes) -> Window<'b> {
        Window {
            source,
            start: 0,
            length: 0,
            room: PageBuffer::default(),
        }
    }

    fn append(
        &mut self,
        place: u64,
        length: usize,
        is_far: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), BytesError> {
        if self.append_known(place, length, out) {
            return Ok(());
        }
        if !is_far && length as u64 <= PIECE {
            let start = place / PIECE * PIECE;
            let end = (start + 2 * PIECE).min(self.source.size());
            let around = usize::try_from(end.saturating_sub(start)).unwrap_or(0);
            self.length = 0;
            let bytes = self.room.at(start, around);
            if self.source.read(start, bytes).is_ok() {
                (self.start, self.length) = (start, around);
                if self.append_known(place, length, out) {
                    return Ok(());
                }
            }
        }
        // Around it not everything can be read.
        let before = out.len();
        out.resize(before + length, 0);
        self.source.read_what_is_left(place, &mut out[before..])
    }

    /// Whether it has them.
    fn append_known(&mut self, place: u64, length: usize, out: &mut Vec<u8>) -> bool {
        let bytes = &*self.room.at(self.start, self.length);
        let known = place.checked_sub(self.start).and_then(|into| {
            let into = usize::try_from(into).ok()?;
            bytes.get(into..into.checked_add(length)?)
        });
        out.extend_from_slice(known.unwrap_or_default());
        known.is_some()
    }
}
