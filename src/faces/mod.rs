//! What a person or a client types, and what comes back to them.
//!
//! Nothing here knows ptrace, ELF or CPython: a face turns words into calls of the session, and the
//! model's plain data into text or JSON.

pub mod cli;
mod complaint;
pub mod render;
pub mod repl;
