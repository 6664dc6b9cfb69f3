//! Methods of `str`.

use std::sync::Arc;

use num_traits::ToPrimitive;

use super::characters::{expanded, is, lines, padded, recased, rsplit, split};
use super::{Arguments, occurrences, replaced, search, window};
use crate::python::eval::text::{is_space, to_string};
use crate::python::eval::{Datum, EvalError, Evaluator};
use crate::python::object::Builtin;

impl Evaluator<'_, '_> {
    pub(super) fn text_method(
        &self,
        points: &[u32],
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Datum>, EvalError> {
        self.budget.allocate(points.len() as u64 * 8)?;
        let whole = || to_string(points);
        let given = arguments.positional.len();
        let answer = match name {
            "format" => {
                return self
                    .text_datum(self.format_template(points, arguments)?)
                    .map(Some);
            }
            "upper" | "lower" | "casefold" | "swapcase" | "title" | "capitalize" => {
                arguments.count(&format!("str.{name}"), 0, 0, &[])?;
                Datum::text(&recased(&whole(), name))
            }
            "isdigit" | "isdecimal" | "isnumeric" | "isalpha" | "isalnum" | "isspace"
            | "isupper" | "islower" | "isascii" | "isidentifier" => {
                arguments.count(&format!("str.{name}"), 0, 0, &[])?;
                // Which of Unicode's numbers are digits, Rust's tables do not tell.
                let numeric = matches!(name, "isdigit" | "isdecimal" | "isnumeric" | "isalnum");
                if numeric && points.iter().any(|point| *point >= 0x80) {
                    return Ok(None);
                }
                Datum::Bool(is(&whole(), name))
            }
            "strip" | "lstrip" | "rstrip" => {
                arguments.count(name, 0, 1, &[])?;
                let set = match arguments.get(0).map(|set| self.load(set)).transpose()? {
                    None | Some(Datum::None) => None,
                    Some(Datum::Str(set)) => Some(set),
                    Some(_) => {
                        let message = format!("{name} arg must be None or str");
                        return Err(EvalError::type_error(message));
                    }
                };
                let strips = |point: &u32| match &set {
                    Some(set) => set.contains(point),
                    None => is_space(*point),
                };
                let start = points
                    .iter()
                    .position(|point| !strips(point))
                    .unwrap_or(points.len());
                let end = points
                    .iter()
                    .rposition(|point| !strips(point))
                    .map_or(0, |at| at + 1);
                let start = if name == "rstrip" { 0 } else { start };
                let end = if name == "lstrip" { points.len() } else { end };
                return self
                    .text_datum(points.get(start..end).unwrap_or(&[]).to_vec())
                    .map(Some);
            }
            "split" | "rsplit" => {
                arguments.count(name, 0, 2, &["sep", "maxsplit"])?;
                let limit = match arguments.either(1, "maxsplit") {
                    Some(limit) => self.as_index(limit)?.and_then(|limit| limit.to_usize()),
                    None => None,
                };
                let separator = match arguments.either(0, "sep") {
                    Some(separator) => match self.load(separator)? {
                        Datum::None => None,
                        Datum::Str(separator) => Some(separator),
                        other => {
                            let kind = self.type_name(&other);
                            return Err(EvalError::type_error(format!(
                                "must be str or None, not {kind}"
                            )));
                        }
                    },
                    None => None,
                };
                if separator
                    .as_ref()
                    .is_some_and(|separator| separator.is_empty())
                {
                    return Err(EvalError::value_error("empty separator"));
                }
                let limit = limit.unwrap_or(usize::MAX);
                let separator = separator.as_ref().map(|separator| &separator[..]);
                let parts = if name == "split" {
                    split(points, separator, limit)
                } else {
                    rsplit(points, separator, limit)
                };
                return self.texts(parts).map(Some);
            }
            "splitlines" if given == 0 && arguments.named.is_empty() => {
                return self.texts(lines(points)).map(Some);
            }
            "partition" | "rpartition" => {
                arguments.count(&format!("str.{name}"), 1, 1, &[])?;
                let separator = self.text_argument(arguments, 0, name)?;
                if separator.is_empty() {
                    return Err(EvalError::value_error("empty separator"));
                }
                let kind = if name == "partition" { "find" } else { "rfind" };
                let at = search(points, &separator, Some((0, points.len())), kind);
                let parts = match (at.and_then(|at| usize::try_from(at).ok()), name) {
                    (Some(at), _) => {
                        let rest = points[at + separator.len()..].to_vec();
                        [points[..at].to_vec(), separator.to_vec(), rest]
                    }
                    (None, "partition") => [points.to_vec(), Vec::new(), Vec::new()],
                    _ => [Vec::new(), Vec::new(), points.to_vec()],
                };
                Datum::tuple(parts.map(|part| Datum::Str(Arc::new(part))).to_vec())
            }
            "join" => {
                arguments.count(&format!("str.{name}"), 1, 1, &[])?;
                return self.join(points, &arguments.positional[0]).map(Some);
            }
            "startswith" | "endswith" => {
                arguments.count(name, 1, 3, &[])?;
                let bounds = window(self, points.len(), arguments.get(1), arguments.get(2))?;
                let within = bounds.and_then(|(start, end)| points.get(start..end.max(start)));
                let wanted = &arguments.positional[0];
                let wanted = match self.builtin(wanted)? {
                    Builtin::Tuple => self.iterate(wanted)?,
                    _ => vec![wanted.clone()],
                };
                let mut matches = false;
                for part in wanted {
                    let Datum::Str(part) = self.load(&part)? else {
                        let kind = self.type_name(&part);
                        return Err(EvalError::type_error(format!(
                            "{name} first arg must be str or a tuple of str, not {kind}"
                        )));
                    };
                    matches |= within.is_some_and(|within| match name {
                        "startswith" => within.starts_with(&part),
                        _ => within.ends_with(&part),
                    });
                }
                Datum::Bool(matches)
            }
            "removeprefix" | "removesuffix" => {
                arguments.count(&format!("str.{name}"), 1, 1, &[])?;
                let part = self.text_argument(arguments, 0, name)?;
                let rest = match name {
                    "removeprefix" => points.strip_prefix(&part[..]),
                    _ => points.strip_suffix(&part[..]),
                };
                Datum::Str(Arc::new(rest.unwrap_or(points).to_vec()))
            }
            "replace" => {
                arguments.count(name, 2, 3, &["count"])?;
                let (old, new) = (
                    self.text_argument(arguments, 0, name)?,
                    self.text_argument(arguments, 1, name)?,
                );
                let limit = match arguments.either(2, "count") {
                    Some(limit) => self.as_index(limit)?.and_then(|limit| limit.to_usize()),
                    None => None,
                };
                let times = (occurrences(points, &old) as u64).saturating_mul(new.len() as u64);
                self.budget.allocate(times.saturating_mul(4))?;
                Datum::Str(Arc::new(replaced(
                    points,
                    &old,
                    &new,
                    limit.unwrap_or(usize::MAX),
                )))
            }
            "find" | "rfind" | "index" | "rindex" => {
                arguments.count(name, 1, 3, &[])?;
                let part = self.text_argument(arguments, 0, name)?;
                let bounds = window(self, points.len(), arguments.get(1), arguments.get(2))?;
                match search(points, &part, bounds, name) {
                    Some(at) => Datum::int(at),
                    None if name.ends_with("find") => Datum::int(-1),
                    None => return Err(EvalError::value_error("substring not found")),
                }
            }
            "count" => {
                arguments.count(name, 1, 3, &[])?;
                let part = self.text_argument(arguments, 0, name)?;
                let bounds = window(self, points.len(), arguments.get(1), arguments.get(2))?;
                let within = bounds.and_then(|(start, end)| points.get(start..end.max(start)));
                Datum::int(within.map_or(0, |within| occurrences(within, &part)))
            }
            "center" | "ljust" | "rjust" | "zfill" => {
                arguments.count(name, 1, 2, &[])?;
                let width = self
                    .as_index(&arguments.positional[0])?
                    .and_then(|width| width.to_usize());
                let fill = match arguments.get(1) {
                    Some(_) => self.text_argument(arguments, 1, name)?,
                    None => Arc::new(vec![' '.into()]),
                };
                let [fill] = fill[..] else {
                    let message = "The fill character must be exactly one character long";
                    return Err(EvalError::type_error(message));
                };
                let width = width.unwrap_or(0);
                self.budget.allocate(width as u64 * 4)?;
                Datum::Str(Arc::new(padded(points, width, fill, name)))
            }
            "encode" => return self.encode(points, arguments).map(Some),
            "expandtabs" if given == 0 && arguments.named.is_empty() => {
                Datum::Str(Arc::new(expanded(points)))
            }
            _ => return Ok(None),
        };
        Ok(Some(answer))
    }

    fn texts(&self, parts: Vec<Vec<u32>>) -> Result<Datum, EvalError> {
        self.pay(parts.len() as u64)?;
        Ok(Datum::list(
            parts
                .into_iter()
                .map(|part| Datum::Str(Arc::new(part)))
                .collect(),
        ))
    }

    fn text_argument(
        &self,
        arguments: &Arguments,
        index: usize,
        name: &str,
    ) -> Result<Arc<Vec<u32>>, EvalError> {
        let datum = arguments.get(index).cloned().unwrap_or(Datum::None);
        match self.load(&datum)? {
            Datum::Str(points) => Ok(points),
            other => {
                let kind = self.type_name(&other);
                let place = if matches!(
                    name,
                    "replace" | "find" | "rfind" | "index" | "rindex" | "count"
                ) {
                    format!("argument {}", index + 1)
                } else {
                    "argument".to_string()
                };
                Err(EvalError::type_error(format!(
                    "{name}() {place} must be str, not {kind}"
                )))
            }
        }
    }

    fn join(&self, separator: &[u32], members: &Datum) -> Result<Datum, EvalError> {
        let members = self.iterate(members).map_err(|error| match error {
            EvalError::Raised { .. } => EvalError::type_error("can only join an iterable"),
            other => other,
        })?;
        let mut joined: Vec<u32> = Vec::new();
        for (index, member) in members.iter().enumerate() {
            let Datum::Str(part) = self.load(member)? else {
                let kind = self.type_name(member);
                return Err(EvalError::type_error(format!(
                    "sequence item {index}: expected str instance, {kind} found"
                )));
            };
            self.budget
                .allocate((part.len() + separator.len()) as u64 * 4)?;
            if index > 0 {
                joined.extend_from_slice(separator);
            }
            joined.extend_from_slice(&part);
        }
        Ok(Datum::Str(Arc::new(joined)))
    }

    fn encode(&self, points: &[u32], arguments: &Arguments) -> Result<Datum, EvalError> {
        let encoding = match arguments.either(0, "encoding") {
            Some(encoding) => match self.load(encoding)? {
                Datum::Str(points) => to_string(&points),
                _ => {
                    return Err(EvalError::type_error(
                        "encode() argument 'encoding' must be str",
                    ));
                }
            },
            None => "utf-8".to_string(),
        };
        let name = encoding.to_lowercase().replace('_', "-");
        let limit = match name.as_str() {
            "utf-8" | "utf8" => {
                let text: Option<String> =
                    points.iter().map(|&point| char::from_u32(point)).collect();
                return match text {
                    Some(text) => Ok(Datum::Bytes(Arc::new(text.into_bytes()))),
                    None => Err(EvalError::unsupported("the encoding of lone surrogates")),
                };
            }
            "ascii" => 0x80,
            "latin-1" | "latin1" | "iso-8859-1" => 0x100,
            _ => return Err(EvalError::unsupported(format!("the encoding '{encoding}'"))),
        };
        if points.iter().any(|&point| point >= limit) {
            return Err(EvalError::unsupported(format!(
                "the text that '{encoding}' cannot hold"
            )));
        }
        Ok(Datum::Bytes(Arc::new(
            points.iter().map(|&point| point as u8).collect(),
        )))
    }
}
