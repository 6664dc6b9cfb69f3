//! The notes that pmdb itself writes into a snapshot.

use super::field;
use super::headers::MOST_SEGMENTS;
use crate::model::SnapshotFacts;
use crate::process::Mappings;
use crate::process::live::maps;

/// The name of these notes.
pub const OWNER: &[u8] = b"PMDB";
/// [`SnapshotFacts`] as JSON.
pub const FACTS: u32 = 1;
/// The text of `/proc/PID/maps`.
pub const MAPS: u32 = 2;

/// [`Place`]s.
pub const PLACES: u32 = 3;
/// `sources`.
pub const SOURCES: u32 = 4;

/// Bytes of a place in its note: three words of 64 bits. Before the first is one with the offset in the file of the core itself.
const PLACE: usize = 24;
const BASE: usize = 8;

/// Memory that the core has in another place than a segment of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub start: u64,
    /// Exclusive.
    pub end: u64,
    pub at: Whereabouts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts {
    /// Nowhere: it is zeros.
    Zeros,
    /// From this byte of the file on. In a bundle that is another member as a rule.
    File(u64),
}

/// `u64::MAX` in the place of an offset.
const ZEROS: u64 = u64::MAX;

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

/// The note of places, for a core that begins at `base` in its file.
pub fn places_note(base: u64, places: &[Place]) -> Vec<u8> {
    let mut note = base.to_le_bytes().to_vec();
    for place in places {
        let at = match place.at {
            Whereabouts::Zeros => ZEROS,
            Whereabouts::File(at) => at,
        };
        note.extend(
            [place.start, place.end, at]
                .into_iter()
                .flat_map(u64::to_le_bytes),
        );
    }
    note
}

/// By address, without overlap. In a core that was taken out of its bundle, whose `base` is another, only zeros are where they were.
pub(super) fn places(descriptor: &[u8], base: u64) -> Vec<Place> {
    let is_at_home = field::u64(descriptor, 0) == Some(base);
    let entries = descriptor.get(BASE..).unwrap_or_default();
    let place = |entry: &[u8]| {
        Some(Place {
            start: field::u64(entry, 0)?,
            end: field::u64(entry, 8)?,
            at: match field::u64(entry, 16)? {
                ZEROS => Whereabouts::Zeros,
                at => Whereabouts::File(at),
            },
        })
    };
    let entries = entries.chunks_exact(PLACE).take(MOST_SEGMENTS);
    let mut places: Vec<Place> = entries
        .filter_map(place)
        .filter(|place| is_at_home || place.at == Whereabouts::Zeros)
        .collect();
    places.sort_by_key(|place| place.start);
    let mut end = 0;
    places.retain(|place| {
        let is_apart = place.start >= end && place.start < place.end;
        if is_apart {
            end = place.end;
        }
        is_apart
    });
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_believed_in_order_and_at_home() {
        let place = |start, end, at| Place { start, end, at };
        let written = [
            place(0x3000, 0x4000, Whereabouts::File(77)),
            place(0x1000, 0x2000, Whereabouts::Zeros),
            place(0x1800, 0x2800, Whereabouts::Zeros),
            place(9, 9, Whereabouts::Zeros),
        ];
        let note = places_note(512, &written);
        assert_eq!(places(&note, 512), [written[1], written[0]]);
        assert_eq!(places(&note, 0), [written[1]]);
        assert_eq!(places(&note[..7], 0), []);
        assert_eq!(
            places(&note[..note.len() - 1], 512),
            [written[1], written[0]][..1 + 1]
        );
    }
}
