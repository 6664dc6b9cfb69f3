//! Keeping what a look reads of a live process, to write it down: exactly those pages, all stacks and all registers, as they
//! were at one moment.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::moment::{Moment, Piece};
use super::observed::{Grain, Observed, PAGE};
use super::wanted::Wanted;
use super::{Custody, MOST_COPIES, TraceError};
use crate::model::{Addr, Pid, ThreadState, Tid};
use crate::process::{Process, ReadError, ReadMemory, RegisterSets, ThreadStatus};

/// What is kept at most beside what the caller asks for more, in bytes.
pub(super) const MOST_KEPT: u64 = 1 << 30;

/// How long a process may stand still while it is looked at, if it changed at each copy what there was to copy.
const LONGEST_LOOK: Duration = Duration::from_millis(10);

/// The memory that a process shares with others.
#[derive(Debug, Clone, Default)]
pub struct SharedMemory {
    /// Bytes of it that may be kept beside the usual limit.
    pub room: u64,
    /// What nobody has written to, by address.
    pub blank: Arc<[Range<Addr>]>,
}

/// What was kept of a process.
#[derive(Debug, Default)]
pub struct Captured {
    /// By the address that each begins at.
    pages: BTreeMap<u64, Box<[u8]>>,
    pub threads: Vec<CapturedThread>,
    /// How long it stood still: the longest time, since it may have been stopped more than once.
    pub pause: Duration,
    /// All that the look read is there.
    pub is_whole: bool,
}

#[derive(Debug, Clone)]
pub struct CapturedThread {
    pub status: ThreadStatus,
    /// A thread in an uninterruptible wait cannot be asked for them.
    pub registers: Option<RegisterSets>,
}

/// A process that is to be written down.
pub struct Sitter<'p> {
    pub process: &'p dyn Process,
    pub pid: Pid,
    pub shared: SharedMemory,
}

/// A look at it, for at most so long. It must ask nothing but the process that it is given.
pub(super) type LookFor<'l, T> = &'l (dyn Fn(&dyn Process, Option<Duration>) -> T + Sync);

/// One that was looked at while it ran, so that it is known what a copy of it must have.
pub(super) struct Sitting<'p> {
    sitter: Sitter<'p>,
    /// As they were while it ran.
    pub threads: Vec<ThreadStatus>,
    wanted: Wanted,
    is_cut: bool,
}

impl<'p> Sitting<'p> {
    pub fn rehearse<T>(sitter: Sitter<'p>, look: LookFor<'_, T>) -> Sitting<'p> {
        let mut rehearsal = Observed::new(sitter.process, Grain::Page);
        rehearsal.blank = sitter.shared.blank.clone();
        look(&rehearsal, None);
        let mut wanted = rehearsal.into_wanted();
        wanted.stacks = true;
        Sitting {
            threads: sitter.process.threads().unwrap_or_default(),
            sitter,
            wanted,
            is_cut: false,
        }
    }

    pub fn pid(&self) -> Pid {
        self.sitter.pid
    }

    /// Bytes that are to be copied, beside stacks.
    pub fn bytes(&self) -> u64 {
        self.wanted.bytes()
    }

    fn most(&self) -> u64 {
        MOST_KEPT.saturating_add(self.sitter.shared.room)
    }

    /// Does what can be done before the process is stopped.
    pub fn prepare(&mut self) -> Moment<'p> {
        self.is_cut = self.wanted.limit(self.most());
        let sitter = &self.sitter;
        let mut moment = Moment::prepare(sitter.process, Grain::Page, &self.wanted, &self.threads);
        moment.process.blank = sitter.shared.blank.clone();
        moment
    }

    /// What the look at a copy lacked, which the next one will have. Nothing if the copy is as good as it can be.
    pub fn lacked(&mut self, moment: &Moment<'p>) -> bool {
        let missed = moment.process.take_wanted();
        let lacked = !missed.memory.is_empty();
        if lacked && !self.is_cut {
            self.wanted.add(missed);
        }
        lacked
    }

    /// A copy that lacks something is the last one where there is too much for any.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }
}

/// Looks at a process and keeps what the look read. `look` is called several times, first on the process as it runs; its last
/// answer counts. It gets how long it may take at most. It must ask nothing but the process that it is given.
pub fn capture<T: Send>(
    sitter: Sitter<'_>,
    custody: &Custody,
    look: impl Fn(&dyn Process, Option<Duration>) -> T + Sync,
) -> Result<(T, Captured), TraceError> {
    let pid = sitter.pid;
    let mut sitting = Sitting::rehearse(sitter, &look);
    let mut pause = Duration::ZERO;
    for _ in 0..MOST_COPIES {
        let mut moment = sitting.prepare();
        let begin = Instant::now();
        custody.still(pid, |hold| moment.fill(hold))?;
        pause = pause.max(begin.elapsed());
        let answer = look(&moment, None);
        let lacked = sitting.lacked(&moment);
        if !lacked || sitting.is_cut() {
            let captured = Captured::of(moment, &sitting.threads, pause, !lacked);
            return Ok((answer, captured));
        }
    }
    let mut moment = sitting.prepare();
    let begin = Instant::now();
    let (answer, is_whole) = custody.still(pid, |hold| {
        moment.fill(hold);
        let looked = Instant::now();
        let answer = look(&moment, Some(LONGEST_LOOK));
        // It has not moved since they were read.
        let mut missed = moment.process.take_wanted();
        let room = sitting.most().saturating_sub(sitting.bytes());
        let is_cut = sitting.is_cut() | missed.limit(room);
        let more = Moment::prepare(sitting.sitter.process, Grain::Page, &missed, &[]);
        moment.pieces.extend(more.pieces);
        moment.fill_new();
        (answer, looked.elapsed() < LONGEST_LOOK && !is_cut)
    })?;
    pause = pause.max(begin.elapsed());
    let captured = Captured::of(moment, &sitting.threads, pause, is_whole);
    Ok((answer, captured))
}

impl Captured {
    /// For who reads the memory from the process itself, which goes on standing still.
    pub fn without_memory(threads: Vec<CapturedThread>) -> Captured {
        Captured {
            threads,
            is_whole: true,
            ..Captured::default()
        }
    }

    pub(super) fn of(
        moment: Moment<'_>,
        known: &[ThreadStatus],
        pause: Duration,
        is_whole: bool,
    ) -> Captured {
        let mut captured = Captured {
            threads: threads(known, moment.register_sets),
            pause,
            is_whole,
            ..Captured::default()
        };
        // Of what is there twice both are the same: they are of one moment.
        for (start, piece) in moment.stacks.into_iter().chain(moment.pieces) {
            captured.add(start, &piece);
        }
        captured
    }

    fn add(&mut self, start: u64, piece: &Piece) {
        if !piece.is_there {
            return;
        }
        let mut rest = &piece.bytes[..];
        let mut at = start;
        while !rest.is_empty() {
            let within = (at % PAGE) as usize;
            let (now, later) = rest.split_at(rest.len().min(PAGE as usize - within));
            // The part of a page below a stack is not in use.
            let blank = || vec![0; PAGE as usize].into_boxed_slice();
            let page = self.pages.entry(at - within as u64).or_insert_with(blank);
            page[within..within + now.len()].copy_from_slice(now);
            (at, rest) = (at.saturating_add(now.len() as u64), later);
        }
    }

    /// The stretches that are kept, by address.
    pub fn ranges(&self) -> Vec<Range<Addr>> {
        let mut ranges: Vec<Range<Addr>> = Vec::new();
        for &start in self.pages.keys() {
            let end = Addr(start).plus(PAGE);
            match ranges.last_mut() {
                Some(last) if last.end == Addr(start) => last.end = end,
                _ => ranges.push(Addr(start)..end),
            }
        }
        ranges
    }

    /// The bytes of a stretch that is kept, to be changed.
    pub fn change(&mut self, range: Range<Addr>, change: impl FnOnce(&mut [u8])) {
        let length = range.end.0.saturating_sub(range.start.0);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        if self.read(range.start, &mut bytes).is_err() {
            return;
        }
        change(&mut bytes);
        let is_there = true;
        let bytes = bytes.into_boxed_slice();
        self.add(range.start.0, &Piece { bytes, is_there });
    }
}

impl ReadMemory for Captured {
    fn read(&self, address: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        let (mut at, mut rest) = (address.0, buffer);
        while !rest.is_empty() {
            let within = (at % PAGE) as usize;
            let Some(page) = self.pages.get(&(at - within as u64)) else {
                return Err(ReadError::NotKept { address: Addr(at) });
            };
            let count = rest.len().min(PAGE as usize - within);
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&page[within..within + count]);
            (at, rest) = (at.saturating_add(count as u64), later);
        }
        Ok(())
    }

    fn extent(&self, address: Addr) -> Option<Range<Addr>> {
        let start = address.0 & !(PAGE - 1);
        let is_kept = self.pages.contains_key(&start);
        is_kept.then_some(Addr(start)..Addr(start).plus(PAGE))
    }
}

/// The threads that were known before, and those that were found when all were stopped. What has ended meanwhile is left out. If none was
/// stopped, all are told without registers.
pub(super) fn threads(
    known: &[ThreadStatus],
    mut sets: BTreeMap<Tid, RegisterSets>,
) -> Vec<CapturedThread> {
    let mut threads = Vec::new();
    let is_unheld = sets.is_empty();
    for status in known {
        let registers = sets.remove(&status.tid);
        let is_stuck = status.state == ThreadState::Blocked || is_unheld;
        if registers.is_some() || is_stuck {
            let status = status.clone();
            threads.push(CapturedThread { status, registers });
        }
    }
    threads.extend(sets.into_iter().map(|(tid, registers)| CapturedThread {
        status: ThreadStatus {
            tid,
            inner_tid: tid,
            name: None,
            state: ThreadState::Unknown,
        },
        registers: Some(registers),
    }));
    threads
}
