//! What differs between two dumps of the same processes: what `pmdb diff` answers. Schema 1, documented in `docs/guide/diff.md`.

use serde::{Deserialize, Serialize};

use super::{Frame, Pid, Tid};

/// The version of [`DumpDiff`]. It grows when a field changes its meaning or goes away.
pub const DUMP_DIFF_SCHEMA: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpDiff {
    pub schema: u32,
    pub processes: Vec<ProcessDiff>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessDiff {
    pub pid: Option<Pid>,
    pub name: String,
    pub presence: Presence,
    /// Why it could not be read in one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    pub threads: Vec<ThreadDiff>,
}

/// In which of the two something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    Both,
    OnlyBefore,
    OnlyAfter,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadDiff {
    pub tid: Option<Tid>,
    pub name: Option<String>,
    pub presence: Presence,
    /// The oldest frames, which are in the same functions in both: how many.
    pub common: usize,
    /// Those above them, and those of the common ones that are at another line. The newest first.
    pub before: Vec<Frame>,
    pub after: Vec<Frame>,
    /// Variables of the common frames.
    pub changes: Vec<ValueChange>,
}

impl ThreadDiff {
    /// Whether it is where it was.
    pub fn has_moved(&self) -> bool {
        self.presence != Presence::Both || !self.before.is_empty() || !self.after.is_empty()
    }
}

/// A variable that has another value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueChange {
    pub function: String,
    pub name: String,
    /// Nothing where it had none.
    pub before: Option<String>,
    pub after: Option<String>,
}
