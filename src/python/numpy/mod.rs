//! numpy arrays, scalars and dtypes, read from memory and written as numpy writes them
//! (`docs/internals/numpy.md`).

mod array_text;
mod calendar;
mod decimal;
mod dtype;
mod dtype_text;
mod elements;
mod floats;
mod layout;
mod ndarray;
mod page;
mod real;
mod release;
mod scalar;
mod tables;

pub(in crate::python) use elements::WriteObject;
pub use ndarray::ArrayFacts;
pub(in crate::python) use real::half;
pub(in crate::python) use release::Release;
pub(in crate::python) use scalar::is_scalar;
