//! A table from ranges of addresses, which may overlap and nest, to what lies there.

/// Sorted by where the ranges begin.
#[derive(Debug, Clone)]
pub struct RangeTable<T> {
    entries: Vec<Entry<T>>,
}

#[derive(Debug, Clone, Copy)]
struct Entry<T> {
    begin: u64,
    end: u64,
    /// The highest end of this entry and all before it: a search to the left stops where nothing reaches far enough.
    reach: u64,
    value: T,
}

impl<T> RangeTable<T> {
    /// Empty ranges, and those from address 0, are left out: linkers write 0 for the addresses of what they dropped.
    pub fn new(ranges: impl IntoIterator<Item = (gimli::Range, T)>) -> RangeTable<T> {
        let live = |(range, _): &(gimli::Range, T)| range.begin != 0 && range.begin < range.end;
        let mut entries: Vec<_> = ranges
            .into_iter()
            .filter(live)
            .map(|(gimli::Range { begin, end }, value)| Entry {
                begin,
                end,
                reach: end,
                value,
            })
            .collect();
        // Of two with the same begin, the longer one first: it is the outer one.
        entries.sort_by_key(|entry| (entry.begin, std::cmp::Reverse(entry.end)));
        let mut reach = 0;
        for entry in &mut entries {
            reach = entry.end.max(reach);
            entry.reach = reach;
        }
        RangeTable { entries }
    }

    /// What lies at an address, the innermost first.
    pub fn covering(&self, address: u64) -> impl Iterator<Item = &T> {
        self.around(address).map(|entry| &entry.value)
    }

    /// The ranges that have an address, and what lies there.
    pub fn ranges_at(&self, address: u64) -> impl Iterator<Item = (gimli::Range, &T)> {
        self.around(address).map(|entry| {
            let Entry { begin, end, .. } = *entry;
            (gimli::Range { begin, end }, &entry.value)
        })
    }

    fn around(&self, address: u64) -> impl Iterator<Item = &Entry<T>> {
        let count = self.entries.partition_point(|entry| entry.begin <= address);
        self.entries[..count]
            .iter()
            .rev()
            .take_while(move |entry| entry.reach > address)
            .filter(move |entry| entry.end > address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn innermost_range_comes_first() {
        let range = |begin, end| gimli::Range { begin, end };
        let table = RangeTable::new([
            (range(0, 1000), "dropped by the linker"),
            (range(40, 50), "deep"),
            (range(10, 100), "outer"),
            (range(200, 210), "apart"),
            (range(40, 60), "inner"),
            (range(70, 70), "empty"),
        ]);
        let at = |address| table.covering(address).copied().collect::<Vec<_>>();
        assert_eq!(at(45), ["deep", "inner", "outer"]);
        assert_eq!(at(50), ["inner", "outer"]);
        assert_eq!(at(70), ["outer"]);
        assert_eq!(at(100), [""; 0]);
        assert_eq!(at(209), ["apart"]);
        assert_eq!(at(5), [""; 0]);
    }
}
