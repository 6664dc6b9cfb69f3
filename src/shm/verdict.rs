//! What is to be thought of a segment, and what that rests on.

use std::collections::BTreeSet;

use super::creator;
use super::found::Found;
use super::trackers::{self, Watching};
use crate::model::{Certainty, Pid, SegmentKind, SegmentTracker, SegmentVerdict};
use crate::process::family::ProcessTable;
use crate::process::file_facts::{FileFacts, FileSystemKind};

/// What the verdict on every segment depends on.
pub(super) struct Circumstances<'a> {
    pub(super) table: &'a ProcessTable,
    /// Processes that were looked at.
    pub(super) looked_at: usize,
    /// Those that may not be looked at, with their users.
    pub(super) unreadable: Vec<(Pid, Option<u32>)>,
    pub(super) trackers: Vec<Watching>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) verdict: SegmentVerdict,
    pub(super) certainty: Certainty,
    pub(super) evidence: String,
}

impl Judgement {
    fn certain(verdict: SegmentVerdict, evidence: String) -> Judgement {
        Judgement {
            verdict,
            certainty: Certainty::Certain,
            evidence,
        }
    }
}

/// The worst that is true of it.
pub(super) fn judge(found: &Found, circumstances: &Circumstances<'_>) -> Judgement {
    if !found.is_used() {
        return unused(found, circumstances);
    }
    let users = users(found);
    let danger = found
        .facts
        .as_ref()
        .and_then(|facts| truncated(found, facts).or_else(|| too_big(found, facts)));
    if let Some(danger) = danger {
        return danger;
    }
    if is_unlinked(found) {
        let text = match found.label.kind {
            SegmentKind::Sysv => "it is marked to be removed (IPC_RMID)",
            _ => "its name is gone",
        };
        let evidence = format!("{text}; {users}: it goes with the last of them");
        return Judgement::certain(SegmentVerdict::Unlinked, evidence);
    }
    if let Some(evidence) = doom(found, circumstances) {
        return Judgement::certain(SegmentVerdict::Doomed, format!("{users}; {evidence}"));
    }
    Judgement::certain(SegmentVerdict::InUse, users)
}

/// Who will remove it from under those that use it.
fn doom(found: &Found, circumstances: &Circumstances<'_>) -> Option<String> {
    let (tracker, strangers) =
        trackers::dooming(found, &circumstances.trackers, circumstances.table)?;
    Some(format!(
        "{}, though {}",
        removes(tracker),
        match &strangers[..] {
            [one] => format!("process {one} uses it too and is not among those it waits for"),
            _ => format!(
                "processes {} use it too and are not among those it waits for",
                listed(&strangers)
            ),
        }
    ))
}

/// `resource tracker 4250 will remove its name when process 4242 has ended`
fn removes(tracker: &Watching) -> String {
    let SegmentTracker { pid, processes } = tracker.seen();
    let when = match &processes[..] {
        [] => "when it ends, for nobody has its pipe open any more".to_string(),
        [one] => format!("when process {one} has ended"),
        _ => format!("when processes {} have ended", listed(&processes)),
    };
    format!("resource tracker {pid} will remove its name {when}")
}

/// Pids, as many as a sentence has room for.
fn listed(pids: &[Pid]) -> String {
    const MOST: usize = 4;
    let shown: Vec<String> = pids.iter().take(MOST).map(Pid::to_string).collect();
    let shown = shown.join(", ");
    match pids.len().saturating_sub(MOST) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// `2 processes map it, 1 has it open`
fn users(found: &Found) -> String {
    let mappers: BTreeSet<Pid> = found.mappers.iter().map(|mapper| mapper.pid).collect();
    let only_open = found
        .openers
        .keys()
        .filter(|pid| !mappers.contains(pid))
        .count();
    let counted = |count: usize, one: &str, more: &str| match count {
        1 => format!("1 process {one}"),
        count => format!("{count} processes {more}"),
    };
    match (mappers.len(), only_open) {
        (mapping, 0) => counted(mapping, "maps it", "map it"),
        (0, open) => format!(
            "{} and nobody maps it",
            counted(open, "has it open", "have it open")
        ),
        (mapping, open) => format!(
            "{}, {} it open without",
            counted(mapping, "maps it", "map it"),
            if open == 1 {
                "1 has".to_string()
            } else {
                format!("{open} have")
            }
        ),
    }
}

/// Names are lost only where there was one: memory of memfd_create(2) and of `MAP_ANONYMOUS` never had any.
fn is_unlinked(found: &Found) -> bool {
    match found.label.kind {
        SegmentKind::Sysv => found.sysv.as_ref().is_some_and(|sysv| sysv.is_removed),
        SegmentKind::Posix | SegmentKind::Unlinked | SegmentKind::File => {
            found.label.deleted || found.facts.as_ref().is_some_and(|facts| facts.links == 0)
        }
        SegmentKind::Memfd | SegmentKind::Anonymous | SegmentKind::Hugetlb => false,
    }
}

fn truncated(found: &Found, facts: &FileFacts) -> Option<Judgement> {
    let (end, pid) = found.farthest()?;
    let is_beyond = end > facts.end_of_pages() && found.label.kind != SegmentKind::Sysv;
    is_beyond.then(|| {
        let evidence = format!(
            "it is {} bytes long and process {pid} maps it up to byte {end}: touching what is missing raises SIGBUS",
            facts.size
        );
        Judgement::certain(SegmentVerdict::Truncated, evidence)
    })
}

fn too_big(found: &Found, facts: &FileFacts) -> Option<Judgement> {
    let free = facts.file_system.free?;
    let missing = facts.size.saturating_sub(facts.allocated);
    let is_file = matches!(
        found.label.kind,
        SegmentKind::Posix | SegmentKind::Unlinked | SegmentKind::File
    );
    if !is_file || missing <= free || !found.is_writable() {
        return None;
    }
    Some(Judgement {
        verdict: SegmentVerdict::TooBig,
        // Other file systems compress, and share blocks.
        certainty: match facts.file_system.kind {
            FileSystemKind::Tmpfs => Certainty::Certain,
            _ => Certainty::Likely,
        },
        evidence: format!(
            "{missing} of its {} bytes are not there yet, and its file system has {free} free: writing to the rest will raise SIGBUS",
            facts.size
        ),
    })
}

fn unused(found: &Found, circumstances: &Circumstances<'_>) -> Judgement {
    if let Some(sysv) = found.sysv.as_ref().filter(|sysv| sysv.attached > 0) {
        let evidence = format!(
            "the kernel counts {} attachments, of processes that pmdb cannot see",
            sysv.attached
        );
        return Judgement::certain(SegmentVerdict::InUse, evidence);
    }
    let checked = checked(circumstances);
    let mut trackers = circumstances.trackers.iter();
    if let Some(tracker) = trackers.find(|tracker| tracker.has(found)) {
        let evidence = format!("{checked}; {}", removes(tracker));
        return Judgement::certain(SegmentVerdict::Idle, evidence);
    }
    let made_by = creator::creator(found);
    let created = creator::created(found);
    if let Some(pid) = made_by.filter(|&pid| creator::is_alive(pid, created, circumstances.table)) {
        return Judgement {
            verdict: SegmentVerdict::Idle,
            certainty: Certainty::Likely,
            evidence: format!("{checked}; process {pid}, which made it, is alive"),
        };
    }
    let maker = match made_by {
        Some(pid) => format!("process {pid}, which made it, has ended"),
        None => "who made it is not known".to_string(),
    };
    let unread = circumstances.trackers.iter().find_map(Watching::unread);
    let maker = match unread {
        Some((pid, why)) if found.named.is_some() => {
            format!("{maker}; what resource tracker {pid} will remove could not be read: {why}")
        }
        None if is_of_multiprocessing(found) => {
            format!("{maker}; no resource tracker is left that would remove it")
        }
        _ => maker,
    };
    let (certainty, doubt) = match hidden_users(found, circumstances) {
        0 if unread.is_some() => (Certainty::Unknown, String::new()),
        0 if made_by.is_some() && circumstances.unreadable.is_empty() => {
            (Certainty::Certain, String::new())
        }
        0 => (Certainty::Likely, String::new()),
        1 => (
            Certainty::Unknown,
            "; 1 of the others runs as its owner".to_string(),
        ),
        hidden => (
            Certainty::Unknown,
            format!("; {hidden} of the others run as its owner"),
        ),
    };
    Judgement {
        verdict: SegmentVerdict::Leaked,
        certainty,
        evidence: format!("{checked}; {maker}{doubt}"),
    }
}

/// By its name (CPython, `Lib/multiprocessing/shared_memory.py` and `synchronize.py`).
fn is_of_multiprocessing(found: &Found) -> bool {
    let name = &found.label.name;
    found.named.is_some() && (name.starts_with("psm_") || name.starts_with("sem.mp-"))
}

/// How many processes of the user that it belongs to may not be looked at: the likeliest to have it.
fn hidden_users(found: &Found, circumstances: &Circumstances<'_>) -> usize {
    let owner = owner(found);
    let may_have_it =
        |(_, user): &&(Pid, Option<u32>)| owner.is_none() || user.is_none() || *user == owner;
    circumstances.unreadable.iter().filter(may_have_it).count()
}

/// What was looked at before nobody was found.
fn checked(circumstances: &Circumstances<'_>) -> String {
    let (looked_at, unreadable) = (circumstances.looked_at, circumstances.unreadable.len());
    let all = looked_at + unreadable;
    if unreadable == 0 {
        format!("none of {all} processes maps it or has it open")
    } else {
        format!(
            "none of the {looked_at} processes that pmdb may look at, of {all}, maps it or has it open"
        )
    }
}

pub(super) fn owner(found: &Found) -> Option<u32> {
    let of_sysv = found.sysv.as_ref().map(|sysv| sysv.owner);
    of_sysv.or_else(|| found.facts.as_ref().map(|facts| facts.owner))
}
