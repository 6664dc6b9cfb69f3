//! What is done to each number of a block, by the widest registers that the processor has.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod portable;

/// What one pass over a block finds. Counts of what is not finite are those of [`finite`] alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Swept {
    pub sum: f64,
    pub min: f64,
    pub max: f64,
    /// Zeros and subnormal numbers.
    pub small: u64,
    pub finite: u64,
    pub nan: u64,
    pub positive_inf: u64,
}

impl Swept {
    const EMPTY: Swept = Swept {
        sum: 0.0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        small: 0,
        finite: 0,
        nan: 0,
        positive_inf: 0,
    };

    fn with(self, other: Swept) -> Swept {
        Swept {
            sum: self.sum + other.sum,
            min: smaller(other.min, self.min),
            max: larger(other.max, self.max),
            small: self.small + other.small,
            finite: self.finite + other.finite,
            nan: self.nan + other.nan,
            positive_inf: self.positive_inf + other.positive_inf,
        }
    }
}

/// Which numbers are small: the bits of their magnitude, which have the order of the numbers, are less than this.
#[derive(Debug, Clone, Copy)]
pub(super) struct Small(i64);

impl Small {
    /// Zeros, and what is less than the smallest normal number; only zeros where that is 0.
    pub(super) fn below(least_normal: f64) -> Small {
        Small(least_normal.to_bits().cast_signed().max(1))
    }

    fn has(self, number: f64) -> bool {
        number.abs().to_bits().cast_signed() < self.0
    }
}

/// Calls a function of [`avx2`] where the processor has that, else the one of the same name of [`portable`].
macro_rules! widest {
    ($name:ident $(::<$masked:literal>)? ($($argument:expr),*)) => {{
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has just been asked for what the function is compiled for.
            return unsafe { avx2::$name $(::<$masked>)? ($($argument),*) };
        }
        portable::$name $(::<$masked>)? ($($argument),*)
    }};
}

/// All numbers of a block. Only its sum has a meaning if that is not finite.
pub(super) fn all(numbers: &[f64], small: Small) -> Swept {
    widest!(sweep::<false>(numbers, small))
}

/// As far as they are finite.
pub(super) fn finite(numbers: &[f64], small: Small) -> Swept {
    widest!(sweep::<true>(numbers, small))
}

/// The sum of the squares of what they differ from the mean.
pub(super) fn squares(numbers: &[f64], mean: f64) -> f64 {
    widest!(squares::<false>(numbers, mean))
}

/// The same of those that are finite.
pub(super) fn finite_squares(numbers: &[f64], mean: f64) -> f64 {
    widest!(squares::<true>(numbers, mean))
}

/// How many are zero.
pub(super) fn zeros(numbers: &[f64]) -> u64 {
    widest!(zeros(numbers))
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

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn both_ways_find_the_same() {
        if !(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")) {
            return;
        }
        let special = [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            0.0,
            -0.0,
            5e-324,
            -1e-310,
            f64::MIN_POSITIVE,
            7.0,
            -7.0,
        ];
        for length in [0, 1, 15, 16, 31, 32, 33, 100, 257] {
            for least_normal in [0.0, f64::MIN_POSITIVE, 1e-5] {
                let small = Small::below(least_normal);
                let finite: Vec<f64> = (0..length)
                    .map(|i| f64::from(i * 37 % 101) - 50.0)
                    .collect();
                let mixed: Vec<f64> = (0..length as usize)
                    .map(|i| special.get(i * 7 % 13).copied().unwrap_or(i as f64))
                    .collect();
                // SAFETY: the processor has been asked for both.
                unsafe {
                    assert_eq!(
                        avx2::sweep::<false>(&finite, small),
                        portable::sweep::<false>(&finite, small)
                    );
                    for numbers in [&finite, &mixed] {
                        let (fast, slow) = (
                            avx2::sweep::<true>(numbers, small),
                            portable::sweep::<true>(numbers, small),
                        );
                        assert_eq!(fast, slow);
                        assert_eq!(avx2::zeros(numbers), portable::zeros(numbers));
                        assert_eq!(
                            avx2::squares::<true>(numbers, 0.5),
                            portable::squares::<true>(numbers, 0.5)
                        );
                    }
                    assert_eq!(
                        avx2::squares::<false>(&finite, 0.5),
                        portable::squares::<false>(&finite, 0.5)
                    );
                }
            }
        }
    }
}
