//! The debugger proper: what a face asks for, answered from the floors below.
//!
//! A [`Session`] holds a set of processes, live or dead; one process is a set of one. A face speaks to it in
//! [`Request`]s and gets [`Response`]s, and [`Event`]s for what happened meanwhile. All of these are plain data, so
//! that a face may sit in another process or on another machine. The one-shot commands need no session: [`stack`].

mod alarms;
mod api;
mod arguments;
mod asking;
mod blocks;
mod breakpoints;
mod common_breakpoints;
mod control;
mod convenience;
mod crashed;
pub mod debuginfo;
pub mod diff;
mod display;
pub mod doctor;
pub mod dump_report;
mod error;
mod evaluate;
mod failing;
mod failures;
mod focus;
mod following;
pub mod guardian;
mod happenings;
mod heirs;
mod held;
mod inferior;
mod inspection;
mod interrupt;
mod joining;
mod keeping;
mod kept_sources;
mod launched;
mod levels;
mod listing;
mod look;
mod mixed_stack;
mod native;
mod native_answers;
mod native_code;
mod native_stack;
mod native_view;
mod own_time;
mod places;
mod presence;
pub mod ps;
mod running;
mod segment_watches;
mod selection;
mod shared_memory;
pub mod shm;
pub mod snapshot;
pub mod source;
pub mod stack;
mod statements;
mod summons;
pub mod syntax;
pub mod tasks;
mod together;
mod tree;
mod view;
mod waiting;
pub mod who;

pub use crate::python::agent::Catcher;
pub use api::{
    Arrival, Console, ConsoleState, Display, Event, ExceptionEntry, Failure, FrameEntry, FrameStep,
    LevelLeft, Lines, Listing, ListingLine, NativeQuestion, ProcessEntry, ProcessState, Progress,
    Request, Response, Resume, StackListing, Stop, StoppedProcess, Summary, ThreadEntry,
};
pub use arguments::split as split_words;
pub use breakpoints::{Breakpoint, BreakpointRequest, Change, Place, Scope, Watch};
pub use error::{SessionError, ended_with, starting_again};
pub use launched::Program;
pub use look::{Session, SessionOptions};
pub use selection::{Selection, StopKind};
