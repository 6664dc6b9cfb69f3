//! Why the processes of a command stop by themselves, and which of them do.

use glob::Pattern;
use serde::{Deserialize, Serialize};

use crate::model::ProcessReport;
use crate::python::agent::{Catcher, WantedStops};

/// Why a process stops that nobody asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopKind {
    /// An exception is about to be lost with its frames.
    PythonException,
    /// It calls `breakpoint()` or `set_trace()`.
    Breakpoint,
    /// A panic of Rust begins, or nobody catches an exception of C++.
    Panic,
    /// A panic of Rust begins that the program catches itself.
    CaughtPanic,
    /// It is about to die of a signal that it brought on itself.
    Crash,
    /// It is about to end with another exit code than 0, or of any other signal.
    Exit,
}

impl StopKind {
    pub const ALL: [StopKind; 6] = [
        StopKind::PythonException,
        StopKind::Breakpoint,
        StopKind::Panic,
        StopKind::CaughtPanic,
        StopKind::Crash,
        StopKind::Exit,
    ];
    /// Those that need not be asked for.
    pub const USUAL: [StopKind; 4] = [
        StopKind::PythonException,
        StopKind::Breakpoint,
        StopKind::Panic,
        StopKind::Crash,
    ];

    pub fn name(self) -> &'static str {
        match self {
            StopKind::PythonException => "python-exception",
            StopKind::Breakpoint => "breakpoint",
            StopKind::Panic => "panic",
            StopKind::CaughtPanic => "caught-panic",
            StopKind::Crash => "crash",
            StopKind::Exit => "exit",
        }
    }

    /// Whether something went wrong.
    pub(super) fn is_failure(self) -> bool {
        !matches!(self, StopKind::Breakpoint | StopKind::CaughtPanic)
    }

    /// Of the reason of a stop; nothing if it does not stop by itself.
    pub(super) fn of(reason: &str) -> Option<StopKind> {
        match reason {
            "raised" => Some(StopKind::PythonException),
            "asked" | "set_trace" => Some(StopKind::Breakpoint),
            "caught-panic" => Some(StopKind::CaughtPanic),
            "panic" | "terminate" => Some(StopKind::Panic),
            "signal" => Some(StopKind::Crash),
            "exit" | "exits" => Some(StopKind::Exit),
            _ => None,
        }
    }
}

/// Which processes of a command stop, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    pub kinds: Vec<StopKind>,
    /// Exceptions of these types do not stop: `ValueError`, `requests.HTTPError`.
    pub except: Vec<String>,
    pub rank: Option<u32>,
    /// A pattern for the name of the process, with `*`, `?` and `[…]`.
    pub name: Option<String>,
    /// After the first failure no other one stops.
    pub only_first: bool,
    /// Functions that take exceptions, beside those that pmdb knows.
    pub catchers: Vec<Catcher>,
}

impl Default for Selection {
    fn default() -> Selection {
        Selection {
            kinds: StopKind::USUAL.to_vec(),
            except: Vec::new(),
            rank: None,
            name: None,
            only_first: false,
            catchers: Vec::new(),
        }
    }
}

impl Selection {
    pub fn has(&self, kind: StopKind) -> bool {
        self.kinds.contains(&kind)
    }

    /// What the agents have to know of it.
    pub(super) fn wanted(&self) -> WantedStops {
        WantedStops {
            exceptions: self.has(StopKind::PythonException),
            breakpoints: self.has(StopKind::Breakpoint),
            exits: self.has(StopKind::Exit),
            except: self.except.clone(),
            catchers: self.catchers.clone(),
            places: Vec::new(),
            while_running: false,
        }
    }

    /// Whether a process that has stopped is to stay so. `has_failed`: another failure has stopped one before.
    pub(super) fn keeps(&self, process: &ProcessReport, kind: StopKind, has_failed: bool) -> bool {
        let is_named = |pattern: &String| {
            // It was looked at when the command line was read.
            Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(&process.name))
        };
        let is_late = self.only_first && has_failed && kind.is_failure();
        self.has(kind)
            && !is_late
            && self.rank.is_none_or(|rank| process.rank == Some(rank))
            && self.name.as_ref().is_none_or(is_named)
    }
}
