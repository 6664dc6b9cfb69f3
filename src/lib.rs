//! pmdb: a debugger for programs made of many processes.
//!
//! The folders are floors, and a floor knows only those below it (see `docs/internals/architecture.md`):
//!
//! - [`model`]: plain data that every floor speaks,
//! - [`process`]: a process as identity, memory, mappings and threads, live or dead,
//! - [`python`]: CPython read from memory,
//! - [`waits`]: why a process died,
//! - [`session`]: the debugger: the set of processes, the focus, the commands,
//! - [`faces`]: the command line, the prompt, text and JSON.

// They panic when nobody reads what they print: `faces::complaint`.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod faces;
pub mod model;
pub mod process;
pub mod python;
pub mod session;
pub mod waits;
