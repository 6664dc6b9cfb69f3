//! What can go wrong while CPython is found and read.

use thiserror::Error;

use crate::model::{Absence, Addr};
use crate::process::{ProcessError, ReadError};

/// One object, frame or list could not be read.
#[derive(Debug, Clone, Error)]
pub enum LookError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{what} at {address} is damaged, or was changing while it was read")]
    Torn { what: &'static str, address: Addr },
    #[error("the stack is deeper than {limit} frames, of which the newest are shown")]
    TooDeep { limit: usize },
    #[error("segment {name}: {why}")]
    Segment { name: String, why: String },
    #[error(
        "the frame at {address} is empty, and what called it is not known: whoever wrote the core left out its memory"
    )]
    Blank { address: Addr },
}

impl LookError {
    /// The absence that stands where a value would have been.
    pub fn absence(&self) -> Absence {
        match self {
            LookError::Read(error) => error.absence(),
            LookError::Torn { what, address } => Absence::Torn {
                what: format!("{what} at {address}"),
            },
            LookError::Segment { .. } => Absence::Unsupported {
                what: self.to_string(),
            },
            LookError::TooDeep { .. } | LookError::Blank { .. } => Absence::Torn {
                what: self.to_string(),
            },
        }
    }
}

/// No Python could be found in a process, or none that pmdb can read.
#[derive(Debug, Error)]
pub enum PythonError {
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error("not a Python process: there is no CPython in its executable or its libraries")]
    NotPython,
    #[error("CPython {version} is not supported: pmdb reads 3.8 to 3.15")]
    UnsupportedVersion { version: String },
    #[error("the version of the Python in {path} could not be told")]
    UnknownVersion { path: String },
    #[error("a free-threaded build of CPython {version}: pmdb reads builds with a GIL only")]
    FreeThreaded { version: String },
    #[error("a debug build of CPython {version}: pmdb reads release builds only")]
    DebugBuild { version: String },
    #[error(
        "a build of CPython {version} that lists all objects (Py_TRACE_REFS): pmdb reads release builds only"
    )]
    TraceRefs { version: String },
    #[error("PyPy: pmdb reads CPython only")]
    PyPy,
    #[error("Python is still starting up, or shutting down: it has no interpreter now; try again")]
    NoInterpreter,
    #[error(
        "the runtime of CPython {version} at {address} does not look as it should ({what}); pmdb refuses to guess"
    )]
    Mismatch {
        version: String,
        address: Addr,
        what: String,
    },
}
