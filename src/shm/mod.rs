//! The memory that processes share: which segments there are, who has them, and what is to be thought of each.
//!
//! It knows processes and nothing of Python. See `docs/internals/shared-memory.md`.

mod census;
mod creator;
mod designation;
mod error;
mod found;
mod identity;
mod leaks;
mod openers;
mod removal;
mod size;
mod trackers;
mod verdict;

pub use census::{Census, Wanted};
pub use designation::Designation;
pub use error::ShmError;
pub use removal::Caution;
pub use trackers::Tracker;
