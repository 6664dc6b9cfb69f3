//! Keys that are kept on the way through all elements: of few elements all, of many a sample.

use super::format::Format;
use super::key::{KeyKind, each_key, key_at};

/// So many elements are all kept.
pub(super) const FEW: u64 = 1 << 20;
/// Elements of a sample, or up to twice as many.
const SAMPLE: u64 = 1 << 17;

/// Which elements are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gathering {
    Nothing,
    All,
    /// One out of so many that follow each other.
    OneOf(u64),
}

impl Gathering {
    pub(super) fn of(count: u64) -> Gathering {
        match count {
            0..=FEW => Gathering::All,
            _ => Gathering::OneOf(count / SAMPLE),
        }
    }
}

/// What was kept: keys, and how many zeros there are besides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Gathered {
    pub keys: Vec<u64>,
    pub zeros: u64,
}

impl Gathered {
    pub(super) fn take(
        &mut self,
        gathering: Gathering,
        format: Format,
        first: u64,
        numbers: &[f64],
        bytes: &[u8],
    ) {
        match gathering {
            Gathering::Nothing => {}
            Gathering::All => each_key(format, numbers, bytes, |key| self.keys.push(key)),
            Gathering::OneOf(run) => {
                let end = first + numbers.len() as u64;
                let mut number = first / run;
                while number * run < end {
                    let chosen = chosen(number, run);
                    if (first..end).contains(&chosen) {
                        let index = (chosen - first) as usize;
                        self.keys.extend(key_at(format, numbers, bytes, index));
                    }
                    number += 1;
                }
            }
        }
    }

    /// Of a hole.
    pub(super) fn take_zeros(&mut self, gathering: Gathering, first: u64, count: u64) {
        self.zeros += match gathering {
            Gathering::Nothing => 0,
            Gathering::All => count,
            Gathering::OneOf(run) => {
                let end = first + count;
                let is_chosen = |number: u64| (first..end).contains(&chosen(number, run));
                let (whole, behind) = (first.div_ceil(run), end / run);
                if whole > behind {
                    // All within one run.
                    u64::from(is_chosen(behind))
                } else {
                    let before = whole > first / run && is_chosen(whole - 1);
                    behind - whole + u64::from(before) + u64::from(is_chosen(behind))
                }
            }
        };
    }

    pub(super) fn append(&mut self, other: &mut Gathered) {
        self.keys.append(&mut other.keys);
        self.zeros += other.zeros;
    }

    /// How many numbers it stands for itself.
    pub(super) fn count(&self) -> u64 {
        self.keys.len() as u64 + self.zeros
    }

    /// The key of a hole.
    pub(super) fn zero(format: Format) -> u64 {
        match format.key_kind() {
            KeyKind::Unsigned => 0,
            KeyKind::Double | KeyKind::Signed => 1 << 63,
        }
    }
}

/// Which element of a run is kept: as if by chance, so that no pattern in the numbers falls together with it, and the same each time.
fn chosen(number: u64, run: u64) -> u64 {
    number * run + mixed(number) % run
}

/// All bits of a number mixed: the end of MurmurHash3 (Appleby).
pub(super) fn mixed(number: u64) -> u64 {
    let mut bits = number ^ number >> 33;
    bits = bits.wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ bits >> 33
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::dtype;

    #[test]
    fn a_hole_counts_as_the_zeros_that_it_is() {
        let element = dtype::parse("f64").unwrap();
        let format = Format::of(&element).unwrap();
        for run in [1, 3, 10] {
            let gathering = Gathering::OneOf(run);
            for first in 0..25 {
                for count in 1..40_u64 {
                    let numbers = vec![0.0; count as usize];
                    let mut read = Gathered::default();
                    read.take(gathering, format, first, &numbers, &[]);
                    let mut hole = Gathered::default();
                    hole.take_zeros(gathering, first, count);
                    assert_eq!(read.count(), hole.count(), "{run} {first} {count}");
                }
            }
        }
    }
}
