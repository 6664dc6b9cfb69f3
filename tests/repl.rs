//! The prompt: `pmdb attach` and `pmdb open`, by pipe, by `-c` and in a terminal, beside pdb itself.

#[path = "repl/batch.rs"]
mod batch;
#[path = "repl/pdb.rs"]
mod pdb;
#[path = "repl/reference.rs"]
mod reference;
mod support;
#[path = "repl/terminal.rs"]
mod terminal;
