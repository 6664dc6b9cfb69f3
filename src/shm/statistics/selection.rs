//! The numbers of certain ranks among more than are kept: by going through them again, each time with more of their digits known.

/// Bits that are told apart in one pass.
pub(super) const BITS: u32 = 14;
const BUCKETS: usize = 1 << BITS;
/// So many keys are kept, and sorted, instead of one more pass.
const FEW: u64 = 1 << 20;

/// Keys that agree in all bits from `shift` on, and the ranks that are looked for among them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    prefix: u64,
    /// How many keys are less than all of these.
    below: u64,
    count: u64,
    ranks: Vec<u64>,
}

/// What is known before a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection {
    /// By their prefixes.
    spans: Vec<Span>,
    /// Bits of a key that are not known.
    shift: u32,
    /// So many keys are kept.
    few: u64,
    /// Ranks and their keys.
    found: Vec<(u64, u64)>,
}

/// What one pass finds: of each span how many keys are in each part of it, or all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Pass {
    counts: Vec<Vec<u64>>,
    keys: Vec<u64>,
}

impl Selection {
    /// Looks for the keys of these ranks, from 0 on, among so many.
    pub(super) fn new(ranks: Vec<u64>, count: u64) -> Selection {
        let all = Span {
            prefix: 0,
            below: 0,
            count,
            ranks,
        };
        Selection {
            spans: vec![all],
            shift: 64,
            few: FEW,
            found: Vec::new(),
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.spans.is_empty()
    }

    fn keeps(&self) -> bool {
        self.spans.iter().map(|span| span.count).sum::<u64>() <= self.few
    }

    pub(super) fn empty_pass(&self) -> Pass {
        let counts = match self.keeps() {
            true => Vec::new(),
            false => vec![vec![0; BUCKETS.min(1 << self.shift.min(BITS))]; self.spans.len()],
        };
        Pass {
            counts,
            keys: Vec::new(),
        }
    }

    /// So many times a key, in a pass.
    #[inline(always)]
    pub(super) fn add(&self, pass: &mut Pass, key: u64, times: u64) {
        let prefix = match self.shift {
            64 => 0,
            shift => key >> shift,
        };
        for (index, span) in self.spans.iter().enumerate() {
            if span.prefix != prefix {
                continue;
            }
            match pass.counts.get_mut(index) {
                Some(counts) => {
                    let rest = self.shift.saturating_sub(BITS);
                    let bucket = (key >> rest) as usize % counts.len();
                    if let Some(count) = counts.get_mut(bucket) {
                        *count += times;
                    }
                }
                // No more than there are in a few, unless somebody writes meanwhile.
                None => pass.keys.extend((0..times.min(self.few)).map(|_| key)),
            }
            return;
        }
    }

    /// Takes what a pass has found.
    pub(super) fn narrow(&mut self, pass: Pass) {
        if pass.counts.is_empty() {
            self.select(pass.keys);
            return;
        }
        let rest = self.shift.saturating_sub(BITS);
        let bits = self.shift - rest;
        let mut spans: Vec<Span> = Vec::new();
        for (span, counts) in self.spans.iter().zip(&pass.counts) {
            let mut below = span.below;
            let mut ranks = span.ranks.iter().copied().peekable();
            for (bucket, &count) in counts.iter().enumerate() {
                let mut own = Vec::new();
                while let Some(rank) = ranks.next_if(|&rank| rank < below + count) {
                    own.push(rank);
                }
                if !own.is_empty() {
                    spans.push(Span {
                        prefix: span.prefix << bits | bucket as u64,
                        below,
                        count,
                        ranks: own,
                    });
                }
                below += count;
            }
        }
        self.shift = rest;
        self.spans = spans;
        if rest == 0 {
            let known = self.spans.drain(..).flat_map(|span| {
                let key = span.prefix;
                span.ranks.into_iter().map(move |rank| (rank, key))
            });
            self.found.extend(known);
        }
    }

    fn select(&mut self, mut keys: Vec<u64>) {
        keys.sort_unstable();
        let mut at = 0;
        for span in self.spans.drain(..) {
            for rank in span.ranks {
                // As many as were counted, unless somebody has written meanwhile.
                let index = at + (rank - span.below) as usize;
                let key = keys.get(index).or(keys.last());
                self.found.extend(key.map(|&key| (rank, key)));
            }
            at += span.count as usize;
        }
    }

    /// Ranks and their keys.
    pub(super) fn found(mut self) -> Vec<(u64, u64)> {
        self.found.sort_unstable();
        self.found
    }
}

impl Pass {
    pub(super) fn join(mut self, mut other: Pass) -> Pass {
        for (own, others) in self.counts.iter_mut().zip(&other.counts) {
            for (own, others) in own.iter_mut().zip(others) {
                *own += others;
            }
        }
        self.keys.append(&mut other.keys);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::statistics::gathered::mixed;

    fn select(keys: &[u64], ranks: &[u64]) -> Vec<u64> {
        let mut selection = Selection {
            few: 100,
            ..Selection::new(ranks.to_vec(), keys.len() as u64)
        };
        let mut passes = 0;
        while !selection.is_done() {
            let (left, right) = keys.split_at(keys.len() / 3);
            let parts = [left, right].map(|keys| {
                let mut pass = selection.empty_pass();
                for &key in keys {
                    selection.add(&mut pass, key, 1);
                }
                pass
            });
            let [one, other] = parts;
            selection.narrow(one.join(other));
            passes += 1;
            assert!(passes <= 5);
        }
        selection.found().into_iter().map(|(_, key)| key).collect()
    }

    #[test]
    fn ranks_are_those_of_sorted_keys() {
        let many = 30_000;
        let scattered: Vec<u64> = (0..many).map(mixed).collect();
        let same: Vec<u64> = (0..many)
            .map(|i| if i % 5 == 0 { i } else { 1 << 40 })
            .collect();
        for keys in [scattered, same, vec![7; 10], vec![3, 1, 2]] {
            let count = keys.len() as u64;
            let ranks = [0, count / 100, count / 2, count / 2 + 1, count - 1];
            let mut sorted = keys.clone();
            sorted.sort_unstable();
            let expected: Vec<u64> = ranks.iter().map(|&rank| sorted[rank as usize]).collect();
            let mut found = select(&keys, &ranks);
            found.dedup();
            let mut expected = expected;
            expected.dedup();
            assert_eq!(found, expected);
        }
    }
}
