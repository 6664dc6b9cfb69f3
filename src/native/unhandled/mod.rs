//! Failures that native code tells by its own means: panics of Rust, exceptions of C++. Where its libraries come to when one begins,
//! and what can be read there. Nothing is run in the process.

mod catchers;
mod cpp_exception;
mod handlers;
mod libraries;
mod places;
mod rust_panic;
mod text;
mod type_info;
mod what;

pub use catchers::{Fate, fate};
pub use cpp_exception::{CppException, Thrown};
pub use libraries::{Change, Libraries, Library};
pub use places::{Place, Places};
pub use rust_panic::{Formatting, Location, Message, Panic};
