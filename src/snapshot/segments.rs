//! The address space of a process, cut into what is kept and what is not.

use std::ops::Range;

use crate::model::Addr;
use crate::process::{Mappings, Protection};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub start: u64,
    /// Exclusive.
    pub end: u64,
    pub protection: Protection,
    pub is_kept: bool,
}

impl Segment {
    /// Bytes.
    pub fn length(&self) -> u64 {
        self.end - self.start
    }
}

/// What lies above is the kernel's: `[vsyscall]`, which every process has alike.
const END_OF_USER_SPACE: u64 = 1 << 63;

/// By address. `kept` is sorted and without overlap. What is kept and is not mapped any more has lost its mapping since.
pub(super) fn segments(mappings: &Mappings, kept: &[Range<Addr>]) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut kept = kept.iter().map(|range| range.start.0..range.end.0);
    let mut next = kept.next();
    let mut add = |start: u64, end: u64, protection, is_kept| {
        if start < end {
            segments.push(Segment {
                start,
                end,
                protection,
                is_kept,
            });
        }
    };
    let unmapped = Protection {
        read: true,
        write: true,
        execute: false,
    };
    for mapping in mappings {
        let (mut at, end) = (mapping.start.0, mapping.end.0);
        if end > END_OF_USER_SPACE {
            break;
        }
        while let Some(range) = &mut next
            && range.start < end
        {
            add(range.start, range.end.min(at), unmapped, true);
            range.start = range.start.max(at);
            let until = range.end.min(end);
            add(at, range.start.min(until), mapping.protection, false);
            add(range.start, until, mapping.protection, true);
            at = at.max(until);
            range.start = range.start.max(until);
            if range.start < range.end {
                break;
            }
            next = kept.next();
        }
        add(at, end, mapping.protection, false);
    }
    for range in next.into_iter().chain(kept) {
        add(range.start, range.end, unmapped, true);
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Backing, Mapping};

    fn check(mappings: &[(u64, u64)], kept: &[(u64, u64)], expected: &[(u64, u64, bool)]) {
        let mapping = |&(start, end): &(u64, u64)| Mapping {
            start: Addr(start),
            end: Addr(end),
            protection: Protection::default(),
            shared: false,
            backing: Backing::Anonymous,
        };
        let mappings = Mappings::new(mappings.iter().map(mapping).collect());
        let kept: Vec<Range<Addr>> = kept.iter().map(|&(a, b)| Addr(a)..Addr(b)).collect();
        let found: Vec<(u64, u64, bool)> = segments(&mappings, &kept)
            .iter()
            .map(|one| (one.start, one.end, one.is_kept))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_mapping_is_cut_where_something_of_it_is_kept() {
        check(
            &[(10, 20), (20, 30), (40, 50)],
            &[(12, 14), (18, 23), (40, 50)],
            &[
                (10, 12, false),
                (12, 14, true),
                (14, 18, false),
                (18, 20, true),
                (20, 23, true),
                (23, 30, false),
                (40, 50, true),
            ],
        );
        check(&[(10, 20)], &[], &[(10, 20, false)]);
    }

    #[test]
    fn what_is_kept_stays_when_its_mapping_is_gone() {
        check(
            &[(10, 20)],
            &[(2, 4), (6, 12), (18, 25), (30, 31)],
            &[
                (2, 4, true),
                (6, 10, true),
                (10, 12, true),
                (12, 18, false),
                (18, 20, true),
                (20, 25, true),
                (30, 31, true),
            ],
        );
    }
}
