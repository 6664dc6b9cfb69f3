//! Which units have code at an address, as `.debug_aranges` lists it (DWARF 5, section 6.1.2): without a look at the units.
//!
//! That of a large program lists a million ranges, of which a stack lies in a few dozen. To go over the list once for all addresses of a stack
//! takes a few milliseconds; a sorted table of it takes more than all the rest of a stack, in time and in memory. So the table is made when
//! the list was gone over often.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use gimli::{ArangeHeader, DebugAranges, DebugInfoOffset, Section};
use rustc_hash::FxHashSet;

use super::ranges::RangeTable;
use super::sections::Slice;

/// So often the list is gone over before it becomes a table.
const MOST_PASSES: usize = 12;
/// Of this many bytes at a time the memory is given back.
const STRETCH: usize = 1 << 20;
/// Bytes of a range as most targets have it: an address and a length.
const PAIR: usize = 16;

pub struct ListedUnits<'a> {
    section: DebugAranges<Slice<'a>>,
    found: Mutex<Found>,
    passes: AtomicUsize,
    all: OnceLock<RangeTable<DebugInfoOffset>>,
}

#[derive(Default)]
struct Found {
    /// Of each pass, what is listed in sets that have one of the addresses that were looked for. A unit may have several sets.
    passes: Vec<RangeTable<DebugInfoOffset>>,
    /// Where those sets begin.
    sets: FxHashSet<usize>,
    looked_for: FxHashSet<u64>,
}

/// What is done besides.
pub trait Around {
    /// The list breaks off.
    fn complain(&self, why: gimli::Error);
    /// These bytes were read, and will hardly be read again soon.
    fn release(&self, bytes: &[u8]);
}

impl<'a> ListedUnits<'a> {
    pub fn new(section: DebugAranges<Slice<'a>>) -> ListedUnits<'a> {
        ListedUnits {
            section,
            found: Mutex::default(),
            passes: AtomicUsize::new(0),
            all: OnceLock::new(),
        }
    }

    /// The units that have an address, as far as they were found for another one.
    pub fn found_before(&self, address: u64) -> Vec<DebugInfoOffset> {
        self.found(|found| found.at(address))
    }

    /// All units that have an address, the one with the innermost range first; one comes again if it has several.
    pub fn at(&self, address: u64, around: &dyn Around) -> Vec<DebugInfoOffset> {
        if self.all.get().is_none() {
            self.look_for(&[address], around);
            if let Some(units) = self.found(|found| found.all_at(address)) {
                return units;
            }
        }
        let all = self.all.get_or_init(|| self.table(around));
        all.covering(address).copied().collect()
    }

    /// Finds the units of many addresses at once, so that none of them is looked for by itself.
    pub fn look_for(&self, addresses: &[u64], around: &dyn Around) {
        let is_new = |found: &Found, address: &u64| !found.looked_for.contains(address);
        let new = |found: &mut Found| {
            let addresses = addresses.iter().copied();
            addresses.filter(|address| is_new(found, address)).collect()
        };
        let mut new: Vec<u64> = self.found(new);
        new.sort_unstable();
        if new.is_empty()
            || self.all.get().is_some()
            || self.passes.fetch_add(1, Ordering::Relaxed) >= MOST_PASSES
        {
            return;
        }
        let (mut sets, mut ranges) = (Vec::new(), Vec::new());
        self.for_each(around, |set| {
            let begin = set.offset().0;
            if self.may_have(set, &new) && !self.found(|found| found.sets.contains(&begin)) {
                sets.push(begin);
                ranges.extend(ranges_of(set).map(|range| (range, set.debug_info_offset())));
            }
        });
        let table = RangeTable::new(ranges);
        // All at once: who finds that an address was looked for finds its units too.
        self.found(|found| {
            found.passes.push(table);
            found.sets.extend(sets);
            found.looked_for.extend(new);
        });
    }

    fn found<T>(&self, with: impl FnOnce(&mut Found) -> T) -> T {
        with(&mut self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn table(&self, around: &dyn Around) -> RangeTable<DebugInfoOffset> {
        let mut ranges = Vec::new();
        self.for_each(around, |set| {
            ranges.extend(ranges_of(set).map(|range| (range, set.debug_info_offset())));
        });
        RangeTable::new(ranges)
    }

    /// All units of which it lists something.
    pub fn units(&self, around: &dyn Around) -> Vec<DebugInfoOffset> {
        let mut units = Vec::new();
        self.for_each(around, |set| {
            if ranges_of(set).next().is_some() {
                units.push(set.debug_info_offset());
            }
        });
        units
    }

    fn for_each(&self, around: &dyn Around, mut each: impl FnMut(&ArangeHeader<Slice<'a>>)) {
        let bytes = self.section.reader().slice();
        let mut sets = self.section.headers();
        let mut released = 0;
        loop {
            let set = match sets.next() {
                Ok(Some(set)) => set,
                Ok(None) => break,
                Err(error) => {
                    around.complain(error);
                    break;
                }
            };
            each(&set);
            let at = set.offset().0;
            if at - released >= STRETCH {
                around.release(&bytes[released..at]);
                released = at;
            }
        }
        around.release(&bytes[released..]);
    }

    /// Whether a set lists one of some sorted addresses; told without its ranges one by one where it has the usual form.
    fn may_have(&self, set: &ArangeHeader<Slice<'a>>, addresses: &[u64]) -> bool {
        let encoding = set.encoding();
        if encoding.address_size != 8 {
            return true;
        }
        let format = encoding.format;
        let length = usize::from(format.initial_length_size());
        // The version, the unit, the sizes of an address and of a segment; the ranges begin at a multiple of their own size.
        let header = length + 2 + usize::from(format.word_size()) + 2;
        let begin = set.offset().0 + header.next_multiple_of(PAIR);
        let end = set.offset().0 + length + set.length();
        let bytes = self.section.reader().slice().get(begin..end);
        let (pairs, _) = bytes.unwrap_or_default().as_chunks::<PAIR>();
        let (Some(&first), Some(&last)) = (addresses.first(), addresses.last()) else {
            return false;
        };
        pairs.iter().any(|pair| {
            let [begin, length] = words(pair);
            // Most lie behind all of them, or before.
            if begin > last || begin.saturating_add(length) <= first {
                return false;
            }
            let next = addresses.partition_point(|&address| address < begin);
            addresses
                .get(next)
                .is_some_and(|address| address - begin < length)
        })
    }
}

impl Found {
    fn at(&self, address: u64) -> Vec<DebugInfoOffset> {
        let ranges = self.passes.iter().flat_map(|pass| pass.ranges_at(address));
        let units = RangeTable::new(ranges.map(|(range, unit)| (range, *unit)));
        units.covering(address).copied().collect()
    }

    /// Nothing if it was not looked for.
    fn all_at(&self, address: u64) -> Option<Vec<DebugInfoOffset>> {
        self.looked_for.contains(&address).then(|| self.at(address))
    }
}

fn words(pair: &[u8; PAIR]) -> [u64; 2] {
    let number = u128::from_le_bytes(*pair);
    [number as u64, (number >> 64) as u64]
}

fn ranges_of<'s>(set: &'s ArangeHeader<Slice<'_>>) -> impl Iterator<Item = gimli::Range> + use<'s> {
    let mut entries = set.entries();
    // One whose end overflows is skipped, and the next one follows.
    let each = std::iter::from_fn(move || entries.next().transpose());
    each.flatten().map(|entry| entry.range())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sound;

    impl Around for Sound {
        fn complain(&self, why: gimli::Error) {
            panic!("{why}");
        }
        fn release(&self, _: &[u8]) {}
    }

    /// A set of one range (DWARF 5, section 6.1.2).
    fn set(unit: u32, begin: u64, length: u64) -> Vec<u8> {
        let mut set = Vec::new();
        set.extend(44_u32.to_le_bytes());
        set.extend(2_u16.to_le_bytes());
        set.extend(unit.to_le_bytes());
        // The sizes of an address and of a segment, and what brings the range to a multiple of its size.
        set.extend([8, 0, 0, 0, 0, 0]);
        for number in [begin, length, 0, 0] {
            set.extend(number.to_le_bytes());
        }
        set
    }

    #[test]
    fn all_sets_of_a_unit_count_in_whatever_pass_they_are_found() {
        let sets = [
            set(7, 0x1000, 0x10),
            set(9, 0x1008, 4),
            set(7, 0x2000, 0x10),
            set(7, 0x3000, 0x10),
        ];
        let bytes = sets.concat();
        let listed = ListedUnits::new(DebugAranges::new(&bytes, gimli::LittleEndian));
        listed.look_for(&[0x1008, 0x2000], &Sound);
        let before = |address| listed.found_before(address);
        assert_eq!(before(0x1009), [9, 7].map(DebugInfoOffset));
        assert_eq!(before(0x200f), [DebugInfoOffset(7)]);
        assert_eq!(before(0x3001), []);
        assert_eq!(listed.at(0x3001, &Sound), [DebugInfoOffset(7)]);
        assert_eq!(listed.at(0x4000, &Sound), []);
        assert_eq!(before(0x1009), [9, 7].map(DebugInfoOffset));
    }
}
