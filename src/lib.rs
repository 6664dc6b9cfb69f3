//! pmdb: a debugger for programs made of many processes.
//!
//! The folders are floors, and a floor knows only those below it (see `docs/internals/architecture.md`):
//!
//! - [`model`]: plain data that every floor speaks,
//! - [`array`]: what elements of arrays are and how numpy writes them,
//! - [`process`]: a process as identity, memory, mappings and threads, live or dead,
//! - [`native`]: modules, symbols, debug information and stacks of native code,
//! - [`python`]: CPython read from memory,
//! - [`waits`]: why a process died,
//! - [`shm`]: the segments that processes share, and who has them,
//! - [`snapshot`]: writing a process down,
//! - [`session`]: the debugger: the set of processes, the focus, the commands,
//! - [`faces`]: the command line, the prompt, text and JSON.
//!
//! Beside them stands [`hook`]: a panic hook that Rust programs link, which needs none of the floors. A program that wants it alone
//! has `pmdb = { …, default-features = false, features = ["hook"] }` among its dependencies.

// They panic when nobody reads what they print: `faces::complaint`.
#![deny(clippy::print_stdout, clippy::print_stderr)]

#[cfg(feature = "debugger")]
pub mod array;
#[cfg(feature = "debugger")]
pub mod faces;
#[cfg(feature = "hook")]
pub mod hook;
#[cfg(feature = "debugger")]
pub mod model;
#[cfg(feature = "debugger")]
pub mod native;
#[cfg(feature = "debugger")]
pub mod process;
#[cfg(feature = "debugger")]
pub mod python;
pub mod ranks;
#[cfg(feature = "debugger")]
pub mod session;
#[cfg(feature = "debugger")]
pub mod shm;
#[cfg(feature = "debugger")]
pub mod snapshot;
#[cfg(feature = "debugger")]
pub mod waits;
