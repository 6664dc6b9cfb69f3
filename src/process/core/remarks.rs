//! What the user should know about a core, in sentences: how the process ended, what is missing, and what that costs.

use std::collections::BTreeSet;

use super::CoreProcess;
use super::address_space::{Absent, Content, Region};
use super::backing_files::{BackingFile, Proof};
use super::image::is_elf;
use crate::model::{CauseFacts, Pid, SNAPSHOT_SCHEMA, SnapshotFacts};

/// More names than this are counted, not listed.
const MOST_NAMES: usize = 4;

pub(super) fn remarks(core: &CoreProcess) -> Vec<String> {
    let mut remarks = Vec::new();
    remarks.extend(
        core.fatal_signal()
            .map(|signal| format!("killed by {signal}")),
    );
    remarks.extend(core.condition.found.iter().cloned());
    remarks.extend(truncated(core));
    remarks.extend(without_notes(core));
    remarks.extend(files(core));
    match core.snapshot() {
        Some(snapshot) => remarks.extend(kept(core, snapshot)),
        None => {
            remarks.extend(shared_memory(core));
            remarks.extend(private_memory(core));
        }
    }
    remarks
}

/// The first reason why memory that the process had is not there.
pub(super) fn lack(core: &CoreProcess) -> Option<String> {
    let mut reasons = truncated(core).into_iter();
    reasons.next().or_else(|| match core.snapshot() {
        Some(_) => None,
        None => private_memory(core),
    })
}

/// What is in a snapshot of pmdb.
fn kept(core: &CoreProcess, snapshot: &SnapshotFacts) -> Vec<String> {
    let maker = &snapshot.made_by;
    let length = |region: &Region| region.end - region.start;
    let is_held = |region: &&Region| matches!(region.content, Content::Held { .. });
    let regions = &core.space.regions;
    let held = regions.iter().filter(is_held).map(length);
    let held = held.fold(0, u64::saturating_add);
    let all = regions.iter().map(length).fold(0, u64::saturating_add);
    let mut remarks = vec![match snapshot.depth {
        Some(depth) => format!(
            "a snapshot by {maker} with {} of its memory: what its frames, exceptions and tasks lead to in {}; the rest \
             shows as not kept",
            part(held, all),
            counted(depth, "step", "steps")
        ),
        None => format!("a snapshot by {maker} with all memory that could be read"),
    }];
    remarks.extend(snapshot.cause.as_ref().map(cause));
    remarks.extend(shared(core, snapshot));
    if snapshot.from_inside {
        remarks.push(
            "it was written from inside, where nobody might stop it: there are no registers and no native stacks, and what ran beside Python \
             ran on"
                .to_owned(),
        );
    }
    if snapshot.by_fork && !snapshot.shared.is_empty() {
        remarks.push(
            "its own memory was copied at one moment, what it shares with others while it ran on"
                .to_owned(),
        );
    }
    if snapshot.schema > SNAPSHOT_SCHEMA {
        remarks.push("a later pmdb made it: what that has learned to note is not shown".to_owned());
    }
    if !snapshot.is_whole {
        remarks.push(
            "the process changed each time it was looked at: some of what its frames lead to may not be kept"
                .to_owned(),
        );
    }
    remarks
}

/// Why it was written down.
fn cause(cause: &CauseFacts) -> String {
    let why = match cause.reason.as_str() {
        "raised" | "uncaught" => "since an exception was about to be lost",
        "exits" | "exit" => "before it ended",
        "signal" => "before it died of a signal",
        "panic" => "since it panicked",
        "terminate" => "since nobody caught an exception of C++",
        _ => "where it stood still",
    };
    let told = cause.what.iter().chain(&cause.evidence);
    let told: String = told.map(|text| format!("; {text}")).collect();
    format!("it was written down {why}{told}")
}

/// What is in a snapshot of the memory that its process shared with others, and whether that is of one moment.
fn shared(core: &CoreProcess, snapshot: &SnapshotFacts) -> Vec<String> {
    let still = snapshot.still();
    let (mut cut, mut written) = (Vec::new(), Vec::new());
    for segment in &snapshot.shared {
        if segment.kept < segment.there {
            cut.push(format!(
                "{} of {}",
                part(segment.kept, segment.there),
                segment.path
            ));
        }
        let writers = segment.writers_beside(&still);
        // Semaphores are there to be written to by all.
        let is_semaphore = segment.path.starts_with("/dev/shm/sem.");
        if segment.kept > 0 && !writers.is_empty() && !is_semaphore {
            let pids: Vec<String> = writers.iter().map(Pid::to_string).collect();
            written.push(format!("{} (process {})", segment.path, listed(&pids)));
        }
    }
    let mut remarks = Vec::new();
    if !cut.is_empty() {
        remarks.push(format!("shared memory is kept in part: {}", listed(&cut)));
    }
    if !written.is_empty() {
        remarks.push(format!(
            "others could write to shared memory while it was copied: {}",
            listed(&written)
        ));
    }
    let is_gone = |region: &Region| matches!(region.content, Content::Elsewhere { offset } if core.outer().len() as u64 <= offset);
    if core.space.regions.iter().any(is_gone) {
        remarks.push(
            "the bundle that it is a part of is cut off: shared memory is missing".to_owned(),
        );
    }
    remarks
}

fn truncated(core: &CoreProcess) -> Vec<String> {
    let (have, expected) = (core.core.len() as u64, core.condition.expected_length);
    let mut remarks = Vec::new();
    if have < expected {
        remarks.push(format!(
            "truncated: {} are there; a full disk does that, or a limit on cores (`ulimit -c`); memory past the cut \
             shows as not in this core",
            part(have, expected)
        ));
    }
    if core.condition.unread_headers > 0 {
        remarks.push(format!(
            "{} of the mappings that it counts could not be read",
            core.condition.unread_headers
        ));
    }
    remarks
}

fn without_notes(core: &CoreProcess) -> Vec<String> {
    let mut remarks = Vec::new();
    if core.notes.threads.is_empty() {
        remarks.push("it tells of no threads (no NT_PRSTATUS note)".to_owned());
    }
    if core.mapped.files.is_empty() {
        remarks.push(
            "it does not tell which files were mapped (no NT_FILE note): code and constants that were not dumped \
             cannot be read"
                .to_owned(),
        );
    }
    remarks
}

/// Of the files that hold memory which the core left out: those that cannot be used, and those of which it is not
/// certain that they are what the process had.
fn files(core: &CoreProcess) -> Vec<String> {
    let needed: BTreeSet<usize> = core
        .space
        .regions
        .iter()
        .filter_map(|region| match region.content {
            Content::File { file, .. } => Some(file as usize),
            _ => None,
        })
        .collect();
    let mut remarks = Vec::new();
    let (mut refused, mut unproven) = (Vec::new(), Vec::new());
    for index in needed {
        let Some(file) = core.files.get(index) else {
            continue;
        };
        match file.get() {
            Err(refusal) if core.executable == Some(index) => remarks.push(format!(
                "the executable {} is not used: {refusal}; its code and constants cannot be read, and what lies in \
                 it is found by searching; name the right one with --exe",
                file.candidate().display()
            )),
            Err(refusal) => refused.push(format!("{} ({refusal})", file.candidate().display())),
            // Other files are data, such as locales, that no stack is read from.
            Ok(opened) if opened.proof != Proof::BuildId && is_elf(&opened.bytes) => {
                unproven.push(file.candidate().display().to_string());
            }
            Ok(_) => {}
        }
    }
    if !refused.is_empty() {
        remarks.push(format!(
            "what was not dumped of {} cannot be read: {}",
            counted(refused.len(), "file", "files"),
            listed(&refused)
        ));
    }
    if !unproven.is_empty() {
        remarks.push(format!(
            "what was not dumped of {} is read from disk without a build-id to compare (not written to since): {}",
            counted(unproven.len(), "file", "files"),
            listed(&unproven)
        ));
    }
    remarks
}

/// Segments that the kernel leaves out because they have a name (coredump_filter bit 3, core(5)).
fn shared_memory(core: &CoreProcess) -> Vec<String> {
    let mut missing = Vec::new();
    for range in &core.mapped.ranges {
        let Some(file) = core.files.get(range.file as usize) else {
            continue;
        };
        let absent = absent_bytes(core, range.start, range.end);
        if absent > 0 && file.name.is_shared_memory() {
            missing.push(format!(
                "{} of {} at {:#x}, which {}",
                size(absent),
                file.name.path.display(),
                range.start,
                whereabouts(file)
            ));
        }
    }
    if missing.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "shared memory that was mapped and is not in the core (bit 3 of /proc/PID/coredump_filter keeps it): {}",
        listed(&missing)
    )]
}

fn whereabouts(file: &BackingFile) -> &'static str {
    if !file.name.deleted && file.candidate().exists() {
        "still exists, and may have changed since"
    } else {
        "is gone"
    }
}

fn absent_bytes(core: &CoreProcess, start: u64, end: u64) -> u64 {
    let first = core
        .space
        .regions
        .partition_point(|region| region.end <= start);
    core.space.regions[first..]
        .iter()
        .take_while(|region| region.start < end)
        .filter(|region| region.content == Content::Absent(Absent::NotDumped))
        .map(|region| region.end - region.start)
        .sum()
}

/// Memory that only the process had, and that was left out.
fn private_memory(core: &CoreProcess) -> Option<String> {
    let absent: u64 = core
        .space
        .mappings
        .iter()
        .filter(|mapping| mapping.protection.write && mapping.path().is_none())
        .map(|mapping| absent_bytes(core, mapping.start.0, mapping.end.0))
        .fold(0, u64::saturating_add);
    (absent > 0).then(|| {
        format!(
            "{} of the process's own memory are not in the core (/proc/PID/coredump_filter, or MADV_DONTDUMP)",
            size(absent)
        )
    })
}

fn listed(names: &[String]) -> String {
    let shown = names[..names.len().min(MOST_NAMES)].join(", ");
    match names.len() - names.len().min(MOST_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

const MIB: f64 = (1 << 20) as f64;

/// `10.0 of 30.0 MiB`.
fn part(have: u64, expected: u64) -> String {
    if expected < 1 << 20 {
        format!("{have} of {expected} bytes")
    } else {
        format!(
            "{:.1} of {:.1} MiB",
            have as f64 / MIB,
            expected as f64 / MIB
        )
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..0x10_0000 => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{:.1} MiB", bytes as f64 / MIB),
    }
}
