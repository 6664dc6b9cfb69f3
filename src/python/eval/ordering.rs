//! `sorted()`, `min()` and `max()`.

use super::call::Arguments;
use super::{Datum, EvalError, Evaluator};

impl Evaluator<'_, '_> {
    /// `min()` and `max()`.
    pub(super) fn extreme(&self, name: &str, arguments: &Arguments) -> Result<Datum, EvalError> {
        let one = arguments.positional.len() == 1;
        let members = if one {
            self.iterate(&arguments.positional[0])?
        } else {
            arguments.positional.clone()
        };
        let key = self.key_function(arguments.named("key"))?;
        let mut best: Option<(Datum, Datum)> = None;
        for member in members {
            let rank = self.rank(&member, key)?;
            let better = match &best {
                None => true,
                Some((other, _)) => {
                    self.ordered(&rank, if name == "min" { "<" } else { ">" }, other)?
                }
            };
            if better {
                best = Some((rank, member));
            }
        }
        match (best, arguments.named("default")) {
            (Some((_, member)), _) => Ok(member),
            (None, Some(default)) if one => Ok(default.clone()),
            _ => Err(EvalError::value_error(format!(
                "{name}() iterable argument is empty"
            ))),
        }
    }

    fn key_function<'d>(&self, key: Option<&'d Datum>) -> Result<Option<&'d Datum>, EvalError> {
        match key {
            Some(key) if !matches!(self.load(key)?, Datum::None) => Ok(Some(key)),
            _ => Ok(None),
        }
    }

    fn rank(&self, member: &Datum, key: Option<&Datum>) -> Result<Datum, EvalError> {
        match key {
            Some(key) => self.invoke(key, Arguments::of(vec![member.clone()])),
            None => Ok(member.clone()),
        }
    }

    /// A stable merge sort: the order of Python values may be no order (nan), which the library's sort rejects.
    pub(super) fn sorted(
        &self,
        members: Vec<Datum>,
        key: Option<&Datum>,
        reverse: Option<&Datum>,
    ) -> Result<Datum, EvalError> {
        let key = self.key_function(key)?;
        let reverse = reverse.map_or(Ok(false), |reverse| self.truth(reverse))?;
        let mut ranked = Vec::with_capacity(members.len());
        for member in members {
            ranked.push((self.rank(&member, key)?, member));
        }
        if reverse {
            ranked.reverse();
        }
        let mut ranked = self.merge_sorted(ranked, &|a, b| self.ordered(&a.0, "<", &b.0))?;
        if reverse {
            ranked.reverse();
        }
        Ok(Datum::list(
            ranked.into_iter().map(|(_, member)| member).collect(),
        ))
    }

    /// Sorts by a `less` that may fail.
    pub(super) fn merge_sorted<T: Clone>(
        &self,
        mut items: Vec<T>,
        less: &dyn Fn(&T, &T) -> Result<bool, EvalError>,
    ) -> Result<Vec<T>, EvalError> {
        let mut width = 1;
        while width < items.len() {
            self.budget.spend(items.len() as u64)?;
            let mut next = Vec::with_capacity(items.len());
            for run in items.chunks(width * 2) {
                let (left, right) = run.split_at(width.min(run.len()));
                let (mut i, mut j) = (0, 0);
                while let (Some(a), Some(b)) = (left.get(i), right.get(j)) {
                    if less(b, a)? {
                        next.push(b.clone());
                        j += 1;
                    } else {
                        next.push(a.clone());
                        i += 1;
                    }
                }
                next.extend_from_slice(&left[i..]);
                next.extend_from_slice(&right[j..]);
            }
            items = next;
            width *= 2;
        }
        Ok(items)
    }
}
