//! Computing with numbers and pointers. C and C++ cut a result to its type; in Rust it is what the numbers give, since what overflows
//! there is a mistake that somebody who looks at it wants to see.

use super::ExpressionError;
use super::datum::{Datum, Target};
use super::evaluate::{Evaluated, Evaluator, truth};
use super::primitive::{self, Primitive, Sort};
use super::syntax::{Binary, Unary};
use crate::model::Addr;
use crate::native::values::Storage;

impl<'s, 'a> Evaluator<'_, 's, 'a> {
    pub fn computed_from(&self, operator: Unary, datum: &Datum<'s, 'a>) -> Evaluated<'s, 'a> {
        match (operator, datum) {
            (Unary::Negate, Datum::Float(value, kind)) => Ok(Datum::Float(-value, *kind)),
            (Unary::Negate, Datum::Integer(value, kind)) => {
                let value = value.checked_neg().ok_or(ExpressionError::Overflow)?;
                Ok(self.cut(value, *kind))
            }
            (Unary::Not, Datum::Integer(value, Some(kind))) if kind.sort == Sort::Truth => {
                Ok(truth(*value == 0))
            }
            (Unary::Not, Datum::Integer(value, _)) if !self.is_rust() => Ok(truth(*value == 0)),
            (Unary::Not, Datum::Address(_, at)) => Ok(truth(at.is_null())),
            (Unary::Not | Unary::Complement, Datum::Integer(value, kind)) => {
                let wrapped = kind.map_or(!value, |kind| kind.wrapped(!value));
                Ok(Datum::Integer(wrapped, *kind))
            }
            (_, other) => Err(self.unsuitable("a number is needed here", other)),
        }
    }

    fn cut<'x, 'y>(&self, value: i128, kind: Option<Primitive>) -> Datum<'x, 'y> {
        let value = match kind {
            Some(kind) if !self.is_rust() => kind.wrapped(value),
            _ => value,
        };
        Datum::Integer(value, kind)
    }

    pub fn combined(
        &self,
        operator: Binary,
        left: &Datum<'s, 'a>,
        right: &Datum<'s, 'a>,
    ) -> Evaluated<'s, 'a> {
        match (left, right) {
            (Datum::Text(one), Datum::Text(other)) => match compared(operator, &one.cmp(other)) {
                Some(result) => Ok(truth(result)),
                None => Err(self.unsuitable("a number is needed here", left)),
            },
            // `char *` against a text.
            (Datum::Address(_, at), Datum::Text(text))
            | (Datum::Text(text), Datum::Address(_, at))
                if matches!(operator, Binary::Equal | Binary::NotEqual) =>
            {
                let bytes =
                    Storage::Memory(*at).bytes(self.writer.memory, text.len() as u64 + 1)?;
                let is_same = bytes.strip_suffix(&[0]) == Some(text);
                Ok(truth(is_same == (operator == Binary::Equal)))
            }
            (Datum::Address(to, at), Datum::Integer(value, _)) if is_shift(operator) => self.moved(
                to,
                *at,
                if operator == Binary::Add {
                    *value
                } else {
                    value.wrapping_neg()
                },
            ),
            (Datum::Integer(value, _), Datum::Address(to, at)) if operator == Binary::Add => {
                self.moved(to, *at, *value)
            }
            (Datum::Address(to, one), Datum::Address(_, other)) if operator == Binary::Subtract => {
                let size = self.size(to).filter(|size| *size > 0).unwrap_or(1);
                let bytes = i128::from(one.0) - i128::from(other.0);
                Ok(Datum::Integer(
                    bytes / i128::from(size),
                    Some(primitive::INTEGER),
                ))
            }
            (Datum::Float(..), _) | (_, Datum::Float(..)) => self.of_floats(operator, left, right),
            _ => {
                let (one, kind) = self.as_integer(left)?;
                let (other, other_kind) = self.as_integer(right)?;
                self.of_integers(operator, (one, kind), (other, other_kind))
            }
        }
    }

    fn moved(&self, to: &Target<'s, 'a>, at: Addr, count: i128) -> Evaluated<'s, 'a> {
        let size = self.size(to).filter(|size| *size > 0).unwrap_or(1);
        let bytes = count.wrapping_mul(size.into()) as u64;
        Ok(Datum::Address(to.clone(), at.plus(bytes)))
    }

    pub fn as_integer(
        &self,
        datum: &Datum<'s, 'a>,
    ) -> Result<(i128, Option<Primitive>), ExpressionError> {
        match datum {
            Datum::Integer(value, kind) => Ok((*value, *kind)),
            Datum::Address(_, at) | Datum::Symbol { address: at, .. } => {
                Ok((at.0.into(), Some(primitive::ADDRESS)))
            }
            other => Err(self.unsuitable("a number is needed here", other)),
        }
    }

    fn of_floats(
        &self,
        operator: Binary,
        left: &Datum<'s, 'a>,
        right: &Datum<'s, 'a>,
    ) -> Evaluated<'s, 'a> {
        let number = |datum: &Datum<'s, 'a>| match datum {
            Datum::Float(value, kind) => Ok((*value, Some(*kind))),
            Datum::Integer(value, _) => Ok((*value as f64, None)),
            other => Err(self.unsuitable("a number is needed here", other)),
        };
        let ((one, kind), (other, other_kind)) = (number(left)?, number(right)?);
        if let Some(order) = one.partial_cmp(&other) {
            if let Some(result) = compared(operator, &order) {
                return Ok(truth(result));
            }
        } else if compared(operator, &std::cmp::Ordering::Equal).is_some() {
            // Not a number: it is equal to nothing.
            return Ok(truth(operator == Binary::NotEqual));
        }
        let value = match operator {
            Binary::Add => one + other,
            Binary::Subtract => one - other,
            Binary::Multiply => one * other,
            Binary::Divide => one / other,
            Binary::Remainder => one % other,
            _ => return Err(self.unsuitable("a whole number is needed here", left)),
        };
        let kind = match (kind, other_kind) {
            (Some(one), Some(other)) if other.size > one.size => other,
            (Some(one), _) => one,
            (None, other) => other.unwrap_or(primitive::FLOAT),
        };
        let value = if kind.size == 4 {
            f64::from(value as f32)
        } else {
            value
        };
        Ok(Datum::Float(value, kind))
    }

    fn of_integers(
        &self,
        operator: Binary,
        (one, kind): (i128, Option<Primitive>),
        (other, other_kind): (i128, Option<Primitive>),
    ) -> Evaluated<'s, 'a> {
        if let Some(result) = compared(operator, &one.cmp(&other)) {
            return Ok(truth(result));
        }
        if matches!(operator, Binary::And | Binary::Or) {
            let both = (one != 0, other != 0);
            return Ok(truth(match operator {
                Binary::And => both.0 && both.1,
                _ => both.0 || both.1,
            }));
        }
        let is_truth = |kind: Option<Primitive>| kind.is_some_and(|it| it.sort == Sort::Truth);
        let is_bitwise = matches!(operator, Binary::BitAnd | Binary::BitOr | Binary::BitXor);
        let kind = match operator {
            _ if is_truth(kind) && is_truth(other_kind) && is_bitwise => kind,
            Binary::ShiftLeft | Binary::ShiftRight => self.promoted(kind),
            _ => self.common(self.promoted(kind), self.promoted(other_kind)),
        };
        let shift = || u32::try_from(other).ok().filter(|bits| *bits < 128);
        let value = match operator {
            Binary::Add => one.checked_add(other),
            Binary::Subtract => one.checked_sub(other),
            Binary::Multiply => one.checked_mul(other),
            Binary::Divide | Binary::Remainder if other == 0 => {
                return Err(ExpressionError::DivisionByZero);
            }
            Binary::Divide => one.checked_div(other),
            Binary::Remainder => one.checked_rem(other),
            Binary::BitAnd => Some(one & other),
            Binary::BitOr => Some(one | other),
            Binary::BitXor => Some(one ^ other),
            Binary::ShiftLeft => {
                // What a shift pushes out is gone in every language.
                shift().and_then(|bits| {
                    let whole = one.checked_mul(1_i128.checked_shl(bits)?)?;
                    Some(kind.map_or(whole, |kind| kind.wrapped(whole)))
                })
            }
            Binary::ShiftRight => shift().map(|bits| one >> bits),
            _ => None,
        };
        Ok(self.cut(value.ok_or(ExpressionError::Overflow)?, kind))
    }

    /// In C what is smaller than an `int` becomes one before it is computed with (C17, 6.3.1.1).
    fn promoted(&self, kind: Option<Primitive>) -> Option<Primitive> {
        match kind {
            Some(kind) if !self.is_rust() && kind.size < 4 => Primitive::named("int"),
            kind => kind,
        }
    }

    /// The type of what is computed from two numbers (C17, 6.3.1.8); one that was typed without a type takes that of the other.
    fn common(&self, one: Option<Primitive>, other: Option<Primitive>) -> Option<Primitive> {
        match (one, other) {
            (Some(one), Some(other)) if other.size > one.size => Some(other),
            (Some(one), Some(other)) if other.size == one.size && one.is_signed() => Some(other),
            (Some(one), _) => Some(one),
            (None, other) => other,
        }
    }
}

fn is_shift(operator: Binary) -> bool {
    matches!(operator, Binary::Add | Binary::Subtract)
}

fn compared(operator: Binary, order: &std::cmp::Ordering) -> Option<bool> {
    Some(match operator {
        Binary::Equal => order.is_eq(),
        Binary::NotEqual => order.is_ne(),
        Binary::Less => order.is_lt(),
        Binary::LessOrEqual => order.is_le(),
        Binary::Greater => order.is_gt(),
        Binary::GreaterOrEqual => order.is_ge(),
        _ => return None,
    })
}
