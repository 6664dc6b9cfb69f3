//! Arrays of numbers without what they lie in: what one element is, which elements are meant, and how numpy writes them
//! (`docs/internals/numpy.md`). Knows nothing of processes and of Python.

pub mod array_text;
pub mod calendar;
pub mod decimal;
pub mod dtype;
pub mod dtype_text;
pub mod element;
pub mod floats;
pub mod number_text;
pub mod page;
pub mod real;
mod release;
pub mod slice;
pub mod structure;
pub mod text;
pub mod view;

pub use element::{ByteOrder, ElementType, Field, Kind, TimeUnit, Width};
pub use release::Release;
pub use view::View;
