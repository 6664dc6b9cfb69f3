//! A live process as it was when a copy of its memory was made, in which nothing moves: it runs on, and the copy can be looked at and written down at leisure.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::capture::{Captured, CapturedThread, LookFor, MOST_KEPT, Sitter, threads};
use super::moment::Moment;
use super::observed::{Grain, Observed, hand_on};
use crate::model::{Addr, Pid, Tid};
use crate::process::live::LiveProcess;
use crate::process::live::inherited::{Inherited, mappings_in, text_of_mappings};
use crate::process::trace::{ForkedCopy, Hold, Noted, Standing, TraceError};
use crate::process::{
    Identity, Mapping, Mappings, Process, ProcessError, ReadError, ReadMemory, Registers,
    SystemCall, ThreadStatus,
};

/// Such a process. Memory that it shares with others is no copy.
pub struct Forked<'p> {
    process: &'p dyn Process,
    copy: LiveProcess,
    /// What of the memory is in the copy.
    inherited: Inherited,
    /// `/proc/PID/maps` of the process at that moment.
    maps: Vec<u8>,
    mappings: Mappings,
    noted: Noted,
    threads: Vec<ThreadStatus>,
    system_calls: BTreeMap<Tid, SystemCall>,
    /// How long it stood still.
    pub pause: Duration,
    /// The copy lives as long as this.
    _copy: ForkedCopy,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum ForkError {
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error(transparent)]
    Process(#[from] ProcessError),
}

impl<'p> Forked<'p> {
    pub fn of(process: &'p dyn Process, pid: Pid) -> Result<Forked<'p>, ForkError> {
        let threads = process.threads()?;
        let begin = Instant::now();
        let mut hold = Hold::seize(pid)?;
        let noted = Noted::of(&hold);
        let call = |thread: &ThreadStatus| Some((thread.tid, process.system_call(thread.tid)?));
        let system_calls = threads.iter().filter_map(call).collect();
        let maps = text_of_mappings(pid);
        let copy = hold.fork()?;
        drop(hold);
        let pause = begin.elapsed();
        Ok(Forked {
            process,
            copy: LiveProcess::open(copy.pid())?,
            inherited: Inherited::of_child(copy.pid()),
            mappings: mappings_in(&maps),
            maps,
            noted,
            threads,
            system_calls,
            pause,
            _copy: copy,
        })
    }

    /// The process that has the copy.
    pub fn pid(&self) -> Pid {
        self.copy.pid()
    }

    /// What was mapped at that moment, as the kernel tells it.
    pub fn text_of_mappings(&self) -> &[u8] {
        &self.maps
    }

    /// The same, understood. Not all of that memory is in the copy.
    pub fn mappings_then(&self) -> &Mappings {
        &self.mappings
    }

    /// The parts of ranges that are in the copy: the process may have kept some of its memory from its children.
    pub fn copied(&self, ranges: &[Range<Addr>]) -> Vec<Range<Addr>> {
        self.inherited.parts_of(ranges)
    }

    pub fn captured_threads(&self) -> Vec<CapturedThread> {
        let stopped = self.noted.stopped().into_iter();
        let sets = stopped.filter_map(|tid| Some((tid, self.noted.register_sets(tid)?)));
        threads(&self.threads, sets.collect())
    }
}

/// Looks at a copy of a process and keeps what the look read.
pub fn capture_fork<T>(
    sitter: &Sitter<'_>,
    look: LookFor<'_, T>,
) -> Result<(T, Captured), ForkError> {
    let forked = Forked::of(sitter.process, sitter.pid)?;
    let mut observed = Observed::new(&forked, Grain::Page);
    observed.blank = sitter.shared.blank.clone();
    let answer = look(&observed, None);
    let mut wanted = observed.into_wanted();
    wanted.stacks = true;
    let is_cut = wanted.limit(MOST_KEPT.saturating_add(sitter.shared.room));
    let mut moment = Moment::prepare(&forked, Grain::Page, &wanted, &forked.threads);
    moment.fill(&forked.noted);
    let captured = Captured::of(moment, &forked.threads, forked.pause, !is_cut);
    Ok((answer, captured))
}

impl ReadMemory for Forked<'_> {
    fn read(&self, address: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        if self.inherited.is_wiped(address, buffer.len()) {
            return Err(ReadError::NotKept { address });
        }
        self.copy.read(address, buffer)
    }

    fn extent(&self, address: Addr) -> Option<Range<Addr>> {
        self.copy.extent(address)
    }
}

impl Process for Forked<'_> {
    hand_on!(process);

    fn threads(&self) -> Result<Vec<ThreadStatus>, ProcessError> {
        Ok(self.threads.clone())
    }

    fn system_call(&self, tid: Tid) -> Option<SystemCall> {
        self.system_calls.get(&tid).copied()
    }

    fn registers(&self, tid: Tid) -> Option<Registers> {
        self.noted.registers(tid)
    }
}
