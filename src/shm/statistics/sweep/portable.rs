//! Without the instructions of a certain processor. What is left over of the rows of [`avx2`](super::avx2) comes here too.

use super::{Small, Swept, larger, smaller};

/// Running sums that do not wait for each other.
const LANES: usize = 8;

/// Of the finite numbers alone where it is `MASKED`.
#[inline(always)]
pub(super) fn sweep<const MASKED: bool>(numbers: &[f64], small: Small) -> Swept {
    let mut sum = [0.0; LANES];
    let mut swept = Swept::EMPTY;
    for row in numbers.chunks(LANES) {
        for (sum, &number) in sum.iter_mut().zip(row) {
            swept.small += u64::from(small.has(number));
            if MASKED {
                swept.nan += u64::from(number.is_nan());
                swept.positive_inf += u64::from(number == f64::INFINITY);
                if !number.is_finite() {
                    continue;
                }
                swept.finite += 1;
            }
            *sum += number;
            swept.min = smaller(number, swept.min);
            swept.max = larger(number, swept.max);
        }
    }
    swept.sum = pairwise(sum);
    swept
}

#[inline(always)]
pub(super) fn squares<const MASKED: bool>(numbers: &[f64], mean: f64) -> f64 {
    let mut sum = [0.0; LANES];
    for row in numbers.chunks(LANES) {
        for (sum, &number) in sum.iter_mut().zip(row) {
            if !MASKED || number.is_finite() {
                *sum += (number - mean) * (number - mean);
            }
        }
    }
    pairwise(sum)
}

#[inline(always)]
pub(super) fn zeros(numbers: &[f64]) -> u64 {
    numbers.iter().map(|&number| u64::from(number == 0.0)).sum()
}

fn pairwise(lanes: [f64; LANES]) -> f64 {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}
