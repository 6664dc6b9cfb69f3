//! Why the agent could not get in, or does not answer.

use std::io;

use thiserror::Error;

use crate::model::Pid;
use crate::process::trace::TraceError;
use crate::python::LookError;

#[derive(Debug, Error)]
pub enum AgentError {
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error(transparent)]
    Process(crate::process::ProcessError),
    #[error("the state of the interpreter could not be read: {0}")]
    Look(#[from] LookError),
    #[error("process {pid} is still starting its interpreter: try again in a moment")]
    StartingUp { pid: Pid },
    #[error("process {pid} is shutting its interpreter down: nothing more can be run in it")]
    Finalizing { pid: Pid },
    #[error(
        "the main thread of process {pid} is gone, as in a child that was forked by another thread, or where it has ended and others go on: nothing can be run in the process, only looked at"
    )]
    NoMainThread { pid: Pid },
    #[error(
        "process {pid} is putting a call of its own into the interpreter's list at this moment: try again"
    )]
    Locked { pid: Pid },
    #[error(
        "the list of calls that process {pid} is still to make is full: its main thread has been in C code for long"
    )]
    Full { pid: Pid },
    #[error(
        "the Python of process {pid} does not export {symbol}, which pmdb needs to run code in it"
    )]
    NoSymbol { pid: Pid, symbol: &'static str },
    #[error("process {pid} cannot {action} for pmdb: {}", nix::errno::Errno::from_raw(i32::try_from(*errno).unwrap_or(0)).desc())]
    Refused {
        pid: Pid,
        action: &'static str,
        errno: i64,
    },
    #[error("the pipe to process {pid} could not be {action}: {error}")]
    Pipe {
        pid: Pid,
        action: &'static str,
        #[source]
        error: io::Error,
    },
    #[error("process {pid} was started and cannot be stopped: {why}")]
    NotLaunched { pid: Pid, why: String },
    #[error(
        "what pmdb had in process {pid} is gone: it executed another program, ended, or closed all its files (`stop` then brings it in again)"
    )]
    Ended { pid: Pid },
    #[error(
        "pmdb is not in process {pid}: it was let go, has no Python that pmdb could get into, or has closed all files; it can be looked at"
    )]
    NoAgent { pid: Pid },
    #[error(
        "process {pid} is held by another pmdb (process {session}): `detach` or `quit` there first; this one can look"
    )]
    Taken { pid: Pid, session: u32 },
    #[error(
        "the agent could not start in process {pid}, which has taken away what Python code needs (`sys.modules`, `__builtins__`): it can only be looked at"
    )]
    Mute { pid: Pid },
    #[error("the agent failed in process {pid} and has taken itself out: {text}")]
    Broken { pid: Pid, text: String },
    #[error("the agent could not start in process {pid}: {text}")]
    Failed { pid: Pid, text: String },
    #[error("the agent in process {pid} said what makes no sense: {line}")]
    Nonsense { pid: Pid, line: String },
    #[error(
        "the agent in process {pid} does not answer: its thread has been in C code for {seconds} s"
    )]
    Silent { pid: Pid, seconds: u64 },
}
