//! What is read of native code.

#[path = "../support/mod.rs"]
mod support;

mod code;
mod damaged;
mod debuginfod;
mod frames;
mod prompt;
mod separate;
mod tokio_tasks;
mod values;
