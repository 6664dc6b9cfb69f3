//! A value as it is shown.

use serde::{Deserialize, Serialize};

use super::{Absence, Addr};

/// One value of the inferior, as text in its own language's form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// The type's name as the language prints it: `int`, `collections.deque`, `Point`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What `repr()` gives for it, cut at the limit that was asked for; or the absence, in angle brackets.
    #[serde(rename = "value")]
    pub text: String,
    /// Set when `text` was cut.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub truncated: bool,
    /// Where the object lies, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<Addr>,
    /// Why there is no value, if there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub absence: Option<Absence>,
    /// The shared-memory segment that the value's data lies in, with the offset: `/dev/shm/psm_1 +4096`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub segment: Option<String>,
}

impl Value {
    /// The value that stands for a missing one.
    pub fn absent(absence: Absence) -> Value {
        Value {
            type_name: String::new(),
            text: absence.to_string(),
            truncated: false,
            address: None,
            absence: Some(absence),
            segment: None,
        }
    }
}
