//! `len()` and iteration, in full and bounded.

use std::sync::Arc;

use num_bigint::BigInt;
use num_integer::Integer as _;
use num_traits::{Signed, ToPrimitive, Zero};

use super::{Datum, EvalError, Evaluator, Range};
use crate::model::Addr;
use crate::python::object::Builtin;

impl Evaluator<'_, '_> {
    pub(super) fn has_length(&self, datum: &Datum) -> Result<bool, EvalError> {
        if matches!(datum, Datum::View(..)) {
            return Ok(true);
        }
        if let Datum::Object(object) = datum
            && self.look.type_of(*object)?.builtin == Builtin::Other
        {
            return Ok(self.foreign_members(*object)?.is_some());
        }
        Ok(matches!(
            self.builtin(datum)?,
            Builtin::Str
                | Builtin::Bytes
                | Builtin::ByteArray
                | Builtin::List
                | Builtin::Tuple
                | Builtin::Dict
                | Builtin::Set
                | Builtin::FrozenSet
                | Builtin::Range
        ))
    }

    /// `len(x)`.
    pub(super) fn len(&self, datum: &Datum) -> Result<BigInt, EvalError> {
        self.refuse_overrides(datum, &["__len__"])?;
        if let Some(view) = self.array(datum)? {
            return match view.shape().first() {
                Some(&length) => Ok(length.into()),
                None => Err(EvalError::type_error("len() of unsized object")),
            };
        }
        let count = |length: usize| Ok(BigInt::from(length));
        let loaded = match datum {
            // Text and bytes that were taken out of an array.
            Datum::Scalar(_) => self.load(datum)?,
            _ => datum.clone(),
        };
        match &loaded {
            Datum::Str(points) => return count(points.len()),
            Datum::Bytes(bytes) | Datum::ByteArray(bytes) => return count(bytes.len()),
            Datum::List(members)
            | Datum::Tuple(members)
            | Datum::Set(members)
            | Datum::FrozenSet(members)
            | Datum::View(_, members) => return count(members.len()),
            Datum::Dict(items) => return count(items.len()),
            Datum::Range(range) => return Ok(range.len()),
            _ => {}
        }
        if let Datum::Object(object) = datum {
            let object = *object;
            match self.builtin(datum)? {
                Builtin::Str => return Ok(self.look.text(object, 0)?.length.into()),
                Builtin::Bytes | Builtin::ByteArray | Builtin::List | Builtin::Tuple => {
                    return Ok(self.look.length(object)?.into());
                }
                Builtin::Dict => {
                    let used = object.plus(self.look.layout().dict.used);
                    return Ok(self.look.memory.u64(used)?.into());
                }
                Builtin::Set | Builtin::FrozenSet => {
                    return Ok(self.look.set_members(object, 0)?.1.into());
                }
                Builtin::Range => return self.len(&self.load(datum)?),
                _ => {
                    if let Some(members) = self.foreign_members(object)? {
                        return count(members.len());
                    }
                    let class = self.class_of(datum)?;
                    if self.look.class_lookup(class, "__len__")?.is_some() {
                        let kind = self.type_name(datum);
                        return Err(EvalError::unsupported(format!("the length of a {kind}")));
                    }
                }
            }
        }
        let kind = self.type_name(datum);
        Err(EvalError::type_error(format!(
            "object of type '{kind}' has no len()"
        )))
    }

    /// All that iteration over a value gives.
    pub(super) fn iterate(&self, datum: &Datum) -> Result<Vec<Datum>, EvalError> {
        self.refuse_overrides(datum, &["__iter__"])?;
        if let Some(view) = self.array(datum)? {
            return self.rows(&view);
        }
        let loaded = self.load(datum)?;
        match &loaded {
            Datum::List(members)
            | Datum::Tuple(members)
            | Datum::Set(members)
            | Datum::FrozenSet(members)
            | Datum::View(_, members)
            | Datum::Iterator(_, members) => {
                self.pay(members.len() as u64)?;
                Ok(members.to_vec())
            }
            Datum::Dict(items) => {
                self.pay(items.len() as u64)?;
                Ok(items.iter().map(|(key, _)| key.clone()).collect())
            }
            Datum::Str(points) => {
                self.pay(points.len() as u64)?;
                let character = |&point: &u32| Datum::Str(Arc::new(vec![point]));
                Ok(points.iter().map(character).collect())
            }
            Datum::Bytes(bytes) | Datum::ByteArray(bytes) => {
                self.pay(bytes.len() as u64)?;
                Ok(bytes.iter().map(|&byte| Datum::int(byte)).collect())
            }
            Datum::Range(range) => {
                let length = range.len().to_u64().unwrap_or(u64::MAX);
                self.pay(length)?;
                Ok((0..length)
                    .map(|index| Datum::Int(range.at(&index.into())))
                    .collect())
            }
            Datum::Object(object) => self.iterate_object(*object),
            other => Err(self.not_iterable(other)),
        }
    }

    fn iterate_object(&self, object: Addr) -> Result<Vec<Datum>, EvalError> {
        let datum = Datum::Object(object);
        let objects = |addresses: Vec<Addr>| addresses.into_iter().map(Datum::Object).collect();
        match self.builtin(&datum)? {
            Builtin::List | Builtin::Tuple => {
                let length = self.look.length(object)?;
                self.pay(length)?;
                Ok(objects(self.look.sequence(object, length)?))
            }
            Builtin::Dict => {
                let items = self.items(&datum)?;
                Ok(items.into_iter().map(|(key, _)| key).collect())
            }
            Builtin::Set | Builtin::FrozenSet => {
                let (_, length) = self.look.set_members(object, 0)?;
                self.pay(length)?;
                let limit = super::load::to_usize(length);
                Ok(objects(self.look.set_members(object, limit)?.0))
            }
            _ => {
                if let Some(members) = self.foreign_members(object)? {
                    return Ok(members);
                }
                let class = self.class_of(&datum)?;
                let kind = self.type_name(&datum);
                if self.look.class_lookup(class, "__iter__")?.is_some()
                    || self.look.class_lookup(class, "__getitem__")?.is_some()
                {
                    return Err(EvalError::needs(format!("iterating over a `{kind}`")));
                }
                Err(self.not_iterable(&datum))
            }
        }
    }

    fn not_iterable(&self, datum: &Datum) -> EvalError {
        let kind = self.type_name(datum);
        EvalError::type_error(format!("'{kind}' object is not iterable"))
    }

    /// The members of containers that are implemented in C and are none of the builtin types: `deque`.
    fn foreign_members(&self, object: Addr) -> Result<Option<Vec<Datum>>, EvalError> {
        if self.is_deque(object)? {
            let length = self.look.length(object)?;
            self.pay(length)?;
            let items = self.look.deque_items(object, length)?;
            return Ok(Some(items.into_iter().map(Datum::Object).collect()));
        }
        if self.look.type_of(object)?.static_name() != Some("mappingproxy") {
            return Ok(None);
        }
        let at = object.plus(self.look.layout().dict.proxy_mapping);
        let mapping = self.look.memory.pointer(at)?;
        self.iterate(&Datum::Object(mapping)).map(Some)
    }

    /// Whether it is a `collections.deque` or an instance of a subclass.
    pub(super) fn is_deque(&self, object: Addr) -> Result<bool, EvalError> {
        let class = self.look.type_of(object)?.address;
        for class in self.look.mro(class)? {
            let class = self.look.type_at(class)?;
            if class.module == "collections" && class.name == "deque" {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The keys and values of a dict, in its order.
    pub(super) fn items(&self, datum: &Datum) -> Result<Vec<(Datum, Datum)>, EvalError> {
        match datum {
            Datum::Dict(items) => {
                self.pay(items.len() as u64)?;
                Ok(items.to_vec())
            }
            Datum::Object(object) => {
                let object = if self.look.type_of(*object)?.name == "mappingproxy" {
                    let at = object.plus(self.look.layout().dict.proxy_mapping);
                    self.look.memory.pointer(at)?
                } else {
                    *object
                };
                let used = object.plus(self.look.layout().dict.used);
                let length = self.look.memory.u64(used)?;
                self.pay(length)?;
                let limit = super::load::to_usize(length);
                let items = if self.look.is_ordered_dict(object)? {
                    self.look.ordered_items(object, limit)?
                } else {
                    self.look.dict_items(object, limit)?
                };
                let pair = |(key, value)| (Datum::Object(key), Datum::Object(value));
                Ok(items.into_iter().map(pair).collect())
            }
            other => Err(EvalError::type_error(format!(
                "'{}' object is not a mapping",
                self.type_name(other)
            ))),
        }
    }

    /// For that many members: a step and the memory of each.
    pub(super) fn pay(&self, count: u64) -> Result<(), EvalError> {
        self.budget.spend(count)?;
        self.budget
            .allocate(count.saturating_mul(size_of::<Datum>() as u64))
    }
}

impl Range {
    pub(super) fn len(&self) -> BigInt {
        let span = &self.stop - &self.start;
        if self.step.is_zero() || span.is_zero() || span.is_negative() != self.step.is_negative() {
            return BigInt::ZERO;
        }
        span.abs().div_ceil(&self.step.abs())
    }

    pub(super) fn at(&self, index: &BigInt) -> BigInt {
        &self.start + index * &self.step
    }

    pub(super) fn contains(&self, value: &BigInt) -> bool {
        let offset = value - &self.start;
        if self.step.is_zero() || !(&offset % &self.step).is_zero() {
            return false;
        }
        let index = offset / &self.step;
        !index.is_negative() && index < self.len()
    }
}
