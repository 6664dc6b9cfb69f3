//! The numbers of one block: what is done to each element, and so what the speed rests on.
//!
//! A block fits into the first cache. It is gone through twice, for its mean and then for the squares of what its numbers differ
//! from that, as no single pass can do without losing digits. What is rare is only told apart in blocks that have any of it: numbers that
//! are not finite where the sum is not, zeros and subnormal ones where something is small.

use super::sweep::{self, Small};

/// Numbers of a block: 32 KiB of doubles.
pub(super) const BLOCK: usize = 4_096;

/// What a block, or several, come to. `m2` is the sum of the squares of the differences from the mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Partial {
    pub count: u64,
    pub finite: u64,
    pub sum: f64,
    pub m2: f64,
    pub min: f64,
    pub max: f64,
    pub nan: u64,
    pub positive_inf: u64,
    pub negative_inf: u64,
    pub zero: u64,
    pub subnormal: u64,
    /// Numbers of elements, from the first of all.
    pub first_nonzero: Option<u64>,
    pub last_nonzero: Option<u64>,
    /// Of integers that doubles do not hold.
    pub exact: Option<(i128, i128)>,
}

impl Partial {
    pub(super) const EMPTY: Partial = Partial {
        count: 0,
        finite: 0,
        sum: 0.0,
        m2: 0.0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        nan: 0,
        positive_inf: 0,
        negative_inf: 0,
        zero: 0,
        subnormal: 0,
        first_nonzero: None,
        last_nonzero: None,
        exact: None,
    };

    /// Of zeros that nobody has written.
    pub(super) fn zeros(count: u64, are_wide_integers: bool) -> Partial {
        Partial {
            count,
            finite: count,
            min: 0.0,
            max: 0.0,
            zero: count,
            exact: are_wide_integers.then_some((0, 0)),
            ..Partial::EMPTY
        }
    }

    pub(super) fn mean(&self) -> f64 {
        self.sum / self.finite as f64
    }

    /// Both together; `other` comes after it. Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for
    /// Computing Sample Variances", 1979.
    pub(super) fn with(&self, other: &Partial) -> Partial {
        let finite = self.finite + other.finite;
        let m2 = match (self.finite, other.finite) {
            (_, 0) => self.m2,
            (0, _) => other.m2,
            (own, others) => {
                let delta = other.mean() - self.mean();
                let weight = own as f64 * (others as f64 / finite as f64);
                self.m2 + other.m2 + delta * delta * weight
            }
        };
        Partial {
            count: self.count + other.count,
            finite,
            sum: self.sum + other.sum,
            m2,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            nan: self.nan + other.nan,
            positive_inf: self.positive_inf + other.positive_inf,
            negative_inf: self.negative_inf + other.negative_inf,
            zero: self.zero + other.zero,
            subnormal: self.subnormal + other.subnormal,
            first_nonzero: self.first_nonzero.or(other.first_nonzero),
            last_nonzero: other.last_nonzero.or(self.last_nonzero),
            exact: match (self.exact, other.exact) {
                (Some(own), Some(others)) => Some((own.0.min(others.0), own.1.max(others.1))),
                (own, others) => own.or(others),
            },
        }
    }
}

/// A block of at most [`BLOCK`] numbers, the first of which is number `start` of all.
pub(super) fn block(numbers: &[f64], start: u64, least_normal: f64) -> Partial {
    let small = Small::below(least_normal);
    let mut partial = Partial {
        count: numbers.len() as u64,
        finite: numbers.len() as u64,
        ..Partial::EMPTY
    };
    let mut swept = sweep::all(numbers, small);
    let is_finite = swept.sum.is_finite();
    if !is_finite {
        swept = sweep::finite(numbers, small);
        partial.finite = swept.finite;
        partial.nan = swept.nan;
        partial.positive_inf = swept.positive_inf;
        partial.negative_inf = partial.count - swept.finite - swept.nan - swept.positive_inf;
    }
    partial.sum = swept.sum;
    partial.min = swept.min;
    partial.max = swept.max;
    if partial.finite > 0 {
        partial.m2 = match is_finite {
            true => sweep::squares(numbers, partial.mean()),
            false => sweep::finite_squares(numbers, partial.mean()),
        };
    }
    if swept.small > 0 {
        partial.zero = sweep::zeros(numbers);
        partial.subnormal = swept.small - partial.zero;
    }
    if partial.zero < partial.count {
        let is_set = |&number: &f64| number != 0.0;
        let first = numbers.iter().position(is_set);
        let last = numbers.iter().rposition(is_set);
        partial.first_nonzero = first.map(|index| start + index as u64);
        partial.last_nonzero = last.map(|index| start + index as u64);
    }
    partial
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finite_is_counted_and_left_out() {
        let numbers = [
            1.0,
            f64::NAN,
            3.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            0.0,
            5e-324,
            -2.0,
            -0.0,
        ];
        let partial = block(&numbers, 10, f64::MIN_POSITIVE);
        assert_eq!((partial.count, partial.finite, partial.nan), (9, 6, 1));
        assert_eq!((partial.positive_inf, partial.negative_inf), (1, 1));
        assert_eq!((partial.zero, partial.subnormal), (2, 1));
        assert_eq!((partial.min, partial.max, partial.sum), (-2.0, 3.0, 2.0));
        assert_eq!(
            (partial.first_nonzero, partial.last_nonzero),
            (Some(10), Some(17))
        );
    }

    #[test]
    fn blocks_together_are_what_they_are_in_one() {
        let numbers: Vec<f64> = (0..BLOCK).map(|i| 1e9 + (i * 7919 % 1000) as f64).collect();
        let whole = block(&numbers, 0, 0.0);
        let (left, right) = numbers.split_at(1000);
        let both = block(left, 0, 0.0).with(&block(right, 1000, 0.0));
        assert_eq!(
            (both.min, both.max, both.count),
            (whole.min, whole.max, whole.count)
        );
        assert!(
            (both.m2 - whole.m2).abs() <= whole.m2 * 1e-12,
            "{} {}",
            both.m2,
            whole.m2
        );
        assert_eq!(Partial::EMPTY.with(&whole), whole);
    }
}
