//! Objects, shallowly: what an address holds, without following what that refers to.

mod attributes;
mod classes;
mod containers;
mod dict;
mod dict_lookup;
mod nameless;
mod number;
mod text;
mod types;

pub use attributes::{Attribute, Field};
pub(super) use dict_lookup::KeyHash;
pub use number::Integer;
pub use types::{Builtin, TypeInfo};
