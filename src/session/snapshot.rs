//! Taking a snapshot of a live process.

use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use super::inspection::{Inspection, gil_holder, is_worth_keeping};
use super::stack::milliseconds;
use crate::model::{
    Addr, Pid, ProcessFacts, ProcessReport, SNAPSHOT_SCHEMA, SnapshotFacts, ThreadFacts,
};
use crate::native::ParsedModules;
use crate::process::live::LiveProcess;
use crate::process::live::circumstances::Circumstances;
use crate::process::live::modified_pages::modified_pages;
use crate::process::still::{self, Captured, CapturedThread};
use crate::process::trace::{Custody, Hold};
use crate::process::{Mappings, Process, ReadMemory, ThreadStatus};
pub use crate::snapshot::SnapshotError;
use crate::snapshot::{Contents, Written, secrets, write};

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotOptions {
    /// Steps from the variables of each frame to what they lead to.
    pub depth: usize,
    /// All memory, however much that is. The process stands still while it is written.
    pub full: bool,
    /// Also the values of variables of the environment that look like secrets.
    pub secrets: bool,
}

impl SnapshotOptions {
    pub const DEPTH: usize = 3;
}

/// A snapshot that was written.
#[derive(Debug)]
pub struct Taken {
    pub written: Written,
    pub name: String,
    /// How long the process stood still.
    pub pause: Duration,
    /// All that was looked at is kept.
    pub is_whole: bool,
}

/// Writes a snapshot of a process. It goes on as it was.
pub fn take(pid: Pid, path: &Path, options: SnapshotOptions) -> Result<Taken, SnapshotError> {
    take_in(&Custody::Nobody, pid, path, options)
}

/// The same of a process that somebody may trace already.
pub(super) fn take_in(
    custody: &Custody,
    pid: Pid,
    path: &Path,
    options: SnapshotOptions,
) -> Result<Taken, SnapshotError> {
    let process = LiveProcess::open(pid)?;
    let parsed = ParsedModules::default();
    let before = Circumstances::of(pid);
    let modified = modified_pages(pid, process.mappings());
    let inspection = Inspection {
        depth: options.depth,
        parsed: &parsed,
        auxiliary_vector: &before.auxiliary_vector,
        modified: &modified,
    };
    if options.full {
        let report = inspection.look(&process, None);
        let statuses = process.threads()?;
        return custody.hold(pid, |hold| {
            take_all(hold, report, statuses, path, &modified)
        })?;
    }
    let look = |process: &dyn Process, limit| inspection.look(process, limit);
    let (report, mut captured) = still::capture(&process, (pid, custody), look)?;
    let circumstances = Circumstances::of(pid);
    let circumstances = if circumstances.maps.is_empty() {
        before.clone()
    } else {
        circumstances
    };
    if !options.secrets {
        secrets::mask(&mut captured, &circumstances);
    }
    let mut facts = facts(&process, &report, &captured, &circumstances);
    facts.depth = Some(options.depth);
    if options.secrets {
        reveal(&mut facts, &circumstances);
    }
    let contents = Contents {
        mappings: process.mappings(),
        kept: captured.ranges(),
        memory: &captured,
        threads: &captured.threads,
        circumstances: &circumstances,
        facts: &facts,
    };
    Ok(Taken {
        written: write(path, &contents)?,
        name: report.name,
        pause: captured.pause,
        is_whole: captured.is_whole,
    })
}

/// Writes all memory, while the process stands still.
fn take_all(
    hold: &Hold,
    report: ProcessReport,
    statuses: Vec<ThreadStatus>,
    path: &Path,
    modified: &[Range<Addr>],
) -> Result<Taken, SnapshotError> {
    let begin = Instant::now();
    let pid = hold.pid();
    let circumstances = Circumstances::of(pid);
    // As they are now: those that the process has been asked for before may have changed.
    let still = LiveProcess::open(pid)?;
    let thread = |status: ThreadStatus| CapturedThread {
        registers: hold.register_sets(status.tid).ok(),
        status,
    };
    let captured = Captured::without_memory(statuses.into_iter().map(thread).collect());
    let mut facts = facts(&still, &report, &captured, &circumstances);
    reveal(&mut facts, &circumstances);
    let contents = Contents {
        mappings: still.mappings(),
        kept: everything(still.mappings(), modified),
        memory: &still as &dyn ReadMemory,
        threads: &captured.threads,
        circumstances: &circumstances,
        facts: &facts,
    };
    let written = write(path, &contents)?;
    Ok(Taken {
        written,
        name: report.name,
        pause: begin.elapsed(),
        is_whole: true,
    })
}

/// Memory that no file has, and what tells which the files are.
fn everything(mappings: &Mappings, modified: &[Range<Addr>]) -> Vec<Range<Addr>> {
    /// Bytes.
    const PAGE: u64 = 4096;
    let whole = mappings.iter().filter(|mapping| is_worth_keeping(mapping));
    let whole = whole.map(|mapping| mapping.start..mapping.end);
    let first = mappings
        .iter()
        .filter(|mapping| mapping.path().is_some() && mapping.protection.read);
    let first = first.map(|mapping| mapping.start..mapping.start.plus(PAGE));
    let mut ranges: Vec<Range<Addr>> = whole.chain(first).chain(modified.iter().cloned()).collect();
    ranges.sort_by_key(|range| range.start);
    let mut apart: Vec<Range<Addr>> = Vec::new();
    for range in ranges {
        match apart.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    apart
}

/// Puts values in the place of what was masked.
fn reveal(facts: &mut SnapshotFacts, circumstances: &Circumstances) {
    let values = circumstances.environment.iter();
    for (variable, (_, value)) in facts.process.environment.iter_mut().zip(values) {
        variable.value = Some(value.clone());
    }
}

fn facts(
    process: &dyn Process,
    report: &ProcessReport,
    captured: &Captured,
    circumstances: &Circumstances,
) -> SnapshotFacts {
    let identity = process.identity();
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let thread = |thread: &CapturedThread| ThreadFacts {
        tid: thread.status.tid,
        inner_tid: thread.status.inner_tid,
        name: thread.status.name.clone(),
        state: thread.status.state,
    };
    SnapshotFacts {
        schema: SNAPSHOT_SCHEMA,
        made_by: concat!("pmdb ", env!("CARGO_PKG_VERSION")).to_owned(),
        taken_ms: milliseconds(SystemTime::now()).unwrap_or(0),
        pause_us: u64::try_from(captured.pause.as_micros()).unwrap_or(u64::MAX),
        depth: None,
        is_whole: captured.is_whole,
        process: ProcessFacts {
            pid: identity.pid.unwrap_or(Pid(0)),
            parent: identity.parent,
            state: identity.state,
            name: report.name.clone(),
            rank: report.rank,
            interpreter: report.interpreter.clone(),
            command: identity.command.clone(),
            executable: identity.executable.as_deref().map(text),
            working_folder: process.working_folder().as_deref().map(text),
            started_ms: process.started().and_then(milliseconds),
            gil_holder: gil_holder(report),
            environment: secrets::masked(circumstances),
            limits: circumstances.limits.clone(),
            open_files: circumstances.open_files.clone(),
            control_groups: circumstances.control_groups.clone(),
        },
        threads: captured.threads.iter().map(thread).collect(),
    }
}
