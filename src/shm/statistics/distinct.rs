//! How many different numbers there are: counted up to a bound, and estimated beyond it.

use std::sync::atomic::{AtomicBool, Ordering};

use rustc_hash::FxHashSet;

use super::gathered::mixed;

/// So many different numbers are counted.
pub(super) const MOST_COUNTED: usize = 1 << 16;
/// Bits of a hash that choose a register of the sketch: its relative standard error is 1.04 / √2^14.
const REGISTER_BITS: u32 = 14;
const REGISTERS: usize = 1 << REGISTER_BITS;
/// The other bits, of which the zeros at the beginning are counted.
const RANKS: usize = 64 - REGISTER_BITS as usize;

/// The relative standard error of an estimate.
pub(super) const STANDARD_ERROR: f64 = 0.0081;

/// Different keys among those that were added: all of them, as long as there are few, and a HyperLogLog sketch (Flajolet et al., 2007).
#[derive(Debug, Clone)]
pub(super) struct Distinct<'f> {
    few: FxHashSet<u64>,
    /// Somebody has found more than are counted.
    are_many: &'f AtomicBool,
    registers: Vec<u8>,
    last: Option<u64>,
}

impl<'f> Distinct<'f> {
    pub(super) fn new(are_many: &'f AtomicBool) -> Distinct<'f> {
        Distinct {
            few: FxHashSet::default(),
            are_many,
            registers: vec![0; REGISTERS],
            last: None,
        }
    }

    #[inline(always)]
    pub(super) fn add(&mut self, key: u64) {
        if self.last == Some(key) {
            return;
        }
        self.last = Some(key);
        let hash = mixed(key);
        let register = (hash >> RANKS) as usize;
        let rest = hash << REGISTER_BITS | 1 << (REGISTER_BITS - 1);
        let rank = rest.leading_zeros() as u8 + 1;
        if let Some(register) = self.registers.get_mut(register) {
            *register = rank.max(*register);
        }
        if !self.are_many.load(Ordering::Relaxed) {
            self.few.insert(key);
            self.check();
        }
    }

    fn check(&mut self) {
        if self.few.len() > MOST_COUNTED {
            self.are_many.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn join(mut self, mut other: Distinct<'f>) -> Distinct<'f> {
        for (own, others) in self.registers.iter_mut().zip(&other.registers) {
            *own = (*own).max(*others);
        }
        if self.are_many.load(Ordering::Relaxed) {
            self.few = FxHashSet::default();
        } else {
            if self.few.len() < other.few.len() {
                std::mem::swap(&mut self.few, &mut other.few);
            }
            self.few.extend(other.few);
            self.check();
        }
        self
    }

    /// How many there are if they were counted.
    pub(super) fn count(&self) -> Option<u64> {
        let is_counted = !self.are_many.load(Ordering::Relaxed);
        is_counted.then_some(self.few.len() as u64)
    }

    /// About how many. Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", 2017: without a bias at any size.
    pub(super) fn estimate(&self) -> u64 {
        let mut counts = [0_u64; RANKS + 2];
        for &rank in &self.registers {
            if let Some(count) = counts.get_mut(usize::from(rank)) {
                *count += 1;
            }
        }
        let all = REGISTERS as f64;
        let [empty, between @ .., full] = counts;
        let mut sum = all * tau(1.0 - full as f64 / all);
        for &count in between.iter().rev() {
            sum = 0.5 * (sum + count as f64);
        }
        sum += all * sigma(empty as f64 / all);
        (all / (2.0 * std::f64::consts::LN_2) * all / sum).round() as u64
    }
}

fn sigma(share: f64) -> f64 {
    if share == 1.0 {
        return f64::INFINITY;
    }
    let (mut x, mut y, mut sum) = (share, 1.0, share);
    loop {
        let before = sum;
        x *= x;
        sum += x * y;
        y += y;
        if sum == before {
            return sum;
        }
    }
}

fn tau(share: f64) -> f64 {
    if share == 0.0 || share == 1.0 {
        return 0.0;
    }
    let (mut x, mut y, mut sum) = (share, 1.0, 1.0 - share);
    loop {
        let before = sum;
        x = x.sqrt();
        y *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * y;
        if sum == before {
            return sum / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_counted_and_many_estimated() {
        for count in [0, 1, 1000, MOST_COUNTED as u64, 70_000, 200_000] {
            let are_many = AtomicBool::new(false);
            let mut parts = [Distinct::new(&are_many), Distinct::new(&are_many)];
            for number in 0..count {
                // Each twice, and some in both.
                parts[0].add(number);
                parts[usize::from(number % 3 == 0)].add(number);
            }
            let [one, other] = parts;
            let both = one.join(other);
            let is_few = count <= MOST_COUNTED as u64;
            assert_eq!(both.count(), is_few.then_some(count));
            let off = both.estimate() as f64 - count as f64;
            assert!(
                off.abs() <= 4.0 * STANDARD_ERROR * count as f64,
                "{count}: {}",
                both.estimate()
            );
        }
    }
}
