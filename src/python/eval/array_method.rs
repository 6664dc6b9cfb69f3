//! Methods of arrays of numpy that only look: reductions, `item` and `tolist`.

use std::sync::Arc;

use num_traits::ToPrimitive;

use super::call::Arguments;
use super::{Datum, EvalError, Evaluator};
use crate::python::numpy::{ArrayView, Index, Reduced, Reduction, ScalarKind};
use crate::python::object::Builtin;

/// Whether it is a method that [`Evaluator::array_method`] answers.
pub(super) fn is_known(name: &str) -> bool {
    matches!(name, "__len__" | "item" | "tolist" | "transpose") || reduction(name, 0).is_some()
}

/// `taken`: the degrees of freedom that are taken off a variance.
fn reduction(name: &str, taken: i64) -> Option<Reduction> {
    Some(match name {
        "sum" => Reduction::Sum,
        "prod" => Reduction::Product,
        "mean" => Reduction::Mean,
        "min" => Reduction::Min,
        "max" => Reduction::Max,
        "std" => Reduction::Deviation(taken),
        "var" => Reduction::Variance(taken),
        "any" => Reduction::Any,
        "all" => Reduction::All,
        "argmin" => Reduction::ArgMin,
        "argmax" => Reduction::ArgMax,
        _ => return None,
    })
}

impl Evaluator<'_, '_> {
    pub(super) fn array_method(
        &self,
        view: &ArrayView,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Datum>, EvalError> {
        match name {
            "__len__" => {
                return Ok(Some(Datum::Int(
                    self.len(&Datum::Array(Arc::new(view.clone())))?,
                )));
            }
            "item" => return self.item(view, arguments).map(Some),
            "tolist" if arguments.positional.is_empty() && arguments.named.is_empty() => {
                return self.to_list(view).map(Some);
            }
            "transpose" if arguments.positional.is_empty() && arguments.named.is_empty() => {
                return Ok(Some(Datum::Array(Arc::new(view.transposed()))));
            }
            _ => {}
        }
        let taken = match (name, arguments.named("ddof")) {
            ("std" | "var", Some(taken)) => self.as_index(taken)?.and_then(|taken| taken.to_i64()),
            _ => Some(0),
        };
        let Some(taken) = taken else {
            return Err(EvalError::unsupported(format!("`{name}` with this ddof")));
        };
        let Some(reduction) = reduction(name, taken) else {
            return Ok(None);
        };
        // `axis=None` is what it is without.
        for (index, argument) in arguments.positional.iter().enumerate() {
            if index > 0 || !matches!(self.load(argument)?, Datum::None) {
                return Err(EvalError::unsupported(format!("`{name}` along an axis")));
            }
        }
        for (keyword, value) in &arguments.named {
            let harmless = match keyword.as_str() {
                "axis" | "dtype" | "out" => matches!(self.load(value)?, Datum::None),
                "ddof" => matches!(name, "std" | "var"),
                "keepdims" => !self.truth(value)?,
                _ => false,
            };
            if !harmless {
                return Err(EvalError::unsupported(match keyword.as_str() {
                    "axis" => format!("`{name}` along an axis"),
                    _ => format!("`{name}` with `{keyword}`"),
                }));
            }
        }
        self.budget.spend(view.size() / 4)?;
        self.budget.allocate(view.size().saturating_mul(16))?;
        match self.look.reduce(view, reduction)? {
            Reduced::Scalar(scalar) => Ok(Some(Datum::Scalar(Arc::new(scalar)))),
            Reduced::Empty => Err(EvalError::value_error(match name {
                "min" => "zero-size array to reduction operation minimum which has no identity"
                    .to_string(),
                "max" => "zero-size array to reduction operation maximum which has no identity"
                    .to_string(),
                _ => format!("attempt to get {name} of an empty sequence"),
            })),
            Reduced::Unsupported => {
                let dtype = self.look.dtype_text(view)?;
                Err(EvalError::unsupported(format!(
                    "`{name}` of an array of {dtype}"
                )))
            }
        }
    }

    /// `array.item(…)`: Python's own number.
    fn item(&self, view: &ArrayView, arguments: &Arguments) -> Result<Datum, EvalError> {
        let element = match &arguments.positional[..] {
            [] if view.size() == 1 => {
                let first: Vec<Index> = view.shape().iter().map(|_| Index::At(0)).collect();
                self.array_element(&view.select(&first))?
            }
            [] => {
                return Err(EvalError::value_error(
                    "can only convert an array of size 1 to a Python scalar",
                ));
            }
            [tuple] if self.builtin(tuple)? == Builtin::Tuple => {
                self.item_at_indices(view, &self.iterate(tuple)?)?
            }
            [_] if view.shape().len() != 1 => {
                return Err(EvalError::unsupported(
                    "`item` by the index of a flat array",
                ));
            }
            indices => self.item_at_indices(view, indices)?,
        };
        self.python_value(element)
    }

    fn item_at_indices(&self, view: &ArrayView, indices: &[Datum]) -> Result<Datum, EvalError> {
        let (selected, _) = self.selection(view, indices)?;
        let part = view.select(&selected);
        if indices.len() != view.shape().len() || !part.shape().is_empty() {
            return Err(EvalError::value_error(
                "incorrect number of indices for array",
            ));
        }
        self.array_element(&part)
    }

    /// A scalar of numpy as Python's own value, as `tolist()` gives it.
    pub(super) fn python_value(&self, datum: Datum) -> Result<Datum, EvalError> {
        match &datum {
            Datum::Scalar(scalar) => match self.load(&datum)? {
                Datum::Scalar(_) => Err(EvalError::unsupported(match scalar.kind() {
                    ScalarKind::Moment | ScalarKind::Span => "a time of numpy as one of Python",
                    _ => "a record, or a number wider than Python's, as a value of Python",
                })),
                other => Ok(other),
            },
            _ => Ok(datum),
        }
    }

    fn to_list(&self, view: &ArrayView) -> Result<Datum, EvalError> {
        if view.shape().is_empty() {
            return self.python_value(self.array_element(view)?);
        }
        self.budget.deeper(|| {
            let member = |row: Datum| match row {
                Datum::Array(view) => self.to_list(&view),
                element => self.python_value(element),
            };
            let rows = self.rows(view)?.into_iter().map(member);
            Ok(Datum::list(rows.collect::<Result<_, EvalError>>()?))
        })
    }
}
