//! A thread with what it is doing.

use serde::{Deserialize, Serialize};

use super::{Exception, Frame, Tid};

/// The scheduler's state of a thread: the letter in `/proc/PID/stat`, proc(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThreadState {
    Running,
    Sleeping,
    /// Uninterruptible, usually on a disk.
    Blocked,
    Stopped,
    /// Stopped by a tracer.
    Traced,
    Zombie,
    Dead,
    Idle,
    /// A core does not tell, or the thread is gone.
    Unknown,
}

impl ThreadState {
    pub fn has_ended(self) -> bool {
        matches!(self, ThreadState::Zombie | ThreadState::Dead)
    }
}

/// A thread's relation to the global interpreter lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GilState {
    Holds,
    Waits,
    Released,
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    pub tid: Option<Tid>,
    /// The name given in Python, else the kernel's.
    pub name: Option<String>,
    /// Whether the program ends without waiting for it (`Thread.daemon`), where Python says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daemon: Option<bool>,
    pub state: ThreadState,
    pub gil: GilState,
    /// `gil` is `holds`; kept apart because readers of schema 1 look for it.
    pub holds_gil: bool,
    /// It is collecting garbage.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub collecting_garbage: bool,
    /// The id of the interpreter it belongs to; 0 is the main one.
    pub interpreter: i64,
    /// `frames[0]` is the newest.
    pub frames: Vec<Frame>,
    pub exceptions: Vec<Exception>,
    /// What could not be read of this thread, or that its stack moved while it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
