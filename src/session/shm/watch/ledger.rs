//! What was written so far: the elements as they were last seen, and how often each thread has written.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Range;
use super::plan::Chunk;
use crate::model::{ElementChange, Pid, Tid, WatchSummary, Writer, WritingThread};
use crate::shm::ElementType;

/// Threads and elements that are counted apart.
const MOST_WRITERS: usize = 1 << 16;

pub(super) struct Ledger {
    element: ElementType,
    first: u64,
    end: u64,
    /// The bytes of the range.
    last: Vec<u8>,
    begun: Instant,
    most_per_second: u32,
    /// Of the second that has begun then.
    second: Instant,
    shown_in_second: u32,
    summary: WatchSummary,
    writers: BTreeMap<(Pid, Tid, u64), u64>,
    threads: BTreeMap<(Pid, Tid), Tally>,
    names: BTreeMap<(Pid, Tid), (String, Option<String>)>,
    uncounted: u64,
}

/// The writes of one thread.
#[derive(Debug, Clone, Copy)]
struct Tally {
    lowest: u64,
    highest: u64,
    writes: u64,
}

impl Ledger {
    /// `bytes` is what lies in the range; nothing, if what each write has changed is told.
    pub fn new(range: &Range, bytes: Vec<u8>, most_per_second: u32) -> Ledger {
        let now = Instant::now();
        Ledger {
            element: range.element,
            first: range.first,
            end: range.end,
            last: bytes,
            begun: now,
            most_per_second,
            second: now,
            shown_in_second: 0,
            summary: WatchSummary::default(),
            writers: BTreeMap::new(),
            threads: BTreeMap::new(),
            names: BTreeMap::new(),
            uncounted: 0,
        }
    }

    pub fn at_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Takes what now lies in a part of the range, and gives the elements that are another; if none is, all of the part.
    pub fn take(&mut self, chunk: Chunk, now: &[u8]) -> Vec<ElementChange> {
        let base = self.first * self.element.size();
        let start = usize::try_from(chunk.offset - base).unwrap_or(usize::MAX);
        let end = start.saturating_add(now.len());
        let Some(was) = self.last.get(start..end).map(<[u8]>::to_vec) else {
            return Vec::new();
        };
        let size = usize::try_from(self.element.size()).unwrap_or(1);
        // The whole elements that the part lies in.
        let (low, high) = (start / size * size, end.div_ceil(size) * size);
        let before = self.last.get(low..high).unwrap_or_default().to_vec();
        if let Some(place) = self.last.get_mut(start..end) {
            place.copy_from_slice(now);
        }
        let after = self.last.get(low..high).unwrap_or_default();
        let is_changed = was != now;
        let pairs = before.chunks(size).zip(after.chunks(size)).enumerate();
        let changes = pairs.filter(|(_, (old, new))| !is_changed || old != new);
        changes
            .map(|(number, (old, new))| {
                let index = self.first + ((low / size) + number) as u64;
                ElementChange {
                    index,
                    offset: index * self.element.size(),
                    old: self.element.text(old),
                    new: self.element.text(new),
                }
            })
            .collect()
    }

    /// The elements of the range that are another in a part of the segment that begins at `offset`.
    pub fn changed(&self, offset: u64, before: &[u8], after: &[u8]) -> Vec<ElementChange> {
        let size = self.element.size();
        let step = usize::try_from(size).unwrap_or(1);
        // Elements of a power of two of bytes lie in one page.
        let pairs = before.chunks_exact(step).zip(after.chunks_exact(step));
        let pairs = pairs
            .enumerate()
            .filter(|(_, (old, new))| old != new)
            .map(|(number, (old, new))| (offset / size + number as u64, old, new));
        let changes = pairs.filter(|(index, ..)| (self.first..self.end).contains(index));
        changes
            .map(|(index, old, new)| self.change(index, old, new))
            .collect()
    }

    /// The element of the range at a place of the segment, which was written with what was there.
    pub fn same(&self, at: u64, offset: u64, bytes: &[u8]) -> Option<ElementChange> {
        let size = self.element.size();
        let index = at / size;
        let start = usize::try_from((index * size).checked_sub(offset)?).ok()?;
        let bytes = bytes.get(start..start + usize::try_from(size).ok()?)?;
        let is_meant = (self.first..self.end).contains(&index);
        is_meant.then(|| self.change(index, bytes, bytes))
    }

    fn change(&self, index: u64, old: &[u8], new: &[u8]) -> ElementChange {
        ElementChange {
            index,
            offset: index * self.element.size(),
            old: self.element.text(old),
            new: self.element.text(new),
        }
    }

    /// Takes the whole range.
    pub fn take_all(&mut self, now: &[u8], most: usize) -> (u64, Vec<ElementChange>) {
        let size = usize::try_from(self.element.size()).unwrap_or(1);
        let mut count = 0;
        let mut changes = Vec::new();
        for (number, (old, new)) in self.last.chunks(size).zip(now.chunks(size)).enumerate() {
            if old == new {
                continue;
            }
            count += 1;
            if changes.len() < most {
                let index = self.first + number as u64;
                changes.push(ElementChange {
                    index,
                    offset: index * self.element.size(),
                    old: self.element.text(old),
                    new: self.element.text(new),
                });
            }
        }
        self.last.clear();
        self.last.extend_from_slice(now);
        self.summary.writes += count;
        self.summary.shown += changes.len() as u64;
        (count, changes)
    }

    /// Counts a write to one of some elements, and says whether it is to be told: the first of each thread to an element always is.
    pub fn count(&mut self, pid: Pid, tid: Tid, changes: &[ElementChange]) -> bool {
        self.summary.writes += 1;
        // Of several elements that may have been written the first stands for all.
        let is_first = match changes.first() {
            Some(change) => self.count_element(pid, tid, change.index),
            None => false,
        };
        self.is_told(is_first, 1)
    }

    /// Counts a write to each of some elements, and says whether it is to be told: a thread's first always is.
    pub fn count_each(&mut self, pid: Pid, tid: Tid, changes: &[ElementChange]) -> bool {
        let is_first = !self.threads.contains_key(&(pid, tid));
        for change in changes {
            self.summary.writes += 1;
            self.count_element(pid, tid, change.index);
        }
        self.is_told(is_first, changes.len() as u64)
    }

    /// Whether it is the thread's first to that element.
    fn count_element(&mut self, pid: Pid, tid: Tid, index: u64) -> bool {
        let tally = self.threads.entry((pid, tid)).or_insert(Tally {
            lowest: index,
            highest: index,
            writes: 0,
        });
        tally.lowest = tally.lowest.min(index);
        tally.highest = tally.highest.max(index);
        tally.writes += 1;
        let key = (pid, tid, index);
        let is_first = !self.writers.contains_key(&key);
        if is_first && self.writers.len() >= MOST_WRITERS {
            self.uncounted += 1;
            return false;
        }
        *self.writers.entry(key).or_default() += 1;
        is_first
    }

    /// Whether so many writes are to be told, which have one event.
    fn is_told(&mut self, is_first: bool, writes: u64) -> bool {
        if self.second.elapsed() >= Duration::from_secs(1) {
            self.second = Instant::now();
            self.shown_in_second = 0;
        }
        let is_told = is_first || self.shown_in_second < self.most_per_second;
        if is_told {
            self.shown_in_second += 1;
            self.summary.shown += writes;
        }
        is_told
    }

    pub fn name(&mut self, pid: Pid, tid: Tid, process: &str, thread: Option<&String>) {
        let names = || (process.to_string(), thread.cloned());
        self.names.entry((pid, tid)).or_insert_with(names);
    }

    pub fn remark(&mut self, text: String) {
        self.summary.remarks.push(text);
    }

    /// What there is to say at the end.
    pub fn summary(&self) -> WatchSummary {
        let mut summary = self.summary.clone();
        let writers = self.writers.iter().map(|(&(pid, tid, index), &writes)| {
            let names = self.names.get(&(pid, tid)).cloned();
            let (process, thread) = names.unwrap_or_default();
            Writer {
                pid,
                process,
                tid,
                thread,
                index,
                offset: index * self.element.size(),
                writes,
            }
        });
        summary.writers = writers.collect();
        let threads = self.threads.iter().map(|(&(pid, tid), tally)| {
            let names = self.names.get(&(pid, tid)).cloned();
            let (process, thread) = names.unwrap_or_default();
            WritingThread {
                pid,
                process,
                tid,
                thread,
                lowest: tally.lowest,
                highest: tally.highest,
                writes: tally.writes,
            }
        });
        summary.threads = threads.collect();
        if self.uncounted > 0 {
            let text = format!(
                "{} writes are counted by their threads, and not by their elements: there were too many",
                self.uncounted
            );
            summary.remarks.push(text);
        }
        summary
    }
}
