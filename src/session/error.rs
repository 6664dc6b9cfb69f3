//! Why the session could not do what it was asked for. Serializable, as everything that a face is told.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::{Pid, Tid};

/// How something has ended, behind that it has.
pub fn ended_with(how: &Option<String>) -> String {
    (how.as_ref()).map_or(String::new(), |how| format!(" with {how}"))
}

/// What can be done about the end of a program.
pub fn starting_again(again: bool) -> &'static str {
    if again {
        ", and `run` starts it again"
    } else {
        ""
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum SessionError {
    /// The process or the core could not be opened.
    #[error("{why}")]
    NotOpened { why: String },
    /// There is no Python in it, or none that can be read.
    #[error("{who}: {why}")]
    NoPython { who: String, why: String },
    /// It has asked for a debugger.
    #[error("{who} has asked for a debugger and does not stop for it any more")]
    NotMet { who: String },
    #[error("the threads of {who} cannot be read: {why}")]
    NoThreads { who: String, why: String },
    #[error("the process has no thread in Python")]
    NoPythonThread,
    #[error("that thread is no longer there; `threads` lists those that are")]
    NoSuchThread,
    #[error("no process with that number")]
    NoSuchProcess,
    #[error("the thread has no Python frame: it runs no Python code at the moment")]
    NoFrame,
    #[error("Oldest frame")]
    OldestFrame,
    #[error("Newest frame")]
    NewestFrame,
    #[error("No frame {number}: the frames are 0 (newest) to {last} (oldest)")]
    NoSuchFrame { number: i64, last: usize },
    #[error("process {pid} has ended{}; only its stack as last seen is left{}", ended_with(how), starting_again(*again))]
    Ended {
        pid: Pid,
        /// `exit code 3`, if that is known.
        how: Option<String>,
        /// pmdb has started it, and can do so again.
        again: bool,
    },
    #[error("could not get source code: {why}")]
    NoSource { why: String },
    #[error("No exception with that number")]
    NoSuchException,
    #[error("This exception does not have a traceback, cannot jump to it")]
    NoTraceback,
    /// What Python would say, or why pmdb cannot: `NameError: name 'x' is not defined`.
    #[error("{text}")]
    Evaluation { text: String },
    #[error(
        "a statement runs code in the process, which is running: `stop` it first, or give an expression"
    )]
    Statement,
    #[error("{command} runs code in the process, which is running: `stop` it first")]
    NeedsStop { command: String },
    #[error(
        "code runs in the thread that stands still, and something else is looked at: `thread {thread}` leads back to it"
    )]
    Elsewhere { thread: Tid },
    #[error("Unable to display {expression}: {why}")]
    NotDisplayable { expression: String, why: String },
    #[error("not displaying {expression}")]
    NotDisplayed { expression: String },
    #[error("{why}")]
    Unreadable { why: String },
    /// The agent could not get in, or is of no use any more.
    #[error("{why}")]
    NotHeld { why: String },
    #[error("{who} is dead: nothing can be run or stepped in it, only looked at")]
    Dead { who: String },
    #[error("no thread of the process stands still: `stop` stops it")]
    NotStopped,
    #[error("the process is running: `stop` stops it, and until then it can be looked at")]
    Running { pid: Pid },
    #[error(
        "the main thread of process {pid} has been in C code for {seconds} s: read-only; `where` and `p` show where it is, and `stop` stops it once it is back"
    )]
    InNative { pid: Pid, seconds: u64 },
    #[error(
        "the last command still runs in process {pid}, in C code that cannot be given up: its answer will be lost; `detach` lets the process go on when it is done"
    )]
    StillRunning { pid: Pid },
    #[error(
        "process {pid} is stopped by a signal: what pmdb has put into it leaves when it goes on (`kill -CONT {pid}`)"
    )]
    LeftStopped { pid: Pid },
    #[error(
        "process {pid} is stopped by a signal of job control (SIGSTOP, Ctrl-Z): it can be looked at, and nothing runs in it until it goes on with `kill -CONT {pid}`"
    )]
    Suspended { pid: Pid },
    /// It was to be started by pmdb.
    #[error("{program} {why}: {how}")]
    NoProgram {
        program: String,
        why: String,
        how: String,
        exit_code: i32,
    },
    #[error(
        "run/restart starts a program again that pmdb has started (`pmdb run --stop-at-entry -- COMMAND`); this one it was attached to"
    )]
    NotLaunched,
    #[error("Cannot run {arguments}: {why}")]
    BadArguments { arguments: String, why: String },
    #[error(
        "the exception has left these frames: they can be looked at, and nothing can be stepped in them; `continue` lets the process go on{}",
        starting_again(*again)
    )]
    FramesAreOver {
        /// pmdb has started it, and can do so again.
        again: bool,
    },
    #[error(
        "process {pid} is about to {how}: nothing can be run in it, only looked at; `continue` lets it"
    )]
    AboutToDie { pid: Pid, how: String },
    /// While it ran something.
    #[error("process {pid} has crashed or ended in the middle of this: there is no answer")]
    Crashed { pid: Pid },
    #[error("process {pid} has shut its Python down before this: no frames are left")]
    ShutDown { pid: Pid },
    #[error("no other process waits with a failure; `procs` lists what each does")]
    NoOtherFailure,
    /// It was to stop for a moment.
    #[error(
        "process {pid} runs no line of Python at the moment, so this has changed nothing in it; try again once it is back from C code (`@all where` shows where it is)"
    )]
    NotInTime { pid: Pid },
    /// The thread that follows the processes of a command is gone.
    #[error("the processes of the command cannot be followed any more; those that still run go on")]
    NotFollowed,
    #[error("Not yet returned!")]
    NotReturned,
    #[error("You can only jump within the bottom frame")]
    NotNewest,
    #[error("Breakpoint number {number} out of range")]
    NoSuchBreakpoint { number: i64 },
    #[error("Breakpoint {number} already deleted")]
    BreakpointDeleted { number: u32 },
    #[error("\"until\" line number is smaller than current line number")]
    UntilBefore,
    #[error("{file}: no such file, neither as a path nor beside the files of this stack")]
    NoSuchFile { file: String },
    #[error("Blank or comment")]
    BlankLine,
    #[error("End of file")]
    BeyondEnd,
    #[error("The specified object '{name}' is not a function or was not found along sys.path.")]
    NotAFunction { name: String },
    /// The user asked for it to be given up.
    #[error("interrupted")]
    Interrupted,
}
