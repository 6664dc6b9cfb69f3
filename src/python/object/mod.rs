//! Objects, shallowly: what an address holds, without following what that refers to.

mod attributes;
mod classes;
mod containers;
mod dict;
mod nameless;
mod number;
mod text;
mod types;

pub use attributes::{Attribute, Field};
pub use number::Integer;
pub use types::{Builtin, TypeInfo};
