//! Methods of `list`, `tuple`, `range`, `dict` and sets.

use std::sync::Arc;

use ruff_python_ast::Operator;

use super::{Arguments, window};
use crate::python::eval::{Datum, EvalError, Evaluator, View};
use crate::python::object::Builtin;

impl Evaluator<'_, '_> {
    pub(super) fn sequence_method(
        &self,
        receiver: &Datum,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Datum>, EvalError> {
        let kind = self.type_name(receiver);
        match name {
            "count" => {
                arguments.count(&format!("{kind}.count"), 1, 1, &[])?;
                let mut count = 0;
                for member in self.iterate(receiver)? {
                    count += u64::from(self.same_or_equal(&member, &arguments.positional[0])?);
                }
                Ok(Some(Datum::int(count)))
            }
            "index" => {
                arguments.count("index", 1, 3, &[])?;
                let members = self.iterate(receiver)?;
                let bounds = window(self, members.len(), arguments.get(1), arguments.get(2))?;
                let (start, end) = bounds.unwrap_or((0, 0));
                let wanted = &arguments.positional[0];
                for (index, member) in members.iter().enumerate().take(end).skip(start) {
                    if self.same_or_equal(member, wanted)? {
                        return Ok(Some(Datum::int(index)));
                    }
                }
                let shown = self
                    .look
                    .show(wanted, &crate::python::Limits::default())
                    .text;
                Err(EvalError::value_error(match self.builtin(receiver)? {
                    Builtin::Range => format!("{shown} is not in range"),
                    Builtin::Tuple => "tuple.index(x): x not in tuple".to_string(),
                    _ => "list.index(x): x not in list".to_string(),
                }))
            }
            "copy" if self.builtin(receiver)? == Builtin::List => {
                self.iterate(receiver).map(Datum::list).map(Some)
            }
            _ => Ok(None),
        }
    }

    pub(super) fn dict_method(
        &self,
        receiver: &Datum,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Datum>, EvalError> {
        let view = |view, members| Ok(Some(Datum::View(view, Arc::new(members))));
        match name {
            "get" => {
                arguments.count("get", 1, 2, &[])?;
                let key = &arguments.positional[0];
                self.hashable(key, "dict key")?;
                let found = self.find_item(&self.items(receiver)?, key)?;
                Ok(Some(
                    found
                        .or_else(|| arguments.get(1).cloned())
                        .unwrap_or(Datum::None),
                ))
            }
            "keys" | "values" | "items" | "copy" => {
                arguments.count(&format!("dict.{name}"), 0, 0, &[])?;
                let items = self.items(receiver)?;
                match name {
                    "keys" => view(View::Keys, items.into_iter().map(|(key, _)| key).collect()),
                    "values" => view(
                        View::Values,
                        items.into_iter().map(|(_, value)| value).collect(),
                    ),
                    "items" => {
                        let pair = |(key, value)| Datum::tuple(vec![key, value]);
                        view(View::Items, items.into_iter().map(pair).collect())
                    }
                    _ => Ok(Some(Datum::Dict(Arc::new(items)))),
                }
            }
            _ => Ok(None),
        }
    }

    pub(super) fn set_method(
        &self,
        receiver: &Datum,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Datum>, EvalError> {
        let op = match name {
            "union" => Operator::BitOr,
            "intersection" => Operator::BitAnd,
            "difference" => Operator::Sub,
            "symmetric_difference" => Operator::BitXor,
            "copy" => {
                let members = Arc::new(self.iterate(receiver)?);
                return Ok(Some(match self.builtin(receiver)? {
                    Builtin::Set => Datum::Set(members),
                    _ => Datum::FrozenSet(members),
                }));
            }
            "issubset" | "issuperset" | "isdisjoint" => {
                arguments.count(&format!("set.{name}"), 1, 1, &[])?;
                let other = &arguments.positional[0];
                return Ok(Some(Datum::Bool(match name {
                    "issubset" => self.is_subset(receiver, other)?,
                    "issuperset" => self.is_subset(other, receiver)?,
                    _ => {
                        let others = self.iterate(other)?;
                        let mut disjoint = true;
                        for member in self.iterate(receiver)? {
                            disjoint &= !self.is_among(&others, &member)?;
                        }
                        disjoint
                    }
                })));
            }
            _ => return Ok(None),
        };
        let mut result = receiver.clone();
        for other in &arguments.positional {
            let other = Datum::Set(Arc::new(self.distinct(self.iterate(other)?)?));
            result = self.binary(&result, op, &other)?;
        }
        Ok(Some(result))
    }
}
