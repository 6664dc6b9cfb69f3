//! Why an expression has no value.

use thiserror::Error;

use crate::model::Absence;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExpressionError {
    /// What was typed is no expression.
    #[error("{why}, at column {column}: {text}")]
    Syntax {
        why: String,
        /// From 1, in characters.
        column: usize,
        text: String,
    },
    #[error("the expression is longer or deeper nested than anybody would type it")]
    TooLarge,
    #[error(
        "no '{name}' here: it is no variable of this frame, no static and no function that the debug information or the symbols have"
    )]
    NoSuchName { name: String },
    #[error("no type '{name}' in the debug information of this module")]
    NoSuchType { name: String },
    #[error("{kind} has no field '{name}'{}", has(fields))]
    NoSuchField {
        kind: String,
        name: String,
        fields: Vec<String>,
    },
    #[error("{kind} has no method '{name}' that pmdb knows: it runs no code of the program")]
    NoSuchMethod { kind: String, name: String },
    #[error("no register '{name}'; `registers` lists them")]
    NoSuchRegister { name: String },
    #[error("index {index} is out of range: there are {count} elements")]
    OutOfRange { index: i128, count: u64 },
    #[error("there is no such key in this {kind}")]
    NoSuchKey { kind: String },
    #[error("{what}; this is {kind}")]
    Unsuitable { what: &'static str, kind: String },
    #[error("division by zero")]
    DivisionByZero,
    #[error("the result does not fit into 128 bits")]
    Overflow,
    #[error(
        "'{format}' is no format: x (hexadecimal), d (decimal), u (unsigned), o (octal), t (binary), c (character), s (string), a (address) or f (floating point)"
    )]
    NoSuchFormat { format: String },
    /// What would have to be read is not there.
    #[error("{0}")]
    Absent(Absence),
}

impl From<Absence> for ExpressionError {
    fn from(absence: Absence) -> ExpressionError {
        ExpressionError::Absent(absence)
    }
}

/// Fields that are listed.
const MOST_LISTED: usize = 12;

fn has(fields: &[String]) -> String {
    let more = if fields.len() > MOST_LISTED {
        ", …"
    } else {
        ""
    };
    let fields: Vec<&str> = fields
        .iter()
        .take(MOST_LISTED)
        .map(String::as_str)
        .collect();
    match fields.as_slice() {
        [] => String::new(),
        fields => format!("; it has {}{more}", fields.join(", ")),
    }
}
