//! A process that is to be written down, and what of it was captured.

use std::ops::Range;
use std::time::SystemTime;

use super::facts::{facts, reveal};
use super::{Occasion, SnapshotError, SnapshotOptions, Taken};
use crate::model::{Addr, CauseFacts, Pid, ProcessReport, SnapshotFacts};
use crate::native::ParsedModules;
use crate::process::Process;
use crate::process::live::LiveProcess;
use crate::process::live::circumstances::Circumstances;
use crate::process::live::handed::memory_of;
use crate::process::live::modified_pages::modified_pages;
use crate::process::live::shared_memory::{SharedSegment, blank, segments_of};
use crate::process::still::{self, Captured, SharedMemory, Sitter};
use crate::process::trace::Custody;
use crate::session::inspection::Inspection;
use crate::session::kept_sources::KeptSources;
use crate::session::shared_memory::SharedRoom;
use crate::session::stack::milliseconds;
use crate::snapshot::secrets::{self, Secrets};
use crate::snapshot::{Contents, Written};

/// A process that is to be written down.
pub(super) struct Subject<'o> {
    pub(super) process: LiveProcess,
    options: &'o SnapshotOptions,
    pub(super) cause: Option<CauseFacts>,
    pub(super) before: Circumstances,
    modified: Vec<Range<Addr>>,
    shared: Vec<Range<Addr>>,
    pub(super) blank: Vec<Range<Addr>>,
}

impl Subject<'_> {
    pub(super) fn prepare<'o>(
        pid: Pid,
        options: &'o SnapshotOptions,
        occasion: Occasion,
        room: &mut SharedRoom,
    ) -> Result<Subject<'o>, SnapshotError> {
        let process = match occasion.memory {
            Some(number) => LiveProcess::open_handed(pid, memory_of(pid, number)?)?,
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

    pub(super) fn inspection<'i>(&'i self, parsed: &'i ParsedModules) -> Inspection<'i> {
        Inspection {
            depth: self.options.depth,
            parsed,
            auxiliary_vector: &self.before.auxiliary_vector,
            modified: &self.modified,
            shared: &self.shared,
            exception: self.cause.as_ref().and_then(|cause| cause.exception),
        }
    }

    pub(super) fn sitter(&self) -> Sitter<'_> {
        Sitter {
            process: &self.process,
            pid: self.process.pid(),
            shared: SharedMemory {
                room: self.options.shared,
                blank: self.blank.clone().into(),
            },
        }
    }

    pub(super) fn look(
        &self,
        custody: &Custody,
        parsed: &ParsedModules,
    ) -> Result<Seen, SnapshotError> {
        let inspection = self.inspection(parsed);
        let look = |process: &dyn Process, limit| inspection.look(process, limit);
        let seen = match self.options.fork {
            true => still::capture_fork(&self.sitter(), &look)?,
            false => still::capture(self.sitter(), custody, look)?,
        };
        Ok(self.seen(seen))
    }

    /// With what else is known of that time.
    pub(super) fn seen(&self, (report, captured): (ProcessReport, Captured)) -> Seen {
        let now = Circumstances::of(self.process.pid());
        // Its addresses are drawn anew when it executes another program.
        let is_the_same =
            !now.maps.is_empty() && now.auxiliary_vector == self.before.auxiliary_vector;
        Seen {
            report,
            captured,
            circumstances: match is_the_same {
                true => now,
                false => self.before.clone(),
            },
            taken_ms: milliseconds(SystemTime::now()).unwrap_or(0),
        }
    }

    /// With a mask over the secrets of all that goes into the file, if there is to be one.
    pub(super) fn finish(self, seen: Seen, secrets: Option<&Secrets>) -> Snapshot {
        let Seen {
            report,
            mut captured,
            circumstances,
            taken_ms,
        } = seen;
        let pid = self.process.pid();
        // After it was stopped: what nobody had written to until now nobody had then.
        let segments = segments_of(pid, self.process.mappings());
        let mut facts = facts(&self.process, &report, &captured, &circumstances);
        facts.taken_ms = taken_ms;
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

/// What was seen of one, and what else it had and was at that time.
pub(super) struct Seen {
    report: ProcessReport,
    captured: Captured,
    circumstances: Circumstances,
    taken_ms: u64,
}

/// A process as it was captured.
pub(super) struct Snapshot {
    process: LiveProcess,
    report: ProcessReport,
    captured: Captured,
    circumstances: Circumstances,
    segments: Vec<SharedSegment>,
    pub(super) facts: SnapshotFacts,
    /// What is masked.
    secrets: Secrets,
    /// The note of the sources.
    pub(super) sources: Vec<u8>,
}

impl Snapshot {
    /// The files that its frames are in, which are not among `known` in the same state.
    pub(super) fn note_sources(&mut self, known: &mut KeptSources) {
        let user = (self.circumstances.uid, self.circumstances.gid);
        self.sources = known.add(&self.report, user);
    }

    pub(super) fn contents(&mut self, room: &SharedRoom) -> Contents<'_> {
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

    pub(super) fn taken(self, written: Written) -> Taken {
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
