//! Real numbers of numpy's four widths.

use super::decimal::{Decimal, Exact};
use super::element::Width;

/// One number as its bits, which tell it exactly.
#[derive(Debug, Clone, Copy)]
pub enum Real {
    /// As a double, which holds every half exactly, and its bits.
    Half(f64, u16),
    /// The bits of a bfloat16.
    Brain(u16),
    Single(f32),
    Double(f64),
    Extended {
        mantissa: u64,
        /// With the sign in bit 15.
        exponent: u16,
    },
}

impl Real {
    /// From bytes in the machine's order; the first of them if there are more.
    pub fn from_bytes(width: Width, bytes: &[u8]) -> Option<Real> {
        fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
            bytes.get(..N)?.try_into().ok()
        }
        Some(match width {
            Width::Half => {
                let bits = u16::from_le_bytes(array(bytes)?);
                Real::Half(half(bits), bits)
            }
            Width::Brain => Real::Brain(u16::from_le_bytes(array(bytes)?)),
            Width::Single => Real::Single(f32::from_le_bytes(array(bytes)?)),
            Width::Double => Real::Double(f64::from_le_bytes(array(bytes)?)),
            Width::Extended => Real::Extended {
                mantissa: u64::from_le_bytes(array(bytes)?),
                exponent: u16::from_le_bytes(array(bytes.get(8..)?)?),
            },
        })
    }

    pub fn is_negative(self) -> bool {
        match self {
            Real::Half(_, bits) | Real::Brain(bits) => bits >> 15 == 1,
            Real::Single(value) => value.is_sign_negative(),
            Real::Double(value) => value.is_sign_negative(),
            Real::Extended { exponent, .. } => exponent >> 15 == 1,
        }
    }

    pub fn is_nan(self) -> bool {
        match self {
            Real::Half(value, _) | Real::Double(value) => value.is_nan(),
            Real::Brain(bits) => brain(bits).is_nan(),
            Real::Single(value) => value.is_nan(),
            // Without the leading bit it is no number of the x87 at all.
            Real::Extended { mantissa, exponent } => match exponent & 0x7fff {
                0x7fff => mantissa != 1 << 63,
                0 => false,
                _ => mantissa >> 63 == 0,
            },
        }
    }

    pub fn is_finite(self) -> bool {
        match self {
            Real::Half(value, _) | Real::Double(value) => value.is_finite(),
            Real::Brain(bits) => brain(bits).is_finite(),
            Real::Single(value) => value.is_finite(),
            Real::Extended { exponent, .. } => exponent & 0x7fff != 0x7fff && !self.is_nan(),
        }
    }

    pub fn is_zero(self) -> bool {
        match self {
            Real::Half(value, _) | Real::Double(value) => value == 0.0,
            Real::Brain(bits) => bits & 0x7fff == 0,
            Real::Single(value) => value == 0.0,
            Real::Extended { mantissa, .. } => mantissa == 0,
        }
    }

    /// Without the sign. Only of a finite number that is not zero.
    pub fn exact(self) -> Exact {
        let of = |fraction: u64, exponent: u64, bits: i32, bias: i32| match exponent {
            0 => Exact {
                mantissa: fraction,
                exponent: 1 - bias - bits,
                narrow_below: false,
            },
            _ => Exact {
                mantissa: fraction | 1 << bits,
                exponent: exponent as i32 - bias - bits,
                narrow_below: fraction == 0 && exponent > 1,
            },
        };
        match self {
            Real::Half(_, bits) => of(
                u64::from(bits & 0x3ff),
                u64::from(bits >> 10 & 0x1f),
                10,
                15,
            ),
            Real::Brain(bits) => of(u64::from(bits & 0x7f), u64::from(bits >> 7 & 0xff), 7, 127),
            Real::Single(value) => {
                let bits = value.to_bits();
                of(
                    u64::from(bits & 0x7f_ffff),
                    u64::from(bits >> 23 & 0xff),
                    23,
                    127,
                )
            }
            Real::Double(value) => {
                let bits = value.to_bits();
                of(bits & ((1 << 52) - 1), bits >> 52 & 0x7ff, 52, 1023)
            }
            Real::Extended { mantissa, exponent } => {
                let exponent = i32::from(exponent & 0x7fff);
                Exact {
                    mantissa,
                    exponent: exponent.max(1) - 16383 - 63,
                    narrow_below: mantissa == 1 << 63 && exponent > 1,
                }
            }
        }
    }

    /// The fewest digits that tell this number from its neighbours, of a finite number without its sign.
    pub fn shortest(self) -> Decimal {
        match self {
            _ if self.is_zero() => Decimal::zero(),
            Real::Single(value) => Decimal::parse(&format!("{:e}", value.abs())),
            Real::Double(value) => Decimal::parse(&format!("{:e}", value.abs())),
            _ => self.exact().shortest(),
        }
    }

    /// So many digits behind the point of `d.ddd`, half to even.
    pub fn rounded(self, count: usize) -> Decimal {
        match self {
            _ if self.is_zero() => Decimal::zero(),
            Real::Single(value) => Decimal::parse(&format!("{:.count$e}", value.abs())),
            Real::Double(value) | Real::Half(value, _) => {
                Decimal::parse(&format!("{:.count$e}", value.abs()))
            }
            Real::Brain(_) | Real::Extended { .. } => self.exact().rounded(count as i64 + 1),
        }
    }

    /// So many digits behind the decimal point, half to even.
    pub fn rounded_fraction(self, count: usize) -> Decimal {
        match self.is_zero() {
            true => Decimal::zero(),
            false => self.exact().rounded_fraction(count),
        }
    }
}

/// bfloat16: the upper half of a single.
pub fn brain(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// IEEE 754 binary16.
pub fn half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff);
    let magnitude = match bits >> 10 & 0x1f {
        0 => fraction * 2_f64.powi(-24),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        exponent => (1024.0 + fraction) * 2_f64.powi(i32::from(exponent) - 25),
    };
    if bits >> 15 == 1 {
        -magnitude
    } else {
        magnitude
    }
}

/// The binary16 next to a number, the even one of two.
pub fn to_half(value: f64) -> u16 {
    let sign = if value.is_sign_negative() { 1 << 15 } else { 0 };
    let magnitude = value.abs();
    if value.is_nan() {
        return 0x7e00;
    }
    // Halfway between the largest and what would follow it.
    if magnitude >= 65520.0 {
        return sign | 0x7c00;
    }
    let exponent = match magnitude < 2_f64.powi(-14) {
        true => 0,
        false => (magnitude.to_bits() >> 52) as i32 - 1023 + 15,
    };
    let unit = 2_f64.powi(exponent.max(1) - 25);
    // A carry out of the fraction goes into the exponent, as it should.
    let steps = (magnitude / unit).round_ties_even() as u16;
    let above = if exponent > 0 {
        (exponent as u16 - 1) << 10
    } else {
        0
    };
    sign | (above + steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(decimal: Decimal) -> String {
        let (left, right) = decimal.positional();
        format!("{left}.{right}")
    }

    #[test]
    fn generic_digits_are_those_of_the_standard_library() {
        for value in [
            0.1,
            1.0 / 3.0,
            5e-324,
            1e22,
            2_f64.powi(-44),
            9.5,
            1e300,
            123456789.0,
        ] {
            let exact = Real::Double(value).exact();
            assert_eq!(
                exact.shortest(),
                Decimal::parse(&format!("{value:e}")),
                "{value}"
            );
            for count in [0, 1, 3, 20] {
                let expected = Decimal::parse(&format!("{value:.count$e}"));
                assert_eq!(exact.rounded(count as i64 + 1), expected, "{value} {count}");
            }
        }
    }

    #[test]
    fn digits_behind_the_point_are_rounded_half_to_even() {
        let rounded = |value: f64, count| text(Real::Double(value).rounded_fraction(count));
        assert_eq!(rounded(0.125, 2), "0.12");
        assert_eq!(rounded(0.375, 2), "0.38");
        assert_eq!(rounded(9.999, 2), "10.");
        assert_eq!(rounded(0.006, 2), "0.01");
        assert_eq!(rounded(0.004, 2), "0.");
        assert_eq!(rounded(0.0001, 2), "0.");
        assert_eq!(rounded(123.456, 0), "123.");
    }

    #[test]
    fn halves_and_extended_numbers_are_short() {
        let half = |bits: u16| {
            text(
                Real::from_bytes(Width::Half, &bits.to_le_bytes())
                    .unwrap()
                    .shortest(),
            )
        };
        assert_eq!(half(0x2e66), "0.1");
        assert_eq!(half(0x7bff), "65500.");
        for bits in (0..0x7c01).chain(0x8000..0xfc01) {
            assert_eq!(to_half(super::half(bits)), bits);
        }
        assert_eq!(to_half(1.0 + 2_f64.powi(-11)), 0x3c00);
        assert_eq!(to_half(1.0 + 3.0 * 2_f64.powi(-11)), 0x3c02);
        assert_eq!(to_half(65519.9), 0x7bff);
        let mut third = [0; 16];
        third[..8].copy_from_slice(&0xaaaa_aaaa_aaaa_aaab_u64.to_le_bytes());
        third[8..10].copy_from_slice(&0x3ffd_u16.to_le_bytes());
        let third = Real::from_bytes(Width::Extended, &third).unwrap();
        assert_eq!(text(third.shortest()), "0.33333333333333333334");
    }
}
