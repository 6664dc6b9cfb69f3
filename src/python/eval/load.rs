//! From objects of the inferior to values that operators understand.

use std::sync::Arc;

use num_traits::ToPrimitive;

use super::{Datum, EvalError, Evaluator, Range};
use crate::model::Addr;
use crate::python::numpy::{NumpyScalar, Plain, ScalarKind, Width};
use crate::python::object::{Builtin, Integer, TypeInfo};

/// Names that are looked through for a None.
const MOST_NAMES: usize = 10_000;

impl Evaluator<'_, '_> {
    /// A number, text, bytes, range, slice or singleton of the inferior (an instance of a subclass too) as pmdb's own;
    /// everything else unchanged.
    pub(super) fn load(&self, datum: &Datum) -> Result<Datum, EvalError> {
        let object = match datum {
            Datum::Object(object) => *object,
            Datum::Scalar(scalar) => return Ok(plain(scalar).unwrap_or_else(|| datum.clone())),
            _ => return Ok(datum.clone()),
        };
        let kind = self.look.type_of(object)?;
        let layout = &self.look.layout().object;
        let memory = &self.look.memory;
        Ok(match kind.builtin {
            Builtin::None => Datum::None,
            Builtin::Ellipsis => Datum::Ellipsis,
            Builtin::NotImplemented => Datum::NotImplemented,
            Builtin::Bool => Datum::Bool(self.integer(object)? != 0.into()),
            Builtin::Int => Datum::Int(self.integer(object)?),
            Builtin::Float => Datum::Float(memory.f64(object.plus(layout.float_value))?),
            Builtin::Complex => {
                let at = object.plus(layout.complex_real);
                Datum::Complex(memory.f64(at)?, memory.f64(at.plus(8))?)
            }
            Builtin::Str => Datum::Str(Arc::new(self.code_points(object)?)),
            Builtin::Bytes => {
                let length = self.look.length(object)?;
                self.budget.allocate(length)?;
                let (bytes, _) = self.look.bytes_object(object, to_usize(length))?;
                Datum::Bytes(Arc::new(bytes))
            }
            Builtin::ByteArray => {
                let length = self.look.length(object)?;
                self.budget.allocate(length)?;
                let start = memory.pointer(object.plus(layout.bytearray_start))?;
                Datum::ByteArray(Arc::new(memory.bytes(start, to_usize(length))?))
            }
            Builtin::Range => {
                let part =
                    |at| -> Result<_, EvalError> { self.integer(memory.pointer(object.plus(at))?) };
                Datum::Range(Arc::new(Range {
                    start: part(layout.range_start)?,
                    stop: part(layout.range_stop)?,
                    step: part(layout.range_step)?,
                }))
            }
            Builtin::Slice => {
                let part = |at| -> Result<_, EvalError> {
                    Ok(Datum::Object(memory.pointer(object.plus(at))?))
                };
                Datum::Slice(Arc::new([
                    part(layout.slice_start)?,
                    part(layout.slice_stop)?,
                    part(layout.slice_step)?,
                ]))
            }
            _ => match self.numpy_scalar(datum)? {
                Some(scalar) => plain(&scalar).unwrap_or_else(|| datum.clone()),
                None => datum.clone(),
            },
        })
    }

    pub(super) fn integer(&self, object: Addr) -> Result<num_bigint::BigInt, EvalError> {
        match self.look.integer(object)? {
            Integer::Exact(value) => {
                self.budget.allocate(value.bits() / 8)?;
                Ok(value)
            }
            Integer::Huge { bits } => Err(EvalError::Limit {
                limit: format!("an int of {bits} bits has room for"),
            }),
        }
    }

    fn code_points(&self, object: Addr) -> Result<Vec<u32>, EvalError> {
        // The length is checked before it is believed.
        let length = self.look.text(object, 0)?.length;
        self.budget.allocate(length.saturating_mul(4))?;
        Ok(self.look.text(object, to_usize(length))?.code_points)
    }

    /// The type of an object; none for a value that pmdb made.
    pub(super) fn object_type(
        &self,
        datum: &Datum,
    ) -> Result<Option<(Addr, std::rc::Rc<TypeInfo>)>, EvalError> {
        match datum {
            Datum::Object(object) => Ok(Some((*object, self.look.type_of(*object)?))),
            _ => Ok(None),
        }
    }

    /// What kind of builtin a value is or descends from.
    pub(super) fn builtin(&self, datum: &Datum) -> Result<Builtin, EvalError> {
        Ok(match datum {
            Datum::Object(object) => self.look.type_of(*object)?.builtin,
            Datum::None => Builtin::None,
            Datum::Ellipsis => Builtin::Ellipsis,
            Datum::NotImplemented => Builtin::NotImplemented,
            Datum::Bool(_) => Builtin::Bool,
            Datum::Int(_) => Builtin::Int,
            Datum::Float(_) => Builtin::Float,
            Datum::Complex(..) => Builtin::Complex,
            Datum::Str(_) => Builtin::Str,
            Datum::Bytes(_) => Builtin::Bytes,
            Datum::ByteArray(_) => Builtin::ByteArray,
            Datum::List(_) => Builtin::List,
            Datum::Tuple(_) => Builtin::Tuple,
            Datum::Set(_) => Builtin::Set,
            Datum::FrozenSet(_) => Builtin::FrozenSet,
            Datum::Dict(_) => Builtin::Dict,
            Datum::Range(_) => Builtin::Range,
            Datum::Slice(_) => Builtin::Slice,
            Datum::Method { .. }
            | Datum::BuiltinMethod { .. }
            | Datum::View(..)
            | Datum::Array(_)
            | Datum::Iterator(..) => Builtin::Other,
            // Those of numpy's types that are subclasses.
            Datum::Scalar(scalar) => match scalar.kind() {
                ScalarKind::Real(Width::Double) => Builtin::Float,
                ScalarKind::Complex(Width::Double) => Builtin::Complex,
                ScalarKind::Text => Builtin::Str,
                ScalarKind::Bytes => Builtin::Bytes,
                _ => Builtin::Other,
            },
        })
    }

    pub(super) fn type_name(&self, datum: &Datum) -> String {
        self.look.type_name_of(datum)
    }

    /// The address of the class of any value.
    pub(super) fn class_of(&self, datum: &Datum) -> Result<Addr, EvalError> {
        match datum {
            Datum::Object(object) => {
                let at = object.plus(self.look.layout().object.kind);
                Ok(self.look.memory.pointer(at)?)
            }
            Datum::None => self.class_of_none(),
            Datum::Array(view) if !view.class().is_null() => Ok(view.class()),
            Datum::Scalar(scalar) if !scalar.class().is_null() => Ok(scalar.class()),
            Datum::Array(_)
            | Datum::Scalar(_)
            | Datum::Ellipsis
            | Datum::NotImplemented
            | Datum::Method { .. }
            | Datum::BuiltinMethod { .. }
            | Datum::View(..)
            | Datum::Iterator(..) => Err(EvalError::unsupported(format!(
                "the class of a {} that pmdb made",
                self.type_name(datum)
            ))),
            other => self.builtin_named(self.look.host_type_name(other)),
        }
    }

    /// `NoneType` has no name anywhere: it is the type of the first None among globals and builtins.
    fn class_of_none(&self) -> Result<Addr, EvalError> {
        for names in [self.scope.globals(), self.scope.builtins()] {
            for (_, value) in self.look.dict_items(names, MOST_NAMES)? {
                let kind = self.look.type_of(value)?;
                if kind.builtin == Builtin::None {
                    return Ok(kind.address);
                }
            }
        }
        Err(EvalError::unsupported("the class of None"))
    }

    /// `int`, `len`, …: what the inferior's builtins say.
    pub(super) fn builtin_named(&self, name: &str) -> Result<Addr, EvalError> {
        let builtins = self.scope.builtins();
        let found = self.look.dict_get_str(builtins, name)?;
        found.ok_or_else(|| {
            EvalError::unsupported(format!("`{name}`: it is not among the builtins"))
        })
    }

    /// Refuses if a special method of the value's class is written in Python: `__add__` for `+`.
    pub(super) fn refuse_overrides(&self, datum: &Datum, names: &[&str]) -> Result<(), EvalError> {
        let Some((_, kind)) = self.object_type(datum)? else {
            return Ok(());
        };
        if is_exact(&kind) {
            return Ok(());
        }
        let class = self.class_of(datum)?;
        for name in names {
            if let Some(found) = self.look.class_lookup(class, name)?
                && self.is_python(found)?
            {
                return Err(EvalError::needs(format!("`{}.{name}`", kind.name)));
            }
        }
        Ok(())
    }

    /// Whether calling it would run Python code or code that pmdb does not know.
    pub(super) fn is_python(&self, object: Addr) -> Result<bool, EvalError> {
        let kind = self.look.type_of(object)?;
        let foreign = matches!(
            kind.name.as_str(),
            "wrapper_descriptor"
                | "method_descriptor"
                | "builtin_function_or_method"
                | "NoneType"
                | "classmethod_descriptor"
        );
        Ok(!foreign)
    }

    /// Whether a special method comes from `object` itself, or is not there.
    pub(super) fn is_default(&self, class: Addr, name: &str) -> Result<bool, EvalError> {
        let object = self.builtin_named("object")?;
        let own = self.look.class_lookup(class, name)?;
        Ok(own.is_none() || own == self.look.class_lookup(object, name)?)
    }

    /// `bool(x)`.
    pub(super) fn truth(&self, datum: &Datum) -> Result<bool, EvalError> {
        self.refuse_overrides(datum, &["__bool__", "__len__"])?;
        if let Some(view) = self.array(datum)? {
            return self.array_truth(&view);
        }
        Ok(match self.load(datum)? {
            Datum::None => false,
            Datum::Bool(truth) => truth,
            Datum::Int(value) => value != 0.into(),
            Datum::Float(value) => value != 0.0,
            Datum::Complex(real, imaginary) => real != 0.0 || imaginary != 0.0,
            other => {
                if self.has_length(&other)? {
                    return Ok(self.len(&other)? != 0.into());
                }
                if let Datum::Object(object) = other {
                    let class = self.class_of(&Datum::Object(object))?;
                    for name in ["__bool__", "__len__"] {
                        if self.look.class_lookup(class, name)?.is_some() {
                            let kind = self.type_name(datum);
                            return Err(EvalError::unsupported(format!("the truth of a {kind}")));
                        }
                    }
                }
                true
            }
        })
    }
}

/// A scalar of numpy as Python's own number or text.
fn plain(scalar: &NumpyScalar) -> Option<Datum> {
    Some(match (scalar.kind(), scalar.plain()) {
        (ScalarKind::Moment | ScalarKind::Span, _) | (_, Plain::Other) => return None,
        (_, Plain::Bool(truth)) => Datum::Bool(truth),
        (_, Plain::Int(value)) => Datum::int(value),
        (_, Plain::Float(value)) => Datum::Float(value),
        (_, Plain::Complex(real, imaginary)) => Datum::Complex(real, imaginary),
        (_, Plain::Text(points)) => Datum::Str(Arc::new(points)),
        (_, Plain::Bytes(bytes)) => Datum::Bytes(Arc::new(bytes)),
    })
}

/// A length that has been paid for.
pub(super) fn to_usize(length: u64) -> usize {
    length.to_usize().unwrap_or(usize::MAX)
}

/// Whether a type is a builtin one itself and not a subclass, whose methods may be its own.
pub(super) fn is_exact(kind: &TypeInfo) -> bool {
    kind.builtin != Builtin::Other && kind.static_name().is_some()
}
