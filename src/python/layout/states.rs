//! The runtime, interpreters, threads and the lock between them.

/// `_PyRuntimeState`, `Include/internal/pycore_runtime.h`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeLayout {
    pub size: u64,
    pub interpreters_head: u64,
    pub interpreters_main: u64,
    /// pthread_t of the main thread.
    pub main_thread: u64,
    /// The thread that finalizes the runtime, or NULL.
    pub finalizing: u64,
    /// `int`: nonzero once `Py_Initialize` has finished.
    pub initialized: u64,
    /// `_Py_DebugOffsets` at offset 0 (3.13+): the cookie `xdebugpy`, then as `uint64_t` the version
    /// (`PY_VERSION_HEX`) and whether the build is free-threaded, then what is checked.
    pub debug_offsets: Option<DebugOffsetsLayout>,
}

/// What of `_Py_DebugOffsets` the tables are checked against: the offset of a `uint64_t` in it, and what it must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebugOffsetsLayout {
    pub size: u64,
    pub checks: &'static [DebugOffsetCheck],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebugOffsetCheck {
    /// `interpreter_frame.localsplus`.
    pub name: &'static str,
    pub at: u64,
    pub expected: u64,
}

pub(super) const fn check(name: &'static str, at: u64, expected: u64) -> DebugOffsetCheck {
    DebugOffsetCheck { name, at, expected }
}

/// `PyInterpreterState`, `Include/internal/pycore_interp.h`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterpreterLayout {
    pub size: u64,
    pub next: u64,
    /// `int64_t`.
    pub id: u64,
    pub threads_head: u64,
    /// `sys.modules`, a dict.
    pub modules: u64,
    pub sysdict: u64,
    pub builtins: u64,
    /// `int`: the collector is at work. 3.8 has it in the runtime.
    pub collecting: Collecting,
    /// The head of the list of asyncio tasks whose thread is gone (3.14+), a `struct llist_node`.
    pub asyncio_tasks_head: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collecting {
    /// Offset in `_PyRuntimeState`.
    Runtime(u64),
    /// Offset in `PyInterpreterState`.
    Interpreter(u64),
}

/// `PyThreadState`, `Include/cpython/pystate.h`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadLayout {
    pub size: u64,
    pub prev: u64,
    pub next: u64,
    pub interp: u64,
    pub current_frame: CurrentFrame,
    /// pthread_t.
    pub thread_id: u64,
    /// What `PyThreadState_GetDict()` gives, or NULL.
    pub dict: u64,
    /// Linux tid in the process's own pid namespace (3.11+).
    pub native_thread_id: Option<u64>,
    pub raised: RaisedLayout,
    /// `_PyErr_StackItem *`.
    pub exc_info: u64,
    /// Where no `sys.monitoring` is there (up to 3.11).
    pub tracing: Option<TracingLayout>,
    pub stack_item: StackItemLayout,
    /// In `_PyThreadStateImpl`, `Include/internal/pycore_tstate.h`: the running loop (3.13+), the running task and
    /// the head of the list of tasks, a `struct llist_node` (3.14+).
    pub asyncio_running_loop: Option<u64>,
    pub asyncio_running_task: Option<u64>,
    pub asyncio_tasks_head: Option<u64>,
}

/// The trace function of a thread, in `PyThreadState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TracingLayout {
    /// `Py_tracefunc`.
    pub function: u64,
    /// What the function gets as its first argument.
    pub object: u64,
    /// `int` (3.8, 3.9; from 3.10 on in the `CFrame`).
    pub is_used: Option<u64>,
    /// In `_PyRuntimeState`, `int`: in how many threads there is one (3.8; 3.9 has it in the interpreter).
    pub is_possible: Option<u64>,
}

/// How a thread state leads to its newest frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CurrentFrame {
    /// `PyFrameObject *` (up to 3.10).
    FrameObject(u64),
    /// `_PyCFrame *`, and `current_frame` in that (3.11, 3.12).
    ThroughCFrame { cframe: u64, current_frame: u64 },
    /// `_PyInterpreterFrame *` (3.13+).
    Direct(u64),
}

/// The exception that is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RaisedLayout {
    /// `curexc_type`, `curexc_value`, `curexc_traceback` (up to 3.11); the value may not be normalised yet.
    Triple {
        kind: u64,
        value: u64,
        traceback: u64,
    },
    /// `current_exception` (3.12+).
    Value(u64),
}

/// `_PyErr_StackItem`: one exception that is being handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StackItemLayout {
    pub exc_value: u64,
    /// Up to 3.10.
    pub exc_traceback: Option<u64>,
    pub previous_item: u64,
}

/// `struct _gil_runtime_state`, `Include/internal/pycore_gil.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GilLayout {
    pub place: GilPlace,
    pub size: u64,
    /// `int`: -1 before it exists, 0 free, 1 taken.
    pub locked: u64,
    /// `PyThreadState *`.
    pub last_holder: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GilPlace {
    /// At this offset in `_PyRuntimeState` (up to 3.11).
    Runtime(u64),
    /// A pointer to it at this offset in `PyInterpreterState` (3.12+).
    InterpreterPointer(u64),
}

/// `struct _pending_calls`: the ring of functions that the main thread calls when it next looks at its eval breaker.
/// `Include/internal/pycore_pystate.h` (3.8), `pycore_interp.h` (3.9 to 3.11), `pycore_ceval_state.h` (3.12, 3.13),
/// `pycore_interp_structs.h` (3.14+).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingCallsLayout {
    pub place: PendingPlace,
    pub lock: PendingLock,
    pub count: PendingCount,
    /// The slots: where they begin, how many there are, how many bytes each has: `func`, `arg` (and 3.13+ `flags`).
    pub calls: u64,
    pub slots: u64,
    pub slot: u64,
    /// `int`: the slot that is called first, and the one that is filled next.
    pub first: u64,
    pub next: u64,
    pub breaker: Breaker,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PendingPlace {
    /// In `_PyRuntimeState` (3.8; 3.12+: the ring of the main thread).
    Runtime(u64),
    /// In `PyInterpreterState` (3.9 to 3.11).
    Interpreter(u64),
}

/// What must be free when the ring is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PendingLock {
    /// A pointer to a `sem_t`, whose first `unsigned int` is 1 when it is free (`Python/thread_pthread.h`).
    Semaphore(u64),
    /// A `PyMutex`, a byte that is 0 when it is free (3.13+).
    Byte(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PendingCount {
    /// `int`, 1 while there is a call.
    Flag(u64),
    /// `int32_t`: how many there are, and may be (3.13+).
    Number { at: u64, most: u64 },
}

/// What makes the interpreter's loop look for calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    /// `int` in `_PyRuntimeState` (3.8).
    Runtime(u64),
    /// `int` in `PyInterpreterState` (3.9 to 3.12).
    Interpreter(u64),
    /// A bit of a `uintptr_t` in the main thread's `PyThreadState` (3.13+).
    Thread { at: u64, bit: u64 },
}
