//! What pmdb and the agent say to each other: lines of JSON.

use serde::{Deserialize, Serialize};

use crate::model::Tid;

/// How a stopped thread goes on; `bdb`'s rules, in `inferior/stepping.py`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "lowercase")]
pub enum Resume {
    Continue,
    Step,
    Next,
    /// To a line after this one, or to `line` or one after it.
    Until {
        line: Option<u32>,
    },
    Return,
}

/// One place to stop at: `file` and `line`, `function`, or `pattern`; or the expression in `watch`, wherever it changes; or where exceptions are raised of
/// the class in `catch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedBreakpoint {
    pub number: u32,
    /// As the process itself sees it: absolute and without links.
    pub file: Option<String>,
    pub line: Option<u32>,
    pub function: Option<String>,
    /// A regular expression for the qualified names of functions.
    pub pattern: Option<String>,
    pub condition: Option<String>,
    /// Hits that do not count yet.
    pub ignore: u32,
    pub temporary: bool,
    /// The text of a log point: an f-string without its quotes. It prints, and does not stop.
    pub log: Option<String>,
    pub watch: Option<String>,
    pub catch: Option<String>,
    /// Of what is disabled, the agent has to know watchpoints alone: their frames may return meanwhile.
    pub enabled: bool,
}

/// `interact`: statements in a namespace of its own, which has the names of a frame at first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "lowercase")]
pub enum Console {
    Begin,
    /// All lines of a statement that there are so far.
    Run {
        text: String,
    },
    /// The names that the last one in a text can become.
    Complete {
        text: String,
    },
    End,
}

/// A request. `frame` counts from the frame that stopped (0) towards its callers, or from the newest of [`Command::Frames`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum Command {
    /// `repr()` of an expression, or with a `width` its `pprint.pformat()`, at most `limit` characters of it.
    Evaluate {
        frame: u32,
        text: String,
        limit: usize,
        width: Option<usize>,
        /// Only where the value lies.
        lent: bool,
    },
    /// The number by which a frame is told from others; it is given one only with `keep`.
    Activation {
        frame: u32,
        keep: bool,
    },
    /// From now on the frames are those of the traceback of an exception, which lies there; without one they are the thread's.
    Frames {
        exception: Option<u64>,
    },
    /// A statement, or an expression whose value is shown unless it is None.
    Execute {
        frame: u32,
        text: String,
    },
    /// Something in the namespace of `interact`.
    Console {
        frame: u32,
        #[serde(flatten)]
        what: Console,
    },
    /// All of them. One that is new and about an expression is about that in this frame.
    Breakpoints {
        frame: u32,
        list: Vec<WantedBreakpoint>,
    },
    /// Where the body of the function begins that an expression gives.
    Locate {
        frame: u32,
        text: String,
    },
    /// How many functions have a name that a regular expression is found in.
    Matching {
        frame: u32,
        text: String,
    },
    /// Where the process would find a file if it imported it.
    FindFile {
        frame: u32,
        text: String,
    },
    Jump {
        frame: u32,
        line: u32,
    },
    /// Lets the thread go on. There is no answer; the next thing heard is an event.
    Resume {
        frame: u32,
        #[serde(flatten)]
        how: Resume,
    },
    /// Runs a piece of code that is stepped through, while the thread goes on standing still where it does. The answer comes before it
    /// begins; its stops, and its end, are events.
    Debug {
        frame: u32,
        text: String,
    },
    /// Ends the code of the last `Debug`.
    Quit,
    /// Takes everything out of the process again.
    Leave {
        /// The program is to end, from where it stands.
        abandon: bool,
    },
}

/// The answer to a command: what does not apply is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Answer {
    pub id: u64,
    pub text: Option<String>,
    /// Characters of the whole, where `text` was cut; or another number that was asked for.
    pub length: Option<u64>,
    #[serde(rename = "type")]
    pub type_name: Option<String>,
    /// `NameError: name 'x' is not defined`.
    pub error: Option<String>,
    pub line: Option<u32>,
    /// The statement goes on in another line.
    pub unfinished: Option<bool>,
    /// What was run in the console raised, or leaves it.
    pub raised: Option<bool>,
    pub left: Option<bool>,
    pub names: Option<Vec<String>>,
    /// Where a value lies that is too large for a text. It stays there until the next command.
    pub address: Option<u64>,
    /// Nothing refers to code of pmdb's own any more.
    pub gives_back: Option<bool>,
    /// The function in whose frame an expression is watched, or whose code was located.
    pub scope: Option<String>,
}

/// A watched expression has another value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueChange {
    pub number: u32,
    pub old: String,
    pub new: String,
}

/// A condition that raised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    pub number: u32,
    pub error: String,
}

/// What a stop is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum About {
    /// An exception to which a step has come: it has left the frames below the newest already, which a traceback keeps.
    Passing {
        /// Where it lies.
        address: u64,
        /// Up to 3.11 it does not have that yet.
        traceback: u64,
    },
    /// An exception.
    Exception {
        /// Where it lies.
        address: u64,
        /// What becomes of it, if nobody will see it with its frames.
        fate: Option<String>,
        /// It is being raised: its frames are those of the thread. Else they are left, and those of its traceback.
        #[serde(default)]
        alive: bool,
    },
    /// The frame so many calls up from the newest.
    Caller { up: u32 },
}

/// What the agent tells without being asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// It is in, and waits for the next line.
    Hello,
    /// It could not start: the exception.
    Failed { text: String },
    /// Another pmdb has the process: its process, as it sees itself.
    Taken { session: u32 },
    /// A thread stands still and takes commands.
    Stopped {
        /// As the process itself numbers it.
        thread: Tid,
        /// `attach`, `interrupt`, `breakpoint`, `step` (a line), `call`, `return`, `exception`, `asked`, `set_trace`,
        /// `raised`, `exits`, `catch`, `uncaught`.
        reason: String,
        #[serde(default)]
        breakpoints: Vec<u32>,
        /// For each breakpoint: its number, how often it was reached, and how many hits do not count yet.
        #[serde(default)]
        counts: Vec<(u32, u64, u32)>,
        #[serde(default)]
        complaints: Vec<Complaint>,
        /// Of those among `breakpoints` that watch an expression.
        #[serde(default)]
        changes: Vec<ValueChange>,
        /// Watchpoints whose frame has returned since the last stop.
        #[serde(default)]
        ended: Vec<u32>,
        /// `repr()` of what a frame returns.
        #[serde(default)]
        value: Option<String>,
        /// The same in few characters.
        #[serde(default)]
        brief: Option<String>,
        /// What was raised.
        #[serde(default)]
        error: Option<String>,
        /// What the user shall look at, if it is not the newest frame of the thread.
        #[serde(default)]
        about: Option<Box<About>>,
    },
    /// The code of a `Debug` has come to its end.
    Left {
        /// As the process itself numbers it.
        thread: Tid,
        /// What it raised.
        #[serde(default)]
        error: Option<String>,
        /// It was ended by a KeyboardInterrupt.
        #[serde(default)]
        interrupted: bool,
        /// The thread does not stand still any more: what was raised ends the program.
        #[serde(default)]
        over: bool,
    },
    /// A log point was passed.
    Log {
        number: u32,
        thread: Tid,
        text: String,
    },
    /// What a statement wrote to `sys.stdout`.
    Output { text: String },
}

/// A line from the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Message {
    Event(Event),
    Answer(Answer),
}
