//! What can go wrong while a process is opened or read.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::Spent;
use crate::model::{Addr, Pid};

/// Some bytes of the inferior could not be had.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    #[error("nothing is mapped, or readable, at {address} ({length} bytes)")]
    Unmapped { address: Addr, length: u64 },
    #[error("the core does not hold {address}")]
    NotDumped { address: Addr },
    #[error("the snapshot does not keep {address}")]
    NotKept { address: Addr },
    #[error("process {pid} ended while it was read")]
    Gone { pid: Pid, address: Addr },
    /// The answer had cost as much as it may: nothing more is read for it.
    #[error("{limit}")]
    Spent { address: Addr, limit: Spent },
}

/// A process could not be opened. Each says what the user can do.
#[derive(Debug, Error)]
pub enum ProcessError {
    #[error(
        "no process {pid}: it has ended, or lives in another pid namespace (`pmdb ps` lists those that can be seen)"
    )]
    NoSuchProcess { pid: Pid },
    #[error("{pid} is a thread of process {process}: give that number instead")]
    NotAProcess { pid: Pid, process: Pid },
    #[error(
        "process {pid} is a zombie: it has ended with {how} and waits for its parent {parent} to collect it"
    )]
    Zombie { pid: Pid, parent: Pid, how: String },
    #[error("process {pid} ended while it was read")]
    Gone { pid: Pid },
    #[error(
        "process {pid} has started another program (exec) while it was read; the next look will see that"
    )]
    Replaced { pid: Pid },
    #[error("process {pid} may not be looked into: {why}")]
    NotPermitted { pid: Pid, why: String },
    #[error("process {pid} is a kernel thread: it has no memory of its own")]
    KernelThread { pid: Pid },
    #[error("cannot {action} {}: {error}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        error: io::Error,
    },
    #[error("{} may not be read: {why}", path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("{} cannot be the executable: it is {what}", path.display())]
    NotAnExecutable { path: PathBuf, what: &'static str },
    #[error("{} is not a core: {why}", path.display())]
    NotACore { path: PathBuf, why: String },
    #[error("{} is damaged: {why}", path.display())]
    DamagedCore { path: PathBuf, why: String },
    #[error(
        "{} does not fit into {}: it is {} MiB long decompressed, and {} MiB are free; set TMPDIR to a folder with more room",
        path.display(), folder.display(), needed >> 20, free >> 20
    )]
    NoRoom {
        path: PathBuf,
        /// Bytes, as is `free`. Less may do: what is zero takes no room.
        needed: u64,
        folder: PathBuf,
        free: u64,
    },
    #[error("{} was made on {found}; pmdb reads x86-64 only", path.display())]
    OtherArchitecture { path: PathBuf, found: String },
    #[error("{} at {address} is not there any more: {why}", path.display())]
    FileGone {
        path: PathBuf,
        address: Addr,
        why: String,
    },
}
