//! Taking a snapshot of a live process.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use nix::sys::statvfs::statvfs;

use super::inspection::{Inspection, gil_holder, is_worth_keeping};
use super::look::Session;
use super::stack::milliseconds;
use crate::model::{
    Addr, Manifest, ManifestEntry, Pid, ProcessFacts, ProcessReport, SNAPSHOT_SCHEMA,
    SnapshotFacts, ThreadFacts,
};
use crate::native::ParsedModules;
use crate::process::core::bundle::CORE;
use crate::process::live::LiveProcess;
use crate::process::live::circumstances::Circumstances;
use crate::process::live::modified_pages::modified_pages;
use crate::process::still::{self, Captured, CapturedThread};
use crate::process::trace::{Custody, Hold};
use crate::process::{Mappings, Process, ReadMemory, ThreadStatus};
pub use crate::snapshot::SnapshotError;
use crate::snapshot::{Contents, Draft, Written, secrets, write};

/// Who makes them.
const MAKER: &str = concat!("pmdb ", env!("CARGO_PKG_VERSION"));

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
    take_with(custody, pid, options, |contents| write(path, contents))
}

/// Processes in one file.
pub struct Bundled {
    pub taken: Vec<(Pid, Taken)>,
    /// Those that are not in it, and why.
    pub refused: Vec<(Pid, SnapshotError)>,
}

/// Writes several processes into one file, one after the other. Fails if none of them can be.
pub fn take_together(
    pids: &[Pid],
    path: &Path,
    options: SnapshotOptions,
) -> Result<Bundled, SnapshotError> {
    let mut draft = Draft::begin(path)?;
    let mut bundled = Bundled {
        taken: Vec::new(),
        refused: Vec::new(),
    };
    for &pid in pids {
        let name = format!("{pid}{CORE}");
        let add = |contents: &Contents<'_>| draft.add(&name, contents);
        match take_with(&Custody::Nobody, pid, options, add) {
            Ok(taken) => bundled.taken.push((pid, taken)),
            // Each that follows would meet the same.
            Err(error @ (SnapshotError::NoRoom { .. } | SnapshotError::Write { .. })) => {
                return Err(error);
            }
            Err(error) => bundled.refused.push((pid, error)),
        }
    }
    if bundled.taken.is_empty()
        && let Some((_, error)) = bundled.refused.pop()
    {
        return Err(error);
    }
    draft.add_text("manifest.json", &manifest(&bundled))?;
    draft.finish()?;
    Ok(bundled)
}

fn manifest(bundled: &Bundled) -> Vec<u8> {
    let core = |(pid, taken): &(Pid, Taken)| ManifestEntry {
        pid: *pid,
        name: Some(taken.name.clone()),
        core: Some(format!("{pid}{CORE}")),
        error: None,
    };
    let refused = |(pid, error): &(Pid, SnapshotError)| ManifestEntry {
        pid: *pid,
        name: None,
        core: None,
        error: Some(error.to_string()),
    };
    let processes = bundled.taken.iter().map(core);
    let manifest = Manifest {
        schema: SNAPSHOT_SCHEMA,
        made_by: MAKER.to_owned(),
        taken_ms: milliseconds(SystemTime::now()).unwrap_or(0),
        processes: processes
            .chain(bundled.refused.iter().map(refused))
            .collect(),
    };
    // Plain data, which cannot fail to be written.
    serde_json::to_vec_pretty(&manifest).unwrap_or_default()
}

fn take_with(
    custody: &Custody,
    pid: Pid,
    options: SnapshotOptions,
    write: impl FnOnce(&Contents<'_>) -> Result<Written, SnapshotError> + Send,
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
        return custody.hold(pid, |hold| take_all(hold, report, statuses, write))?;
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
    facts.pause_us = u64::try_from(captured.pause.as_micros()).ok();
    if options.secrets {
        reveal(&mut facts, &circumstances);
    } else {
        let files = facts.process.open_files.iter_mut();
        let texts = files.map(|file| &mut file.target);
        for text in texts.chain(&mut facts.process.command) {
            secrets::mask_text(text, &circumstances);
        }
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
        written: write(&contents)?,
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
    write: impl FnOnce(&Contents<'_>) -> Result<Written, SnapshotError>,
) -> Result<Taken, SnapshotError> {
    let begin = Instant::now();
    let pid = hold.pid();
    let circumstances = Circumstances::of(pid);
    // As they are now: those that the process has been asked for before may have changed.
    let still = LiveProcess::open(pid)?;
    let modified = modified_pages(pid, still.mappings());
    let thread = |status: ThreadStatus| CapturedThread {
        registers: hold.register_sets(status.tid).ok(),
        status,
    };
    let captured = Captured::without_memory(statuses.into_iter().map(thread).collect());
    let mut facts = facts(&still, &report, &captured, &circumstances);
    reveal(&mut facts, &circumstances);
    let contents = Contents {
        mappings: still.mappings(),
        kept: everything(still.mappings(), &modified),
        memory: &still as &dyn ReadMemory,
        threads: &captured.threads,
        circumstances: &circumstances,
        facts: &facts,
    };
    let written = write(&contents)?;
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
        made_by: MAKER.to_owned(),
        taken_ms: milliseconds(SystemTime::now()).unwrap_or(0),
        pause_us: None,
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

fn is_nearly_full(folder: &Path) -> bool {
    /// What has to stay free on a disk that nobody watches: one part of so many.
    const PART: u64 = 20;
    statvfs(folder).is_ok_and(|disk| disk.blocks_available() < disk.blocks() / PART)
}

impl Session {
    /// Writes a snapshot of the focused process into a folder, which is made if it is not there, and gives its path. An earlier
    /// file is never replaced.
    pub fn write_down(&self, folder: &Path) -> Result<PathBuf, String> {
        let inferior = self.inferiors.get(self.focus);
        let pid = inferior.and_then(|inferior| inferior.report.pid);
        let pid = pid.ok_or("there is no process any more")?;
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("cannot make the folder {}: {error}", folder.display()))?;
        if is_nearly_full(folder) {
            return Err(format!(
                "less than a twentieth of the disk of {} is free",
                folder.display()
            ));
        }
        let names = (1..).map(|number| folder.join(format!("{pid}-{number}.pmdb")));
        let path = names.into_iter().find(|path| !path.exists());
        let path = path.ok_or("the folder is full")?;
        let custody = match &self.running {
            Some(running) => running.tree.custody(),
            None => Custody::Nobody,
        };
        let options = SnapshotOptions {
            depth: SnapshotOptions::DEPTH,
            full: false,
            secrets: false,
        };
        take_in(&custody, pid, &path, options).map_err(|error| error.to_string())?;
        Ok(path)
    }
}
