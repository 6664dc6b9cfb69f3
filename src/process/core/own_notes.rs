//! The notes that pmdb itself writes into a snapshot.

use crate::model::SnapshotFacts;
use crate::process::Mappings;
use crate::process::live::maps;

/// The name of these notes.
pub const OWNER: &[u8] = b"PMDB";
/// [`SnapshotFacts`] as JSON.
pub const FACTS: u32 = 1;
/// The text of `/proc/PID/maps`.
pub const MAPS: u32 = 2;

/// What the facts of a process take at most, in bytes. A real one has some 10 KiB.
const LONGEST_FACTS: usize = 64 << 20;

/// Nothing if they are damaged, or of a pmdb that has learned to say them in another way.
pub(super) fn facts(descriptor: &[u8]) -> Option<SnapshotFacts> {
    let descriptor = descriptor.get(..descriptor.len().min(LONGEST_FACTS))?;
    serde_json::from_slice(descriptor).ok()
}

/// Sorted and without overlap.
pub(super) fn mappings(descriptor: &[u8]) -> Mappings {
    let mut mappings = maps::parse(&descriptor[..descriptor.len().min(maps::LONGEST)]);
    mappings.sort_by_key(|mapping| mapping.start);
    let mut end = 0;
    mappings.retain(|mapping| {
        let is_apart = mapping.start.0 >= end && mapping.end > mapping.start;
        if is_apart {
            end = mapping.end.0;
        }
        is_apart
    });
    Mappings::new(mappings)
}
