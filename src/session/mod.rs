//! The debugger proper: what a face asks for, answered from the floors below.

pub mod ps;
pub mod source;
pub mod stack;
pub mod who;
