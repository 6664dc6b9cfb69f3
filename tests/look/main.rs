//! What is read from the memory of processes and cores that nothing is done to. One program, so that what the tests share is built once.

#[path = "../support/mod.rs"]
mod support;

mod array_expressions;
mod arrays;
mod attrs;
mod bad_cores;
mod c_data;
mod contents;
mod core;
mod damaged_code;
mod deep_stacks;
mod expressions;
mod future_texts;
mod fuzzed;
mod generators;
mod identifiers;
mod incomplete_cores;
mod inspection;
mod json;
mod leaks;
mod limits;
mod locate;
mod mutated_cores;
mod names;
mod native_stacks;
mod packed;
mod ps;
mod report_page;
mod session;
mod shm;
mod shm_expressions;
mod shm_show;
mod snapshots;
mod sources;
mod stack;
mod tasks;
mod threads;
mod values;
