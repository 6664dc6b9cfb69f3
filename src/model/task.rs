//! Event loops and their tasks: those of asyncio, and the runtimes of tokio.

use serde::{Deserialize, Serialize};

use super::{Addr, Frame, Tid};

/// An event loop that has tasks, or that a thread runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventLoop {
    /// The class: `asyncio.unix_events._UnixSelectorEventLoop`, `uvloop.Loop`; of tokio the type of the scheduler:
    /// `tokio::runtime::scheduler::multi_thread::handle::Handle`.
    #[serde(rename = "type")]
    pub type_name: String,
    pub address: Addr,
    /// The thread that runs it; nothing while none does, or if several do.
    pub tid: Option<Tid>,
    /// The name of that thread.
    pub thread: Option<String>,
    /// How many tasks it has. `tasks` may be fewer: a walk has a limit.
    pub task_count: u64,
    /// In the order in which they were made, as far as their names tell.
    pub tasks: Vec<Task>,
    /// Tasks that await each other in a circle, by their addresses: each awaits the next, and the last the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub circles: Vec<Vec<Addr>>,
}

/// A task of an event loop that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// `Task-3`, or the name that the program gave it. In a runtime of tokio `Task-3/1` is the first of the futures that
    /// the task polls side by side, and `block_on` the future that a thread runs by itself.
    pub name: String,
    pub address: Addr,
    pub state: TaskState,
    /// The thread that runs it, of a task of tokio; or that waits for nothing but it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tid: Option<Tid>,
    /// Somebody has asked for its cancellation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelling: bool,
    /// The qualified name of its coroutine; of its async function, or of the type of its future.
    pub coroutine: String,
    /// Where the program spawned it (`src/main.rs:12`), where a build of tokio notes that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spawned_at: Option<String>,
    /// `frames[0]` is the innermost: where it waits, or runs.
    pub frames: Vec<Frame>,
    /// What it waits for in the end. Nothing for a task that runs or has ended.
    pub awaits: Option<Awaited>,
    /// The tasks that wait for this one, by their addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awaited_by: Vec<Addr>,
    /// What could not be read of this task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Task {
    /// One of which nothing else is known yet.
    pub fn pending(name: String, address: Addr) -> Task {
        Task {
            name,
            address,
            state: TaskState::Pending,
            tid: None,
            cancelling: false,
            coroutine: String::new(),
            spawned_at: None,
            frames: Vec::new(),
            awaits: None,
            awaited_by: Vec::new(),
            note: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    Pending,
    Running,
    Cancelled,
    Finished,
}

/// What a task waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    pub kind: AwaitedKind,
    /// In words: `sleep(3600)`, `asyncio.Lock at 0x7f…`, `3 tasks (gather)`.
    pub text: String,
    /// The tasks among it that have not ended, by their addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Addr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AwaitedKind {
    /// Nothing: the loop runs it soon.
    Turn,
    Task,
    /// `asyncio.gather`.
    Gather,
    /// `asyncio.wait`, `wait_for`, `as_completed`, `shield`.
    Wait,
    /// The tasks of a `TaskGroup`.
    TaskGroup,
    Sleep,
    /// `Lock`, `Semaphore`, `Condition`, `Event`, `Barrier`.
    Lock,
    Queue,
    /// A call in another thread or process.
    Executor,
    /// A socket, a pipe or a stream.
    Stream,
    Subprocess,
    /// Any other future.
    Future,
    /// An awaitable that is not asyncio's.
    Other,
}
