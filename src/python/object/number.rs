//! `int`.

use num_bigint::{BigInt, Sign};

use crate::model::Addr;
use crate::python::layout::LongLayout;
use crate::python::{Look, LookError};

/// Digits of 30 bits. 10,000 of them are about 90,000 decimal digits, which take a millisecond to write.
const MOST_DIGITS: u64 = 10_000;
/// `PyLong_SHIFT`, `Include/cpython/longintrepr.h`.
const DIGIT_BITS: u32 = 30;

/// An `int`, or how large it is if it is larger than anybody reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Integer {
    Exact(BigInt),
    Huge { bits: u64 },
}

impl Look<'_> {
    pub(in crate::python) fn integer(&self, object: Addr) -> Result<Integer, LookError> {
        if let Some(small) = self.small_integer(object)? {
            return Ok(Integer::Exact(small.into()));
        }
        let (sign, count, digits) = self.sign_and_digits(object)?;
        if count > MOST_DIGITS {
            let bits = count.saturating_mul(DIGIT_BITS.into());
            return Ok(Integer::Huge { bits });
        }
        let bytes = self.memory.bytes(object.plus(digits), count as usize * 4)?;
        let mut value = BigInt::ZERO;
        for digit in bytes.chunks_exact(4).rev() {
            let digit = u32::from_le_bytes([digit[0], digit[1], digit[2], digit[3]]);
            value = (value << DIGIT_BITS) + digit;
        }
        Ok(Integer::Exact(if sign == Sign::Minus {
            -value
        } else {
            value
        }))
    }

    /// An int of at most two digits, as nearly all are.
    pub(in crate::python) fn small_integer(&self, object: Addr) -> Result<Option<i64>, LookError> {
        let (sign, count, digits) = self.sign_and_digits(object)?;
        let digit = |index: u64| self.memory.u32(object.plus(digits + index * 4));
        let value = match count {
            0 => 0,
            1 => i64::from(digit(0)?),
            // 62 bits at most, also where a damaged digit has all its 32.
            2 => (i64::from(digit(1)?) << DIGIT_BITS) + i64::from(digit(0)?),
            _ => return Ok(None),
        };
        Ok(Some(match sign {
            Sign::Minus => -value,
            _ => value,
        }))
    }

    /// Digits of 30 bits of an int.
    pub(in crate::python) fn digit_count(&self, object: Addr) -> Result<u64, LookError> {
        Ok(self.sign_and_digits(object)?.1)
    }

    /// The sign, how many digits there are, and how far into the object they begin.
    fn sign_and_digits(&self, object: Addr) -> Result<(Sign, u64, u64), LookError> {
        Ok(match self.layout().long {
            LongLayout::Sized { size, digits } => {
                let size = self.memory.i64(object.plus(size))?;
                let sign = if size < 0 { Sign::Minus } else { Sign::Plus };
                (sign, size.unsigned_abs(), digits)
            }
            LongLayout::Tagged { tag, digits } => {
                let tag = self.memory.u64(object.plus(tag))?;
                match tag & 3 {
                    0 => (Sign::Plus, tag >> 3, digits),
                    1 => (Sign::Plus, 0, digits),
                    2 => (Sign::Minus, tag >> 3, digits),
                    _ => {
                        return Err(LookError::Torn {
                            what: "an int",
                            address: object,
                        });
                    }
                }
            }
        })
    }
}
