//! Comprehensions and generator expressions.

use ruff_python_ast::{Comprehension, Expr};

use super::{Datum, EvalError, Evaluator};

impl Evaluator<'_, '_> {
    /// Runs `each` for every binding that the clauses give.
    pub(super) fn comprehension(
        &self,
        clauses: &[Comprehension],
        each: &mut dyn FnMut() -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        let Some((clause, rest)) = clauses.split_first() else {
            self.budget.spend(1)?;
            return each();
        };
        if clause.is_async {
            return Err(EvalError::needs("an asynchronous comprehension"));
        }
        let members = self.iterate(&self.expression(&clause.iter)?)?;
        let before = self.bound.borrow().len();
        for member in members {
            let done = self.bind(&clause.target, member).and_then(|()| {
                for condition in &clause.ifs {
                    if !self.truth(&self.expression(condition)?)? {
                        return Ok(());
                    }
                }
                self.budget.deeper(|| self.comprehension(rest, each))
            });
            self.bound.borrow_mut().truncate(before);
            done?;
        }
        Ok(())
    }

    /// Binds the names of a target to a value and its parts.
    fn bind(&self, target: &Expr, value: Datum) -> Result<(), EvalError> {
        let parts = match target {
            Expr::Name(name) => {
                self.bound.borrow_mut().push((name.id.to_string(), value));
                return Ok(());
            }
            Expr::Tuple(tuple) => &tuple.elts,
            Expr::List(list) => &list.elts,
            _ => return Err(EvalError::needs("this assignment")),
        };
        let members = self.iterate(&value).map_err(|error| match error {
            EvalError::Raised { .. } => EvalError::type_error(format!(
                "cannot unpack non-iterable {} object",
                self.type_name(&value)
            )),
            other => other,
        })?;
        let star = parts
            .iter()
            .position(|part| matches!(part, Expr::Starred(_)));
        if let Some(star) = star {
            let after = parts.len() - star - 1;
            if members.len() < star + after {
                return Err(EvalError::value_error(format!(
                    "not enough values to unpack (expected at least {}, got {})",
                    star + after,
                    members.len()
                )));
            }
            let end = members.len() - after;
            for (part, member) in parts[..star].iter().zip(&members) {
                self.bind(part, member.clone())?;
            }
            if let Expr::Starred(starred) = &parts[star] {
                self.bind(&starred.value, Datum::list(members[star..end].to_vec()))?;
            }
            for (part, member) in parts[star + 1..].iter().zip(&members[end..]) {
                self.bind(part, member.clone())?;
            }
            return Ok(());
        }
        if members.len() != parts.len() {
            let (expected, given) = (parts.len(), members.len());
            return Err(EvalError::value_error(if given < expected {
                format!("not enough values to unpack (expected {expected}, got {given})")
            } else {
                format!("too many values to unpack (expected {expected}, got {given})")
            }));
        }
        for (part, member) in parts.iter().zip(members) {
            self.bind(part, member)?;
        }
        Ok(())
    }
}
