//! Writing a process down: an ELF core that other debuggers open too, with what pmdb knows beside it.
//!
//! What is kept is decided above, by whoever looks at the process; reading it back is `process::core`. What is in such a file
//! and why is in `docs/internals/snapshots.md`.

mod elf;
mod error;
mod file;
pub mod link_map;
mod notes;
mod places;
pub mod secrets;
mod segments;

use std::ops::Range;

pub use error::SnapshotError;
pub use file::{Draft, Written, write, write_new};

use crate::model::{Addr, SnapshotFacts};
use crate::process::live::circumstances::Circumstances;
use crate::process::live::shared_memory::SharedSegment;
use crate::process::still::CapturedThread;
use crate::process::{Mappings, ReadMemory};

/// The name of pmdb's own notes, and what they hold.
pub use crate::process::core::own_notes::{FACTS, MAPS, OWNER, PLACES, SOURCES};

/// What a snapshot is made of.
pub struct Contents<'c> {
    pub mappings: &'c Mappings,
    /// The stretches of memory that are kept, by address, and where they are read from.
    pub kept: Vec<Range<Addr>>,
    pub memory: &'c dyn ReadMemory,
    /// The segments that it shares with others. What of them another process has brought into the same file is not written again.
    pub shared: &'c [SharedSegment],
    pub threads: &'c [CapturedThread],
    pub circumstances: &'c Circumstances,
    pub facts: &'c SnapshotFacts,
    /// Its sources, packed (`process::core::sources`).
    pub sources: &'c [u8],
}
