//! Resource trackers of Python's `multiprocessing`: processes that remove the names of segments when others have ended.
//!
//! Up to Python 3.12 each program that opens a segment puts it on the list of its own tracker, which then removes it at that program's end
//! whoever else uses it (CPython issue 82300).

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::creator;
use super::found::Found;
use crate::model::{Pid, SegmentTracker};
use crate::process::family::ProcessTable;
use crate::process::live::sharing::{Sharing, in_shm_folder};
use crate::process::live::shm_folder::ShmFolder;

/// A program's first tracker is started after its first segment is made, and takes this long at most on a busy machine.
const AFTER_FIRST_SEGMENT: Duration = Duration::from_millis(100);

/// A resource tracker as its memory tells of it.
#[derive(Debug, Clone)]
pub struct Tracker {
    pub pid: Pid,
    /// The inode of the pipe that it reads: when nobody else has an end of it, it removes what is on its list.
    pub pipe: Option<u64>,
    /// What stands on its list, or why that could not be read.
    pub list: Result<BTreeSet<String>, String>,
}

impl Tracker {
    /// The file in `/dev/shm` that a resource is: by its kind and the name that it was registered with.
    pub fn file_of(kind: &str, name: &str) -> Option<String> {
        match kind {
            "shared_memory" => Some(name.trim_start_matches('/').to_string()),
            "semaphore" | "semlock" => Some(format!("sem.{}", name.trim_start_matches('/'))),
            _ => in_shm_folder(Path::new(name)).map(|path| path.to_string_lossy().into_owned()),
        }
    }
}

/// The same with what the census has seen of it.
#[derive(Debug)]
pub(super) struct Watching {
    tracker: Tracker,
    /// Those that have the pipe open.
    processes: Vec<Pid>,
    /// The device of the `/dev/shm` that it removes from.
    device: Option<u64>,
}

impl Watching {
    pub(super) fn new(tracker: Tracker, sharings: &[Sharing]) -> Watching {
        let has_pipe = |sharing: &&Sharing| {
            sharing.pid != tracker.pid
                && tracker
                    .pipe
                    .is_some_and(|pipe| sharing.pipes.contains(&pipe))
        };
        let processes = sharings
            .iter()
            .filter(has_pipe)
            .map(|sharing| sharing.pid)
            .collect();
        Watching {
            processes,
            device: ShmFolder::of(tracker.pid).map(|folder| folder.identity().0),
            tracker,
        }
    }

    pub(super) fn has(&self, found: &Found) -> bool {
        let is_in_folder = found.named.is_some() && self.device == Some(found.identity.device());
        let list = self.tracker.list.as_ref();
        is_in_folder && list.is_ok_and(|list| list.contains(&found.label.name))
    }

    /// Why it is not known what it has on its list.
    pub(super) fn unread(&self) -> Option<(Pid, &str)> {
        let why = self.tracker.list.as_ref().err()?;
        Some((self.tracker.pid, why))
    }

    pub(super) fn seen(&self) -> SegmentTracker {
        SegmentTracker {
            pid: self.tracker.pid,
            processes: self.processes.clone(),
        }
    }

    /// Those that use a segment and for which the tracker does not wait.
    fn strangers(&self, found: &Found) -> Vec<Pid> {
        let known = |pid: &Pid| *pid == self.tracker.pid || self.processes.contains(pid);
        found
            .users()
            .into_iter()
            .filter(|pid| !known(pid))
            .collect()
    }

    /// Whether one of its processes may have made a segment: it was there then.
    fn may_be_of_creator(&self, found: &Found, table: &ProcessTable) -> bool {
        let created = creator::created(found);
        let was_there = |pid: &Pid| creator::is_alive(*pid, created, table);
        let later = created.map(|created| created + AFTER_FIRST_SEGMENT);
        self.processes.iter().any(was_there) || creator::is_alive(self.tracker.pid, later, table)
    }
}

/// The tracker that will remove a segment from under others, and these; nothing if only the program that made it has it on a list.
pub(super) fn dooming<'w>(
    found: &Found,
    trackers: &'w [Watching],
    table: &ProcessTable,
) -> Option<(&'w Watching, Vec<Pid>)> {
    let mut having: Vec<&Watching> = trackers.iter().filter(|one| one.has(found)).collect();
    let is_of_creator = |one: &&Watching| one.may_be_of_creator(found, table);
    // Of several that can be of the program that made it the first is.
    having.sort_by_key(|one| (!is_of_creator(one), one.tracker.pid));
    let others = match having.first() {
        Some(first) if is_of_creator(first) => having.get(1..).unwrap_or_default(),
        _ => &having[..],
    };
    others.iter().find_map(|one| {
        let strangers = one.strangers(found);
        (!strangers.is_empty()).then_some((*one, strangers))
    })
}
