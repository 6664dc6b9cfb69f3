//! What the one-shot commands answer: schema 1, documented in `docs/guide/json.md`.

use serde::{Deserialize, Serialize};

use super::{EventLoop, Pid, Thread, ThreadState};

/// The version of the JSON that [`Report`] becomes. It grows when a field changes its meaning or goes away.
pub const SCHEMA: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub schema: u32,
    pub processes: Vec<ProcessReport>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessReport {
    pub pid: Option<Pid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Pid>,
    /// The worker's own name (`ForkPoolWorker-3`), else that of the script or module (`train.py`, `http.server`), else
    /// the executable's.
    pub name: String,
    pub command: Vec<String>,
    /// The rank among its like, from the launcher's environment variables.
    pub rank: Option<u32>,
    /// `CPython 3.12.1`, or nothing if it is not Python.
    pub interpreter: Option<String>,
    pub state: ThreadState,
    /// Where its Python is in its life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// The core it was read from, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core: Option<String>,
    /// Why nothing, or not everything, could be read.
    pub error: Option<String>,
    /// When it was started, in milliseconds since the epoch; of a core, when that was written, since it does not tell.
    /// Source files that were written later may not be what it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_ms: Option<u64>,
    /// What the reader should know and what is no error: the core is truncated, the stack moved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// How much of the machine it uses; `pmdb ps` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Threads that Python does not know: those of native libraries.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub threads_without_python: u64,
    #[serde(default)]
    pub threads: Vec<Thread>,
    /// Those of asyncio, with their tasks. Empty unless tasks were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_loops: Vec<EventLoop>,
}

/// Where an interpreter is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// There is no interpreter yet, or it is not complete: `Py_Initialize` has not returned.
    Starting,
    Running,
    /// `Py_Finalize` has waited for the threads and run what was registered with `atexit`, and takes the modules apart.
    Finalizing,
}

/// What `/proc/PID/stat` says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Kernel threads that it has.
    pub threads: u64,
    /// Processor time of all its threads, also of those that have ended, in milliseconds.
    pub cpu_ms: u64,
    /// Since it was started, in milliseconds.
    pub age_ms: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Report {
    pub fn new(processes: Vec<ProcessReport>) -> Report {
        Report {
            schema: SCHEMA,
            processes,
        }
    }
}
