//! One pass over the processes of the machine, and all the segments that it shows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::UNIX_EPOCH;

use rayon::prelude::*;

use super::found::Found;
use super::identity::{self, Identity, Label};
use super::openers::add_openers;
use super::trackers::{Tracker, Watching};
use super::verdict::{Circumstances, judge, owner};
use super::{creator, size};
use crate::model::{Opener, Pid, Segment, SegmentKind, SegmentReport, Unreadable};
use crate::process::ProcessError;
use crate::process::family::{ProcessTable, TableEntry};
use crate::process::file_facts::swap_is_used;
use crate::process::live::sharing::{self, Sharing};
use crate::process::live::shm_folder::ShmFolder;
use crate::process::sysv;

/// Which segments are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Those that one of these processes maps or has open; all, if nothing.
    pub processes: Option<BTreeSet<Pid>>,
    /// Also files that nobody may write to through a mapping.
    pub read_only_files: bool,
}

/// What was found out of one process.
enum Seen {
    Sharing(Sharing, Option<ShmFolder>),
    Refused(Pid, String),
    /// It has no memory, or has ended.
    Nothing,
}

/// All segments of the machine, and who has them.
pub struct Census<'t> {
    pub(super) segments: BTreeMap<Identity, Found>,
    pub(super) circumstances: Circumstances<'t>,
    refused: Vec<(Pid, String)>,
}

impl<'t> Census<'t> {
    /// All processes are looked at, whoever's segments are wanted: who else has one is the question.
    pub fn take(table: &'t ProcessTable, trackers: Vec<Tracker>) -> Census<'t> {
        let own = Pid(std::process::id());
        let entries: Vec<&TableEntry> = table
            .iter()
            .filter(|entry| !entry.is_kernel_thread && entry.pid != own)
            .collect();
        let seen: Vec<Seen> = entries.par_iter().map(|entry| look_at(entry.pid)).collect();
        let (mut sharings, mut folders, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        folders.extend(ShmFolder::own());
        for seen in seen {
            match seen {
                Seen::Sharing(sharing, folder) => {
                    sharings.push(sharing);
                    folders.extend(folder);
                }
                Seen::Refused(pid, why) => refused.push((pid, why)),
                Seen::Nothing => {}
            }
        }
        let mut segments = BTreeMap::new();
        add_mappings(&mut segments, &mut sharings);
        add_folders(&mut segments, folders);
        reach_files(&mut segments);
        add_openers(&mut segments, &sharings);
        add_sysv(&mut segments);
        let watching = |tracker| Watching::new(tracker, &sharings);
        let circumstances = Circumstances {
            table,
            looked_at: sharings.len(),
            unreadable: refused
                .iter()
                .map(|(pid, _)| (*pid, sharing::owner(*pid)))
                .collect(),
            trackers: trackers.into_iter().map(watching).collect(),
        };
        Census {
            segments,
            circumstances,
            refused,
        }
    }

    /// Those that are wanted, with what is to be thought of them.
    pub fn report(self, wanted: &Wanted) -> SegmentReport {
        report(self.segments, wanted, &self.circumstances, self.refused)
    }
}

fn look_at(pid: Pid) -> Seen {
    match Sharing::of(pid) {
        Ok(sharing) => Seen::Sharing(sharing, ShmFolder::of(pid)),
        Err(ProcessError::NotPermitted { why, .. }) => Seen::Refused(pid, why),
        Err(_) => Seen::Nothing,
    }
}

fn add_mappings(segments: &mut BTreeMap<Identity, Found>, sharings: &mut [Sharing]) {
    for sharing in sharings {
        let pid = sharing.pid;
        for mapping in sharing.mappings.drain(..) {
            let Some((identity, label)) = identity::of_mapping(pid, &mapping) else {
                continue;
            };
            let found = segments
                .entry(identity)
                .or_insert_with(|| Found::new(identity, label));
            found.add_mapping(pid, mapping);
        }
    }
}

/// What has a name in a folder of shared memory, used or not. Namespaces that share a folder share what is in it.
fn add_folders(segments: &mut BTreeMap<Identity, Found>, folders: Vec<ShmFolder>) {
    let mut listed = BTreeSet::new();
    for folder in folders {
        if !listed.insert(folder.identity()) {
            continue;
        }
        for file in folder.files() {
            let identity = identity::of_file(&file.facts);
            let found = segments
                .entry(identity)
                .or_insert_with(|| Found::new(identity, Label::in_folder(&file.name)));
            // Of several names (link(2)) one that is still there.
            if found.label.kind == SegmentKind::Unlinked {
                found.label = Label::in_folder(&file.name);
            }
            found.facts = Some(file.facts);
            found.named = Some(file.path);
        }
    }
}

fn reach_files(segments: &mut BTreeMap<Identity, Found>) {
    segments
        .par_iter_mut()
        .for_each(|(_, found)| found.reach_file());
}

fn add_sysv(segments: &mut BTreeMap<Identity, Found>) {
    let own = Pid(std::process::id());
    let namespace = sharing::ipc_namespace(own).unwrap_or_default();
    for segment in sysv::segments() {
        let id = segment.id;
        let identity = Identity::Sysv { namespace, id };
        let found = segments
            .entry(identity)
            .or_insert_with(|| Found::new(identity, Label::sysv(id)));
        found.sysv = Some(segment);
    }
}

fn report(
    segments: BTreeMap<Identity, Found>,
    wanted: &Wanted,
    circumstances: &Circumstances<'_>,
    refused: Vec<(Pid, String)>,
) -> SegmentReport {
    let has_swap = swap_is_used();
    let is_wanted = |found: &Found| match &wanted.processes {
        Some(pids) => pids.iter().any(|&pid| found.belongs_to(pid)),
        None => true,
    };
    let (shown, hidden): (Vec<Found>, Vec<Found>) = segments
        .into_values()
        .filter(is_wanted)
        .partition(|found| wanted.read_only_files || !found.is_read_only_file());
    let (semaphores, segments): (Vec<Found>, Vec<Found>) = shown
        .into_iter()
        .partition(|found| found.label.is_semaphore);
    let finished = |found: Vec<Found>| -> Vec<Segment> {
        let mut segments: Vec<Segment> = found
            .into_par_iter()
            .map(|found| segment(found, circumstances, has_swap))
            .collect();
        segments.sort_by(|a, b| (a.kind, &a.name, a.inode).cmp(&(b.kind, &b.name, b.inode)));
        segments
    };
    let mut report = SegmentReport::new(finished(segments), finished(semaphores));
    report.processes = circumstances.looked_at as u64;
    report.read_only_files = hidden.len() as u64;
    let mut by_reason: BTreeMap<String, Vec<Pid>> = BTreeMap::new();
    for (pid, why) in refused {
        by_reason.entry(why).or_default().push(pid);
    }
    report.unreadable = by_reason
        .into_iter()
        .map(|(why, pids)| Unreadable { why, pids })
        .collect();
    report
}

fn segment(mut found: Found, circumstances: &Circumstances<'_>, has_swap: bool) -> Segment {
    size::ask(&mut found, has_swap);
    let sizes = size::sizes(&found, has_swap);
    let judgement = judge(&found, circumstances);
    let trackers = circumstances.trackers.iter();
    let trackers = trackers.filter(|tracker| tracker.has(&found));
    let created = creator::created(&found).and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Segment {
        kind: found.kind(),
        device: found.identity.device(),
        inode: found.identity.inode(),
        size: sizes.size,
        resident: sizes.resident,
        swapped: sizes.swapped,
        owner: owner(&found),
        creator: creator::creator(&found),
        created_ms: created.and_then(|since| u64::try_from(since.as_millis()).ok()),
        trackers: trackers.map(Watching::seen).collect(),
        verdict: judgement.verdict,
        certainty: judgement.certainty,
        evidence: judgement.evidence,
        kept: None,
        descriptors: found
            .openers
            .into_iter()
            .map(|(pid, descriptors)| Opener { pid, descriptors })
            .collect(),
        mappers: found.mappers,
        name: found.label.name,
    }
}
