//! Objects, shallowly: what an address holds, without following what that refers to.

mod containers;
mod number;
mod text;
mod types;

pub use number::Integer;
pub use types::{Builtin, TypeInfo};
