//! What a snapshot tells of a process beside its memory: the JSON in the file's own note, schema 1, documented in
//! `docs/guide/snapshot.md`.

use serde::{Deserialize, Serialize};

use super::segment::Mapper;
use super::{Addr, Pid, Segment, ThreadState, Tid};

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
    /// The memory that it has in common with others.
    #[serde(default)]
    pub shared: Vec<SharedFacts>,
    /// Why it was written down, if not since somebody asked for it.
    #[serde(default)]
    pub cause: Option<CauseFacts>,
    /// The other processes of the file that stood still at the same moment.
    #[serde(default)]
    pub at_once_with: Vec<Pid>,
    /// It has asked for this itself, and nothing of it could be stopped: there are no registers.
    #[serde(default)]
    pub from_inside: bool,
    /// Its own memory was copied by a fork. What it shares with others is as it was when that was written.
    #[serde(default)]
    pub by_fork: bool,
}

impl SnapshotFacts {
    /// The processes that stood still at its moment: itself and others of the file.
    pub fn still(&self) -> Vec<Pid> {
        [&[self.process.pid], &self.at_once_with[..]].concat()
    }
}

/// Why a process stood still when it was written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CauseFacts {
    /// `raised`, `signal`, `panic`, `exit`: as a stop of `pmdb run` has it.
    pub reason: String,
    /// What was raised, which signal, which exit code.
    #[serde(default)]
    pub what: Option<String>,
    /// The kernel's number of the thread, and where Python has its state.
    #[serde(default)]
    pub thread: Option<Tid>,
    #[serde(default)]
    pub thread_state: Option<Addr>,
    /// The exception.
    #[serde(default)]
    pub exception: Option<Addr>,
    /// It has left its frames, which its traceback keeps.
    #[serde(default)]
    pub has_left: bool,
    /// What was known beside: the fault that a signal is about, the limit of memory that was reached.
    #[serde(default)]
    pub evidence: Vec<String>,
}

/// A segment of shared memory, and what of it is in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedFacts {
    /// `/dev/shm/psm_1`, `/memfd:x`; `device` and `inode` as the mapping has them.
    pub path: String,
    pub device: u64,
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// Bytes that somebody has written to; all others are zeros.
    pub there: u64,
    /// Bytes of these that were copied as one, while the process stood still. Beside them is what its frames lead to.
    pub kept: u64,
    /// Who had it then, and what was to be thought of it: as `pmdb shm` tells.
    #[serde(default)]
    pub segment: Option<Segment>,
}

impl SharedFacts {
    /// Who could write to it meanwhile: all but those that stood still.
    pub fn writers_beside(&self, still: &[Pid]) -> Vec<Pid> {
        let mappers = self.segment.iter().flat_map(|segment| &segment.mappers);
        let is_writer =
            |mapper: &&Mapper| mapper.protection.contains('w') && !still.contains(&mapper.pid);
        let writers = mappers.filter(is_writer);
        let mut pids: Vec<Pid> = writers.map(|mapper| mapper.pid).collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    }
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
    /// It stood still at the same moment as all others of which this is said.
    #[serde(default)]
    pub at_once: bool,
    /// Why it is in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
