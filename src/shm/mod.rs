//! The memory that processes share: which segments there are, who has them, and what is to be thought of each.
//!
//! It knows processes and nothing of Python. See `docs/internals/shared-memory.md`.

mod census;
mod creator;
mod found;
mod identity;
mod openers;
mod size;
mod verdict;

pub use census::{Wanted, take};
