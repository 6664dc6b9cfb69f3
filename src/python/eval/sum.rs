//! `sum()` (`Python/bltinmodule.c`): ints, then floats, then whatever comes.

use num_traits::ToPrimitive;
use ruff_python_ast::Operator;

use super::dialect::Dialect;
use super::load::is_exact;
use super::{Datum, EvalError, Evaluator};

impl Evaluator<'_, '_> {
    /// Adds members to a total, floats with compensation (Neumaier's) where the version has it.
    pub(super) fn sum(&self, members: &[Datum], total: &mut Datum) -> Result<(), EvalError> {
        let dialect = Dialect::of(self.look.layout().version);
        let mut members = members.iter();
        if dialect.sum_compensates {
            self.sum_ints(&mut members, total)?;
            if let Datum::Float(start) = self.exact(total)? {
                self.sum_floats(start, &mut members, total, dialect.sum_compensates_ints)?;
            }
        }
        for member in members {
            *total = self.binary(total, Operator::Add, member)?;
        }
        Ok(())
    }

    /// Adds as long as both sides and the sum are ints of a C `long`, and then one more.
    fn sum_ints(
        &self,
        members: &mut std::slice::Iter<'_, Datum>,
        total: &mut Datum,
    ) -> Result<(), EvalError> {
        while let Datum::Int(value) = self.exact(total)?
            && value.to_i64().is_some()
            && let Some(member) = members.next()
        {
            *total = self.binary(total, Operator::Add, member)?;
        }
        Ok(())
    }

    fn sum_floats(
        &self,
        start: f64,
        members: &mut std::slice::Iter<'_, Datum>,
        total: &mut Datum,
        compensates_ints: bool,
    ) -> Result<(), EvalError> {
        let (mut sum, mut lost) = (start, 0.0);
        let mut add = |value: f64, compensates: bool| {
            let next = sum + value;
            if compensates {
                lost += match sum.abs() >= value.abs() {
                    true => (sum - next) + value,
                    false => (value - next) + sum,
                };
            }
            sum = next;
        };
        let mut other = None;
        for member in members.by_ref() {
            let int = match self.exact(member)? {
                Datum::Float(value) => {
                    add(value, true);
                    continue;
                }
                Datum::Bool(truth) => Some(u8::from(truth).into()),
                Datum::Int(value) => Some(value),
                _ => None,
            };
            // Without compensation only an int of a C `long` is added as a float.
            let value = int
                .filter(|value| compensates_ints || value.to_i64().is_some())
                .and_then(|value| value.to_f64())
                .filter(|value| value.is_finite());
            match value {
                Some(value) => add(value, compensates_ints),
                None => {
                    other = Some(member);
                    break;
                }
            }
        }
        // Compensation must not turn an infinite sum into nan.
        if lost != 0.0 && lost.is_finite() {
            sum += lost;
        }
        *total = Datum::Float(sum);
        if let Some(member) = other {
            *total = self.binary(total, Operator::Add, member)?;
        }
        Ok(())
    }

    /// A value of a builtin type itself as pmdb's own.
    fn exact(&self, datum: &Datum) -> Result<Datum, EvalError> {
        match self.object_type(datum)? {
            Some((_, kind)) if is_exact(&kind) => self.load(datum),
            _ => Ok(datum.clone()),
        }
    }
}
