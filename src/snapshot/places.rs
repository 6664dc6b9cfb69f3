//! Shared memory is written once, however often it is mapped, by one process or by several that go into the same file. Where it is
//! mapped again, the core says where it is (`process::core::own_notes`).

use std::collections::BTreeMap;
use std::ops::Range;

use super::segments::Segment;
use crate::model::Addr;
use crate::process::core::own_notes::{Place, Whereabouts};
use crate::process::live::shared_memory::{SegmentIdentity, SharedSegment, Window};

/// Where in a file what of shared memory is: by segment and where in it a stretch begins, its length and its place. Bytes.
#[derive(Debug, Default)]
pub(super) struct Stored(BTreeMap<(SegmentIdentity, u64), (u64, u64)>);

/// What of a process goes into its core, and what is elsewhere.
#[derive(Debug, Default)]
pub(super) struct Division {
    /// By address, without overlap: what is written.
    pub kept: Vec<Range<Addr>>,
    /// What is in the file already, and what is nowhere since it is zeros.
    places: Vec<Place>,
    /// Mapped more than once in this process: the address at which it is written too.
    again: Vec<(Range<Addr>, Addr)>,
    /// What is written of shared memory: its address, and which part of which segment it is.
    new: Vec<(Addr, SegmentIdentity, Range<u64>)>,
}

impl Stored {
    /// Divides what is kept of a process.
    pub fn divide(&self, kept: &[Range<Addr>], shared: &[SharedSegment]) -> Division {
        let mut division = Division {
            kept: kept.to_vec(),
            ..Division::default()
        };
        for segment in shared {
            let holes = segment.holes();
            for window in &segment.windows {
                self.divide_window(segment.identity, window, &mut division);
                let holes = holes.iter().filter_map(|hole| window.part(hole));
                division.places.extend(holes.map(|(range, _)| Place {
                    start: range.start.0,
                    end: range.end.0,
                    at: Whereabouts::Zeros,
                }));
            }
        }
        division
    }

    fn divide_window(&self, identity: SegmentIdentity, window: &Window, division: &mut Division) {
        let end = window.offset.saturating_add(window.length);
        // One that begins before the window may reach into it.
        let before = self.0.range(..(identity, window.offset)).next_back();
        let within = self.0.range((identity, window.offset)..(identity, end));
        for (&(other, offset), &(length, at)) in before.into_iter().chain(within) {
            if other != identity {
                continue;
            }
            let Some((range, from)) = window.part(&(offset..offset + length)) else {
                continue;
            };
            division.places.push(Place {
                start: range.start.0,
                end: range.end.0,
                at: Whereabouts::File(at + (from - offset)),
            });
            division.kept = without(&division.kept, &range);
        }
        for (address, of, part) in division.new.clone() {
            if of == identity
                && let Some((range, from)) = window.part(&part)
            {
                division.kept = without(&division.kept, &range);
                division
                    .again
                    .push((range, address.plus(from - part.start)));
            }
        }
        let whole = window.start..window.start.plus(window.length);
        for range in &division.kept {
            let (start, end) = (range.start.max(whole.start), range.end.min(whole.end));
            if start < end {
                let offset = window.offset + (start.0 - whole.start.0);
                let part = offset..offset + (end.0 - start.0);
                division.new.push((start, identity, part));
            }
        }
    }

    /// Notes what was written, where `place` says.
    pub fn add(&mut self, division: &Division, place: impl Fn(Addr) -> Option<u64>) {
        for (address, identity, part) in &division.new {
            if let Some(at) = place(*address) {
                let length = part.end - part.start;
                self.0.insert((*identity, part.start), (length, at));
            }
        }
    }
}

impl Division {
    /// What is not written where it is mapped. `place` says where in the file what is written at an address will be.
    pub fn places(&self, place: impl Fn(Addr) -> Option<u64>) -> Vec<Place> {
        let again = self.again.iter().map(|(range, at)| Place {
            start: range.start.0,
            end: range.end.0,
            at: place(*at).map_or(Whereabouts::Zeros, Whereabouts::File),
        });
        self.places.iter().copied().chain(again).collect()
    }
}

/// Where the bytes of an address are, if the kept of `segments` lie one after the other from `memory` on.
pub(super) fn place_in(segments: &[Segment], memory: u64) -> impl Fn(Addr) -> Option<u64> {
    let mut places = Vec::new();
    let mut at = memory;
    for segment in segments.iter().filter(|segment| segment.is_kept) {
        places.push((segment.start, segment.end, at));
        at += segment.length();
    }
    move |address| {
        let after = places.partition_point(|(start, _, _)| *start <= address.0);
        let (start, end, at) = *places.get(after.checked_sub(1)?)?;
        (address.0 < end).then(|| at + (address.0 - start))
    }
}

fn without(ranges: &[Range<Addr>], hole: &Range<Addr>) -> Vec<Range<Addr>> {
    let pieces = ranges.iter().flat_map(|range| {
        let before = range.start..range.end.min(hole.start);
        let after = range.start.max(hole.end)..range.end;
        [before, after]
    });
    pieces.filter(|range| range.start < range.end).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn what_is_mapped_twice_is_written_once() {
        let window = |start, offset, length| Window {
            start: Addr(start),
            offset,
            length,
        };
        let mut segment = crate::process::live::shared_memory::tests::segment();
        segment.path = PathBuf::from("/dev/shm/x");
        // Of 0x5000 bytes, 0x1000..0x2000 and 0x4000..0x4800 are there.
        segment.windows = vec![
            window(0x10_0000, 0, 0x5000),
            window(0x20_0000, 0x1000, 0x1000),
        ];
        let kept = [
            Addr(0x1000)..Addr(0x2000),
            Addr(0x10_1000)..Addr(0x10_2000),
            Addr(0x20_1000)..Addr(0x20_2000),
        ];
        let mut stored = Stored::default();
        let division = stored.divide(&kept, &[segment.clone()]);
        assert_eq!(division.kept, kept);
        let segments =
            super::super::segments::segments(&crate::process::Mappings::default(), &kept);
        let place = place_in(&segments, 0x4000);
        let places = division.places(&place);
        let again = Place {
            start: 0x20_0000,
            end: 0x20_1000,
            at: Whereabouts::File(0x5000),
        };
        assert!(places.contains(&again), "{places:x?}");
        assert_eq!(places.len(), 4, "{places:x?}");
        stored.add(&division, &place);

        // Another process, in the same file.
        segment.windows = vec![window(0x70_0000, 0, 0x5000)];
        let kept = [Addr(0x70_1000)..Addr(0x70_2000)];
        let division = stored.divide(&kept, &[segment]);
        assert_eq!(division.kept, []);
        let place = Place {
            start: 0x70_1000,
            end: 0x70_2000,
            at: Whereabouts::File(0x5000),
        };
        assert!(division.places(|_| None).contains(&place));
    }
}
