//! The kinds of expressions.

use std::sync::Arc;

use num_bigint::BigInt;
use num_traits::Num;
use ruff_python_ast::{Expr, Number};

use super::{Datum, EvalError, Evaluator};

impl Evaluator<'_, '_> {
    pub(super) fn expression(&self, expr: &Expr) -> Result<Datum, EvalError> {
        self.budget.deeper(|| self.shallow(expr))
    }

    fn shallow(&self, expr: &Expr) -> Result<Datum, EvalError> {
        match expr {
            Expr::Name(name) => self.name(&name.id),
            Expr::NoneLiteral(_) => Ok(Datum::None),
            Expr::EllipsisLiteral(_) => Ok(Datum::Ellipsis),
            Expr::BooleanLiteral(literal) => Ok(Datum::Bool(literal.value)),
            Expr::NumberLiteral(literal) => number(&literal.value),
            Expr::StringLiteral(literal) => Ok(Datum::text(literal.value.to_str())),
            Expr::BytesLiteral(literal) => {
                Ok(Datum::Bytes(Arc::new(literal.value.bytes().collect())))
            }
            _ => Err(EvalError::unsupported("this expression")),
        }
    }

    fn name(&self, name: &str) -> Result<Datum, EvalError> {
        let bound = self.bound.borrow();
        if let Some((_, datum)) = bound.iter().rev().find(|(other, _)| other == name) {
            return Ok(datum.clone());
        }
        self.look.resolve(self.scope, name)
    }
}

fn number(number: &Number) -> Result<Datum, EvalError> {
    Ok(match number {
        Number::Float(value) => Datum::Float(*value),
        Number::Complex { real, imag } => Datum::Complex(*real, *imag),
        Number::Int(value) => {
            let text = value.to_string().replace('_', "").to_lowercase();
            let (digits, radix) = match text.get(..2) {
                Some("0x") => (&text[2..], 16),
                Some("0o") => (&text[2..], 8),
                Some("0b") => (&text[2..], 2),
                _ => (&text[..], 10),
            };
            let value = BigInt::from_str_radix(digits, radix)
                .map_err(|_| EvalError::raised("SyntaxError", "invalid syntax"))?;
            Datum::Int(value)
        }
    })
}
