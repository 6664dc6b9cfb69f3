//! The memory that processes share: which segments there are, who has them, and what is to be thought of each.
//!
//! It knows processes and nothing of Python. See `docs/internals/shared-memory.md`.

mod bytes;
mod census;
mod creator;
mod designation;
mod dumped;
mod element;
mod error;
mod find;
mod found;
mod identity;
mod leaks;
mod openers;
mod part;
mod picture;
mod reach;
mod removal;
mod search;
mod size;
mod statistics;
mod trackers;
mod verdict;
mod walk;
mod watched;

pub use bytes::{BytesError, SegmentBytes, Way};
pub use census::{Census, Wanted};
pub use designation::Designation;
pub use dumped::{Dump, Dumps};
pub use element::ElementType;
pub use error::ShmError;
pub use part::Part;
pub use picture::{Canvas, GridCell, Picture, picture};
pub use reach::Reached;
pub use removal::Caution;
pub use search::{Hits, Sought, SoughtError, search};
pub use statistics::{Depth, of_parts, spread_statistics, statistics};
pub use trackers::Tracker;
pub use walk::{Progress, WalkError};
pub use watched::Watched;
