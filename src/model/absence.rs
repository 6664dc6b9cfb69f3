//! Why something that should be there is not.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Addr;

/// The reason that stands where a value would have been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Absence {
    /// The name exists in this scope and has no value yet, or was deleted.
    Unbound,
    /// Nothing can be read at this address.
    Unreadable { address: Addr },
    /// The core names this memory and does not hold it.
    NotDumped { address: Addr },
    /// It lies beyond what a snapshot of pmdb was asked to keep.
    NotKept { address: Addr },
    /// What was read contradicts itself: the target was changing it, or it is damaged.
    Torn { what: String },
    /// The answer had taken as much time or memory as it may before it came to this.
    LimitReached { limit: String },
    /// The compiler kept nothing of it.
    OptimizedOut,
    /// The compiler kept it, and not at this instruction.
    NotHere,
    /// It was in a register that a function which was called from here may have used since.
    RegisterLost { register: String },
    /// pmdb cannot read this.
    Unsupported { what: String },
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Absence::Unbound => write!(f, "<unbound>"),
            Absence::Unreadable { address } => write!(f, "<not readable at {address}>"),
            Absence::NotDumped { address } => write!(f, "<not in this core: {address}>"),
            Absence::NotKept { address } => write!(f, "<not kept in this snapshot: {address}>"),
            Absence::Torn { what } => write!(f, "<damaged or changing: {what}>"),
            Absence::LimitReached { limit } => write!(f, "<not read: {limit}>"),
            Absence::OptimizedOut => write!(f, "<optimised out>"),
            Absence::NotHere => write!(f, "<not kept at this instruction>"),
            Absence::RegisterLost { register } => {
                write!(f, "<was in {register}, which was used since>")
            }
            Absence::Unsupported { what } => write!(f, "<not read: {what}>"),
        }
    }
}
