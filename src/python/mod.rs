//! CPython 3.8 to 3.15 read from memory.

pub mod layout;
