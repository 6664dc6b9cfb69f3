//! numpy arrays, scalars and dtypes, read from memory and written as numpy writes them
//! (`docs/internals/numpy.md`).

mod array_text;
mod dtype;
mod dtype_text;
mod elements;
mod layout;
mod ndarray;
mod reduce;
mod release;
mod scalar;
mod segment;
mod summation;
mod tables;
mod value;
mod view;

pub(in crate::python) use crate::array::Release;
pub(in crate::python) use crate::array::real::half;
pub(in crate::python) use dtype::Width;
pub(in crate::python) use elements::WriteObject;
pub use ndarray::{ArrayFacts, ArrayView};
pub(in crate::python) use reduce::{Reduced, Reduction};
pub(in crate::python) use scalar::{ScalarKind, is_scalar};
pub use segment::SegmentMemory;
pub use value::NumpyScalar;
pub(in crate::python) use value::{ArrayElement, Plain};
pub(in crate::python) use view::Index;
