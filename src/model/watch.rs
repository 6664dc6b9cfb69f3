//! Who writes to shared memory: what `pmdb shm watch` and `pmdb shm diff` answer, one event after the other. Schema 1, documented in
//! `docs/guide/json.md`.

use serde::{Deserialize, Serialize};

use super::{Frame, Pid, Tid};

/// One line of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum WatchEvent {
    Begun(WatchBegun),
    Written(SegmentWrite),
    /// Elements have changed since the last look, and nobody saw who has written them.
    Changed(SegmentChange),
    /// Something that is to be known: a process that has begun to map the segment, one that is not watched.
    Note {
        text: String,
    },
    Ended(WatchSummary),
    /// Nothing is watched.
    Failed {
        why: String,
    },
}

/// How writers are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchEngine {
    /// The debug registers of the processor, in every thread of every process that maps the segment.
    Hardware,
    /// Pages that nobody may write to: each thread that is about to is let through alone.
    Protection,
    /// Looking again and again: what has changed is seen, and not by whom.
    Polling,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchBegun {
    pub schema: u32,
    pub name: String,
    pub inode: u64,
    pub engine: WatchEngine,
    /// Why it is not another one, and what it cannot see.
    pub remarks: Vec<String>,
    /// Of the elements.
    pub dtype: String,
    /// Elements, from the first to behind the last.
    pub first: u64,
    pub end: u64,
    /// The processes that are watched.
    pub processes: Vec<Pid>,
    /// How long it took to arm them. Microseconds.
    pub armed_us: u64,
}

/// An element, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElementChange {
    pub index: u64,
    /// Bytes from the beginning of the segment.
    pub offset: u64,
    pub old: String,
    pub new: String,
}

/// A thread has written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentWrite {
    /// Since the watch began.
    pub at_ms: u64,
    pub pid: Pid,
    /// The name of the process.
    pub process: String,
    pub tid: Tid,
    pub thread: Option<String>,
    /// How many elements, also those that are left out of `elements`.
    pub count: u64,
    /// Those that have changed; if the same was written that was there, those that it may have been.
    pub elements: Vec<ElementChange>,
    /// The newest first; Python and native.
    pub frames: Vec<Frame>,
    /// That the thread holds; only where they were asked for.
    pub locks: Vec<HeldLock>,
    pub note: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentChange {
    pub at_ms: u64,
    /// How many have changed, also those that are left out of `elements`.
    pub count: u64,
    pub elements: Vec<ElementChange>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WatchSummary {
    /// All writes; with polling, all changes that were seen.
    pub writes: u64,
    /// Those that have an event of their own.
    pub shown: u64,
    /// By thread and element.
    pub writers: Vec<Writer>,
    /// By thread: what of its writes is counted by their elements, and what is not.
    pub threads: Vec<WritingThread>,
    pub remarks: Vec<String>,
}

/// A lock that a thread holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HeldLock {
    /// As one of its variables calls it.
    pub name: String,
    /// The same for all threads and processes that use it.
    pub identity: String,
}

/// What `pmdb shm races` has observed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RaceReport {
    pub schema: u32,
    pub name: String,
    pub inode: u64,
    pub dtype: String,
    /// How many writes there were, and to how many elements.
    pub writes: u64,
    pub elements: u64,
    pub races: Vec<RacingElements>,
    pub remarks: Vec<String>,
}

/// Elements that the same threads have written to without a lock that all of them held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RacingElements {
    /// From the first to behind the last.
    pub first: u64,
    pub end: u64,
    pub sides: Vec<RaceSide>,
}

/// One of the threads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RaceSide {
    pub pid: Pid,
    pub process: String,
    pub tid: Tid,
    pub thread: Option<String>,
    /// To each of the elements.
    pub writes: u64,
    /// The names of the locks that it held at each of these writes.
    pub locks: Vec<String>,
    /// Of its first write to the segment, the newest first.
    pub frames: Vec<Frame>,
}

/// An element that was written by `pmdb shm edit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentEdit {
    pub schema: u32,
    pub name: String,
    pub inode: u64,
    pub dtype: String,
    pub index: u64,
    /// Bytes from the beginning of the segment.
    pub offset: u64,
    pub old: String,
    pub new: String,
    /// Processes that map the segment.
    pub mappers: Vec<Pid>,
}

/// How often a thread has written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WritingThread {
    pub pid: Pid,
    pub process: String,
    pub tid: Tid,
    pub thread: Option<String>,
    /// The first and the last element that it has written to.
    pub lowest: u64,
    pub highest: u64,
    pub writes: u64,
}

/// How often a thread has written to an element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writer {
    pub pid: Pid,
    pub process: String,
    pub tid: Tid,
    pub thread: Option<String>,
    pub index: u64,
    pub offset: u64,
    pub writes: u64,
}
