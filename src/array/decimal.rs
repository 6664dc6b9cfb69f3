//! Decimal digits of binary numbers of any width: the fewest that tell a number from its neighbours (Steele and White,
//! "How to print floating-point numbers accurately", 1990), or a given number of them, correctly rounded.

use num_bigint::BigUint;
use num_traits::{One, Zero};

/// `d.ddd × 10^exponent`. Zero is one digit 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    /// ASCII.
    pub digits: Vec<u8>,
    pub exponent: i32,
}

impl Decimal {
    pub fn zero() -> Decimal {
        Decimal {
            digits: vec![b'0'],
            exponent: 0,
        }
    }

    /// From what Rust's `{:e}` writes.
    pub fn parse(scientific: &str) -> Decimal {
        let (digits, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
        Decimal {
            digits: digits.bytes().filter(u8::is_ascii_digit).collect(),
            exponent: exponent.parse().unwrap_or(0),
        }
    }

    /// Digits behind the decimal point, written without an exponent.
    pub fn fraction_length(&self) -> i64 {
        (self.digits.len() as i64 - 1 - i64::from(self.exponent)).max(0)
    }

    pub fn without_trailing_zeros(mut self) -> Decimal {
        while self.digits.len() > 1 && self.digits.last() == Some(&b'0') {
            self.digits.pop();
        }
        self
    }

    /// Both sides of the decimal point, the right one without trailing zeros.
    pub fn positional(&self) -> (String, String) {
        let text: String = self.digits.iter().map(|&digit| char::from(digit)).collect();
        let (left, right) = match usize::try_from(self.exponent) {
            Err(_) => {
                let zeros = "0".repeat(self.exponent.unsigned_abs() as usize - 1);
                ("0".to_string(), zeros + &text)
            }
            Ok(exponent) if exponent + 1 >= text.len() => {
                let zeros = "0".repeat(exponent + 1 - text.len());
                (text + &zeros, String::new())
            }
            Ok(exponent) => {
                let (left, right) = text.split_at(exponent + 1);
                (left.to_string(), right.to_string())
            }
        };
        (left, right.trim_end_matches('0').to_string())
    }
}

/// A finite number above zero, exactly: `mantissa × 2^exponent`.
#[derive(Debug, Clone)]
pub struct Exact {
    pub mantissa: u64,
    pub exponent: i32,
    /// The neighbour below is half as far away as the one above.
    pub narrow_below: bool,
}

impl Exact {
    /// Numerator and denominator, both four times as large as they need be.
    fn ratio(&self) -> (BigUint, BigUint) {
        let numerator = BigUint::from(self.mantissa) << (self.exponent.max(0) as u32 + 2);
        let denominator = BigUint::one() << (self.exponent.min(0).unsigned_abs() + 2);
        (numerator, denominator)
    }

    /// The exponent of the first decimal digit, and numerator and denominator of the number divided by that power.
    fn normalised(&self) -> (i32, BigUint, BigUint, BigUint) {
        let (mut numerator, mut denominator) = self.ratio();
        let bits = 64 - self.mantissa.leading_zeros() as i32 + self.exponent;
        // At most one off, which the loops below put right.
        let mut exponent = (f64::from(bits - 1) * std::f64::consts::LOG10_2).floor() as i32;
        // Half the distance to the neighbour above, in the unit of the numerator.
        let mut margin = BigUint::one() << (self.exponent.max(0) as u32 + 1);
        let power = BigUint::from(10_u32).pow(exponent.unsigned_abs());
        if exponent >= 0 {
            denominator *= power;
        } else {
            numerator *= &power;
            margin *= power;
        }
        while numerator >= &denominator * 10_u32 {
            denominator *= 10_u32;
            exponent += 1;
        }
        while numerator < denominator {
            numerator *= 10_u32;
            margin *= 10_u32;
            exponent -= 1;
        }
        (exponent, numerator, denominator, margin)
    }

    /// The fewest digits that lie nearer to this number than to its neighbours.
    pub fn shortest(&self) -> Decimal {
        let (exponent, mut rest, denominator, mut above) = self.normalised();
        let mut below = match self.narrow_below {
            true => &above >> 1,
            false => above.clone(),
        };
        let even = self.mantissa.is_multiple_of(2);
        let mut digits = Vec::new();
        loop {
            let digit = &rest / &denominator;
            rest %= &denominator;
            digits.push(b'0' + u8::try_from(digit).unwrap_or(9).min(9));
            let sum = &rest + &above;
            let (low, high) = match even {
                true => (rest <= below, sum >= denominator),
                false => (rest < below, sum > denominator),
            };
            if low || high || rest.is_zero() {
                let twice = &rest * 2_u32;
                let odd = digits.last().is_some_and(|digit| digit % 2 == 1);
                let up = match (low, high) {
                    (true, false) => false,
                    (false, true) => true,
                    _ => twice > denominator || (twice == denominator && odd),
                };
                return finish(digits, exponent, up);
            }
            rest *= 10_u32;
            above *= 10_u32;
            below *= 10_u32;
        }
    }

    /// So many digits, half to even; of none, the digit before the first, 0 or 1.
    pub fn rounded(&self, count: i64) -> Decimal {
        let (exponent, mut rest, denominator, _) = self.normalised();
        let count = usize::try_from(count).unwrap_or(0);
        let mut digits = vec![b'0'];
        for _ in 0..count {
            let digit = &rest / &denominator;
            rest = (rest % &denominator) * 10_u32;
            digits.push(b'0' + u8::try_from(digit).unwrap_or(9).min(9));
        }
        let twice = rest * 2_u32;
        let whole = denominator * 10_u32;
        let odd = digits.last().is_some_and(|digit| digit % 2 == 1);
        let up = twice > whole || (twice == whole && odd);
        let mut rounded = finish(digits, exponent + 1, up);
        if rounded.digits.iter().all(|&digit| digit == b'0') {
            return Decimal::zero();
        }
        if rounded.digits.first() == Some(&b'0') {
            rounded.digits.remove(0);
            rounded.exponent -= 1;
        } else if rounded.digits.len() > 1 {
            rounded.digits.pop();
        }
        rounded
    }

    /// So many digits behind the decimal point.
    pub fn rounded_fraction(&self, count: usize) -> Decimal {
        let (exponent, ..) = self.normalised();
        let digits = i64::from(exponent) + 1 + count as i64;
        match digits {
            ..0 => Decimal::zero(),
            _ => self.rounded(digits),
        }
    }

    /// Whether this is larger than `other`.
    pub fn exceeds(&self, other: &Exact) -> bool {
        let (one, two) = (self.ratio(), other.ratio());
        one.0 * two.1 > two.0 * one.1
    }

    /// Whether this divided by `other` is above `factor` once it is rounded to 64 bits.
    pub fn exceeds_times(&self, other: &Exact, factor: u64) -> bool {
        let (one, two) = (self.ratio(), other.ratio());
        let shift = 64 - (64 - factor.leading_zeros());
        // Half a unit in the last place of the factor.
        let factor = (BigUint::from(factor) << (shift + 1)) + 1_u32;
        ((one.0 * two.1) << (shift + 1)) > two.0 * one.1 * factor
    }
}

/// Digits, the last one counted up if `up`.
fn finish(mut digits: Vec<u8>, exponent: i32, up: bool) -> Decimal {
    let mut exponent = exponent;
    if up {
        let mut at = digits.len();
        loop {
            if at == 0 {
                digits.insert(0, b'1');
                digits.pop();
                exponent += 1;
                break;
            }
            at -= 1;
            if digits[at] == b'9' {
                digits[at] = b'0';
            } else {
                digits[at] += 1;
                break;
            }
        }
    }
    Decimal { digits, exponent }
}
