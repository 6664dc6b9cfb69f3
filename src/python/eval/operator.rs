//! Binary and unary operators.

use std::sync::Arc;

use num_traits::ToPrimitive;
use ruff_python_ast::{Operator, UnaryOp};

use super::number::{Number, binary};
use super::{Datum, EvalError, Evaluator};
use crate::python::object::Builtin;

/// The special methods of an operator, for the left and for the right operand.
fn special(op: Operator) -> (&'static str, &'static str) {
    match op {
        Operator::Add => ("__add__", "__radd__"),
        Operator::Sub => ("__sub__", "__rsub__"),
        Operator::Mult => ("__mul__", "__rmul__"),
        Operator::MatMult => ("__matmul__", "__rmatmul__"),
        Operator::Div => ("__truediv__", "__rtruediv__"),
        Operator::Mod => ("__mod__", "__rmod__"),
        Operator::Pow => ("__pow__", "__rpow__"),
        Operator::LShift => ("__lshift__", "__rlshift__"),
        Operator::RShift => ("__rshift__", "__rrshift__"),
        Operator::BitOr => ("__or__", "__ror__"),
        Operator::BitXor => ("__xor__", "__rxor__"),
        Operator::BitAnd => ("__and__", "__rand__"),
        Operator::FloorDiv => ("__floordiv__", "__rfloordiv__"),
    }
}

impl Evaluator<'_, '_> {
    pub(super) fn binary(
        &self,
        left: &Datum,
        op: Operator,
        right: &Datum,
    ) -> Result<Datum, EvalError> {
        self.refuse_overrides(left, &[special(op).0])?;
        self.refuse_overrides(right, &[special(op).1])?;
        if let Some(answer) = self.numpy_binary(left, op, right)? {
            return Ok(answer);
        }
        let (a, b) = (self.load(left)?, self.load(right)?);
        // Flags keep their type under `|`, `&` and `^`, and bools theirs.
        if let (Datum::Bool(a), Datum::Bool(b)) = (&a, &b) {
            match op {
                Operator::BitAnd => return Ok(Datum::Bool(a & b)),
                Operator::BitOr => return Ok(Datum::Bool(a | b)),
                Operator::BitXor => return Ok(Datum::Bool(a ^ b)),
                _ => {}
            }
        }
        if let (Some(x), Some(y)) = (Number::of(&a), Number::of(&b))
            && let Some(result) = binary(&x, op, &y)?
        {
            if let Datum::Int(value) = &result {
                self.budget.allocate(value.bits() / 8)?;
                self.budget.spend(value.bits() / 64)?;
            }
            return Ok(result);
        }
        let done = match op {
            Operator::Add => self.concatenate(&a, &b)?,
            Operator::Mult => self.repeat(&a, &b)?,
            Operator::Mod => match &a {
                Datum::Str(points) => Some(self.percent(points, right)?),
                Datum::Bytes(_) | Datum::ByteArray(_) => {
                    return Err(EvalError::unsupported("% on bytes"));
                }
                _ => None,
            },
            Operator::Sub | Operator::BitOr | Operator::BitAnd | Operator::BitXor => {
                self.set_operator(&a, op, &b)?
            }
            _ => None,
        };
        if let Some(datum) = done {
            return Ok(datum);
        }
        Err(self.no_operator(left, op, right)?)
    }

    fn no_operator(
        &self,
        left: &Datum,
        op: Operator,
        right: &Datum,
    ) -> Result<EvalError, EvalError> {
        let (own, reflected) = special(op);
        for (side, name) in [(left, own), (right, reflected)] {
            if let Datum::Object(_) = side
                && !matches!(
                    self.builtin(side)?,
                    Builtin::Int | Builtin::Float | Builtin::Str
                )
                && self.builtin(side)? == Builtin::Other
                && self
                    .look
                    .class_lookup(self.class_of(side)?, name)?
                    .is_some()
            {
                let kind = self.type_name(side);
                return Ok(EvalError::unsupported(format!("`{kind}.{name}`")));
            }
        }
        let (a, b) = (self.type_name(left), self.type_name(right));
        let sequences = [Builtin::List, Builtin::Tuple, Builtin::Str];
        Ok(EvalError::type_error(match (op, self.builtin(left)?) {
            (Operator::Add, Builtin::Str) => {
                format!("can only concatenate str (not \"{b}\") to str")
            }
            (Operator::Add, Builtin::List) => {
                format!("can only concatenate list (not \"{b}\") to list")
            }
            (Operator::Add, Builtin::Tuple) => {
                format!("can only concatenate tuple (not \"{b}\") to tuple")
            }
            (Operator::Add, Builtin::Bytes | Builtin::ByteArray) => {
                format!("can't concat {b} to {a}")
            }
            (Operator::Mult, kind) if sequences.contains(&kind) || kind == Builtin::Bytes => {
                format!("can't multiply sequence by non-int of type '{b}'")
            }
            (Operator::Mult, _) if sequences.contains(&self.builtin(right)?) => {
                format!("can't multiply sequence by non-int of type '{a}'")
            }
            (Operator::Pow, _) => {
                format!("unsupported operand type(s) for ** or pow(): '{a}' and '{b}'")
            }
            _ => format!(
                "unsupported operand type(s) for {}: '{a}' and '{b}'",
                op.as_str()
            ),
        }))
    }

    fn concatenate(&self, a: &Datum, b: &Datum) -> Result<Option<Datum>, EvalError> {
        Ok(Some(match (a, b) {
            (Datum::Str(a), Datum::Str(b)) => {
                self.budget.allocate((a.len() + b.len()) as u64 * 4)?;
                Datum::Str(Arc::new([&a[..], &b[..]].concat()))
            }
            (Datum::Bytes(a), Datum::Bytes(b) | Datum::ByteArray(b)) => {
                self.budget.allocate((a.len() + b.len()) as u64)?;
                Datum::Bytes(Arc::new([&a[..], &b[..]].concat()))
            }
            (Datum::ByteArray(a), Datum::Bytes(b) | Datum::ByteArray(b)) => {
                self.budget.allocate((a.len() + b.len()) as u64)?;
                Datum::ByteArray(Arc::new([&a[..], &b[..]].concat()))
            }
            _ => match (self.builtin(a)?, self.builtin(b)?) {
                (Builtin::List, Builtin::List) => {
                    Datum::list([self.iterate(a)?, self.iterate(b)?].concat())
                }
                (Builtin::Tuple, Builtin::Tuple) => {
                    Datum::tuple([self.iterate(a)?, self.iterate(b)?].concat())
                }
                _ => return Ok(None),
            },
        }))
    }

    fn repeat(&self, a: &Datum, b: &Datum) -> Result<Option<Datum>, EvalError> {
        let (sequence, count) = match (a, b) {
            (sequence, Datum::Int(count)) | (Datum::Int(count), sequence) => {
                (sequence, count.clone())
            }
            (sequence, Datum::Bool(count)) | (Datum::Bool(count), sequence) => {
                (sequence, u8::from(*count).into())
            }
            _ => return Ok(None),
        };
        let count = if count < 0.into() {
            0
        } else {
            count.to_u64().unwrap_or(u64::MAX)
        };
        let times = |length: usize, size: u64| -> Result<usize, EvalError> {
            let bytes = (length as u64).saturating_mul(size).saturating_mul(count);
            self.budget.allocate(bytes)?;
            Ok(if length == 0 {
                0
            } else {
                super::load::to_usize(count)
            })
        };
        Ok(Some(match sequence {
            Datum::Str(points) => Datum::Str(Arc::new(points.repeat(times(points.len(), 4)?))),
            Datum::Bytes(bytes) => Datum::Bytes(Arc::new(bytes.repeat(times(bytes.len(), 1)?))),
            Datum::ByteArray(bytes) => {
                Datum::ByteArray(Arc::new(bytes.repeat(times(bytes.len(), 1)?)))
            }
            other => {
                let kind = self.builtin(other)?;
                if !matches!(kind, Builtin::List | Builtin::Tuple) {
                    return Ok(None);
                }
                let members = self.iterate(other)?;
                let count = times(members.len(), size_of::<Datum>() as u64)?;
                let mut all = Vec::with_capacity(members.len().saturating_mul(count));
                for _ in 0..count {
                    all.extend_from_slice(&members);
                }
                if kind == Builtin::List {
                    Datum::list(all)
                } else {
                    Datum::tuple(all)
                }
            }
        }))
    }

    fn set_operator(&self, a: &Datum, op: Operator, b: &Datum) -> Result<Option<Datum>, EvalError> {
        let kinds = (self.builtin(a)?, self.builtin(b)?);
        if kinds == (Builtin::Dict, Builtin::Dict) && op == Operator::BitOr {
            let mut items = self.items(a)?;
            for (key, value) in self.items(b)? {
                self.insert(&mut items, key, value)?;
            }
            return Ok(Some(Datum::Dict(Arc::new(items))));
        }
        let is_set = |datum: &Datum, kind| {
            matches!(kind, Builtin::Set | Builtin::FrozenSet)
                || matches!(
                    datum,
                    Datum::View(super::View::Keys | super::View::Items, _)
                )
        };
        if !is_set(a, kinds.0) || !is_set(b, kinds.1) {
            return Ok(None);
        }
        let load = |members: Vec<Datum>| -> Result<Vec<Datum>, EvalError> {
            members
                .into_iter()
                .map(|member| match self.object_type(&member)? {
                    Some((_, kind)) if kind.static_name() == Some("int") => self.load(&member),
                    _ => Ok(member),
                })
                .collect()
        };
        let (left, right) = (load(self.iterate(a)?)?, load(self.iterate(b)?)?);
        let mut result = Vec::new();
        for member in &left {
            let both = self.is_among(&right, member)?;
            let keep = match op {
                Operator::BitOr => true,
                Operator::BitAnd => both,
                _ => !both,
            };
            if keep {
                result.push(member.clone());
            }
        }
        if matches!(op, Operator::BitOr | Operator::BitXor) {
            for member in right {
                if !self.is_among(&left, &member)? {
                    result.push(member);
                }
            }
        }
        let result = super::sequence::as_set(result);
        Ok(Some(if kinds.0 == Builtin::FrozenSet {
            Datum::FrozenSet(Arc::new(result))
        } else {
            Datum::Set(Arc::new(result))
        }))
    }

    pub(super) fn unary(&self, op: UnaryOp, operand: &Datum) -> Result<Datum, EvalError> {
        if op == UnaryOp::Not {
            return self.truth(operand).map(|truth| Datum::Bool(!truth));
        }
        let (name, sign) = match op {
            UnaryOp::Invert => ("__invert__", "~"),
            UnaryOp::UAdd => ("__pos__", "+"),
            _ => ("__neg__", "-"),
        };
        self.refuse_overrides(operand, &[name])?;
        if let Some(answer) = self.numpy_unary(op, operand)? {
            return Ok(answer);
        }
        let number = Number::of(&self.load(operand)?);
        Ok(match (op, number) {
            (UnaryOp::Invert, Some(Number::Int(value))) => Datum::Int(!value),
            (UnaryOp::UAdd, Some(Number::Int(value))) => Datum::Int(value),
            (UnaryOp::UAdd, Some(Number::Float(value))) => Datum::Float(value),
            (UnaryOp::UAdd, Some(Number::Complex(a, b))) => Datum::Complex(a, b),
            (UnaryOp::USub, Some(Number::Int(value))) => Datum::Int(-value),
            (UnaryOp::USub, Some(Number::Float(value))) => Datum::Float(-value),
            (UnaryOp::USub, Some(Number::Complex(a, b))) => Datum::Complex(-a, -b),
            _ => {
                let kind = self.type_name(operand);
                if let Datum::Object(_) = operand
                    && self
                        .look
                        .class_lookup(self.class_of(operand)?, name)?
                        .is_some()
                    && self.builtin(operand)? == Builtin::Other
                {
                    return Err(EvalError::unsupported(format!("`{kind}.{name}`")));
                }
                return Err(EvalError::type_error(format!(
                    "bad operand type for unary {sign}: '{kind}'"
                )));
            }
        })
    }
}
