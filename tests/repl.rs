//! The prompt: `pmdb attach` and `pmdb open`, by pipe, by `-c` and in a terminal, beside pdb itself.

mod batch;
mod pdb;
mod reference;
mod terminal;
