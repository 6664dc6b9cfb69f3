//! The debugger: the processes that are looked at, and what is asked about them.

pub mod source;
