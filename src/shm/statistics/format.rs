//! Numbers of all formats as doubles.

use super::key::KeyKind;
use crate::array::real::{Real, brain, to_half};
use crate::array::text::wide;
use crate::array::{ByteOrder, ElementType, Kind, Width};

/// How a number lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::shm) struct Format {
    kind: Number,
    big: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Bool,
    Signed(u64),
    Unsigned(u64),
    Half,
    Brain,
    Single,
    Double,
    Extended,
    /// With a count that means that there is none.
    Time,
}

impl Format {
    /// Of elements that are one number each.
    pub(in crate::shm) fn of(element: &ElementType) -> Option<Format> {
        let kind = match element.kind {
            Kind::Bool => Number::Bool,
            Kind::Integer { signed: true } => Number::Signed(element.size),
            Kind::Integer { signed: false } => Number::Unsigned(element.size),
            Kind::Real(Width::Half) => Number::Half,
            Kind::Real(Width::Brain) => Number::Brain,
            Kind::Real(Width::Single) => Number::Single,
            Kind::Real(Width::Double) => Number::Double,
            Kind::Real(Width::Extended) => Number::Extended,
            Kind::Moment(_) | Kind::Span(_) => Number::Time,
            _ => return None,
        };
        Some(Format {
            kind,
            big: element.order == ByteOrder::Big,
        })
    }

    /// Below this a number other than zero is subnormal; 0 where there are none.
    pub(in crate::shm) fn least_normal(self) -> f64 {
        match self.kind {
            Number::Half => 6.103_515_625e-5,
            Number::Brain | Number::Single => f32::MIN_POSITIVE.into(),
            Number::Double => f64::MIN_POSITIVE,
            // Those of the x87's numbers are smaller than any double.
            _ => 0.0,
        }
    }

    /// Whether the numbers as they lie there are doubles of the machine.
    pub(in crate::shm) fn is_double(self) -> bool {
        self.kind == Number::Double && !self.big
    }

    pub(in crate::shm) fn is_integer(self) -> bool {
        matches!(
            self.kind,
            Number::Bool | Number::Signed(_) | Number::Unsigned(_) | Number::Time
        )
    }

    /// Appends them. `bytes` are of whole numbers.
    pub(in crate::shm) fn decode(self, bytes: &[u8], out: &mut Vec<f64>) {
        fn each<const N: usize>(
            bytes: &[u8],
            out: &mut Vec<f64>,
            big: bool,
            of: impl Fn([u8; N]) -> f64,
        ) {
            let (numbers, _) = bytes.as_chunks::<N>();
            match big {
                false => out.extend(numbers.iter().map(|number| of(*number))),
                true => out.extend(numbers.iter().map(|number| {
                    let mut turned = *number;
                    turned.reverse();
                    of(turned)
                })),
            }
        }
        let big = self.big;
        match self.kind {
            Number::Bool => each(bytes, out, big, |[byte]| f64::from(u8::from(byte != 0))),
            Number::Signed(1) => each(bytes, out, big, |b| i8::from_le_bytes(b).into()),
            Number::Signed(2) => each(bytes, out, big, |b| i16::from_le_bytes(b).into()),
            Number::Signed(4) => each(bytes, out, big, |b| i32::from_le_bytes(b).into()),
            Number::Signed(8) => each(bytes, out, big, |b| i64::from_le_bytes(b) as f64),
            Number::Signed(_) => each(bytes, out, big, |b| i128::from_le_bytes(b) as f64),
            Number::Unsigned(1) => each(bytes, out, big, |b| u8::from_le_bytes(b).into()),
            Number::Unsigned(2) => each(bytes, out, big, |b| u16::from_le_bytes(b).into()),
            Number::Unsigned(4) => each(bytes, out, big, |b| u32::from_le_bytes(b).into()),
            Number::Unsigned(8) => each(bytes, out, big, |b| u64::from_le_bytes(b) as f64),
            Number::Unsigned(_) => each(bytes, out, big, |b| u128::from_le_bytes(b) as f64),
            Number::Half => each(bytes, out, big, |b| half(u16::from_le_bytes(b))),
            Number::Brain => each(bytes, out, big, |b| brain(u16::from_le_bytes(b)).into()),
            Number::Single => each(bytes, out, big, |b| f32::from_le_bytes(b).into()),
            Number::Double => each(bytes, out, big, f64::from_le_bytes),
            Number::Extended => each(bytes, out, big, |b: [u8; 16]| extended(&b)),
            Number::Time => each(bytes, out, big, |b| match i64::from_le_bytes(b) {
                i64::MIN => f64::NAN,
                count => count as f64,
            }),
        }
    }

    /// The number of this format next to a double that is meant as one.
    pub(in crate::shm) fn rounded(self, value: f64) -> f64 {
        match self.kind {
            Number::Half => half(to_half(value)),
            Number::Single => f64::from(value as f32),
            // Rounded half to even, as ml_dtypes does.
            Number::Brain => {
                let bits = (value as f32).to_bits();
                let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
                brain(rounded as u16).into()
            }
            _ => value,
        }
    }

    /// The value of one integer; nothing if it is a time that is none, or no integer.
    pub(in crate::shm) fn integer(self, bytes: &[u8]) -> Option<i128> {
        let mut turned = [0; 16];
        let turned = turned.get_mut(..bytes.len())?;
        turned.copy_from_slice(bytes);
        if self.big {
            turned.reverse();
        }
        match self.kind {
            Number::Bool => Some(i128::from(turned.first() != Some(&0))),
            Number::Signed(_) => Some(wide(turned, true)),
            Number::Unsigned(_) => Some(wide(turned, false)),
            Number::Time => Some(wide(turned, true)).filter(|&count| count != i64::MIN.into()),
            _ => None,
        }
    }

    /// What the keys of its numbers are made from ([`key`](super::key)).
    pub(super) fn key_kind(self) -> KeyKind {
        match self.kind {
            Number::Signed(8) | Number::Time => KeyKind::Signed,
            Number::Unsigned(8) => KeyKind::Unsigned,
            _ => KeyKind::Double,
        }
    }

    /// The key of a number of 8 bytes that doubles do not hold; none of a time that is none.
    pub(super) fn long_key(self, mut bytes: [u8; 8]) -> Option<u64> {
        if self.big {
            bytes.reverse();
        }
        let bits = u64::from_le_bytes(bytes);
        match self.kind {
            Number::Time if bits == 1 << 63 => None,
            Number::Signed(_) | Number::Time => Some(bits ^ 1 << 63),
            _ => Some(bits),
        }
    }

    /// The smallest and the largest of integers that doubles do not hold exactly; nothing of other numbers.
    pub(in crate::shm) fn exact_extremes(self, bytes: &[u8]) -> Option<(i128, i128)> {
        fn extremes<const N: usize>(
            bytes: &[u8],
            big: bool,
            of: impl Fn([u8; N]) -> Option<i128>,
        ) -> Option<(i128, i128)> {
            let mut found: Option<(i128, i128)> = None;
            for number in bytes.as_chunks::<N>().0 {
                let mut number = *number;
                if big {
                    number.reverse();
                }
                if let Some(value) = of(number) {
                    let (least, most) = found.unwrap_or((value, value));
                    found = Some((least.min(value), most.max(value)));
                }
            }
            found
        }
        match self.kind {
            Number::Signed(8) => extremes(bytes, self.big, |b| Some(i64::from_le_bytes(b).into())),
            Number::Signed(16) => extremes(bytes, self.big, |b| Some(i128::from_le_bytes(b))),
            Number::Unsigned(8) => {
                extremes(bytes, self.big, |b| Some(u64::from_le_bytes(b).into()))
            }
            Number::Time => extremes(bytes, self.big, |b| match i64::from_le_bytes(b) {
                i64::MIN => None,
                count => Some(count.into()),
            }),
            _ => None,
        }
    }
}

/// IEEE 754 binary16, by way of a single whose exponent is put right: every half is exact in one.
fn half(bits: u16) -> f64 {
    const MAGNITUDE: u16 = 0x7fff;
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let single = match bits & MAGNITUDE {
        special @ 0x7c00.. => f32::from_bits(0x7f80_0000 | u32::from(special & 0x3ff) << 13),
        // 2^112 is between the biases of the exponents, 127 and 15.
        finite => f32::from_bits(u32::from(finite) << 13) * f32::from_bits(0x7780_0000),
    };
    sign * f64::from(single)
}

/// The double next to one of the x87's numbers.
fn extended(bytes: &[u8]) -> f64 {
    let Some(Real::Extended { mantissa, exponent }) = Real::from_bytes(Width::Extended, bytes)
    else {
        return f64::NAN;
    };
    let real = Real::Extended { mantissa, exponent };
    let sign = if real.is_negative() { -1.0 } else { 1.0 };
    if real.is_nan() {
        return f64::NAN;
    }
    if !real.is_finite() {
        return sign * f64::INFINITY;
    }
    // Twice, since neither half need be within the range of a double.
    let power = i32::from(exponent & 0x7fff) - 16383 - 63;
    sign * (mantissa as f64) * 2_f64.powi(power / 2) * 2_f64.powi(power - power / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_is_what_it_is_elsewhere() {
        for bits in 0..=u16::MAX {
            let (fast, known) = (half(bits), crate::array::real::half(bits));
            assert!(
                fast.to_bits() == known.to_bits() || fast.is_nan() && known.is_nan(),
                "{bits:x}"
            );
        }
    }
}
