//! What a face and the session say to each other. Plain data: it may cross a wire.

use serde::{Deserialize, Serialize};

use super::breakpoints::{Breakpoint, BreakpointRequest, Change};
use super::error::SessionError;
use super::syntax::Span;
use crate::model::{Addr, Frame, Local, Pid, ProcessReport, Thread, Tid, Value};
pub use crate::python::agent::{Console, Resume};

/// What a face asks for. Everything is about the focus: one process, one of its threads, one frame of that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Look at the focused process again. What changed comes as events. Until the next one, requests are answered
    /// from the stack as it was then, and from the memory as it is.
    Refresh,
    /// What is displayed in the focused frame of a thread that stands still and has changed since this was asked last comes as
    /// events. Of one that runs it comes with each [`Request::Refresh`].
    ShowChanges,
    Processes,
    /// Take the Python processes of a command into the list that have not stopped yet.
    Discover,
    /// If the session is about a family of processes: follow them, with all that they make, from now on.
    Follow,
    /// By its place in the list of processes, from 0.
    SelectProcess {
        index: usize,
    },
    /// Go to the next process that waits with a failure. The focused one goes on standing still, and is shown again when the others have gone
    /// on.
    NextFailure,
    Threads,
    /// The event loops of the focused process, with the tasks of asyncio.
    Tasks,
    /// By the identity that `Threads` gave it. Selecting the focused thread leaves the traceback of an exception.
    SelectThread {
        id: Addr,
    },
    /// The stack of the focus.
    Stack,
    /// The focused frame.
    Frame,
    SelectFrame {
        step: FrameStep,
    },
    List {
        lines: Lines,
    },
    Arguments,
    Locals,
    Globals,
    Evaluate {
        text: String,
    },
    /// A line as at a prompt of Python: the value of an expression; a statement is refused.
    Execute {
        text: String,
    },
    /// `interact`: statements in a namespace of its own.
    Console {
        what: Console,
    },
    /// The value over several lines, within `width` columns.
    Pretty {
        text: String,
        width: usize,
    },
    WhatIs {
        text: String,
    },
    /// The source of the function, class or module that an expression gives.
    SourceOf {
        text: String,
    },
    /// The names and attributes that `text` may be completed to.
    Complete {
        text: String,
    },
    /// Show an expression whenever its value in the focused frame has changed.
    Display {
        text: String,
    },
    /// Stop showing one, or all of the focused frame.
    Undisplay {
        text: Option<String>,
    },
    /// What is displayed in the focused frame.
    Displays,
    /// The exceptions that the focused thread raises or handles with those that led to them, the oldest first.
    Exceptions,
    /// Look at the traceback of one, by its number in that list.
    SelectException {
        number: usize,
    },
    /// Stop the process at the next line of its main thread, which then comes as an event.
    Hold,
    /// Let the focused process, which has asked for a debugger, come to where it wants to stop; that then comes as an event.
    Meet,
    /// Let the thread that stands still go on. What comes of it is waited for with `Wait`.
    Resume {
        how: Resume,
    },
    /// Wait a moment for events.
    Wait,
    /// Let the threads that stand still in several processes go on, by the places of these in the list. They are waited for with
    /// `WaitForSeveral`.
    ResumeSeveral {
        processes: Vec<usize>,
        how: Resume,
    },
    /// Stop several where they are, if they run. They are waited for in the same way.
    HoldSeveral {
        processes: Vec<usize>,
    },
    /// The same, and they stay there whatever others do, until they are let go.
    Keep {
        processes: Vec<usize>,
    },
    /// Keep them no longer: those that ran before go on.
    LetGo {
        processes: Vec<usize>,
    },
    /// Wait a moment for those that were let go or asked to stop together.
    WaitForSeveral,
    /// Start the program again that pmdb has started: its end is awaited, or brought about. The breakpoints stay.
    Restart {
        /// The words behind its name, as in a shell; those that it had if there are none.
        arguments: Option<String>,
    },
    /// Take out of the process all that holding needed, and let it go on.
    Release,
    SetBreakpoint(BreakpointRequest),
    Breakpoints,
    /// One by its number; without a number the newest.
    Breakpoint {
        number: Option<u32>,
    },
    ChangeBreakpoint {
        number: u32,
        change: Change,
    },
    /// Set the line that the newest frame goes on from.
    Jump {
        line: u32,
    },
    /// What the frame returns at which a thread stands still.
    Returned,
    /// Run a piece of code in the focused frame of the thread that stands still, and stop at its first line. Until its end, which comes as an
    /// event, the process stands still where it did, and what is asked for is about the code.
    Debug {
        text: String,
    },
    /// End the code of the last `Debug`.
    QuitLevel,
    /// About native code.
    Native {
        what: NativeQuestion,
    },
}

/// What is asked of native code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "question", rename_all = "snake_case")]
pub enum NativeQuestion {
    /// Show the native frames, too, in a process with Python.
    Show,
    /// Show those of Python alone.
    Hide,
    /// What the type of an expression, or one that is named, is made of.
    Type { text: String },
    /// Those of the frame.
    Registers,
    /// The files of code, those whose paths have this in them.
    Modules { pattern: String },
    /// Of the module whose path has this in it; without, of the frame's.
    Sections { pattern: String },
    /// Symbols by a part of their names, or a pattern with `*`.
    Symbols { pattern: String },
    /// The same of the functions that debug information describes.
    Functions { pattern: String },
    /// The same of types.
    Types { pattern: String },
    /// The same of statics, with their values.
    Variables { pattern: String },
    /// Which addresses a line (`file.rs:12`) has, or which line the address of an expression.
    Line { text: String },
    /// The instructions of the function at the address of an expression; without one, of the frame's.
    Disassemble { text: String },
    /// Memory from the address of an expression on, in the layout of gdb's command `x`: `8xb`.
    Examine { layout: String, text: String },
}

impl Request {
    /// Whether the answer is made of what the focused frame holds.
    pub(super) fn reads_frame(&self) -> bool {
        matches!(
            self,
            Request::Arguments
                | Request::Locals
                | Request::Evaluate { .. }
                | Request::Execute { .. }
                | Request::Pretty { .. }
                | Request::WhatIs { .. }
                | Request::Display { .. }
        )
    }
}

/// Which frame to go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameStep {
    /// Towards the caller. At most to the oldest frame.
    Up(u64),
    /// Towards the newest frame. At most to that.
    Down(u64),
    /// 0 is the newest frame, -1 the oldest.
    Number(i64),
}

/// Which lines of the source to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lines {
    /// Those after the last listing; around the current line if there was none in this frame.
    Next,
    /// Eleven around the current line.
    Around,
    /// Eleven around a line.
    AroundLine(u32),
    /// Both included.
    Range { first: u32, last: u32 },
    /// The function of the frame.
    Function,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "response", content = "data", rename_all = "snake_case")]
pub enum Response {
    Done,
    Processes(Vec<ProcessEntry>),
    Threads(Vec<ThreadEntry>),
    /// The process, with its event loops and without threads.
    Tasks(Box<ProcessReport>),
    Stack(StackListing),
    Frame(FrameEntry),
    Listing(Listing),
    Variables(Vec<Local>),
    Value(Value),
    Text(String),
    Names(Vec<String>),
    Displays(Vec<Display>),
    Exceptions(Vec<ExceptionEntry>),
    Breakpoints(Vec<Breakpoint>),
    Several(Progress),
    /// What was to be executed goes on in another line.
    Unfinished,
    /// What a statement in the console printed, with its value or traceback.
    Console {
        printed: String,
        state: ConsoleState,
    },
}

/// How the console goes on behind a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsoleState {
    Done,
    Raised,
    /// `exit()`.
    Left,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessEntry {
    /// Without threads.
    pub report: ProcessReport,
    pub focused: bool,
    pub state: ProcessState,
    /// The user keeps it where it is.
    #[serde(default)]
    pub held: bool,
    /// How many pieces of code are under way in each other that `Debug` has begun.
    #[serde(default)]
    pub levels: usize,
}

/// How far several processes are that move together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Those that have stopped or ended since this was told last.
    pub arrived: Vec<Arrival>,
    /// Those that have not, by their places in the list.
    pub under_way: Vec<usize>,
    /// Another process of the command has stopped and waits to be shown: one that is under way may wait for it.
    pub others_wait: bool,
}

/// One of several processes that moved together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Its place in the list.
    pub index: usize,
    /// What has happened to it: that it has stopped or ended is among that, unless it could not be asked.
    pub events: Vec<Event>,
    pub refused: Option<SessionError>,
}

/// What a process of a session does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ProcessState {
    /// It has ended since the session began.
    Ended,
    Running,
    /// A thread of it stands still, for a reason as in [`Stop`].
    Stopped {
        reason: String,
        error: Option<String>,
    },
    /// It was dead before: this is its core.
    Core,
}

impl ProcessState {
    /// Whether it stands still for an exception that nobody catches.
    pub fn has_raised(&self) -> bool {
        matches!(self, ProcessState::Stopped { reason, .. } if ["raised", "exits", "uncaught"].contains(&reason.as_str()))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadEntry {
    /// Tells it from the other threads as long as it lives.
    pub id: Addr,
    pub focused: bool,
    /// With its newest frame alone.
    pub thread: Thread,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackListing {
    /// The oldest frame first.
    pub frames: Vec<FrameEntry>,
    /// It is the traceback of the exception with this number.
    pub exception: Option<usize>,
    /// What could not be read.
    pub note: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameEntry {
    /// 0 is the newest.
    pub number: usize,
    pub focused: bool,
    pub frame: Frame,
    /// The file with the folder that a relative name begins in.
    pub path: Option<String>,
    pub source: Option<ListingLine>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    pub lines: Vec<ListingLine>,
    /// The line that the frame is at.
    pub current: Option<u32>,
    /// The line of the frame that raised, or called what raised.
    pub raised: Option<u32>,
    /// The lines that have a breakpoint.
    #[serde(default)]
    pub breakpoints: Vec<u32>,
    /// The file ends before what was asked for did.
    pub end_of_file: bool,
    /// The file, if it is not the one that the native code was compiled from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_compiled: Option<String>,
    /// Said once for each time that the file was edited after the process started.
    pub edited: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListingLine {
    pub number: u32,
    pub text: String,
    /// Empty unless the session was asked for the syntax.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub syntax: Vec<Span>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Display {
    pub text: String,
    /// What it gave when it was last shown, or why it gave nothing.
    pub value: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionEntry {
    pub value: Value,
    pub has_traceback: bool,
    pub focused: bool,
}

/// What happened since the last request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The focused frame has returned: the focus is on the newest frame.
    MovedOn { thread: Option<Tid> },
    /// The focused frame has returned while the last request was answered: the answer may be torn.
    Torn,
    /// The focused thread has ended: the focus is on the main thread.
    ThreadEnded { thread: Option<Tid> },
    /// The exception whose traceback was looked at is no longer there: the focus is on the stack of its thread.
    ExceptionGone,
    /// The process has ended: what was read last stays.
    Ended {
        pid: Option<Pid>,
        /// `exit code 3`, if that is known.
        #[serde(default)]
        how: Option<String>,
        /// pmdb has started it, and can do so again.
        #[serde(default)]
        again: bool,
    },
    /// The process does not run although it may: job control has stopped it.
    Suspended { pid: Pid },
    /// A process of the command runs without the agent: what goes wrong in its Python is not noticed.
    Unaccompanied { pid: Pid, why: String },
    /// What is watched of shared memory is not watched in all who may write to it.
    Unwatched { why: String },
    /// The Python of a process of the command has made other interpreters: what goes wrong in them is not noticed.
    SubInterpreter { pid: Pid },
    /// A process of the command has executed a set-user-ID program, which has no rights of its own while pmdb follows it.
    Unprivileged { pid: Pid, program: String },
    /// A process that stood still was killed by somebody else, before anybody looked at it or while they did.
    Killed { pid: Pid, name: String, how: String },
    /// A thread panics in a process, another thread of which stands still: it waits where it is. `what` it has done, as it is told at a stop.
    FailedAside {
        pid: Pid,
        name: String,
        what: String,
    },
    /// The command that was run has ended.
    Finished(Summary),
    /// The process has executed another program.
    Replaced {
        pid: Option<Pid>,
        now: String,
        /// How many breakpoints have gone with the one before.
        #[serde(default)]
        breakpoints: usize,
    },
    /// An expression that is displayed has another value.
    DisplayChanged {
        text: String,
        value: String,
        old: String,
    },
    /// A thread stands still, and has the focus.
    Stopped(Stop),
    /// The code of a `Debug` has come to its end.
    LevelLeft(LevelLeft),
    /// A log point was passed.
    Logged { number: u32, text: String },
    /// A statement of the user wrote to `sys.stdout`.
    Printed { text: String },
}

/// How the code of a `Debug` has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelLeft {
    pub pid: Option<Pid>,
    /// What it raised.
    pub error: Option<String>,
    /// A KeyboardInterrupt has ended it.
    pub interrupted: bool,
    /// What it raised ends the program: the thread does not stand still where it did.
    pub over: bool,
}

/// What has become of a command and the processes that it made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// How the command itself ended: `exit code 1`. Nothing of processes that have run before pmdb came.
    pub how: Option<String>,
    /// How many processes there were, and how many of them still run.
    pub processes: usize,
    pub running: usize,
    /// Those that went wrong, in the order in which they did.
    pub failures: Vec<Failure>,
    /// How many failures did not stop since they were not to.
    #[serde(default)]
    pub let_pass: usize,
    /// How many processes could not be followed. Nothing is known of their end.
    #[serde(default)]
    pub not_followed: usize,
}

/// A process in which something went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub pid: Pid,
    pub name: Option<String>,
    /// What was raised, and how often one after the other (the same for what `failed`).
    pub raised: Option<String>,
    /// What a failure of native code was: `panicked at src/main.rs:12:5: …`, `threw std::runtime_error: …`.
    #[serde(default)]
    pub failed: Option<String>,
    #[serde(default)]
    pub times: usize,
    /// How it ended, if it has, and how long it lived.
    pub how: Option<String>,
    /// Why, if a signal ended it: `it touched 0x0, a null pointer`.
    #[serde(default)]
    pub why: Option<String>,
    pub lived_ms: Option<u64>,
    /// It is a program without Python that a shell has started, and ended with an exit code: an answer rather than a failure.
    #[serde(default)]
    pub answers_shell: bool,
}

/// Which process of a command has stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedProcess {
    pub pid: Pid,
    pub name: Option<String>,
    /// How many others have stopped and were not shown yet.
    pub waiting: usize,
}

/// Why a thread stands still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    pub thread: Option<Tid>,
    /// `attach`, `interrupt`, `breakpoint`, `step` (a line), `call`, `return`, `exception`, `asked` (it has called `breakpoint()`), `set_trace`,
    /// `raised` (an exception that nobody will see with its frames, which are looked at), `signal` (it is about to die of one that
    /// it brought on itself), `exit` (it is about to end otherwise than with exit code 0), `exits` (it has raised
    /// `SystemExit` for that), `panic` (of Rust), `caught-panic` (one that the program catches itself), `terminate` (nobody catches an exception of C++), `catch` (it has raised an exception of a class that a catchpoint is about), `uncaught` (an exception
    /// has left the main program that pmdb has started, and its frames are looked at).
    pub reason: String,
    /// If it is not the one that stopped before, or has something to say of it.
    #[serde(default)]
    pub process: Option<StoppedProcess>,
    /// Those that it stopped at.
    pub breakpoints: Vec<u32>,
    /// Conditions that raised, by the number of the breakpoint.
    pub complaints: Vec<(u32, String)>,
    /// `repr()` of what the frame returns.
    pub value: Option<String>,
    /// What was raised; of a `panic` or `terminate`, what it did: `panicked at src/main.rs:3:5: …`; of a `signal`, which one and why; of an `exit`, what it is about to do: `end with exit code 3`.
    pub error: Option<String>,
    /// What becomes of it.
    #[serde(default)]
    pub fate: Option<String>,
    /// Temporary breakpoints that this stop has deleted.
    pub deleted: Vec<Breakpoint>,
    /// Watched expressions that have another value than before.
    #[serde(default)]
    pub changes: Vec<ValueChange>,
    /// Watchpoints that are gone since their frame returns, or has returned.
    #[serde(default)]
    pub ended: Vec<Breakpoint>,
}

/// A watched expression has another value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueChange {
    /// Of the watchpoint.
    pub number: u32,
    pub expression: String,
    pub old: String,
    pub new: String,
}
