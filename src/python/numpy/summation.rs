//! Sums of floats with numpy's rounding (`numpy/_core/src/umath/loops_utils.h.src`): pairwise, so that the error grows with
//! the logarithm of their number.

/// Numbers that are added by eight running sums before the halves of more are added (`PW_BLOCKSIZE`).
const PAIRWISE_BLOCK: usize = 128;

pub(super) trait Float: Copy + std::ops::Add<Output = Self> {
    const ZERO: Self;
    const NEGATIVE_ZERO: Self;
}

impl Float for f32 {
    const ZERO: f32 = 0.0;
    const NEGATIVE_ZERO: f32 = -0.0;
}

impl Float for f64 {
    const ZERO: f64 = 0.0;
    const NEGATIVE_ZERO: f64 = -0.0;
}

/// The sum of the sums of so many each.
pub(super) fn sum<T: Float>(all: &[T], chunk: u64) -> T {
    let step = usize::try_from(chunk).unwrap_or(usize::MAX).max(1);
    all.chunks(step)
        .fold(T::ZERO, |total, part| total + pairwise(part))
}

/// Of few numbers one after the other, of more by eight running sums, of many by halves.
pub(super) fn pairwise<T: Float>(numbers: &[T]) -> T {
    if let Some((eight, rest)) = numbers.split_first_chunk::<8>()
        && numbers.len() <= PAIRWISE_BLOCK
    {
        let mut sums = *eight;
        let (rows, rest) = rest.as_chunks::<8>();
        for row in rows {
            for (sum, &number) in sums.iter_mut().zip(row) {
                *sum = *sum + number;
            }
        }
        let [a, b, c, d, e, f, g, h] = sums;
        let total = ((a + b) + (c + d)) + ((e + f) + (g + h));
        return rest.iter().fold(total, |total, &number| total + number);
    }
    if numbers.len() < 8 {
        return numbers
            .iter()
            .fold(T::NEGATIVE_ZERO, |total, &number| total + number);
    }
    // A multiple of eight, so that the running sums of the first half come out even.
    let half = numbers.len() / 2;
    let (left, right) = numbers.split_at(half - half % 8);
    pairwise(left) + pairwise(right)
}
