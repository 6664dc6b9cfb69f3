//! Equality, order, identity and membership.

use std::cmp::Ordering;

use ruff_python_ast::{CmpOp, ExprCompare};

use super::load::is_exact;
use super::number::{Number, compare};
use super::{Datum, EvalError, Evaluator};
use crate::python::object::Builtin;

impl Evaluator<'_, '_> {
    pub(super) fn comparison(&self, expr: &ExprCompare) -> Result<Datum, EvalError> {
        let mut left = self.expression(&expr.left)?;
        let mut answer = Datum::Bool(true);
        for (op, right) in expr.ops.iter().zip(&expr.comparators) {
            let right = self.expression(right)?;
            answer = match self.numpy_comparison(&left, *op, &right)? {
                Some(answer) => answer,
                None => Datum::Bool(self.compare(&left, *op, &right)?),
            };
            if !self.truth(&answer)? {
                return Ok(answer);
            }
            left = right;
        }
        Ok(answer)
    }

    pub(super) fn compare(
        &self,
        left: &Datum,
        op: CmpOp,
        right: &Datum,
    ) -> Result<bool, EvalError> {
        match op {
            CmpOp::Eq => self.equal(left, right),
            CmpOp::NotEq => {
                self.refuse_overrides(left, &["__ne__"])?;
                self.refuse_overrides(right, &["__ne__"])?;
                self.equal(left, right).map(|equal| !equal)
            }
            CmpOp::Is => self.identical(left, right),
            CmpOp::IsNot => self.identical(left, right).map(|same| !same),
            CmpOp::In => self.contains(right, left),
            CmpOp::NotIn => self.contains(right, left).map(|there| !there),
            CmpOp::Lt => self.ordered(left, "<", right),
            CmpOp::LtE => self.ordered(left, "<=", right),
            CmpOp::Gt => self.ordered(left, ">", right),
            CmpOp::GtE => self.ordered(left, ">=", right),
        }
    }

    /// `is`. What pmdb made is nothing but itself, save the singletons and the small ints that CPython keeps one of.
    pub(super) fn identical(&self, left: &Datum, right: &Datum) -> Result<bool, EvalError> {
        if let (Datum::Object(a), Datum::Object(b)) = (left, right) {
            return Ok(a == b);
        }
        // Only exact types: an IntEnum member is an int and not 1.
        for side in [left, right] {
            if let Some((_, kind)) = self.object_type(side)?
                && !is_exact(&kind)
            {
                return Ok(false);
            }
        }
        Ok(match (self.load_scalar(left)?, self.load_scalar(right)?) {
            (Datum::None, Datum::None)
            | (Datum::Ellipsis, Datum::Ellipsis)
            | (Datum::NotImplemented, Datum::NotImplemented) => true,
            (Datum::Bool(a), Datum::Bool(b)) => a == b,
            // `_PY_NSMALLNEGINTS`, `_PY_NSMALLPOSINTS`, `Include/internal/pycore_runtime_structs.h`.
            (Datum::Int(a), Datum::Int(b)) => a == b && a >= (-5).into() && a <= 256.into(),
            _ => false,
        })
    }

    fn load_scalar(&self, datum: &Datum) -> Result<Datum, EvalError> {
        match self.builtin(datum)? {
            Builtin::Int
            | Builtin::Bool
            | Builtin::None
            | Builtin::Ellipsis
            | Builtin::NotImplemented => self.load(datum),
            _ => Ok(datum.clone()),
        }
    }

    /// `left == right`.
    pub(super) fn equal(&self, left: &Datum, right: &Datum) -> Result<bool, EvalError> {
        self.budget.deeper(|| self.equal_here(left, right))
    }

    /// As containers compare their members: an object equals itself, whatever it says.
    pub(super) fn same_or_equal(&self, left: &Datum, right: &Datum) -> Result<bool, EvalError> {
        if let (Datum::Object(a), Datum::Object(b)) = (left, right)
            && a == b
        {
            return Ok(true);
        }
        self.equal(left, right)
    }

    fn equal_here(&self, left: &Datum, right: &Datum) -> Result<bool, EvalError> {
        self.refuse_overrides(left, &["__eq__"])?;
        self.refuse_overrides(right, &["__eq__"])?;
        let (a, b) = (self.load(left)?, self.load(right)?);
        if let (Some(a), Some(b)) = (Number::of(&a), Number::of(&b)) {
            return Ok(compare(&a, &b) == Some(Ordering::Equal));
        }
        match (&a, &b) {
            (Datum::None, Datum::None) | (Datum::Ellipsis, Datum::Ellipsis) => return Ok(true),
            (Datum::Str(a), Datum::Str(b)) => return Ok(a == b),
            (Datum::Bytes(a) | Datum::ByteArray(a), Datum::Bytes(b) | Datum::ByteArray(b)) => {
                return Ok(a == b);
            }
            (Datum::Range(a), Datum::Range(b)) => {
                let (n, m) = (a.len(), b.len());
                return Ok(n == m
                    && (n == 0.into()
                        || a.start == b.start && (n == 1.into() || a.step == b.step)));
            }
            (Datum::Slice(a), Datum::Slice(b)) => return self.all_equal(&a[..], &b[..]),
            _ => {}
        }
        match (self.builtin(&a)?, self.builtin(&b)?) {
            (Builtin::List, Builtin::List) | (Builtin::Tuple, Builtin::Tuple) => {
                if self.len(&a)? != self.len(&b)? {
                    return Ok(false);
                }
                self.all_equal(&self.iterate(&a)?, &self.iterate(&b)?)
            }
            (Builtin::Set | Builtin::FrozenSet, Builtin::Set | Builtin::FrozenSet) => {
                Ok(self.len(&a)? == self.len(&b)? && self.is_subset(&a, &b)?)
            }
            (Builtin::Dict, Builtin::Dict) => {
                if self.len(&a)? != self.len(&b)? {
                    return Ok(false);
                }
                let others = self.items(&b)?;
                for (key, value) in self.items(&a)? {
                    match self.find_item(&others, &key)? {
                        Some(other) if self.same_or_equal(&value, &other)? => {}
                        _ => return Ok(false),
                    }
                }
                Ok(true)
            }
            (Builtin::Other, _) | (_, Builtin::Other) => self.foreign_equal(&a, &b),
            _ => self.identical(&a, &b),
        }
    }

    /// Objects of classes that pmdb does not know: equal if they are the same, where `__eq__` is that of `object`.
    fn foreign_equal(&self, a: &Datum, b: &Datum) -> Result<bool, EvalError> {
        if let (
            Datum::Method {
                function: f,
                receiver: r,
            },
            Datum::Method {
                function: g,
                receiver: s,
            },
        ) = (a, b)
        {
            return Ok(f == g && self.identical(r, s)?);
        }
        for side in [a, b] {
            if matches!(side, Datum::Array(_) | Datum::Scalar(_)) {
                let kind = self.type_name(side);
                return Err(EvalError::unsupported(format!("`{kind}.__eq__`")));
            }
            if self.builtin(side)? != Builtin::Other || !matches!(side, Datum::Object(_)) {
                continue;
            }
            let class = self.class_of(side)?;
            if !self.is_default(class, "__eq__")? {
                // None and its like are equal to nothing else, and no C type thinks otherwise.
                if matches!(a, Datum::None) || matches!(b, Datum::None) {
                    return Ok(false);
                }
                if let (Datum::Object(a), Datum::Object(b)) = (a, b)
                    && a == b
                {
                    return Ok(true);
                }
                let kind = self.type_name(side);
                return Err(EvalError::unsupported(format!("`{kind}.__eq__`")));
            }
        }
        self.identical(a, b)
    }

    fn all_equal(&self, left: &[Datum], right: &[Datum]) -> Result<bool, EvalError> {
        for (a, b) in left.iter().zip(right) {
            if !self.same_or_equal(a, b)? {
                return Ok(false);
            }
        }
        Ok(left.len() == right.len())
    }

    /// Every member of `a` is in `b`.
    pub(super) fn is_subset(&self, a: &Datum, b: &Datum) -> Result<bool, EvalError> {
        let others = self.iterate(b)?;
        for member in self.iterate(a)? {
            if !self.is_among(&others, &member)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn is_among(&self, members: &[Datum], wanted: &Datum) -> Result<bool, EvalError> {
        for member in members {
            if self.same_or_equal(member, wanted)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `wanted in container`.
    pub(super) fn contains(&self, container: &Datum, wanted: &Datum) -> Result<bool, EvalError> {
        self.refuse_overrides(container, &["__contains__"])?;
        let container = self.load(container)?;
        match &container {
            Datum::Str(points) => {
                let Datum::Str(part) = self.load(wanted)? else {
                    let kind = self.type_name(wanted);
                    return Err(EvalError::type_error(format!(
                        "'in <string>' requires string as left operand, not {kind}"
                    )));
                };
                return Ok(super::sequence::find(points, &part).is_some());
            }
            Datum::Bytes(bytes) | Datum::ByteArray(bytes) => {
                return match self.load(wanted)? {
                    Datum::Bytes(part) | Datum::ByteArray(part) => {
                        Ok(super::sequence::find(bytes, &part).is_some())
                    }
                    Datum::Int(value) => match u8::try_from(&value) {
                        Ok(value) => Ok(bytes.contains(&value)),
                        Err(_) => Err(EvalError::value_error("byte must be in range(0, 256)")),
                    },
                    other => Err(EvalError::type_error(format!(
                        "a bytes-like object is required, not '{}'",
                        self.type_name(&other)
                    ))),
                };
            }
            Datum::Range(range) => {
                if let Datum::Int(value) = self.load(wanted)? {
                    return Ok(range.contains(&value));
                }
            }
            _ => {}
        }
        match self.builtin(&container)? {
            Builtin::Dict => {
                self.hashable(wanted, "dict key")?;
                Ok(self.find_item(&self.items(&container)?, wanted)?.is_some())
            }
            Builtin::Set | Builtin::FrozenSet => {
                self.hashable(wanted, "set element")?;
                self.is_among(&self.iterate(&container)?, wanted)
            }
            _ => match self.iterate(&container) {
                Ok(members) => self.is_among(&members, wanted),
                Err(EvalError::Raised { kind, message }) if message.ends_with("not iterable") => {
                    let message = format!(
                        "argument of type '{}' is not a container or iterable",
                        self.type_name(&container)
                    );
                    Err(EvalError::Raised { kind, message })
                }
                Err(error) => Err(error),
            },
        }
    }

    pub(super) fn ordered(&self, left: &Datum, op: &str, right: &Datum) -> Result<bool, EvalError> {
        let special = match op {
            "<" => ["__lt__", "__gt__"],
            "<=" => ["__le__", "__ge__"],
            ">" => ["__gt__", "__lt__"],
            _ => ["__ge__", "__le__"],
        };
        self.refuse_overrides(left, &special[..1])?;
        self.refuse_overrides(right, &special[1..])?;
        let (a, b) = (self.load(left)?, self.load(right)?);
        let sets = [Builtin::Set, Builtin::FrozenSet];
        if sets.contains(&self.builtin(&a)?) && sets.contains(&self.builtin(&b)?) {
            let (small, large) = if op.starts_with('<') {
                (&a, &b)
            } else {
                (&b, &a)
            };
            let proper = op.len() == 1;
            return Ok(self.is_subset(small, large)?
                && !(proper && self.len(small)? == self.len(large)?));
        }
        match self.order(&a, &b)? {
            Some(order) => Ok(holds(op, order)),
            None => {
                let (a, b) = (self.type_name(left), self.type_name(right));
                for (side, name) in [(left, special[0]), (right, special[1])] {
                    if let Datum::Object(_) = side
                        && self.builtin(side)? == Builtin::Other
                        && !self.is_default(self.class_of(side)?, name)?
                    {
                        let kind = self.type_name(side);
                        return Err(EvalError::unsupported(format!("`{kind}.{name}`")));
                    }
                }
                Err(EvalError::type_error(format!(
                    "'{op}' not supported between instances of '{a}' and '{b}'"
                )))
            }
        }
    }

    /// The order of two values of builtin types: nothing if they have none; the inner one is nothing for nan.
    pub(super) fn order(
        &self,
        a: &Datum,
        b: &Datum,
    ) -> Result<Option<Option<Ordering>>, EvalError> {
        let (a, b) = (self.load(a)?, self.load(b)?);
        if let (Some(x), Some(y)) = (Number::of(&a), Number::of(&b)) {
            let complex = matches!(x, Number::Complex(..)) || matches!(y, Number::Complex(..));
            return Ok((!complex).then(|| compare(&x, &y)));
        }
        Ok(match (&a, &b) {
            (Datum::Str(a), Datum::Str(b)) => Some(Some(a.cmp(b))),
            (Datum::Bytes(a) | Datum::ByteArray(a), Datum::Bytes(b) | Datum::ByteArray(b)) => {
                Some(Some(a.cmp(b)))
            }
            _ => {
                let sequences = [Builtin::List, Builtin::Tuple];
                let kind = self.builtin(&a)?;
                if kind != self.builtin(&b)? || !sequences.contains(&kind) {
                    return Ok(None);
                }
                let (a, b) = (self.iterate(&a)?, self.iterate(&b)?);
                for (x, y) in a.iter().zip(&b) {
                    if !self.same_or_equal(x, y)? {
                        return self.budget.deeper(|| {
                            let less = self.ordered(x, "<", y)?;
                            let order = if less {
                                Some(Ordering::Less)
                            } else if self.ordered(x, ">", y)? {
                                Some(Ordering::Greater)
                            } else {
                                None
                            };
                            Ok(Some(order))
                        });
                    }
                }
                Some(Some(a.len().cmp(&b.len())))
            }
        })
    }
}

fn holds(op: &str, order: Option<Ordering>) -> bool {
    match order {
        None => false,
        Some(order) => match op {
            "<" => order.is_lt(),
            "<=" => order.is_le(),
            ">" => order.is_gt(),
            _ => order.is_ge(),
        },
    }
}
