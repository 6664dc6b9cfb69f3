//! What is read of native code.

mod code;
mod damaged;
mod debuginfod;
mod frames;
mod prompt;
mod separate;
mod tokio_tasks;
mod values;
