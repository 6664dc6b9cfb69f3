//! What a look asks of a process.

use std::collections::BTreeMap;

use crate::model::{Addr, Tid};

/// What a look asks of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Start and end of stretches of memory, without overlap and not adjacent.
    pub memory: BTreeMap<u64, u64>,
    pub system_calls: Vec<Tid>,
    /// The registers of all threads, and their stacks.
    pub stacks: bool,
}

impl Wanted {
    pub fn bytes(&self) -> u64 {
        let stretches = self.memory.iter();
        stretches
            .map(|(start, end)| end.saturating_sub(*start))
            .sum()
    }

    pub fn add_memory(&mut self, address: Addr, length: u64) {
        let (mut start, mut end) = (address.0, address.0.saturating_add(length));
        // Those that begin at or before the end, the last first, as long as they reach the start.
        while let Some((&other, &other_end)) = self.memory.range(..=end).next_back() {
            if other_end < start {
                break;
            }
            self.memory.remove(&other);
            (start, end) = (start.min(other), end.max(other_end));
        }
        self.memory.insert(start, end);
    }

    /// Leaves out the longest stretches, if it is more than `most` bytes. Whether it was.
    pub fn limit(&mut self, most: u64) -> bool {
        if self.bytes() <= most {
            return false;
        }
        let mut stretches: Vec<(u64, u64)> = std::mem::take(&mut self.memory).into_iter().collect();
        stretches.sort_by_key(|(start, end)| end.saturating_sub(*start));
        let mut room = most;
        for (start, end) in stretches {
            let length = end.saturating_sub(start);
            if length > room {
                break;
            }
            room -= length;
            self.memory.insert(start, end);
        }
        true
    }

    pub fn add(&mut self, other: Wanted) {
        for (start, end) in other.memory {
            self.add_memory(Addr(start), end.saturating_sub(start));
        }
        self.system_calls.extend(other.system_calls);
        self.stacks |= other.stacks;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_that_touch_become_one() {
        let mut wanted = Wanted::default();
        for (start, length) in [(10, 10), (30, 10), (50, 5), (20, 5), (0, 1)] {
            wanted.add_memory(Addr(start), length);
        }
        assert_eq!(
            wanted.memory,
            BTreeMap::from([(0, 1), (10, 25), (30, 40), (50, 55)])
        );
        wanted.add_memory(Addr(24), 30);
        assert_eq!(wanted.memory, BTreeMap::from([(0, 1), (10, 55)]));
        wanted.add_memory(Addr(u64::MAX), 10);
        assert_eq!(wanted.memory.len(), 3);
    }

    #[test]
    fn the_longest_stretches_are_left_out_first() {
        let mut wanted = Wanted::default();
        for (start, length) in [(0, 100), (200, 10), (300, 20)] {
            wanted.add_memory(Addr(start), length);
        }
        assert!(!wanted.limit(130));
        assert!(wanted.limit(129));
        assert_eq!(wanted.memory, BTreeMap::from([(200, 210), (300, 320)]));
    }
}
