//! Four numbers at a time, by instructions that are named: what the compiler makes of plain loops over so many running results changes
//! with their number by a factor of four.
//!
//! Of each result there are as many as the processor can have under way, so that none waits for the last.

use std::arch::x86_64::{
    __m256d, __m256i, _CMP_EQ_OQ, _CMP_LT_OQ, _CMP_UNORD_Q, _mm256_add_pd, _mm256_and_pd,
    _mm256_blendv_pd, _mm256_castpd_si256, _mm256_castsi256_pd, _mm256_cmp_pd, _mm256_cmpgt_epi64,
    _mm256_fmadd_pd, _mm256_max_pd, _mm256_min_pd, _mm256_set_pd, _mm256_set1_epi64x,
    _mm256_set1_pd, _mm256_setzero_pd, _mm256_setzero_si256, _mm256_sub_epi64, _mm256_sub_pd,
};

use super::{Small, Swept, larger, portable, smaller};

/// Numbers of a row: as many registers of four as there are sums.
const ROW: usize = 16;
const LONG_ROW: usize = 32;

/// Of the finite numbers alone where it is `MASKED`.
#[target_feature(enable = "avx2,fma")]
pub(super) fn sweep<const MASKED: bool>(numbers: &[f64], small: Small) -> Swept {
    let magnitude = _mm256_castsi256_pd(_mm256_set1_epi64x(i64::MAX));
    let limit = _mm256_set1_epi64x(small.0);
    let infinity = _mm256_set1_pd(f64::INFINITY);
    let negative_infinity = _mm256_set1_pd(f64::NEG_INFINITY);
    let mut sums = [_mm256_setzero_pd(); ROW / 4];
    let mut least = [infinity; 2];
    let mut most = [negative_infinity; 2];
    let mut small_ones = [_mm256_setzero_si256(); 2];
    let [mut finite, mut nan, mut positive] = [_mm256_setzero_si256(); 3];
    let (rows, rest) = numbers.as_chunks::<ROW>();
    for row in rows {
        let (fours, _) = row.as_chunks::<4>();
        for (index, (four, sum)) in fours.iter().zip(&mut sums).enumerate() {
            let (mut own, mut low, mut high) = {
                let four = load(*four);
                (four, four, four)
            };
            let bits = _mm256_castpd_si256(_mm256_and_pd(own, magnitude));
            let pair = index % 2;
            small_ones[pair] = counted(small_ones[pair], _mm256_cmpgt_epi64(limit, bits));
            if MASKED {
                let is_finite = is_finite(own);
                let is_nan = _mm256_cmp_pd::<_CMP_UNORD_Q>(own, own);
                let is_infinite = _mm256_cmp_pd::<_CMP_EQ_OQ>(own, infinity);
                finite = counted(finite, _mm256_castpd_si256(is_finite));
                nan = counted(nan, _mm256_castpd_si256(is_nan));
                positive = counted(positive, _mm256_castpd_si256(is_infinite));
                low = _mm256_blendv_pd(infinity, own, is_finite);
                high = _mm256_blendv_pd(negative_infinity, own, is_finite);
                own = _mm256_and_pd(own, is_finite);
            }
            *sum = _mm256_add_pd(*sum, own);
            // The second is what they give if there is a NaN.
            least[pair] = _mm256_min_pd(low, least[pair]);
            most[pair] = _mm256_max_pd(high, most[pair]);
        }
    }
    let [a, b, c, d] = sums;
    let sum = across(
        _mm256_add_pd(_mm256_add_pd(a, b), _mm256_add_pd(c, d)),
        |a, b| a + b,
    );
    let swept = Swept {
        sum,
        min: across(_mm256_min_pd(least[0], least[1]), smaller),
        max: across(_mm256_max_pd(most[0], most[1]), larger),
        small: count(small_ones[0]) + count(small_ones[1]),
        finite: count(finite),
        nan: count(nan),
        positive_inf: count(positive),
    };
    swept.with(portable::sweep::<MASKED>(rest, small))
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn squares<const MASKED: bool>(numbers: &[f64], mean: f64) -> f64 {
    let mut sums = [_mm256_setzero_pd(); LONG_ROW / 4];
    let means = _mm256_set1_pd(mean);
    let (rows, rest) = numbers.as_chunks::<LONG_ROW>();
    for row in rows {
        for (four, sum) in row.as_chunks::<4>().0.iter().zip(&mut sums) {
            let own = load(*four);
            let mut far = _mm256_sub_pd(own, means);
            if MASKED {
                far = _mm256_and_pd(far, is_finite(own));
            }
            *sum = _mm256_fmadd_pd(far, far, *sum);
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    let left = _mm256_add_pd(_mm256_add_pd(a, b), _mm256_add_pd(c, d));
    let right = _mm256_add_pd(_mm256_add_pd(e, f), _mm256_add_pd(g, h));
    across(_mm256_add_pd(left, right), |a, b| a + b) + portable::squares::<MASKED>(rest, mean)
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn zeros(numbers: &[f64]) -> u64 {
    let zero = _mm256_setzero_pd();
    let mut found = [_mm256_setzero_si256(); ROW / 4];
    let (rows, rest) = numbers.as_chunks::<ROW>();
    for row in rows {
        for (four, found) in row.as_chunks::<4>().0.iter().zip(&mut found) {
            let is_zero = _mm256_cmp_pd::<_CMP_EQ_OQ>(load(*four), zero);
            *found = counted(*found, _mm256_castpd_si256(is_zero));
        }
    }
    found.map(count).iter().sum::<u64>() + portable::zeros(rest)
}

/// One load of 32 bytes.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn load([a, b, c, d]: [f64; 4]) -> __m256d {
    _mm256_set_pd(d, c, b, a)
}

/// All bits of those that are finite.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn is_finite(numbers: __m256d) -> __m256d {
    let magnitude = _mm256_castsi256_pd(_mm256_set1_epi64x(i64::MAX));
    let infinity = _mm256_set1_pd(f64::INFINITY);
    _mm256_cmp_pd::<_CMP_LT_OQ>(_mm256_and_pd(numbers, magnitude), infinity)
}

/// Adds one where all bits are set, which is -1.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn counted(counts: __m256i, which: __m256i) -> __m256i {
    _mm256_sub_epi64(counts, which)
}

fn count(lanes: __m256i) -> u64 {
    // SAFETY: both are 32 bytes, and any bytes are numbers.
    let lanes: [u64; 4] = unsafe { std::mem::transmute(lanes) };
    lanes.iter().sum()
}

fn across(lanes: __m256d, both: impl Fn(f64, f64) -> f64) -> f64 {
    // SAFETY: both are 32 bytes, and any bytes are numbers.
    let [a, b, c, d]: [f64; 4] = unsafe { std::mem::transmute(lanes) };
    both(both(a, b), both(c, d))
}
