//! Why an expression has no value.

use thiserror::Error;

use crate::python::LookError;

/// Shown as `*** {error}`, like pdb's.
#[derive(Debug, Clone, Error)]
pub enum EvalError {
    /// What Python would raise: `NameError`, `name 'x' is not defined`.
    #[error("{kind}{}{message}", if message.is_empty() { "" } else { ": " })]
    Raised { kind: String, message: String },
    /// Only the interpreter could tell, and nothing is run in the process: a property, a call, a lambda.
    #[error("{what} would run code in the process, and pmdb only looks at it")]
    NeedsInterpreter { what: String },
    /// It could be told from memory alone, and pmdb cannot do it.
    #[error("pmdb cannot evaluate {what} without running code")]
    Unsupported { what: String },
    /// The expression asks for more work, memory or nesting than it may take.
    #[error("the expression takes more than {limit}, where pmdb stops")]
    Limit { limit: String },
    #[error("KeyboardInterrupt")]
    Cancelled,
    /// Memory of the target that is damaged, changing or not there.
    #[error(transparent)]
    Look(#[from] LookError),
}

impl EvalError {
    pub(super) fn raised(kind: &str, message: impl Into<String>) -> EvalError {
        EvalError::Raised {
            kind: kind.to_string(),
            message: message.into(),
        }
    }

    pub(super) fn type_error(message: impl Into<String>) -> EvalError {
        EvalError::raised("TypeError", message)
    }

    pub(super) fn value_error(message: impl Into<String>) -> EvalError {
        EvalError::raised("ValueError", message)
    }

    pub(super) fn unsupported(what: impl Into<String>) -> EvalError {
        EvalError::Unsupported { what: what.into() }
    }

    pub(super) fn needs(what: impl Into<String>) -> EvalError {
        EvalError::NeedsInterpreter { what: what.into() }
    }
}

impl From<crate::process::ReadError> for EvalError {
    fn from(error: crate::process::ReadError) -> EvalError {
        EvalError::Look(error.into())
    }
}
