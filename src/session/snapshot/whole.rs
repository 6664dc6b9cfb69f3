//! All memory of a process.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::facts::{facts, reveal};
use super::subject::Subject;
use super::{Occasion, SnapshotError, SnapshotOptions, Taken};
use crate::model::{Addr, CauseFacts, Pid, ProcessReport, ThreadState};
use crate::native::ParsedModules;
use crate::process::live::LiveProcess;
use crate::process::live::circumstances::Circumstances;
use crate::process::live::modified_pages::modified_pages;
use crate::process::live::shared_memory::{SharedSegment, segments_of, united};
use crate::process::still::{self, Captured, CapturedThread, Forked};
use crate::process::trace::Custody;
use crate::process::{Mappings, Process, ReadMemory, ThreadStatus};
use crate::session::inspection::is_worth_keeping;
use crate::session::kept_sources::KeptSources;
use crate::session::shared_memory::SharedRoom;
use crate::snapshot::{Contents, Written};

/// Writes all memory, while the process stands still, or of a copy of it.
pub(super) fn take_all(
    custody: &Custody,
    pid: Pid,
    (options, cause): (&SnapshotOptions, Option<CauseFacts>),
    room: &mut SharedRoom,
    (sources, is_alone): (&mut KeptSources, bool),
    write: impl FnOnce(&Contents<'_>) -> Result<Written, SnapshotError> + Send,
) -> Result<Taken, SnapshotError> {
    let parsed = ParsedModules::default();
    let occasion = Occasion {
        cause,
        memory: None,
    };
    let subject = Subject::prepare(pid, options, occasion, room)?;
    let untouched = still::untouched(&subject.process, subject.blank.clone());
    let report = subject.inspection(&parsed).look(&untouched, None);
    let ran = subject.process.threads()?;
    let user = (subject.before.uid, subject.before.gid);
    let own = sources.add(&report, user);
    let sources = if is_alone { sources.packed() } else { own };
    let cause = subject.cause;
    if options.fork {
        let forked = Forked::of(&subject.process, pid)?;
        let mut circumstances = Circumstances::of(pid);
        circumstances.maps = forked.text_of_mappings().to_vec();
        let mappings = forked.mappings_then();
        // What is shared is not in the tables of a child before it uses it.
        let segments = segments_of(pid, mappings);
        let all = All {
            process: &subject.process,
            mappings,
            kept: forked.copied(&private(forked.pid(), mappings, &segments)),
            segments,
            memory: &forked,
            threads: forked.captured_threads(),
            circumstances,
            report: &report,
            cause,
            sources: &sources,
            pause: Some(forked.pause),
        };
        return all.write(room, write);
    }
    custody.hold(pid, |hold| {
        let begin = Instant::now();
        let circumstances = Circumstances::of(pid);
        // As they are now: those that the process has been asked for before may have changed.
        let process = LiveProcess::open(pid)?;
        let segments = segments_of(pid, process.mappings());
        let thread = |status: ThreadStatus| CapturedThread {
            registers: hold.register_sets(status.tid).ok(),
            status: as_it_ran(status, &ran),
        };
        let all = All {
            process: &process,
            mappings: process.mappings(),
            kept: private(pid, process.mappings(), &segments),
            segments,
            memory: &process,
            threads: process.threads()?.into_iter().map(thread).collect(),
            circumstances,
            report: &report,
            cause,
            sources: &sources,
            pause: None,
        };
        let taken = all.write(room, write)?;
        let pause = begin.elapsed();
        Ok(Taken { pause, ..taken })
    })?
}

/// A process of which all memory is written, and which does not change meanwhile.
struct All<'a> {
    process: &'a LiveProcess,
    mappings: &'a Mappings,
    /// By address, what is its own. It may overlap.
    kept: Vec<Range<Addr>>,
    segments: Vec<SharedSegment>,
    memory: &'a dyn ReadMemory,
    threads: Vec<CapturedThread>,
    circumstances: Circumstances,
    report: &'a ProcessReport,
    cause: Option<CauseFacts>,
    sources: &'a [u8],
    /// How long it stood still to be copied by a fork; nothing if it still does.
    pause: Option<Duration>,
}

impl All<'_> {
    fn write(
        self,
        room: &mut SharedRoom,
        write: impl FnOnce(&Contents<'_>) -> Result<Written, SnapshotError>,
    ) -> Result<Taken, SnapshotError> {
        let captured = Captured::without_memory(self.threads);
        let mut kept = self.kept;
        kept.extend(room.choose(&self.segments));
        let mut facts = facts(self.process, self.report, &captured, &self.circumstances);
        facts.shared = room.facts(self.mappings, &self.segments);
        facts.cause = self.cause;
        facts.by_fork = self.pause.is_some();
        let microseconds = |pause: Duration| u64::try_from(pause.as_micros()).ok();
        facts.pause_us = self.pause.and_then(microseconds);
        reveal(&mut facts, &self.circumstances);
        let contents = Contents {
            mappings: self.mappings,
            kept: apart(kept),
            memory: self.memory,
            shared: &self.segments,
            threads: &captured.threads,
            circumstances: &self.circumstances,
            facts: &facts,
            sources: self.sources,
        };
        let written = write(&contents)?;
        Ok(Taken {
            written,
            name: self.report.name.clone(),
            pause: self.pause.unwrap_or_default(),
            is_whole: true,
            from_inside: false,
            shared: facts.shared,
        })
    }
}

/// All that is a process's own, and that no file has.
fn private(pid: Pid, mappings: &Mappings, segments: &[SharedSegment]) -> Vec<Range<Addr>> {
    let mut kept = everything(mappings, segments);
    kept.extend(modified_pages(pid, mappings));
    kept
}

/// While a process stands still the state of each of its threads is that.
fn as_it_ran(status: ThreadStatus, known: &[ThreadStatus]) -> ThreadStatus {
    let ran = known.iter().find(|ran| ran.tid == status.tid);
    let state = ran.map_or(ThreadState::Unknown, |ran| ran.state);
    ThreadStatus { state, ..status }
}

/// Memory that no file has, but for shared segments, and what tells which the files are.
fn everything(mappings: &Mappings, segments: &[SharedSegment]) -> Vec<Range<Addr>> {
    /// Bytes.
    const PAGE: u64 = 4096;
    let windows = segments.iter().flat_map(|segment| &segment.windows);
    let starts: BTreeSet<Addr> = windows.map(|window| window.start).collect();
    let whole = mappings
        .iter()
        .filter(|mapping| is_worth_keeping(mapping) && !starts.contains(&mapping.start));
    let whole = whole.map(|mapping| mapping.start..mapping.end);
    let first = mappings
        .iter()
        .filter(|mapping| mapping.path().is_some() && mapping.protection.read)
        .filter(|mapping| !starts.contains(&mapping.start));
    let first = first.map(|mapping| mapping.start..mapping.start.plus(PAGE));
    whole.chain(first).collect()
}

/// Sorted and without overlap.
fn apart(mut ranges: Vec<Range<Addr>>) -> Vec<Range<Addr>> {
    ranges.sort_by_key(|range| range.start);
    let words = ranges.into_iter().map(|range| range.start.0..range.end.0);
    let apart = united(words.collect()).into_iter();
    apart
        .map(|range| Addr(range.start)..Addr(range.end))
        .collect()
}
