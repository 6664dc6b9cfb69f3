//! What can go wrong while a process is held.

use nix::errno::Errno;
use thiserror::Error;

use crate::model::{Addr, Pid, Tid};

#[derive(Debug, Error)]
pub enum TraceError {
    #[error("process {pid} ended before it could be stopped")]
    Gone { pid: Pid },
    #[error(
        "process {pid} is traced by process {tracer} (a debugger, strace …) already, and only one can hold it: end that one first"
    )]
    TracedByAnother { pid: Pid, tracer: Pid },
    #[error("the thread that traces processes does not answer: {why}")]
    NoTracer { why: String },
    #[error("{program} cannot be started: {why}")]
    NotStarted { program: String, why: String },
    #[error("process {pid} may not be stopped: {why}")]
    NotPermitted { pid: Pid, why: String },
    #[error(
        "the memory of process {pid} could not be copied by a fork of it: {errno}; without --fork it can be written down all the same"
    )]
    NotForked { pid: Pid, errno: Errno },
    #[error("thread {tid} could not be {action}: {errno}")]
    Thread {
        tid: Tid,
        action: &'static str,
        errno: Errno,
    },
    #[error(
        "no system call can be made in the name of process {pid}: none of its threads could be stopped, or its code has no place to make one from"
    )]
    NoPlaceForACall { pid: Pid },
    #[error("{length} bytes at {address} of process {pid} could not be {action}: {errno}")]
    Memory {
        pid: Pid,
        address: Addr,
        length: usize,
        action: &'static str,
        errno: Errno,
    },
    #[error(
        "thread {tid} was stopped by something else in the middle of a system call made for pmdb"
    )]
    Disturbed { tid: Tid },
}
