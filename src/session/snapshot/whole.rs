//! All memory of a process.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Instant;

use super::facts::{facts, reveal};
use super::subject::Subject;
use super::{Occasion, SnapshotError, SnapshotOptions, Taken};
use crate::model::{Addr, CauseFacts, Pid, ThreadState};
use crate::native::ParsedModules;
use crate::process::live::LiveProcess;
use crate::process::live::circumstances::Circumstances;
use crate::process::live::modified_pages::modified_pages;
use crate::process::live::shared_memory::{SharedSegment, segments_of, united};
use crate::process::still::{self, Captured, CapturedThread};
use crate::process::trace::Custody;
use crate::process::{Mappings, Process, ReadMemory, ThreadStatus};
use crate::session::inspection::is_worth_keeping;
use crate::session::kept_sources::KeptSources;
use crate::session::shared_memory::SharedRoom;
use crate::snapshot::{Contents, Written};

/// Writes all memory, while the process stands still.
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
        let threads = process.threads()?.into_iter().map(thread);
        let captured = Captured::without_memory(threads.collect());
        let mut kept = everything(process.mappings(), &segments);
        kept.extend(modified_pages(pid, process.mappings()));
        kept.extend(room.choose(&segments));
        let mut facts = facts(&process, &report, &captured, &circumstances);
        facts.shared = room.facts(process.mappings(), &segments);
        facts.cause = cause;
        reveal(&mut facts, &circumstances);
        let contents = Contents {
            mappings: process.mappings(),
            kept: apart(kept),
            memory: &process as &dyn ReadMemory,
            shared: &segments,
            threads: &captured.threads,
            circumstances: &circumstances,
            facts: &facts,
            sources: &sources,
        };
        let written = write(&contents)?;
        Ok(Taken {
            written,
            name: report.name,
            pause: begin.elapsed(),
            is_whole: true,
            from_inside: false,
            shared: facts.shared,
        })
    })?
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
