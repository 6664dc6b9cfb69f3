//! A frame of a stack, of any language.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Addr, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    Python,
    Native,
}

/// The part of the source that a frame is executing. Lines count from 1, columns from 0, and the end is exclusive;
/// columns are UTF-8 byte offsets, as in CPython's location table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ColumnRange {
    pub column: u32,
    pub end_line: u32,
    pub end_column: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    pub language: Language,
    /// The qualified name where the language has one.
    pub function: String,
    #[serde(default)]
    pub file: Option<String>,
    /// The line being executed; in a traceback's frame, the line that raised.
    #[serde(default)]
    pub line: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<ColumnRange>,
    /// The text of that line, of code that is in no file and whose source the process itself keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Of a native frame: the instruction that it executes next; in a caller, the one that the call returns to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pc: Option<Addr>,
    /// Of a native frame: the file that its code was loaded from, as the process names it, or `[vdso]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<Arc<str>>,
    /// The compiler put this function's code into that of its caller, the next older frame. Both have the same `pc`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inlined: bool,
    /// Empty unless locals were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locals: Vec<Local>,
    /// What could not be read of this frame, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a name in a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LocalKind {
    Argument,
    Local,
    /// A static of this function: all of its calls have the same one.
    Static,
    /// A variable of this function that an inner one uses.
    Cell,
    /// A variable of an enclosing function.
    Free,
    /// A name of a class or module body.
    Name,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Local {
    pub name: Arc<str>,
    pub kind: LocalKind,
    /// The frames of a stack often have the same values, and those of a recursive function the same names.
    #[serde(flatten)]
    pub value: Arc<Value>,
}
