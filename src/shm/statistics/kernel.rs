//! The numbers of one block: what is done to each element, and so what the speed rests on.
//!
//! A block fits into the first cache. It is gone through twice, for its mean and then for the squares of what its numbers differ
//! from that, as no single pass can do without losing digits. What is rare (numbers that are not finite, zeros) is only counted in blocks
//! whose sum and whose smallest magnitude say that there is any.

/// Numbers of a block: 32 KiB of doubles.
pub(super) const BLOCK: usize = 4_096;
/// Running sums that do not wait for each other.
const LANES: usize = 8;

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

/// What one pass over a block finds. Without meaning if the sum is not finite.
#[derive(Debug, Clone, Copy)]
struct Swept {
    sum: f64,
    min: f64,
    max: f64,
    least_magnitude: f64,
}

/// A block of at most [`BLOCK`] numbers, the first of which is number `start` of all.
pub(super) fn block(numbers: &[f64], start: u64, least_normal: f64) -> Partial {
    let mut partial = Partial {
        count: numbers.len() as u64,
        ..Partial::EMPTY
    };
    let swept = sweep(numbers);
    if swept.sum.is_finite() {
        partial.finite = partial.count;
        partial.sum = swept.sum;
        partial.min = swept.min;
        partial.max = swept.max;
        partial.m2 = squares(numbers, partial.mean());
    } else {
        finite_alone(numbers, &mut partial);
    }
    if swept.least_magnitude < least_normal
        || swept.least_magnitude == 0.0
        || !swept.sum.is_finite()
    {
        let (zero, small) = small(numbers, least_normal);
        partial.zero = zero;
        partial.subnormal = small.saturating_sub(zero);
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

/// As far as they are numbers, and finite.
fn finite_alone(numbers: &[f64], partial: &mut Partial) {
    let mut finite = Vec::with_capacity(numbers.len());
    for &number in numbers {
        if number.is_finite() {
            finite.push(number);
        } else if number.is_nan() {
            partial.nan += 1;
        } else if number > 0.0 {
            partial.positive_inf += 1;
        } else {
            partial.negative_inf += 1;
        }
    }
    let swept = sweep(&finite);
    partial.finite = finite.len() as u64;
    partial.sum = swept.sum;
    partial.min = swept.min;
    partial.max = swept.max;
    if !finite.is_empty() {
        partial.m2 = squares(&finite, partial.mean());
    }
}

fn sweep(numbers: &[f64]) -> Swept {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor has just been asked for what the function is compiled for.
        return unsafe { sweep_avx2(numbers) };
    }
    sweep_any(numbers)
}

fn squares(numbers: &[f64], mean: f64) -> f64 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor has just been asked for what the function is compiled for.
        return unsafe { squares_avx2(numbers, mean) };
    }
    squares_any(numbers, mean)
}

/// How many are zero, and how many are zero or smaller than the least normal number. Of a least normal number of 0 only the zeros.
fn small(numbers: &[f64], least_normal: f64) -> (u64, u64) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor has just been asked for what the function is compiled for.
        return unsafe { small_avx2(numbers, least_normal) };
    }
    small_any(numbers, least_normal)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn small_avx2(numbers: &[f64], least_normal: f64) -> (u64, u64) {
    small_any(numbers, least_normal)
}

/// Without a branch: zeros come in any order.
#[inline(always)]
fn small_any(numbers: &[f64], least_normal: f64) -> (u64, u64) {
    let mut zero = [0_u64; LANES];
    let mut below = [0_u64; LANES];
    let (rows, rest) = numbers.as_chunks::<LANES>();
    for row in rows {
        for lane in 0..LANES {
            zero[lane] += u64::from(row[lane] == 0.0);
            below[lane] += u64::from(row[lane].abs() < least_normal);
        }
    }
    for (lane, &number) in rest.iter().enumerate() {
        zero[lane] += u64::from(number == 0.0);
        below[lane] += u64::from(number.abs() < least_normal);
    }
    (zero.iter().sum(), below.iter().sum())
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn sweep_avx2(numbers: &[f64]) -> Swept {
    sweep_any(numbers)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn squares_avx2(numbers: &[f64], mean: f64) -> f64 {
    squares_any(numbers, mean)
}

/// Comparisons that are no methods, since those of `f64` ask for NaNs too, and the compiler makes single instructions of these.
#[inline(always)]
fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

#[inline(always)]
fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

#[inline(always)]
fn sweep_any(numbers: &[f64]) -> Swept {
    let mut sum = [0.0; LANES];
    let mut min = [f64::INFINITY; LANES];
    let mut max = [f64::NEG_INFINITY; LANES];
    let mut least = [f64::INFINITY; LANES];
    let (rows, rest) = numbers.as_chunks::<LANES>();
    for row in rows {
        for lane in 0..LANES {
            let number = row[lane];
            sum[lane] += number;
            min[lane] = smaller(number, min[lane]);
            max[lane] = larger(number, max[lane]);
            least[lane] = smaller(number.abs(), least[lane]);
        }
    }
    for (lane, &number) in rest.iter().enumerate() {
        sum[lane] += number;
        min[lane] = smaller(number, min[lane]);
        max[lane] = larger(number, max[lane]);
        least[lane] = smaller(number.abs(), least[lane]);
    }
    Swept {
        sum: across(sum, |a, b| a + b),
        min: across(min, smaller),
        max: across(max, larger),
        least_magnitude: across(least, smaller),
    }
}

#[inline(always)]
fn squares_any(numbers: &[f64], mean: f64) -> f64 {
    let mut sum = [0.0; LANES];
    let (rows, rest) = numbers.as_chunks::<LANES>();
    for row in rows {
        for lane in 0..LANES {
            let far = row[lane] - mean;
            sum[lane] += far * far;
        }
    }
    for (lane, &number) in rest.iter().enumerate() {
        sum[lane] += (number - mean) * (number - mean);
    }
    across(sum, |a, b| a + b)
}

#[inline(always)]
fn across(lanes: [f64; LANES], both: impl Fn(f64, f64) -> f64) -> f64 {
    let [a, b, c, d, e, f, g, h] = lanes;
    both(both(both(a, b), both(c, d)), both(both(e, f), both(g, h)))
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
