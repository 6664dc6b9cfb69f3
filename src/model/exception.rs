//! Exceptions with their frames.

use serde::{Deserialize, Serialize};

use super::Frame;

/// How an exception is tied to the thread, or to the exception that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExceptionState {
    /// On its way out of a frame.
    Raised,
    /// Inside an `except` or `finally` block.
    Handled,
    /// `__cause__`, `__context__` or a member of the group that names it.
    Linked,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Qualified with its module unless that is `builtins` or `__main__`, as in a traceback.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What `str()` of it gives.
    pub message: String,
    pub state: ExceptionState,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The traceback. `frames[0]` is the newest: where it was raised.
    pub frames: Vec<Frame>,
    pub cause: Option<Box<Exception>>,
    pub context: Option<Box<Exception>>,
    /// `raise … from None`: the context is kept and not shown in a traceback.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suppress_context: bool,
    /// The members, if it is a group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Exception>,
}
