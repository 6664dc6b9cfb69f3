//! What of the memory that processes share goes into a snapshot of them: as much as there is room for, each segment once.

use std::collections::BTreeMap;
use std::ops::Range;

use super::shm::{ShmOptions, segments};
use crate::model::{Addr, Pid, Segment, SharedFacts};
use crate::process::live::shared_memory::{SegmentIdentity, SharedSegment, united};
use crate::process::{Backing, Mappings};

/// What is unit of what is kept: bytes.
const PAGE: u64 = 4096;

/// The room that a file has for shared memory, and what it was given to.
pub(super) struct SharedRoom {
    /// Bytes.
    left: u64,
    chosen: BTreeMap<SegmentIdentity, Vec<Range<u64>>>,
    /// What is known of all that the processes have, with who else has it.
    census: Vec<Segment>,
}

impl SharedRoom {
    /// `room` in bytes. Who has which segment is asked for once for all processes.
    pub fn new(room: u64, pids: &[Pid]) -> SharedRoom {
        let options = ShmOptions {
            pids: pids.to_vec(),
            ..ShmOptions::default()
        };
        // Of a process that has ended meanwhile nothing is written either.
        let report = segments(&options).ok();
        let known = report.map(|report| [report.segments, report.semaphores].concat());
        SharedRoom {
            left: room,
            chosen: BTreeMap::new(),
            census: known.unwrap_or_default(),
        }
    }

    /// What of its segments is to be read of a process: what others have brought already is not. Small segments go first, and of one
    /// that is too large the beginning is taken.
    pub fn choose(&mut self, segments: &[SharedSegment]) -> Vec<Range<Addr>> {
        let mut segments: Vec<&SharedSegment> = segments.iter().collect();
        segments.sort_by_key(|segment| length(&segment.there));
        let mut wanted = Vec::new();
        for segment in segments {
            let taken = self.chosen.entry(segment.identity).or_default();
            for window in &segment.windows {
                let end = window.offset.saturating_add(window.length);
                let shown = segment.there.iter();
                let shown = shown.map(|it| it.start.max(window.offset)..it.end.min(end));
                for part in shown.flat_map(|part| rest(part, taken)).collect::<Vec<_>>() {
                    let length = (part.end - part.start).min(self.left / PAGE * PAGE);
                    self.left -= length;
                    let part = part.start..part.start + length;
                    wanted.extend(window.part(&part).map(|(range, _)| range));
                    taken.push(part);
                    taken.sort_by_key(|part| part.start);
                    *taken = united(std::mem::take(taken));
                }
            }
        }
        wanted
    }

    /// What there is to be told of the segments of a process.
    pub fn facts(&self, mappings: &Mappings, segments: &[SharedSegment]) -> Vec<SharedFacts> {
        let facts = |segment: &SharedSegment| {
            let window = segment.windows.first()?;
            let mapping = mappings.find(window.start)?;
            let Backing::File { device, inode, .. } = mapping.backing else {
                return None;
            };
            let is_it = |known: &&Segment| {
                let mut mappers = known.mappers.iter();
                known.inode == inode
                    && (known.device == device
                        || mappers.any(|mapper| mapper.address == window.start))
            };
            let chosen = self.chosen.get(&segment.identity);
            let kept = chosen.map_or(0, |chosen| length(chosen));
            Some(SharedFacts {
                path: segment.path.to_string_lossy().into_owned(),
                device,
                inode,
                size: segment.size,
                there: length(&segment.there),
                kept: kept.min(length(&segment.there)),
                segment: self.census.iter().find(is_it).cloned(),
            })
        };
        segments.iter().filter_map(facts).collect()
    }
}

fn length(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().map(|range| range.end - range.start).sum()
}

/// What of a range is in none of the others, which are in order.
fn rest(range: Range<u64>, others: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut rest = Vec::new();
    let mut at = range.start;
    for other in others {
        rest.push(at..other.start.min(range.end));
        at = at.max(other.end);
    }
    rest.push(at..range.end);
    rest.retain(|part| part.start < part.end);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_what_nobody_has() {
        assert_eq!(rest(0..10, &[2..3, 5..20]), [0..2, 3..5]);
        assert_eq!(rest(4..10, &[0..2, 5..6, 12..13]), [4..5, 6..10]);
        assert!(rest(4..10, &[0..7, 7..20]).is_empty());
    }
}
