//! The kinds of expressions.

use std::sync::Arc;

use num_bigint::BigInt;
use num_traits::Num;
use ruff_python_ast::{BoolOp, Comprehension, Expr, ExprBoolOp, Number};

use super::{Datum, EvalError, Evaluator, Iterated};

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
            Expr::Attribute(node) => {
                let value = self.expression(&node.value)?;
                self.attribute(&value, &node.attr)
            }
            Expr::Subscript(node) => {
                let value = self.expression(&node.value)?;
                let index = self.expression(&node.slice)?;
                self.subscript(&value, &index)
            }
            Expr::Slice(node) => {
                let part = |part: &Option<Box<Expr>>| match part {
                    Some(part) => self.expression(part),
                    None => Ok(Datum::None),
                };
                let parts = [part(&node.lower)?, part(&node.upper)?, part(&node.step)?];
                Ok(Datum::Slice(Arc::new(parts)))
            }
            Expr::BinOp(node) => {
                let (left, right) = (self.expression(&node.left)?, self.expression(&node.right)?);
                self.binary(&left, node.op, &right)
            }
            Expr::UnaryOp(node) => self.unary(node.op, &self.expression(&node.operand)?),
            Expr::BoolOp(node) => self.boolean(node),
            Expr::Compare(node) => self.comparison(node),
            Expr::If(node) => {
                let test = self.truth(&self.expression(&node.test)?)?;
                self.expression(if test { &node.body } else { &node.orelse })
            }
            Expr::Call(node) => self.call(node),
            Expr::FString(node) => self.f_string(node),
            Expr::Tuple(node) => self.elements(&node.elts).map(Datum::tuple),
            Expr::List(node) => self.elements(&node.elts).map(Datum::list),
            Expr::Set(node) => {
                let members = self.elements(&node.elts)?;
                Ok(Datum::Set(Arc::new(self.distinct(members)?)))
            }
            Expr::Dict(node) => {
                let mut items = Vec::new();
                for item in &node.items {
                    let value = self.expression(&item.value)?;
                    match &item.key {
                        Some(key) => self.insert(&mut items, self.expression(key)?, value)?,
                        None => {
                            for (key, value) in self.items(&value)? {
                                self.insert(&mut items, key, value)?;
                            }
                        }
                    }
                }
                Ok(Datum::Dict(Arc::new(items)))
            }
            Expr::ListComp(node) => self.collected(&node.elt, &node.generators).map(Datum::list),
            Expr::Generator(node) => {
                let members = self.collected(&node.elt, &node.generators)?;
                Ok(self.iterator(Iterated::Generator, members))
            }
            Expr::SetComp(node) => {
                let members = self.collected(&node.elt, &node.generators)?;
                Ok(Datum::Set(Arc::new(self.distinct(members)?)))
            }
            Expr::DictComp(node) => {
                let mut items = Vec::new();
                self.comprehension(&node.generators, &mut || {
                    let Some(key) = &node.key else {
                        return Err(EvalError::raised("SyntaxError", "invalid syntax"));
                    };
                    let (key, value) = (self.expression(key)?, self.expression(&node.value)?);
                    self.insert(&mut items, key, value)
                })?;
                Ok(Datum::Dict(Arc::new(items)))
            }
            Expr::Lambda(_) => Err(EvalError::needs("a lambda")),
            Expr::Named(_) => Err(EvalError::needs("an assignment (`:=`)")),
            Expr::Await(_) => Err(EvalError::needs("`await`")),
            Expr::Yield(_) | Expr::YieldFrom(_) => {
                Err(EvalError::raised("SyntaxError", "'yield' outside function"))
            }
            Expr::Starred(_) => Err(EvalError::raised(
                "SyntaxError",
                "can't use starred expression here",
            )),
            Expr::TString(_) => Err(EvalError::needs("a template string")),
            Expr::IpyEscapeCommand(_) => Err(EvalError::raised("SyntaxError", "invalid syntax")),
        }
    }

    fn boolean(&self, node: &ExprBoolOp) -> Result<Datum, EvalError> {
        let mut last = Datum::None;
        for operand in &node.values {
            last = self.expression(operand)?;
            if self.truth(&last)? == (node.op == BoolOp::Or) {
                break;
            }
        }
        Ok(last)
    }

    fn elements(&self, expressions: &[Expr]) -> Result<Vec<Datum>, EvalError> {
        let mut members = Vec::new();
        for expression in expressions {
            if let Expr::Starred(starred) = expression {
                members.extend(self.iterate(&self.expression(&starred.value)?)?);
            } else {
                members.push(self.expression(expression)?);
            }
        }
        Ok(members)
    }

    fn collected(
        &self,
        element: &Expr,
        clauses: &[Comprehension],
    ) -> Result<Vec<Datum>, EvalError> {
        let mut members = Vec::new();
        self.comprehension(clauses, &mut || {
            self.budget.allocate(size_of::<Datum>() as u64)?;
            members.push(self.expression(element)?);
            Ok(())
        })?;
        Ok(members)
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
