//! What the integration tests share: interpreters, running fixtures, cores, the binary, and what was skipped.
//!
//! ```ignore
//! mod support;
//! use support::{Fixture, on_each_python, pmdb};
//!
//! #[test]
//! fn names_the_function() {
//!     on_each_python(|python| {
//!         let fixture = Fixture::python(python, "threads.py", &["4"]);
//!         let answer = pmdb(["stack", &fixture.pid().to_string()]);
//!         answer.succeeded();
//!         assert!(answer.stdout.contains("in worker"));
//!     });
//! }
//! ```
#![allow(
    dead_code,
    unused_imports,
    reason = "each test binary compiles this module and uses a part of it"
)]

mod assassin;
mod binary;
mod c;
mod code;
mod conversation;
mod core;
pub mod evaluation;
pub mod expression;
mod fixture;
pub mod garbage;
pub mod gdb;
pub mod mutate;
pub mod native;
pub mod overlay;
mod programs;
mod python;
mod skip;
mod terminal;
mod venv;
mod walk;
mod whereabouts;

pub use assassin::{Fate, kill_at};
pub use binary::{
    Answer, pmdb, pmdb_alone, pmdb_in, pmdb_with_input, pmdb_within, pmdb_within_memory, run,
};
pub use c::{c_program, c_program_with, cpp_program, rust_program};
pub use code::{assert_same_code, machine_code};
pub use conversation::{Conversation, told};
pub use core::{Core, Dumps, dump_core, dump_core_after, gcore_after, gcore_of, says_not_kept};
pub use fixture::{Fixture, fixture_path};
pub use programs::{copy_program, write_script};
pub use python::{
    Executable, PROMISED, Python, SHUTTING_DOWN, any_python, on_each_python, on_pythons_from,
    pythons,
};
pub use skip::skip;
pub use terminal::{Terminal, pmdb_of_user, with_usual_signals};
pub use venv::venv;
pub use walk::walk_all;
pub use whereabouts::Waiting;

use std::path::PathBuf;
use std::time::Duration;

/// How long anything may take before the test calls it a hang. Not a speed limit: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// How often something is repeated that must never go wrong: what fits into the suite, or as often as `PMDB_TEST_ROUNDS` says.
pub fn rounds(usual: usize) -> usize {
    let wanted = std::env::var("PMDB_TEST_ROUNDS").ok();
    wanted.map_or(usual, |text| {
        text.parse().expect("PMDB_TEST_ROUNDS is a number")
    })
}

/// The `target` folder that this test binary was built in.
pub fn target_folder() -> PathBuf {
    let temporary = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    temporary.parent().map_or(temporary.clone(), PathBuf::from)
}
