//! Shared memory in dumps: what cores and snapshots tell of it, and what of it they hold.
//!
//! A core of the kernel names the files that were mapped and not their inodes (`NT_FILE`), so a segment is told from others by its path,
//! and memory without a path is one for each mapping. A snapshot of pmdb has all that `pmdb shm` knew when it was made.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::bytes::{MappedPart, SegmentBytes};
use super::error::ShmError;
use super::find::among;
use super::found::Found;
use super::identity::{Identity, Label, label};
use super::reach::{Reached, brief};
use super::watched::Watched;
use crate::model::{
    Addr, Certainty, Pid, Segment, SegmentKind, SegmentReport, SegmentVerdict, SharedFacts,
    SnapshotFacts,
};
use crate::process::core::CoreProcess;
use crate::process::{Backing, Mapping, Process};

/// One process in a dump.
pub struct Dump {
    /// The file, as the user knows it.
    pub file: String,
    pub process: CoreProcess,
}

/// What tells a segment from others in dumps.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Inode(u64, u64),
    Path(PathBuf, bool),
    /// Of one process, by where it begins there.
    Alone(usize, Addr),
}

struct Dumped {
    found: Found,
    facts: Option<SharedFacts>,
    /// Which of the dumps has it, and where.
    parts: BTreeMap<usize, Vec<MappedPart>>,
}

/// Several processes that were written down, and the shared memory of them all.
pub struct Dumps {
    dumps: Vec<Dump>,
    segments: BTreeMap<Key, Dumped>,
}

impl Dumps {
    pub fn new(dumps: Vec<Dump>) -> Dumps {
        let mut segments: BTreeMap<Key, Dumped> = BTreeMap::new();
        for (number, dump) in dumps.iter().enumerate() {
            let pid = dump.process.identity().pid.unwrap_or(Pid(0));
            let shared = dump.process.mappings().iter();
            for mapping in shared.filter(|mapping| mapping.shared) {
                let Some((key, identity, label)) = identify(number, mapping) else {
                    continue;
                };
                let dumped = segments.entry(key).or_insert_with(|| Dumped {
                    found: Found::new(identity, label),
                    facts: None,
                    parts: BTreeMap::new(),
                });
                dumped.add(number, dump, pid, mapping);
            }
        }
        Dumps { dumps, segments }
    }

    /// As `pmdb shm` tells of living processes; with files that nobody may write to, or without.
    pub fn report(&self, read_only_files: bool) -> SegmentReport {
        let (mut segments, mut semaphores) = (Vec::new(), Vec::new());
        let is_shown = |dumped: &&Dumped| read_only_files || !dumped.found.is_read_only_file();
        let shown: Vec<&Dumped> = self.segments.values().filter(is_shown).collect();
        for dumped in &shown {
            let segment = self.segment(dumped);
            match dumped.found.label.is_semaphore {
                true => semaphores.push(segment),
                false => segments.push(segment),
            }
        }
        for list in [&mut segments, &mut semaphores] {
            list.sort_by(|a, b| (a.kind, &a.name, a.inode).cmp(&(b.kind, &b.name, b.inode)));
        }
        let mut report = SegmentReport::new(segments, semaphores);
        report.processes = self.dumps.len() as u64;
        let taken = self.dumps.iter().filter_map(|dump| dump.process.snapshot());
        report.taken_ms = taken.map(|snapshot| snapshot.taken_ms).min();
        report.read_only_files = (self.segments.len() - shown.len()) as u64;
        report.notes = (shown.into_iter())
            .filter(|dumped| !dumped.found.label.is_semaphore)
            .filter_map(|dumped| {
                Some(format!(
                    "{}: {}",
                    dumped.found.label.name,
                    self.lack(dumped)?
                ))
            })
            .collect();
        report
    }

    /// Finds a segment, and opens what the dumps hold of it to be read.
    pub fn reach(mut self, text: &str) -> Result<Reached, ShmError> {
        let found = self.find(text)?;
        let name = found.found.label.name.clone();
        let number = self.best(found);
        let file = self.dumps[number].file.clone();
        if self.kept(found) == 0 {
            let why = self.lack(found).unwrap_or_default();
            return Err(ShmError::Unreachable { name, why });
        }
        let mut notes: Vec<String> = self.lack(found).into_iter().collect();
        notes.extend(self.writers(found, number));
        let parts = found.parts.get(&number).cloned().unwrap_or_default();
        let size = found.facts.as_ref().map(|facts| facts.size);
        let found = found.found.clone();
        let process: Box<dyn Process> = Box::new(self.dumps.swap_remove(number).process);
        let bytes = SegmentBytes::of_memory(process, parts, size);
        let mut brief = brief(&found, &bytes);
        brief.through = None;
        brief.from = Some(file);
        Ok(Reached {
            brief,
            bytes,
            notes,
        })
    }

    /// What there is to know of a segment, and the processes that map it.
    pub fn mappers(&self, text: &str) -> Result<(Watched, Vec<&Dump>), ShmError> {
        let dumped = self.find(text)?;
        let dumps = dumped.parts.keys().map(|&number| &self.dumps[number]);
        let found = &dumped.found;
        let segment = Watched {
            name: found.label.name.clone(),
            kind: found.kind(),
            device: found.identity.device(),
            inode: found.identity.inode(),
            size: self.size(dumped),
            mappers: found.mappers.clone(),
            path: None,
        };
        Ok((segment, dumps.collect()))
    }

    fn find(&self, text: &str) -> Result<&Dumped, ShmError> {
        let all = self.segments.values().map(|dumped| &dumped.found);
        let found = among(all, text).map_err(|error| match error {
            ShmError::NoSuchSegment { name } => ShmError::NotInDumps {
                name,
                files: self.files(),
            },
            other => other,
        })?;
        let mut all = self.segments.values();
        all.find(|dumped| std::ptr::eq(&dumped.found, found))
            .ok_or_else(|| ShmError::NotInDumps {
                name: text.to_string(),
                files: self.files(),
            })
    }

    fn files(&self) -> String {
        let files: Vec<&str> = self.dumps.iter().map(|dump| dump.file.as_str()).collect();
        files.join(", ")
    }

    /// Bytes that a dump holds of a segment.
    fn kept_by(&self, dumped: &Dumped, number: usize) -> u64 {
        let process = &self.dumps[number].process;
        let parts = dumped.parts.get(&number).into_iter().flatten();
        parts
            .map(|part| {
                let lacking = process.lacking(&(part.address..part.address.plus(part.length)));
                part.length.saturating_sub(lacking)
            })
            // A damaged dump may say anything.
            .fold(0, u64::saturating_add)
    }

    /// The dump that holds most of it.
    fn best(&self, dumped: &Dumped) -> usize {
        let numbers = dumped.parts.keys().copied();
        // Of several that hold as much the first.
        numbers
            .rev()
            .max_by_key(|&number| self.kept_by(dumped, number))
            .unwrap_or_default()
    }

    fn kept(&self, dumped: &Dumped) -> u64 {
        self.kept_by(dumped, self.best(dumped))
    }

    fn size(&self, dumped: &Dumped) -> u64 {
        let mapped = dumped.found.farthest().map(|(end, _)| end);
        let known = dumped.facts.as_ref().map(|facts| facts.size);
        known.or(mapped).unwrap_or_default()
    }

    /// What of a segment is in none of the dumps, why, and what it would have cost. Nothing if all of it is there.
    fn lack(&self, dumped: &Dumped) -> Option<String> {
        let number = self.best(dumped);
        let file = &self.dumps[number].file;
        if let Some(facts) = &dumped.facts {
            let lost = facts.there.saturating_sub(facts.kept);
            return (lost > 0).then(|| {
                format!(
                    "{lost} of the {} bytes that somebody has written to were left out of {file}, for which there was no room (`pmdb snapshot --shared SIZE`, or --full)",
                    facts.there
                )
            });
        }
        let parts = dumped.parts.get(&number)?;
        let mapped = (parts.iter()).fold(0, |sum: u64, part| sum.saturating_add(part.length));
        let lost = mapped.saturating_sub(self.kept_by(dumped, number));
        if lost == 0 {
            return None;
        }
        let Label { kind, deleted, .. } = &dumped.found.label;
        let path = dumped.found.mapping.as_ref().and_then(|(_, it)| it.path());
        let is_snapshot = self.dumps[number].process.snapshot().is_some();
        let why = match kind {
            _ if is_snapshot => "a snapshot keeps no files of a disk",
            SegmentKind::Posix | SegmentKind::File => {
                "the kernel leaves out what has a name in a folder; bit 3 of /proc/PID/coredump_filter keeps it"
            }
            _ => "/proc/PID/coredump_filter or MADV_DONTDUMP has left it out",
        };
        let now = match path {
            Some(path) if !deleted && path.exists() => {
                "it still exists, and may have changed since: without --from it is what is there now"
            }
            _ => "it is gone now",
        };
        let cost = match is_snapshot {
            true => "",
            false => ", for so many bytes more in each core",
        };
        Some(format!(
            "{lost} of its {mapped} bytes are not in {file}: {why}{cost}. {}",
            capitalised(now)
        ))
    }

    /// Who could write to it while it was written down.
    fn writers(&self, dumped: &Dumped, number: usize) -> Option<String> {
        let snapshot = self.dumps[number].process.snapshot();
        let still = snapshot.map(SnapshotFacts::still).unwrap_or_default();
        match &dumped.facts {
            Some(facts) => {
                let writers: Vec<String> =
                    facts.writers_beside(&still).iter().map(Pid::to_string).collect();
                (!writers.is_empty()).then(|| {
                    format!(
                        "process {} could write to it while it was copied: what was read may be of several moments",
                        writers.join(", ")
                    )
                })
            }
            None => dumped.found.is_writable().then(|| {
                "others that had it went on while the core was written: what was read may be of several moments"
                    .to_string()
            }),
        }
    }

    fn segment(&self, dumped: &Dumped) -> Segment {
        let found = &dumped.found;
        let kept = Some(self.kept(dumped));
        let known = dumped
            .facts
            .as_ref()
            .and_then(|facts| facts.segment.clone());
        if let Some(known) = known {
            return Segment { kept, ..known };
        }
        let is_unlinked = found.kind() == SegmentKind::Unlinked;
        Segment {
            name: found.label.name.clone(),
            kind: found.kind(),
            device: found.identity.device(),
            inode: found.identity.inode(),
            size: Some(self.size(dumped)),
            resident: None,
            swapped: None,
            mappers: found.mappers.clone(),
            descriptors: Vec::new(),
            owner: None,
            creator: None,
            created_ms: None,
            trackers: Vec::new(),
            verdict: match is_unlinked {
                true => SegmentVerdict::Unlinked,
                false => SegmentVerdict::InUse,
            },
            certainty: Certainty::Certain,
            evidence:
                "it was mapped when the core was written; a core does not tell who else had it"
                    .to_string(),
            kept,
        }
    }
}

impl Dumped {
    fn add(&mut self, number: usize, dump: &Dump, pid: Pid, mapping: &Mapping) {
        let Backing::File {
            offset,
            device,
            inode,
            ..
        } = &mapping.backing
        else {
            return;
        };
        self.found.add_mapping(pid, mapping.clone());
        self.parts.entry(number).or_default().push(MappedPart {
            offset: *offset,
            length: mapping.length(),
            address: mapping.start,
        });
        let told = dump.process.snapshot().into_iter();
        let mut told = told.flat_map(|snapshot| &snapshot.shared);
        let is_it = |facts: &&SharedFacts| (facts.device, facts.inode) == (*device, *inode);
        let facts = told.find(is_it).cloned();
        // A later member of a bundle may have had room for more.
        let kept = |facts: &Option<SharedFacts>| facts.as_ref().map(|facts| facts.kept);
        if kept(&facts) > kept(&self.facts) {
            self.facts = facts;
        }
    }
}

fn identify(number: usize, mapping: &Mapping) -> Option<(Key, Identity, Label)> {
    let Backing::File {
        path,
        device,
        inode,
        deleted,
        ..
    } = &mapping.backing
    else {
        return None;
    };
    let (device, inode) = (*device, *inode);
    let mut label = label(path, *deleted, inode);
    let identity = Identity::File { device, inode };
    if inode != 0 || device != 0 {
        return Some((Key::Inode(device, inode), identity, label));
    }
    // Without an inode the kernel's own names tell nothing apart.
    let key = match label.kind {
        SegmentKind::Posix | SegmentKind::Unlinked | SegmentKind::File => {
            Key::Path(path.clone(), *deleted)
        }
        kind => {
            let at = mapping.start;
            label.name = match kind {
                SegmentKind::Memfd => format!("{}@{at}", label.name),
                SegmentKind::Sysv => format!("sysv@{at}"),
                _ => format!("anonymous@{at}"),
            };
            Key::Alone(number, at)
        }
    };
    Some((key, identity, label))
}

fn capitalised(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
