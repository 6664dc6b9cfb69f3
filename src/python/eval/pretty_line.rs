//! The one line that `pprint` tries first, with the keys of dicts in order, and the order itself.

use super::pretty::{Form, Printer};
use super::{Datum, EvalError};
use crate::model::Addr;

impl Printer<'_, '_, '_> {
    /// `_safe_repr`: `repr()` with the keys of dicts sorted, at most so many characters, and whether that is all.
    pub(super) fn line(&self, datum: &Datum, most: usize) -> (String, bool) {
        match self.sorted_line(datum, most, &mut self.open.clone()) {
            Ok(Some(found)) => found,
            _ => {
                let mut limits = *self.limits;
                limits.characters = most;
                let shown = self.evaluator.look.show(datum, &limits);
                (shown.text, !shown.truncated)
            }
        }
    }

    fn sorted_line(
        &self,
        datum: &Datum,
        most: usize,
        open: &mut Vec<Addr>,
    ) -> Result<Option<(String, bool)>, EvalError> {
        let form = self.form(datum)?;
        let (before, after) = match form {
            Some(Form::Dict) => ("{", "}"),
            Some(Form::List) => ("[", "]"),
            Some(Form::Tuple) => ("(", ")"),
            _ => return Ok(None),
        };
        if let Datum::Object(object) = datum {
            if open.contains(object) {
                let kind = self.evaluator.type_name(datum);
                let text = format!("<Recursion on {kind} with id={}>", object.0);
                let fits = text.len() <= most;
                return Ok(Some((text, fits)));
            }
            if open.len() >= self.limits.depth {
                return Ok(None);
            }
            // Every member takes a character at least: a long container is known not to fit.
            if self.evaluator.len(datum)? > most.into() {
                let mut limits = *self.limits;
                limits.characters = most;
                return Ok(Some((self.evaluator.look.show(datum, &limits).text, false)));
            }
            open.push(*object);
        }
        let mut text = String::from(before);
        let mut whole = true;
        let mut add = |text: &mut String, member: &Datum| {
            let left = most.saturating_sub(text.chars().count());
            let (piece, all) = self.sorted_line(member, left, open)?.unwrap_or_else(|| {
                let mut limits = *self.limits;
                limits.characters = left;
                let shown = self.evaluator.look.show(member, &limits);
                (shown.text, !shown.truncated)
            });
            whole &= all;
            text.push_str(&piece);
            Ok::<bool, EvalError>(all)
        };
        if let Some(Form::Dict) = form {
            for (index, (key, value)) in self.sorted_items(datum)?.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                let key_fits = add(&mut text, key)?;
                text.push_str(": ");
                if !key_fits || !add(&mut text, value)? {
                    break;
                }
            }
        } else {
            let members = self.evaluator.iterate(datum)?;
            for (index, member) in members.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                if !add(&mut text, member)? {
                    break;
                }
            }
            if members.len() == 1 && matches!(form, Some(Form::Tuple)) {
                text.push(',');
            }
        }
        text.push_str(after);
        if datum.address().is_some() {
            open.pop();
        }
        let whole = whole && text.chars().count() <= most;
        Ok(Some((text, whole)))
    }

    pub(super) fn sorted_items(&self, datum: &Datum) -> Result<Vec<(Datum, Datum)>, EvalError> {
        self.sorted(self.evaluator.items(datum)?, |(key, _)| key)
    }

    /// `_safe_key`: by `<`, and where that is not defined by the type's text and the address.
    pub(super) fn sorted<T: Clone>(
        &self,
        items: Vec<T>,
        key: impl Fn(&T) -> &Datum,
    ) -> Result<Vec<T>, EvalError> {
        self.evaluator.merge_sorted(items, &|a, b| {
            let (a, b) = (key(a), key(b));
            match self.evaluator.ordered(a, "<", b) {
                Ok(less) => Ok(less),
                Err(error @ (EvalError::Cancelled | EvalError::Limit { .. })) => Err(error),
                Err(_) => {
                    let rank = |datum: &Datum| {
                        let address = datum.address().unwrap_or_default();
                        (self.class_text(datum), address)
                    };
                    Ok(rank(a) < rank(b))
                }
            }
        })
    }

    /// `str(type(x))`.
    pub(super) fn class_text(&self, datum: &Datum) -> String {
        self.evaluator.look.whatis_class(datum).unwrap_or_default()
    }
}
