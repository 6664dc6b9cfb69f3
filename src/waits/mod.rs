//! Why a process died, or is about to: what a fault touched, and who or what killed it.
//!
//! It knows processes and nothing of Python. See `docs/internals/crashes.md`.

mod abort_message;
mod bus;
pub mod crash;
pub mod death;
mod memory_kills;
mod segment;
mod verdict;

pub use crash::{Crash, explain};
pub use death::Death;
pub use memory_kills::{MemoryEvidence, MemoryKills};
pub use verdict::{Access, Near, Side, Verdict};
