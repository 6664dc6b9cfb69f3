//! Taking a snapshot of a live process.

use std::collections::BTreeSet;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use nix::sys::statvfs::statvfs;
use rayon::prelude::*;

use super::inferior::Inferior;
use super::inspection::{Inspection, gil_holder, is_worth_keeping};
use super::kept_sources::KeptSources;
use super::look::Session;
use super::shared_memory::SharedRoom;
use super::stack::milliseconds;
use super::view::Thrown;
use crate::model::{
    Addr, CauseFacts, Manifest, ManifestEntry, Pid, ProcessFacts, ProcessReport, SNAPSHOT_SCHEMA,
    SharedFacts, SnapshotFacts, ThreadFacts, ThreadState,
};
use crate::native::ParsedModules;
use crate::process::core::bundle::CORE;
use crate::process::core::sources::SOURCES_MEMBER;
use crate::process::live::LiveProcess;
use crate::process::live::circumstances::Circumstances;
use crate::process::live::modified_pages::modified_pages;
use crate::process::live::shared_memory::{SharedSegment, blank, segments_of, united};
use crate::process::still::{self, Captured, CapturedThread, OfOneMoment, SharedMemory, Sitter};
use crate::process::trace::{Custody, TraceError};
use crate::process::{Mappings, Process, ReadMemory, ThreadStatus};
pub use crate::snapshot::SnapshotError;
use crate::snapshot::secrets::{self, Secrets};
use crate::snapshot::{Contents, Draft, Written, write, write_new};

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
    /// How much of the memory that is shared with others goes into one file beside what the frames lead to, in bytes.
    pub shared: u64,
}

impl SnapshotOptions {
    pub const DEPTH: usize = 3;
    /// Copying it takes some 5 ms, for which the process stands still.
    pub const SHARED: u64 = 16 << 20;

    /// What is masked in a file of these processes; nothing if it keeps all.
    fn secrets_of(&self, pids: &[Pid]) -> Option<Secrets> {
        (!self.secrets && !self.full).then(|| Secrets::of_processes(pids))
    }

    fn room(&self, pids: &[Pid]) -> SharedRoom {
        SharedRoom::new(if self.full { u64::MAX } else { self.shared }, pids)
    }
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
    /// It could not be stopped, and was asked for by itself.
    pub from_inside: bool,
    pub shared: Vec<SharedFacts>,
}

/// Where a snapshot goes.
#[derive(Debug, Clone, Copy)]
pub enum Destination<'d> {
    /// A file, which is replaced if there is one.
    File(&'d Path),
    /// A new file in a folder, which is made if it is not there: `PID-1.pmdb`.
    New(&'d Path),
}

/// Why a snapshot is taken, and what the process itself has done for it.
#[derive(Debug, Default)]
pub struct Occasion {
    pub cause: Option<CauseFacts>,
    /// Its memory as it has opened it itself, for where nobody else may look at it.
    pub memory: Option<File>,
}

/// Writes a snapshot of a process. It goes on as it was.
pub fn take(
    pid: Pid,
    destination: Destination<'_>,
    options: SnapshotOptions,
    occasion: Occasion,
) -> Result<Taken, SnapshotError> {
    match destination {
        Destination::File(path) => {
            let write = |contents: &Contents<'_>| write(path, contents);
            take_in(&Custody::Nobody, pid, options, occasion, write)
        }
        Destination::New(folder) => {
            let names = new_names(folder, pid)?;
            let write = |contents: &Contents<'_>| write_new(names, contents);
            take_in(&Custody::Nobody, pid, options, occasion, write)
        }
    }
}

/// The names that no file in a folder has, which is made if it is not there. Not if its disk is nearly full.
fn new_names(
    folder: &Path,
    pid: Pid,
) -> Result<impl Iterator<Item = PathBuf> + Send + use<>, SnapshotError> {
    let made = std::fs::create_dir_all(folder);
    made.map_err(|error| SnapshotError::NoFolder {
        folder: folder.to_owned(),
        error,
    })?;
    if is_nearly_full(folder) {
        return Err(SnapshotError::NearlyFull {
            folder: folder.to_owned(),
        });
    }
    let folder = folder.to_owned();
    let names = (1..MOST_NAMES).map(move |number| folder.join(format!("{pid}-{number}.pmdb")));
    Ok(names.filter(|path| path.symlink_metadata().is_err()))
}

/// The same of a process that somebody may trace already.
fn take_in(
    custody: &Custody,
    pid: Pid,
    options: SnapshotOptions,
    occasion: Occasion,
    write: impl FnOnce(&Contents<'_>) -> Result<Written, SnapshotError> + Send,
) -> Result<Taken, SnapshotError> {
    let mut room = options.room(&[pid]);
    if options.full {
        let mut sources = KeptSources::default();
        return take_all(
            custody,
            pid,
            (&options, occasion.cause),
            &mut room,
            (&mut sources, true),
            write,
        );
    }
    let parsed = ParsedModules::default();
    let secrets = options.secrets_of(&[pid]);
    let is_handed = occasion.memory.is_some();
    let subject = Subject::prepare(pid, &options, occasion, &mut room)?;
    let captured = subject.look(custody, &parsed);
    let (captured, from_inside) = match captured {
        Err(_) if is_handed => (subject.look(&Custody::Itself, &parsed), true),
        captured => (captured, false),
    };
    let mut snapshot = subject.finish(captured?, secrets.as_ref());
    snapshot.facts.from_inside = from_inside;
    let mut sources = KeptSources::without(secrets.unwrap_or_default());
    snapshot.note_sources(&mut sources);
    snapshot.sources = sources.packed();
    let written = write(&snapshot.contents(&room))?;
    Ok(snapshot.taken(written))
}

/// Processes in one file.
pub struct Bundled {
    pub taken: Vec<(Pid, Taken)>,
    /// Those that are not in it, and why.
    pub refused: Vec<(Pid, SnapshotError)>,
    /// Those that stood still at the same moment.
    pub at_once: BTreeSet<Pid>,
}

impl Bundled {
    pub fn of_one(pid: Pid, taken: Taken) -> Bundled {
        Bundled {
            taken: vec![(pid, taken)],
            refused: Vec::new(),
            at_once: BTreeSet::new(),
        }
    }
}

/// Processes that are in memory at a time, before they are written, if they are not all copied at one moment.
const AT_ONCE: usize = 8;

/// Writes several processes into one file, in their order. Fails if none of them can be.
pub fn take_together(
    pids: &[Pid],
    path: &Path,
    options: SnapshotOptions,
) -> Result<Bundled, SnapshotError> {
    let mut draft = Draft::begin(path)?;
    let mut room = options.room(pids);
    let secrets = options.secrets_of(pids);
    let mut sources = KeptSources::without(secrets.clone().unwrap_or_default());
    // They run the same files as a rule.
    let parsed = ParsedModules::default();
    let mut bundled = Bundled {
        taken: Vec::new(),
        refused: Vec::new(),
        at_once: BTreeSet::new(),
    };
    // All memory of a process is not for here: it is prepared when it is written.
    let to_prepare = if options.full { &[] } else { pids };
    let prepare = |&pid: &Pid| Subject::prepare(pid, &options, Occasion::default(), &mut room);
    let subjects: Vec<_> = to_prepare.iter().map(prepare).collect();
    let looked = look_at_once(&subjects, &parsed);
    let is_there = |(pid, seen): (&Pid, &Option<_>)| matches!(seen, Some(Ok(_))).then_some(*pid);
    bundled.at_once = pids.iter().zip(&looked).filter_map(is_there).collect();
    let mut prepared = subjects.into_iter().zip(looked);
    for pids in pids.chunks(if options.full { 1 } else { AT_ONCE }) {
        let chunk: Vec<_> = prepared.by_ref().take(pids.len()).collect();
        let capture = |(subject, looked): (Result<Subject<'_>, _>, OfOneMoment<_>)| {
            let subject: Subject<'_> = subject?;
            let looked = match looked {
                Some(looked) => looked,
                None => subject.look(&Custody::Nobody, &parsed),
            };
            let mut snapshot = subject.finish(looked?, secrets.as_ref());
            let own = snapshot.facts.process.pid;
            if bundled.at_once.contains(&own) {
                let others = bundled.at_once.iter().filter(|&&pid| pid != own);
                snapshot.facts.at_once_with = others.copied().collect();
            }
            Ok(snapshot)
        };
        let captured: Vec<Result<Snapshot, SnapshotError>> =
            chunk.into_par_iter().map(capture).collect();
        let mut captured = captured.into_iter();
        for &pid in pids {
            let name = format!("{pid}{CORE}");
            let mut add = |contents: &Contents<'_>| draft.add(&name, contents);
            let taken = match captured.next() {
                Some(captured) => captured.and_then(|mut snapshot| {
                    snapshot.note_sources(&mut sources);
                    let written = add(&snapshot.contents(&room))?;
                    Ok(snapshot.taken(written))
                }),
                None => take_all(
                    &Custody::Nobody,
                    pid,
                    (&options, None),
                    &mut room,
                    (&mut sources, false),
                    add,
                ),
            };
            match taken {
                Ok(taken) => bundled.taken.push((pid, taken)),
                // Each that follows would meet the same.
                Err(error @ (SnapshotError::NoRoom { .. } | SnapshotError::Write { .. })) => {
                    return Err(error);
                }
                Err(error) => bundled.refused.push((pid, error)),
            }
        }
    }
    if bundled.taken.is_empty()
        && let Some((_, error)) = bundled.refused.pop()
    {
        return Err(error);
    }
    draft.add_text(SOURCES_MEMBER, &sources.packed())?;
    draft.add_text("manifest.json", &manifest(&bundled))?;
    draft.finish()?;
    Ok(bundled)
}

/// Looks at those that can be looked at, all at one moment; nothing of one that is to be looked at alone.
fn look_at_once(
    subjects: &[Result<Subject<'_>, SnapshotError>],
    parsed: &ParsedModules,
) -> Vec<OfOneMoment<ProcessReport>> {
    let sound = subjects.iter().enumerate();
    let sound = sound.filter_map(|(place, subject)| Some((place, subject.as_ref().ok()?)));
    let (places, sound): (Vec<usize>, Vec<&Subject<'_>>) = sound.unzip();
    let sitters = sound.iter().map(|subject| subject.sitter()).collect();
    let inspections: Vec<Inspection<'_>> = sound
        .iter()
        .map(|subject| subject.inspection(parsed))
        .collect();
    let look = |place: usize, process: &dyn Process, limit| inspections[place].look(process, limit);
    let looked = still::capture_together(sitters, look);
    let mut all: Vec<OfOneMoment<ProcessReport>> = subjects.iter().map(|_| None).collect();
    for (place, looked) in places.into_iter().zip(looked) {
        all[place] = looked;
    }
    all
}

fn manifest(bundled: &Bundled) -> Vec<u8> {
    let core = |(pid, taken): &(Pid, Taken)| ManifestEntry {
        pid: *pid,
        name: Some(taken.name.clone()),
        core: Some(format!("{pid}{CORE}")),
        at_once: bundled.at_once.contains(pid),
        error: None,
    };
    let refused = |(pid, error): &(Pid, SnapshotError)| ManifestEntry {
        pid: *pid,
        name: None,
        core: None,
        at_once: false,
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

/// A process that is to be written down.
struct Subject<'o> {
    process: LiveProcess,
    options: &'o SnapshotOptions,
    cause: Option<CauseFacts>,
    before: Circumstances,
    modified: Vec<Range<Addr>>,
    shared: Vec<Range<Addr>>,
    blank: Vec<Range<Addr>>,
}

impl Subject<'_> {
    fn prepare<'o>(
        pid: Pid,
        options: &'o SnapshotOptions,
        occasion: Occasion,
        room: &mut SharedRoom,
    ) -> Result<Subject<'o>, SnapshotError> {
        let process = match occasion.memory {
            Some(memory) => LiveProcess::open_handed(pid, memory)?,
            None => LiveProcess::open(pid)?,
        };
        let segments = segments_of(pid, process.mappings());
        Ok(Subject {
            options,
            cause: occasion.cause,
            before: Circumstances::of(pid),
            modified: modified_pages(pid, process.mappings()),
            shared: match options.full {
                true => Vec::new(),
                false => room.choose(&segments),
            },
            blank: blank(&segments),
            process,
        })
    }

    fn inspection<'i>(&'i self, parsed: &'i ParsedModules) -> Inspection<'i> {
        Inspection {
            depth: self.options.depth,
            parsed,
            auxiliary_vector: &self.before.auxiliary_vector,
            modified: &self.modified,
            shared: &self.shared,
            exception: self.cause.as_ref().and_then(|cause| cause.exception),
        }
    }

    fn sitter(&self) -> Sitter<'_> {
        Sitter {
            process: &self.process,
            pid: self.process.pid(),
            shared: SharedMemory {
                room: self.options.shared,
                blank: self.blank.clone().into(),
            },
        }
    }

    fn look(
        &self,
        custody: &Custody,
        parsed: &ParsedModules,
    ) -> Result<(ProcessReport, Captured), TraceError> {
        let inspection = self.inspection(parsed);
        let look = |process: &dyn Process, limit| inspection.look(process, limit);
        still::capture(self.sitter(), custody, look)
    }

    /// With a mask over the secrets of all that goes into the file, if there is to be one.
    fn finish(
        self,
        (report, mut captured): (ProcessReport, Captured),
        secrets: Option<&Secrets>,
    ) -> Snapshot {
        let pid = self.process.pid();
        let circumstances = Circumstances::of(pid);
        let circumstances = if circumstances.maps.is_empty() {
            self.before.clone()
        } else {
            circumstances
        };
        // After it was stopped: what nobody had written to until now nobody had then.
        let segments = segments_of(pid, self.process.mappings());
        let mut facts = facts(&self.process, &report, &captured, &circumstances);
        facts.depth = Some(self.options.depth);
        facts.pause_us = u64::try_from(captured.pause.as_micros()).ok();
        facts.cause = self.cause;
        let mut secrets = secrets.cloned();
        match &mut secrets {
            None => reveal(&mut facts, &circumstances),
            Some(secrets) => {
                // It may have changed it meanwhile.
                secrets.add(&circumstances.environment);
                secrets::mask(&mut captured, secrets, &circumstances);
                secrets.mask_facts(&mut facts);
            }
        }
        Snapshot {
            process: self.process,
            report,
            captured,
            circumstances,
            segments,
            facts,
            secrets: secrets.unwrap_or_default(),
            sources: Vec::new(),
        }
    }
}

/// A process as it was captured.
struct Snapshot {
    process: LiveProcess,
    report: ProcessReport,
    captured: Captured,
    circumstances: Circumstances,
    segments: Vec<SharedSegment>,
    facts: SnapshotFacts,
    /// What is masked.
    secrets: Secrets,
    /// The note of the sources.
    sources: Vec<u8>,
}

impl Snapshot {
    /// The files that its frames are in, which are not among `known` in the same state.
    fn note_sources(&mut self, known: &mut KeptSources) {
        let user = (self.circumstances.uid, self.circumstances.gid);
        self.sources = known.add(&self.report, user);
    }

    fn contents(&mut self, room: &SharedRoom) -> Contents<'_> {
        self.facts.shared = room.facts(self.process.mappings(), &self.segments);
        self.secrets.mask_shared(&mut self.facts.shared);
        Contents {
            mappings: self.process.mappings(),
            kept: self.captured.ranges(),
            memory: &self.captured,
            shared: &self.segments,
            threads: &self.captured.threads,
            circumstances: &self.circumstances,
            facts: &self.facts,
            sources: &self.sources,
        }
    }

    fn taken(self, written: Written) -> Taken {
        Taken {
            written,
            name: self.report.name,
            pause: self.captured.pause,
            is_whole: self.captured.is_whole,
            from_inside: self.facts.from_inside,
            shared: self.facts.shared,
        }
    }
}

/// Writes all memory, while the process stands still.
fn take_all(
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
        shared: Vec::new(),
        cause: None,
        at_once_with: Vec::new(),
        from_inside: false,
    }
}

/// Snapshots of one process in a folder.
const MOST_NAMES: usize = 100_000;

fn is_nearly_full(folder: &Path) -> bool {
    /// What has to stay free on a disk that nobody watches: one part of so many.
    const PART: u64 = 20;
    statvfs(folder).is_ok_and(|disk| disk.blocks_available() < disk.blocks() / PART)
}

impl Session {
    /// Why a process stands still.
    fn cause_of(&self, inferior: &Inferior) -> Option<CauseFacts> {
        let (reason, what) = inferior.why_stopped.clone()?;
        let pid = inferior.report.pid?;
        let failures = self
            .running
            .iter()
            .flat_map(|running| running.failures.told());
        let failure = failures.filter(|failure| failure.pid == pid).last();
        let told = failure.map(|failure| [&failure.raised, &failure.failed, &failure.why]);
        let told = told.into_iter().flatten().flatten().cloned();
        let view = inferior.view.as_ref();
        Some(CauseFacts {
            reason,
            thread: inferior.signalled.or(view.and_then(|view| view.tid)),
            thread_state: inferior.standing_thread.or(view.map(|view| view.thread)),
            exception: inferior.raised.map(Thrown::exception),
            has_left: matches!(inferior.raised, Some(Thrown::Lost(_))),
            evidence: told.filter(|text| Some(text) != what.as_ref()).collect(),
            what,
        })
    }

    /// Writes a snapshot of the focused process into a folder, which is made if it is not there, and gives its path. An earlier
    /// file is never replaced.
    pub fn write_down(&self, folder: &Path) -> Result<PathBuf, String> {
        let inferior = self.inferiors.get(self.focus);
        let pid = inferior.and_then(|inferior| inferior.report.pid);
        let pid = pid.ok_or("there is no process any more")?;
        let names = new_names(folder, pid).map_err(|error| error.to_string())?;
        let custody = match &self.running {
            Some(running) => running.tree.custody(),
            None => Custody::Nobody,
        };
        let options = SnapshotOptions {
            depth: SnapshotOptions::DEPTH,
            full: false,
            secrets: false,
            shared: SnapshotOptions::SHARED,
        };
        let cause = inferior.and_then(|inferior| self.cause_of(inferior));
        let occasion = Occasion {
            cause,
            memory: None,
        };
        let taken = take_in(&custody, pid, options, occasion, |contents| {
            write_new(names, contents)
        });
        Ok(taken.map_err(|error| error.to_string())?.written.path)
    }
}
