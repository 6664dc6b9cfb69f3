//! What a snapshot tells of a process beside its memory: the JSON in the file's own note, schema 1, documented in
//! `docs/guide/snapshot.md`.

use serde::{Deserialize, Serialize};

use super::{Pid, ThreadState, Tid};

/// The version of [`SnapshotFacts`]. It grows when a field changes its meaning or goes away.
pub const SNAPSHOT_SCHEMA: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotFacts {
    pub schema: u32,
    /// `pmdb 0.1.0`.
    pub made_by: String,
    /// In milliseconds since the epoch.
    pub taken_ms: u64,
    /// How long the process stood still for it, in microseconds.
    #[serde(default)]
    pub pause_us: Option<u64>,
    /// How many levels of what the variables lead to are kept; nothing if all memory is.
    #[serde(default)]
    pub depth: Option<usize>,
    /// Everything that was looked at is there. A process that changes all the time may have shown more than was kept.
    pub is_whole: bool,
    pub process: ProcessFacts,
    pub threads: Vec<ThreadFacts>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessFacts {
    pub pid: Pid,
    #[serde(default)]
    pub parent: Option<Pid>,
    pub state: ThreadState,
    /// As [`super::ProcessReport`] has them.
    pub name: String,
    #[serde(default)]
    pub rank: Option<u32>,
    #[serde(default)]
    pub interpreter: Option<String>,
    pub command: Vec<String>,
    #[serde(default)]
    pub executable: Option<String>,
    #[serde(default)]
    pub working_folder: Option<String>,
    #[serde(default)]
    pub started_ms: Option<u64>,
    /// The thread that held the global interpreter lock.
    #[serde(default)]
    pub gil_holder: Option<Tid>,
    #[serde(default)]
    pub environment: Vec<Variable>,
    #[serde(default)]
    pub limits: Vec<Limit>,
    #[serde(default)]
    pub open_files: Vec<OpenFile>,
    /// The lines of `/proc/PID/cgroup`.
    #[serde(default)]
    pub control_groups: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadFacts {
    pub tid: Tid,
    /// What the process itself calls it, if it lives in a pid namespace of its own.
    pub inner_tid: Tid,
    #[serde(default)]
    pub name: Option<String>,
    pub state: ThreadState,
}

/// A variable of the environment that the process was started with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    pub name: String,
    /// Nothing if it is masked.
    pub value: Option<String>,
}

/// A line of `/proc/PID/limits`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    pub name: String,
    /// A number, or `unlimited`.
    pub soft: String,
    pub hard: String,
    /// `bytes`, `files`, `seconds`; some have none.
    pub unit: String,
}

/// An open file descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenFile {
    pub number: u32,
    /// A path, `pipe:[4242]`, `socket:[4242]`, `anon_inode:[eventpoll]`.
    pub target: String,
    /// Where it is read or written next, in bytes.
    #[serde(default)]
    pub position: Option<u64>,
    /// The octal number of `/proc/PID/fdinfo`: open(2).
    #[serde(default)]
    pub flags: Option<String>,
}

/// What is in a bundle: its member `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub schema: u32,
    pub made_by: String,
    /// In milliseconds since the epoch.
    pub taken_ms: u64,
    pub processes: Vec<ManifestEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    pub pid: Pid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The member that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core: Option<String>,
    /// Why it is in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
