//! Arrays of numpy: attributes, and indexing that makes no copy.

use std::sync::Arc;

use num_traits::{Signed, ToPrimitive};

use super::{Datum, EvalError, Evaluator, array_method};
use crate::model::Addr;
use crate::python::numpy::{ArrayElement, ArrayView, Index, NumpyScalar, is_scalar};
use crate::python::object::Builtin;

const NO_INDEX: &str = "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or boolean \
                        arrays are valid indices";

impl Evaluator<'_, '_> {
    /// The array that a value is.
    pub(super) fn array(&self, datum: &Datum) -> Result<Option<ArrayView>, EvalError> {
        Ok(match datum {
            Datum::Array(view) => Some((**view).clone()),
            Datum::Object(object) => self.look.array_view(*object)?,
            _ => None,
        })
    }

    /// The number or time of numpy that a value is.
    pub(super) fn numpy_scalar(&self, datum: &Datum) -> Result<Option<NumpyScalar>, EvalError> {
        Ok(match datum {
            Datum::Scalar(scalar) => Some((**scalar).clone()),
            Datum::Object(object) => {
                let kind = self.look.type_of(*object)?;
                match is_scalar(&kind) {
                    true => self.look.scalar_object(*object, &kind.name)?,
                    false => None,
                }
            }
            _ => None,
        })
    }

    /// What numpy computes in C for an attribute of an object of the inferior.
    pub(super) fn numpy_attribute(
        &self,
        object: Addr,
        name: &str,
    ) -> Result<Option<Datum>, EvalError> {
        let datum = Datum::Object(object);
        if let Some(view) = self.array(&datum)? {
            if name == "base" {
                let base = self.look.array_base(object)?;
                return Ok(Some(if base.is_null() {
                    Datum::None
                } else {
                    Datum::Object(base)
                }));
            }
            return self.array_attribute(&view, name);
        }
        if let Some(scalar) = self.numpy_scalar(&datum)? {
            return self.scalar_attribute(&scalar, name);
        }
        let text = self.look.dtype_attribute(object, name)?;
        Ok(text.map(|text| Datum::text(&text)))
    }

    pub(super) fn array_attribute(
        &self,
        view: &ArrayView,
        name: &str,
    ) -> Result<Option<Datum>, EvalError> {
        let tuple = |numbers: &mut dyn Iterator<Item = i128>| {
            Datum::tuple(numbers.map(Datum::int).collect())
        };
        Ok(Some(match name {
            "shape" => tuple(&mut view.shape().iter().map(|&length| length.into())),
            "strides" => tuple(&mut view.strides().iter().map(|&stride| stride.into())),
            "ndim" => Datum::int(view.shape().len()),
            "size" => Datum::int(view.size()),
            "itemsize" => Datum::int(view.item_size()),
            "nbytes" => Datum::int(u128::from(view.size()) * u128::from(view.item_size())),
            // That of a segment has no object in the process.
            "dtype" if view.dtype_address().is_null() => Datum::text(&self.look.dtype_text(view)?),
            "dtype" => Datum::Object(view.dtype_address()),
            "T" => Datum::Array(Arc::new(view.transposed())),
            // One of a segment is of the class itself: its methods are known. Without numpy in the process nothing there has them, and a
            // snapshot does not keep all of that class.
            _ if view.dtype_address().is_null() && array_method::is_known(name) => {
                Datum::BuiltinMethod {
                    name: name.to_string(),
                    receiver: Arc::new(Datum::Array(Arc::new(view.clone()))),
                }
            }
            _ => return Ok(None),
        }))
    }

    pub(super) fn scalar_attribute(
        &self,
        scalar: &NumpyScalar,
        name: &str,
    ) -> Result<Option<Datum>, EvalError> {
        Ok(Some(match name {
            "shape" | "strides" => Datum::tuple(Vec::new()),
            "ndim" => Datum::int(0),
            "size" => Datum::int(1),
            "itemsize" | "nbytes" => Datum::int(scalar.item_size()),
            "dtype" if !scalar.dtype_address().is_null() => Datum::Object(scalar.dtype_address()),
            "T" => Datum::Scalar(Arc::new(scalar.clone())),
            // As of arrays.
            "item" | "tolist" if scalar.dtype_address().is_null() => Datum::BuiltinMethod {
                name: name.to_string(),
                receiver: Arc::new(Datum::Scalar(Arc::new(scalar.clone()))),
            },
            _ => return Ok(None),
        }))
    }

    /// `array[index]`.
    pub(super) fn array_subscript(
        &self,
        array: &Datum,
        view: &ArrayView,
        index: &Datum,
    ) -> Result<Datum, EvalError> {
        // That of a memmap only turns results that lie elsewhere into plain arrays, and these lie in the file.
        if !view.class().is_null() {
            let class = self.look.type_at(view.class())?;
            if (class.module.as_str(), class.name.as_str()) != ("numpy", "memmap") {
                self.refuse_overrides(array, &["__getitem__"])?;
            }
        }
        if let Datum::Str(name) = self.load(index)? {
            let name = super::text::to_string(&name);
            let field = self.look.field_view(view, &name)?;
            let missing = || match view.has_fields() {
                true => EvalError::value_error(format!("no field of name {name}")),
                false => EvalError::raised("IndexError", NO_INDEX),
            };
            return Ok(Datum::Array(Arc::new(field.ok_or_else(missing)?)));
        }
        let indices = match self.builtin(index)? {
            Builtin::Tuple => self.iterate(index)?,
            _ => vec![index.clone()],
        };
        let (selected, has_ellipsis) = self.selection(view, &indices)?;
        let part = view.select(&selected);
        if part.shape().is_empty() && !has_ellipsis {
            return self.array_element(&part);
        }
        Ok(Datum::Array(Arc::new(part)))
    }

    /// Indices within the bounds of their axes; whether one of them was `...`.
    pub(super) fn selection(
        &self,
        view: &ArrayView,
        indices: &[Datum],
    ) -> Result<(Vec<Index>, bool), EvalError> {
        let raised = |message: String| EvalError::raised("IndexError", message);
        let mut loaded = Vec::new();
        for index in indices {
            loaded.push(self.load(index)?);
        }
        let ellipses = loaded
            .iter()
            .filter(|index| matches!(index, Datum::Ellipsis))
            .count();
        let new = loaded
            .iter()
            .filter(|index| matches!(index, Datum::None))
            .count();
        let given = loaded.len().saturating_sub(ellipses + new);
        let dimensions = view.shape().len();
        if ellipses > 1 {
            let message = "an index can only have a single ellipsis ('...')";
            return Err(raised(message.to_string()));
        }
        if given > dimensions {
            return Err(raised(format!(
                "too many indices for array: array is {dimensions}-dimensional, but {given} were indexed"
            )));
        }
        let mut axes = view.shape().iter().enumerate();
        let mut selected = Vec::new();
        for index in &loaded {
            match index {
                Datum::None => selected.push(Index::New),
                Datum::Ellipsis => {
                    for (_, &count) in axes.by_ref().take(dimensions - given) {
                        selected.push(Index::Slice {
                            start: 0,
                            step: 1,
                            count,
                        });
                    }
                }
                other => {
                    let Some((axis, &length)) = axes.next() else {
                        break;
                    };
                    selected.push(self.along(other, axis, length)?);
                }
            }
        }
        Ok((selected, ellipses > 0))
    }

    /// One index of one axis.
    fn along(&self, index: &Datum, axis: usize, length: u64) -> Result<Index, EvalError> {
        let raised = |message: String| EvalError::raised("IndexError", message);
        match index {
            Datum::Slice(parts) => {
                let (start, step, count) = self.slice_bounds(parts, &length.into())?;
                Ok(Index::Slice {
                    start: start.to_i64().unwrap_or(0),
                    // One step leads out of every axis if it is that long.
                    step: step.to_i64().unwrap_or(if step.is_negative() {
                        i64::MIN
                    } else {
                        i64::MAX
                    }),
                    count: count.to_u64().unwrap_or(0),
                })
            }
            Datum::Int(position) => {
                let at = if position.is_negative() {
                    position + length
                } else {
                    position.clone()
                };
                match at.to_u64().filter(|&at| at < length) {
                    Some(at) => Ok(Index::At(at as i64)),
                    None => Err(raised(format!(
                        "index {position} is out of bounds for axis {axis} with size {length}"
                    ))),
                }
            }
            Datum::Bool(_) => Err(EvalError::unsupported("an array indexed by bools")),
            Datum::Float(_) | Datum::Complex(..) => Err(raised(NO_INDEX.to_string())),
            other if self.array(other)?.is_some() || self.builtin(other)? == Builtin::List => Err(
                EvalError::unsupported("an array indexed by an array or a list, which copies"),
            ),
            _ => Err(raised(NO_INDEX.to_string())),
        }
    }

    /// The field of a record that was taken out of an array.
    pub(super) fn record_field(
        &self,
        record: &NumpyScalar,
        name: &str,
    ) -> Result<Datum, EvalError> {
        match self.look.scalar_field(record, name)? {
            Some(field) if field.shape().is_empty() => self.array_element(&field),
            Some(field) => Ok(Datum::Array(Arc::new(field))),
            None => Err(EvalError::value_error(format!("no field of name {name}"))),
        }
    }

    /// The element of an array without axes.
    pub(super) fn array_element(&self, view: &ArrayView) -> Result<Datum, EvalError> {
        self.budget.spend(1)?;
        Ok(match self.look.element(view)? {
            ArrayElement::Object(object) if object.is_null() => Datum::None,
            ArrayElement::Object(object) => Datum::Object(object),
            ArrayElement::Scalar(scalar) => Datum::Scalar(Arc::new(scalar)),
        })
    }

    /// All elements along the first axis.
    pub(super) fn rows(&self, view: &ArrayView) -> Result<Vec<Datum>, EvalError> {
        let Some((&length, inner)) = view.shape().split_first() else {
            return Err(EvalError::type_error("iteration over a 0-d array"));
        };
        // A value of numpy takes as much again for its dtype's type and its bytes.
        self.pay(length.saturating_mul(8))?;
        let row = |index| match inner.is_empty() {
            true => self.array_element(&view.row(index)),
            false => Ok(Datum::Array(Arc::new(view.row(index)))),
        };
        (0..length).map(row).collect()
    }

    pub(super) fn array_truth(&self, view: &ArrayView) -> Result<bool, EvalError> {
        match view.size() {
            1 => {
                let first: Vec<Index> = view.shape().iter().map(|_| Index::At(0)).collect();
                self.truth(&self.array_element(&view.select(&first))?)
            }
            0 => Err(EvalError::unsupported("the truth of an empty array")),
            _ => Err(EvalError::value_error(
                "The truth value of an array with more than one element is ambiguous. Use a.any() or a.all()",
            )),
        }
    }
}
