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
    /// What was read contradicts itself: the target was changing it, or it is damaged.
    Torn { what: String },
    /// The answer had taken as much time or memory as it may before it came to this.
    LimitReached { limit: String },
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Absence::Unbound => write!(f, "<unbound>"),
            Absence::Unreadable { address } => write!(f, "<not readable at {address}>"),
            Absence::NotDumped { address } => write!(f, "<not in this core: {address}>"),
            Absence::Torn { what } => write!(f, "<damaged or changing: {what}>"),
            Absence::LimitReached { limit } => write!(f, "<not read: {limit}>"),
        }
    }
}
