//! The debugger proper: what a face asks for, answered from the floors below.

pub mod source;
pub mod stack;
