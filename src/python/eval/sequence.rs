//! Indexing and slicing.

use std::sync::Arc;

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

use super::load::is_exact;
use super::{Datum, EvalError, Evaluator, Range};
use crate::model::Addr;
use crate::python::object::Builtin;

impl Evaluator<'_, '_> {
    /// `container[index]`.
    pub(super) fn subscript(&self, container: &Datum, index: &Datum) -> Result<Datum, EvalError> {
        if let Some(view) = self.array(container)? {
            return self.array_subscript(container, &view, index);
        }
        self.refuse_overrides(container, &["__getitem__"])?;
        if let Datum::Scalar(record) = container
            && let Datum::Str(name) = self.load(index)?
        {
            return self.record_field(record, &super::text::to_string(&name));
        }
        let kind = self.builtin(container)?;
        match kind {
            Builtin::Dict => return self.lookup(container, index),
            Builtin::List
            | Builtin::Tuple
            | Builtin::Str
            | Builtin::Bytes
            | Builtin::ByteArray
            | Builtin::Range => {}
            Builtin::Type => {
                return Err(EvalError::unsupported("a subscript of a class"));
            }
            _ => return self.foreign_subscript(container, index),
        }
        let index = self.load(index)?;
        if let Datum::Slice(parts) = &index {
            return self.slice(container, kind, parts);
        }
        let Some(index) = self.as_index(&index)? else {
            let (name, given) = (kind_name(kind), self.type_name(&index));
            return Err(EvalError::type_error(match kind {
                Builtin::Str => format!("string indices must be integers, not '{given}'"),
                Builtin::Bytes => format!("byte indices must be integers or slices, not {given}"),
                _ => format!("{name} indices must be integers or slices, not {given}"),
            }));
        };
        let length = self.len(container)?;
        let position = if index.is_negative() {
            &index + &length
        } else {
            index
        };
        if position.is_negative() || position >= length {
            return Err(EvalError::raised(
                "IndexError",
                match kind {
                    Builtin::Str => "string index out of range".to_string(),
                    Builtin::Bytes => "index out of range".to_string(),
                    Builtin::Range => "range object index out of range".to_string(),
                    other => format!("{} index out of range", kind_name(other)),
                },
            ));
        }
        let at = position.to_usize().unwrap_or(usize::MAX);
        if let Datum::Object(object) = container
            && let Builtin::List | Builtin::Tuple = kind
        {
            return Ok(Datum::Object(self.item_at(*object, kind, at as u64)?));
        }
        let missing = || EvalError::raised("IndexError", "index out of range");
        match self.load(container)? {
            Datum::Range(range) => Ok(Datum::Int(range.at(&position))),
            Datum::Str(points) => {
                let point = *points.get(at).ok_or_else(missing)?;
                Ok(Datum::Str(Arc::new(vec![point])))
            }
            Datum::Bytes(bytes) | Datum::ByteArray(bytes) => {
                Ok(Datum::int(*bytes.get(at).ok_or_else(missing)?))
            }
            Datum::List(members) | Datum::Tuple(members) => {
                members.get(at).cloned().ok_or_else(missing)
            }
            _ => Err(missing()),
        }
    }

    fn item_at(&self, object: Addr, kind: Builtin, index: u64) -> Result<Addr, EvalError> {
        let layout = &self.look.layout().object;
        let items = if kind == Builtin::List {
            self.look.memory.pointer(object.plus(layout.list_items))?
        } else {
            object.plus(layout.tuple_items)
        };
        Ok(self
            .look
            .memory
            .pointer(items.plus(index.wrapping_mul(8)))?)
    }

    /// What can stand as an index: an int or a bool.
    pub(super) fn as_index(&self, datum: &Datum) -> Result<Option<BigInt>, EvalError> {
        Ok(match self.load(datum)? {
            Datum::Int(value) => Some(value),
            Datum::Bool(truth) => Some(u8::from(truth).into()),
            _ => None,
        })
    }

    /// Start, step and count of the members that a slice selects of a sequence of that length
    /// (`PySlice_AdjustIndices`, `Objects/sliceobject.c`).
    pub(super) fn slice_bounds(
        &self,
        parts: &[Datum; 3],
        length: &BigInt,
    ) -> Result<(BigInt, BigInt, BigInt), EvalError> {
        let part = |datum: &Datum| -> Result<Option<BigInt>, EvalError> {
            match self.load(datum)? {
                Datum::None => Ok(None),
                other => self.as_index(&other)?.map(Some).ok_or_else(|| {
                    EvalError::type_error(
                        "slice indices must be integers or None or have an __index__ method",
                    )
                }),
            }
        };
        let step = part(&parts[2])?.unwrap_or_else(|| 1.into());
        if step.is_zero() {
            return Err(EvalError::value_error("slice step cannot be zero"));
        }
        let backwards = step.is_negative();
        let (lowest, highest) = if backwards {
            (BigInt::from(-1), length - 1)
        } else {
            (BigInt::ZERO, length.clone())
        };
        let clamp = |bound: Option<BigInt>, default: &BigInt| match bound {
            None => default.clone(),
            Some(bound) => {
                let bound = if bound.is_negative() {
                    bound + length
                } else {
                    bound
                };
                bound.max(lowest.clone()).min(highest.clone())
            }
        };
        let (first, last) = if backwards {
            (&highest, &lowest)
        } else {
            (&lowest, &highest)
        };
        let start = clamp(part(&parts[0])?, first);
        let stop = clamp(part(&parts[1])?, last);
        let range = Range {
            start: start.clone(),
            stop,
            step: step.clone(),
        };
        Ok((start, step, range.len()))
    }

    fn slice(
        &self,
        container: &Datum,
        kind: Builtin,
        parts: &[Datum; 3],
    ) -> Result<Datum, EvalError> {
        let length = self.len(container)?;
        let (start, step, count) = self.slice_bounds(parts, &length)?;
        if kind == Builtin::Range {
            let Datum::Range(range) = self.load(container)? else {
                return Err(EvalError::unsupported("this slice"));
            };
            // `compute_slice`, `Objects/rangeobject.c`, with the bounds as given, clamped.
            let stop = &start + &count * &step;
            let stop = match self.load(&parts[1])? {
                Datum::None if step.is_negative() => BigInt::from(-1),
                Datum::None => length.clone(),
                given => {
                    let bound = self.as_index(&given)?.unwrap_or(stop);
                    let bound = if bound.is_negative() {
                        bound + &length
                    } else {
                        bound
                    };
                    let (low, high) = if step.is_negative() {
                        (BigInt::from(-1), &length - 1)
                    } else {
                        (BigInt::ZERO, length.clone())
                    };
                    bound.max(low).min(high)
                }
            };
            return Ok(Datum::Range(Arc::new(Range {
                start: range.at(&start),
                stop: range.at(&stop),
                step: &range.step * &step,
            })));
        }
        let count = count.to_u64().unwrap_or(u64::MAX);
        self.pay(count)?;
        let (start, step) = (start.to_i64().unwrap_or(0), step.to_i64().unwrap_or(1));
        let position = |index: u64| {
            start
                .saturating_add(step.saturating_mul(index as i64))
                .unsigned_abs()
        };
        if let Datum::Object(object) = container
            && let Builtin::List | Builtin::Tuple = kind
        {
            let mut members = Vec::new();
            for index in 0..count {
                members.push(Datum::Object(self.item_at(
                    *object,
                    kind,
                    position(index),
                )?));
            }
            return Ok(if kind == Builtin::List {
                Datum::list(members)
            } else {
                Datum::tuple(members)
            });
        }
        Ok(match self.load(container)? {
            Datum::Str(points) => Datum::Str(Arc::new(pick(&points, count, position))),
            Datum::Bytes(bytes) => Datum::Bytes(Arc::new(pick(&bytes, count, position))),
            Datum::ByteArray(bytes) => Datum::ByteArray(Arc::new(pick(&bytes, count, position))),
            Datum::List(members) => Datum::list(pick(&members, count, position)),
            Datum::Tuple(members) => Datum::tuple(pick(&members, count, position)),
            other => {
                return Err(EvalError::unsupported(format!(
                    "a slice of a {}",
                    self.type_name(&other)
                )));
            }
        })
    }

    fn foreign_subscript(&self, container: &Datum, index: &Datum) -> Result<Datum, EvalError> {
        let kind = self.type_name(container);
        if kind == "mappingproxy" {
            return self.lookup(container, index);
        }
        if let Datum::Object(object) = container
            && self.is_deque(*object)?
            && let Some(index) = self.as_index(index)?
        {
            let members = self.iterate(container)?;
            let length = BigInt::from(members.len());
            let position = if index.is_negative() {
                index + &length
            } else {
                index
            };
            let found = position.to_usize().and_then(|at| members.get(at));
            return found
                .cloned()
                .ok_or_else(|| EvalError::raised("IndexError", "deque index out of range"));
        }
        if let Datum::Object(_) = container
            && self
                .look
                .class_lookup(self.class_of(container)?, "__getitem__")?
                .is_some()
        {
            return Err(EvalError::unsupported(format!("a subscript of a {kind}")));
        }
        Err(EvalError::type_error(format!(
            "'{kind}' object is not subscriptable"
        )))
    }

    /// `dict[key]`.
    fn lookup(&self, dict: &Datum, key: &Datum) -> Result<Datum, EvalError> {
        self.hashable(key, "dict key")?;
        if let Some(found) = self.find_item(&self.items(dict)?, key)? {
            return Ok(found);
        }
        if let Some((_, kind)) = self.object_type(dict)? {
            match kind.name.as_str() {
                "Counter" => return Ok(Datum::int(0)),
                "defaultdict" => {
                    return Err(EvalError::needs("the `default_factory` for a missing key"));
                }
                _ => self.refuse_overrides(dict, &["__missing__"])?,
            }
        }
        let limits = crate::python::Limits::default();
        Err(EvalError::raised(
            "KeyError",
            self.look.show(key, &limits).text,
        ))
    }

    /// The value of the first of `items` whose key equals `key`.
    pub(super) fn find_item(
        &self,
        items: &[(Datum, Datum)],
        key: &Datum,
    ) -> Result<Option<Datum>, EvalError> {
        let key = match self.object_type(key)? {
            Some((_, kind)) if is_exact(&kind) => self.load(key)?,
            _ => key.clone(),
        };
        // A key whose `__eq__` cannot be run matters only if no other is the one.
        let mut undecided = None;
        for (other, value) in items {
            match self.is_key(other, &key) {
                Ok(true) => return Ok(Some(value.clone())),
                Ok(false) => {}
                Err(EvalError::NeedsInterpreter { what }) => {
                    undecided = Some(EvalError::NeedsInterpreter { what });
                }
                Err(EvalError::Unsupported { what }) => {
                    undecided = Some(EvalError::Unsupported { what });
                }
                Err(error) => return Err(error),
            }
        }
        undecided.map_or(Ok(None), Err)
    }

    fn is_key(&self, other: &Datum, key: &Datum) -> Result<bool, EvalError> {
        // Most keys are text: compared without making a copy of those that differ in length.
        if let (Datum::Object(object), Datum::Str(points)) = (other, key)
            && is_exact(&*self.look.type_of(*object)?)
            && self.builtin(other)? == Builtin::Str
        {
            self.budget.spend(1)?;
            let text = self.look.text(*object, points.len() + 1)?;
            return Ok(text.code_points == **points);
        }
        self.same_or_equal(other, key)
    }

    /// Sets a key among items, as a dict does.
    pub(super) fn insert(
        &self,
        items: &mut Vec<(Datum, Datum)>,
        key: Datum,
        value: Datum,
    ) -> Result<(), EvalError> {
        self.hashable(&key, "dict key")?;
        for (other, old) in items.iter_mut() {
            if self.same_or_equal(other, &key)? {
                *old = value;
                return Ok(());
            }
        }
        items.push((key, value));
        Ok(())
    }

    /// Distinct members, in the order in which they come.
    pub(super) fn distinct(&self, members: Vec<Datum>) -> Result<Vec<Datum>, EvalError> {
        let mut found: Vec<Datum> = Vec::new();
        for member in members {
            self.hashable(&member, "set element")?;
            if !self.is_among(&found, &member)? {
                found.push(member);
            }
        }
        Ok(as_set(found))
    }

    /// Refuses what no dict takes as a key; `place` is what it was to be.
    pub(super) fn hashable(&self, datum: &Datum, place: &str) -> Result<(), EvalError> {
        match self.builtin(datum)? {
            Builtin::List | Builtin::Dict | Builtin::Set | Builtin::ByteArray => {
                if let Some((_, kind)) = self.object_type(datum)?
                    && !is_exact(&kind)
                {
                    return Ok(());
                }
                let kind = self.type_name(datum);
                let why = format!("unhashable type: '{kind}'");
                Err(EvalError::type_error(if place.is_empty() {
                    why
                } else {
                    format!(
                        "cannot use '{}' as a {place} ({why})",
                        self.type_name(datum)
                    )
                }))
            }
            Builtin::Tuple => {
                for member in self.iterate(datum)? {
                    self.budget.deeper(|| self.hashable(&member, place))?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The members of a set in the order that ints have in one. The order of others depends on the process's secret.
pub(super) fn as_set(mut members: Vec<Datum>) -> Vec<Datum> {
    if members.iter().all(|member| matches!(member, Datum::Int(_))) {
        members.sort_by(|a, b| match (a, b) {
            (Datum::Int(a), Datum::Int(b)) => a.cmp(b),
            _ => std::cmp::Ordering::Equal,
        });
    }
    members
}

fn pick<T: Clone>(items: &[T], count: u64, position: impl Fn(u64) -> u64) -> Vec<T> {
    let item = |index| items.get(super::load::to_usize(position(index))).cloned();
    (0..count).filter_map(item).collect()
}

/// Where `part` first lies in `whole`.
pub(super) fn find<T: PartialEq>(whole: &[T], part: &[T]) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    whole.windows(part.len()).position(|window| window == part)
}

fn kind_name(kind: Builtin) -> &'static str {
    match kind {
        Builtin::List => "list",
        Builtin::Tuple => "tuple",
        Builtin::ByteArray => "bytearray",
        Builtin::Range => "range",
        _ => "sequence",
    }
}
