//! The agent: a little Python that pmdb runs inside of a live process to stop, step and execute there.
//!
//! `inferior/` is its source, which runs in the process; the rest brings it in ([`inject`](Injection::begin)) and talks with it
//! ([`Channel`]). `docs/internals/agent.md` tells how it gets in and out again.

mod arrival;
mod channel;
mod compiled;
mod error;
mod furniture;
mod helper;
mod inject;
mod kept;
mod launch;
mod message;
pub mod remains;
mod ring;
mod script;
mod unheard;
mod unwind_filter;
mod wanted_stops;

pub use arrival::{Arrival, Purpose, Sprung};
pub use channel::Channel;
pub use compiled::Compiled;
pub use error::AgentError;
pub use inject::{Foothold, Heritage, Injection};
pub use launch::{Launch, Start};
pub use message::{
    About, Answer, Command, Complaint, Console, Event, Message, Resume, ValueChange,
    WantedBreakpoint,
};
pub use wanted_stops::{Catcher, WantedStops, Wishes};

/// The file that the agent's code says that it is from (`inferior/agent.py`).
pub(super) const OWN_FILE: &str = "<pmdb>";
/// How the program begins that the text which starts the agent compiles (`script.rs`).
pub(super) const TEXT_BEGINS: &str = "import sys, posix, _thread\nours";
