//! A process that is to be written down, and what of it was captured.

use std::ops::Range;

use super::facts::{facts, reveal};
use super::{Occasion, SnapshotError, SnapshotOptions, Taken};
use crate::model::{Addr, CauseFacts, Pid, ProcessReport, SnapshotFacts};
use crate::native::ParsedModules;
use crate::process::Process;
use crate::process::live::LiveProcess;
use crate::process::live::circumstances::Circumstances;
use crate::process::live::modified_pages::modified_pages;
use crate::process::live::shared_memory::{SharedSegment, blank, segments_of};
use crate::process::still::{self, Captured, SharedMemory, Sitter};
use crate::process::trace::{Custody, TraceError};
use crate::session::inspection::Inspection;
use crate::session::kept_sources::KeptSources;
use crate::session::shared_memory::SharedRoom;
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
    ) -> Result<(ProcessReport, Captured), TraceError> {
        let inspection = self.inspection(parsed);
        let look = |process: &dyn Process, limit| inspection.look(process, limit);
        still::capture(self.sitter(), custody, look)
    }

    /// With a mask over the secrets of all that goes into the file, if there is to be one.
    pub(super) fn finish(
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
