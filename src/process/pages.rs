//! The pages of an inferior that one walk has fetched.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;

use super::{Piece, ReadMemory};
use crate::model::Addr;

/// Bytes.
const PAGE: u64 = 4096;

/// Once there were a few fetches within an aligned region of this many pages, what is fetched at once grows by doubling from
/// one page to the whole region: a lone object costs little, and where one thing after the other is wanted, few calls are
/// made. The costs of calls and pages are in `docs/internals/reading-memory.md`. A power of two.
const REGION: u64 = 16;

/// Fetches of a region that say nothing yet of the next: objects lie scattered.
const FEW: u32 = 3;

/// The pages are dropped when there are this many: 32 MiB. A walk that needs more reads some of it twice.
const MOST: usize = 8192;

/// Pages by number (address divided by [`PAGE`]).
#[derive(Default)]
pub(super) struct Pages {
    places: FxHashMap<u64, Place>,
    /// Bytes of one call each.
    runs: Vec<Vec<u8>>,
    /// How often something was fetched of a region, by the region's number.
    fetches: FxHashMap<u64, u32>,
    /// Pages that were asked for lately, each at its number modulo their count: nearly all questions are for one of these.
    recent: Recent,
}

/// A power of two.
const MOST_RECENT: usize = 64;

struct Recent([Option<(u64, Place)>; MOST_RECENT]);

impl Default for Recent {
    fn default() -> Recent {
        Recent([None; MOST_RECENT])
    }
}

impl Recent {
    fn find(&self, page: u64) -> Option<Place> {
        match self.0[page as usize % MOST_RECENT] {
            Some((known, place)) if known == page => Some(place),
            _ => None,
        }
    }
}

#[derive(Clone, Copy)]
struct Place {
    run: u32,
    /// In the run, in pages.
    page: u32,
    /// Somebody asked for it.
    used: bool,
}

/// The pages that walks through like processes use: those forked from one parent have nearly everything at the same
/// addresses. What is there is read of each process anew; only the questions are known before, and asked at once.
#[derive(Debug, Clone, Default)]
pub struct Habits(Arc<Mutex<Arc<[u64]>>>);

/// Pages that are fetched out of habit at most: 8 MiB.
const MOST_HABITS: usize = 2048;

/// Failures after which a process is not like the others.
const MOST_FAILURES: usize = 8;

impl Habits {
    pub(super) fn keep(&self, pages: &Pages) {
        let used = pages.places.iter().filter(|(_, place)| place.used);
        let mut used: Vec<u64> = used.map(|(page, _)| *page).collect();
        used.sort_unstable();
        used.truncate(MOST_HABITS);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = used.into();
    }

    pub(super) fn fetch(&self, pages: &mut Pages, source: &dyn ReadMemory) {
        let wanted = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let runs = wanted.chunk_by(|page, next| page + 1 == *next);
        let mut pieces: Vec<Piece> = runs
            .filter_map(|run| {
                let address = Addr(run.first()? * PAGE);
                Some(Piece::new(address, run.len() * PAGE as usize))
            })
            .collect();
        let (mut failures, mut rest) = (0, &mut pieces[..]);
        while !rest.is_empty() && failures < MOST_FAILURES {
            let count = source.read_first(rest);
            for piece in &mut rest[..count] {
                pages.insert(piece.address.0 / PAGE, std::mem::take(&mut piece.bytes));
            }
            if count == 0 {
                // The one that failed is left out.
                failures += 1;
                rest = &mut rest[1..];
            } else {
                rest = &mut rest[count..];
            }
        }
    }
}

impl Pages {
    pub fn clear(&mut self) {
        *self = Pages::default();
    }

    /// The bytes that are there from an address on to the end of its page.
    pub fn bytes(&mut self, address: Addr) -> Option<&[u8]> {
        let page = address.0 / PAGE;
        let place = match self.recent.find(page) {
            Some(place) => place,
            None => {
                let place = self.places.get_mut(&page)?;
                place.used = true;
                self.recent.0[page as usize % MOST_RECENT] = Some((page, *place));
                *place
            }
        };
        let start = u64::from(place.page) * PAGE;
        let run = self.runs.get(place.run as usize)?;
        run.get((start + address.0 % PAGE) as usize..(start + PAGE) as usize)
    }

    /// Some bytes of a page that was asked for lately, if they do not reach over its end.
    pub fn recent<const N: usize>(&self, address: Addr) -> Option<[u8; N]> {
        let place = self.recent.find(address.0 / PAGE)?;
        let within = (address.0 % PAGE) as usize;
        let start = place.page as usize * PAGE as usize + within;
        let run = self.runs.get(place.run as usize)?;
        let is_within = within + N <= PAGE as usize;
        run.get(start..start + N)?
            .try_into()
            .ok()
            .filter(|_| is_within)
    }

    /// Puts bytes in place of those that are there; where no page is, none becomes.
    pub fn put(&mut self, address: Addr, bytes: &[u8]) {
        let (mut at, mut rest) = (address, bytes);
        while !rest.is_empty() {
            let within = at.0 % PAGE;
            let (now, later) = rest.split_at(rest.len().min((PAGE - within) as usize));
            if let Some(place) = self.places.get(&(at.0 / PAGE)) {
                let start = (u64::from(place.page) * PAGE + within) as usize;
                let run = self.runs.get_mut(place.run as usize);
                if let Some(old) = run.and_then(|run| run.get_mut(start..start + now.len())) {
                    old.copy_from_slice(now);
                }
            }
            (at, rest) = (at.plus(now.len() as u64), later);
        }
    }

    /// Fetches the pages of `length` bytes, with some around them. False if the first cannot be read as a whole.
    pub fn fetch(&mut self, source: &dyn ReadMemory, address: Addr, length: usize) -> bool {
        let page = address.0 / PAGE;
        let last = address.0.saturating_add(length.saturating_sub(1) as u64) / PAGE;
        let Some(extent) = source.extent(address) else {
            return false;
        };
        let readable = extent.start.0.div_ceil(PAGE)..extent.end.0 / PAGE;
        if !readable.contains(&page) {
            return false;
        }
        if self.places.len() >= MOST {
            self.clear();
        }
        let fetches = self.fetches.entry(page / REGION).or_default();
        let size = match source.is_frugal() {
            true => 1,
            false => 1 << fetches.saturating_sub(FEW).min(REGION.ilog2()),
        };
        *fetches += 1;
        let around = self.lacking_around(page, last, size, &readable);
        let is_more = around != (page..page + 1);
        self.read(source, around) || (is_more && self.read(source, page..page + 1))
    }

    /// The pages from `page` to `last` and of the aligned group of `size` around `page` that are readable and not there,
    /// without a gap.
    fn lacking_around(&self, page: u64, last: u64, size: u64, readable: &Range<u64>) -> Range<u64> {
        let group = page & !(size - 1);
        let begin = group.max(readable.start);
        let end = (group + size).max(last + 1).min(readable.end);
        let is_lacking = |page: &u64| !self.places.contains_key(page);
        let start = (begin..page).rev().take_while(is_lacking).last();
        let after = (page + 1..end).take_while(is_lacking).last();
        start.unwrap_or(page)..after.unwrap_or(page) + 1
    }

    fn read(&mut self, source: &dyn ReadMemory, pages: Range<u64>) -> bool {
        let count = pages.end - pages.start;
        let mut bytes = vec![0; (count * PAGE) as usize];
        let found = source.read(Addr(pages.start * PAGE), &mut bytes);
        found.is_ok() && self.insert(pages.start, bytes)
    }

    fn insert(&mut self, first: u64, bytes: Vec<u8>) -> bool {
        let Ok(run) = u32::try_from(self.runs.len()) else {
            return false;
        };
        for (page, at) in (0..bytes.len() as u64 / PAGE).zip(0..) {
            let place = Place {
                run,
                page: at,
                used: false,
            };
            self.places.insert(first.wrapping_add(page), place);
        }
        self.runs.push(bytes);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::process::ReadError;

    /// Each byte tells its address; the pages from 100 to 110 and half of the next can be read, not 105.
    #[derive(Default)]
    struct Numbered {
        asked: RefCell<Vec<(u64, u64)>>,
    }

    fn byte(address: u64) -> u8 {
        (address / PAGE + address) as u8
    }

    impl ReadMemory for Numbered {
        fn read(&self, address: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
            let (first, count) = (address.0 / PAGE, buffer.len() as u64 / PAGE);
            self.asked.borrow_mut().push((first, count));
            if (first..first + count).contains(&105) {
                let length = buffer.len() as u64;
                return Err(ReadError::Unmapped { address, length });
            }
            for (at, found) in (address.0..).zip(buffer) {
                *found = byte(at);
            }
            Ok(())
        }

        fn extent(&self, address: Addr) -> Option<Range<Addr>> {
            let all = Addr(100 * PAGE)..Addr(110 * PAGE + PAGE / 2);
            all.contains(&address).then_some(all)
        }
    }

    #[test]
    fn more_and_more_is_fetched_and_nothing_twice() {
        let (source, mut pages) = (Numbered::default(), Pages::default());
        for page in [101, 103, 107, 106, 108] {
            let address = Addr(page * PAGE + 5);
            assert!(pages.bytes(address).is_none());
            assert!(pages.fetch(&source, address, 1));
            let bytes = pages.bytes(address).unwrap();
            assert_eq!(bytes.len() as u64, PAGE - 5);
            assert_eq!(bytes[7], byte(address.0 + 7));
        }
        assert!(pages.bytes(Addr(109 * PAGE)).is_some());
        assert_eq!(
            source.asked.borrow()[..4],
            [(101, 1), (103, 1), (107, 1), (106, 1)]
        );
        assert_eq!(source.asked.borrow()[4..], [(108, 2)]);
    }

    #[test]
    fn all_that_is_wanted_is_fetched_at_once() {
        let (source, mut pages) = (Numbered::default(), Pages::default());
        assert!(pages.fetch(&source, Addr(103 * PAGE), 1));
        // No further than to one that is there; and from the middle of a page to the first byte of the next.
        assert!(pages.fetch(&source, Addr(101 * PAGE + 7), 3 * PAGE as usize));
        assert!(pages.fetch(&source, Addr(107 * PAGE + 7), PAGE as usize - 6));
        assert_eq!(*source.asked.borrow(), [(103, 1), (101, 2), (107, 2)]);
    }

    /// Like `Numbered`, with a call for several pieces.
    struct Batched(Numbered);

    impl ReadMemory for Batched {
        fn read(&self, address: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
            self.0.read(address, buffer)
        }

        fn read_first(&self, pieces: &mut [Piece]) -> usize {
            let mut count = 0;
            for piece in pieces {
                if self.0.read(piece.address, &mut piece.bytes).is_err() {
                    break;
                }
                count += 1;
            }
            count
        }

        fn extent(&self, address: Addr) -> Option<Range<Addr>> {
            self.0.extent(address)
        }
    }

    #[test]
    fn habits_are_what_was_used_and_fail_alone() {
        let (source, habits) = (Batched(Numbered::default()), Habits::default());
        *habits.0.lock().unwrap() = [101, 102, 105, 107].into();
        let mut pages = Pages::default();
        habits.fetch(&mut pages, &source);
        for (page, is_there) in [(101, true), (102, true), (105, false), (107, true)] {
            assert_eq!(pages.places.contains_key(&page), is_there, "{page}");
        }
        assert_eq!(
            pages.bytes(Addr(102 * PAGE + 1)).unwrap()[0],
            byte(102 * PAGE + 1)
        );
        habits.keep(&pages);
        assert_eq!(**habits.0.lock().unwrap(), [102]);
    }

    #[test]
    fn what_is_read_anew_takes_the_place_of_what_was_there() {
        let (source, mut pages) = (Numbered::default(), Pages::default());
        for page in [103, 101] {
            assert!(pages.fetch(&source, Addr(page * PAGE), 1));
        }
        // From the middle of one page over one that is not there into a third.
        pages.put(Addr(101 * PAGE + 100), &[7; 2 * PAGE as usize]);
        assert_eq!(
            pages.bytes(Addr(101 * PAGE + 99)).unwrap()[..2],
            [byte(101 * PAGE + 99), 7]
        );
        assert!(pages.bytes(Addr(102 * PAGE)).is_none());
        assert_eq!(
            pages.bytes(Addr(103 * PAGE + 99)).unwrap()[..2],
            [7, byte(103 * PAGE + 100)]
        );
    }

    #[test]
    fn what_cannot_be_read_around_a_page_does_not_matter() {
        let (source, mut pages) = (Numbered::default(), Pages::default());
        for page in [100, 101, 103, 104, 102] {
            assert!(pages.fetch(&source, Addr(page * PAGE), 1));
        }
        // The next would be a group of four pages, one of which is not there.
        assert!(pages.fetch(&source, Addr(106 * PAGE), 1));
        assert!(pages.bytes(Addr(106 * PAGE)).is_some());
        assert!(!pages.fetch(&source, Addr(105 * PAGE), 1));
        assert!(!pages.fetch(&source, Addr(110 * PAGE), 1));
        assert!(!pages.fetch(&source, Addr(99 * PAGE), 1));
    }
}
