//! CPython 3.8 to 3.15 read from memory.
//!
//! [`locate`](locate::locate) finds the runtime and its version once; a [`Look`] then reads interpreters, threads,
//! frames and objects for the length of one walk. Nothing here runs code in the target.

pub mod agent;
mod asyncio;
mod chain;
mod code;
mod error;
pub mod eval;
mod exception;
mod frame;
mod generator;
mod held_locks;
mod kept_source;
pub mod layout;
pub mod lines;
pub mod locate;
mod look;
mod message;
mod modules;
mod numpy;
mod object;
mod own_words;
mod phase;
mod reach;
mod repr;
mod resource_tracker;
mod segment;
mod shared_objects;
mod stack;
mod thread;
mod thread_list;
mod thread_names;
mod tid;

pub use asyncio::Loops;
pub use chain::RaisedFrame;
pub use error::{LookError, PythonError};
pub use frame::PythonFrame;
pub use generator::{GeneratorKind, GeneratorPhase};
pub use locate::{Effort, Located, Locator, Version, locate};
pub use look::Look;
pub use numpy::{ArrayFacts, ArrayView, NumpyScalar, SegmentMemory};
pub use object::{Attribute, Field};
pub use own_words::OwnWords;
pub use reach::Reach;
pub use repr::{Limits, bytes_literal, text_literal};
pub use resource_tracker::TrackedResource;
pub use segment::segment_name;
pub use shared_objects::SharedVariable;
pub use stack::Evaluation;
pub use thread::PythonThread;
