//! Where CPython keeps things, per minor version: offsets and sizes in bytes, on x86-64, release builds with a GIL.
//!
//! The tables (`v3_8.rs` …) are measured by `measure.py` beside them, which compiles `offsetof` against each
//! version's own headers; they are not written by hand. What differs in kind between versions is an enum here, so
//! that no reader asks for a version.

/// Everything that pmdb knows of one minor version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub version: Minor,
    pub runtime: RuntimeLayout,
    pub interpreter: InterpreterLayout,
    pub thread: ThreadLayout,
    pub gil: GilLayout,
    pub frame: FrameLayout,
    pub code: CodeLayout,
    pub types: TypeLayout,
    pub long: LongLayout,
    pub text: TextLayout,
    pub dict: DictLayout,
    pub instance: InstanceLayout,
    pub exception: ExceptionLayout,
    pub traceback: TracebackLayout,
    pub generator: GeneratorLayout,
    pub function: FunctionLayout,
    pub object: ObjectLayout,
    pub set: SetLayout,
    /// `_asyncio`'s task and future.
    pub asyncio: AsyncioLayout,
}

/// `3.minor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minor(pub u8);

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
    /// `_Py_DebugOffsets` at offset 0 (3.13+).
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
    /// Linux tid in the process's own pid namespace (3.11+).
    pub native_thread_id: Option<u64>,
    pub raised: RaisedLayout,
    /// `_PyErr_StackItem *`.
    pub exc_info: u64,
    pub stack_item: StackItemLayout,
    /// In `_PyThreadStateImpl` (3.12+: running loop; 3.14+: running task and the list of tasks).
    pub asyncio_running_loop: Option<u64>,
    pub asyncio_running_task: Option<u64>,
    pub asyncio_tasks_head: Option<u64>,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameLayout {
    /// `PyFrameObject` is the frame (up to 3.10).
    Object(FrameObjectLayout),
    /// `_PyInterpreterFrame` (3.11+).
    Interpreter(InterpreterFrameLayout),
}

/// `PyFrameObject` up to 3.10, `Include/cpython/frameobject.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameObjectLayout {
    pub back: u64,
    pub code: u64,
    pub builtins: u64,
    pub globals: u64,
    pub locals: u64,
    /// `int`. In units of `lasti_unit` bytes.
    pub lasti: u64,
    /// Bytes of bytecode per count of `f_lasti`: 1 up to 3.9, 2 in 3.10.
    pub lasti_unit: u64,
    pub localsplus: u64,
}

/// `_PyInterpreterFrame`, `Include/internal/pycore_frame.h` (3.14+: `pycore_interpframe_structs.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterpreterFrameLayout {
    pub code: u64,
    pub previous: u64,
    /// The function object (3.11+; NULL or a shim's code for frames without).
    pub function: u64,
    pub globals: u64,
    pub builtins: u64,
    pub locals: u64,
    /// `PyFrameObject *`, made on demand.
    pub frame_object: u64,
    /// `_Py_CODEUNIT *`.
    pub instruction: u64,
    pub instruction_meaning: InstructionMeaning,
    pub owner: u64,
    /// Values of `owner` that mark a frame which is not Python code.
    pub shim_owners: &'static [u8],
    pub localsplus: u64,
    /// Bits of a reference that are not address (3.14+ stackrefs), to be cleared.
    pub reference_tag: u64,
    /// In `PyFrameObject`: the `_PyInterpreterFrame *`.
    pub frame_object_frame: u64,
    /// In `PyFrameObject`: `int f_lineno`, nonzero while a tracer has set it.
    pub frame_object_lineno: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstructionMeaning {
    /// `prev_instr` points at the instruction that runs (3.11, 3.12).
    Previous,
    /// `instr_ptr` points at the instruction that runs, or, while the frame waits for a callee, at the one whose
    /// return offset is pending (3.13+).
    Current,
}

/// `PyCodeObject`, `Include/cpython/code.h`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeLayout {
    pub argcount: u64,
    pub posonlyargcount: u64,
    pub kwonlyargcount: u64,
    pub flags: u64,
    pub firstlineno: u64,
    pub filename: u64,
    pub name: u64,
    /// 3.11+.
    pub qualname: Option<u64>,
    pub consts: u64,
    pub names: u64,
    pub variables: VariablesLayout,
    /// `co_lnotab` or `co_linetable`, a bytes object.
    pub line_table: u64,
    pub line_table_form: LineTableForm,
    /// Where the bytecode lies: a bytes object (`co_code`), or in the code object itself (`co_code_adaptive`).
    pub bytecode: Bytecode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariablesLayout {
    /// `co_nlocals`, and the tuples `co_varnames`, `co_cellvars`, `co_freevars` (up to 3.10).
    Tuples {
        nlocals: u64,
        varnames: u64,
        cellvars: u64,
        freevars: u64,
        /// Which argument a cell is, `Py_ssize_t *` or NULL.
        cell2arg: u64,
    },
    /// `co_nlocalsplus`, `co_localsplusnames`, `co_localspluskinds` (3.11+).
    LocalsPlus { count: u64, names: u64, kinds: u64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineTableForm {
    /// Pairs (address increment, signed line increment), `Objects/lnotab_notes.txt` (3.8, 3.9).
    Lnotab,
    /// Pairs (signed line delta after address delta) of PEP 626 (3.10).
    Pairs,
    /// The location table with columns, `Objects/locations.md` (3.11+).
    Locations,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bytecode {
    BytesObject(u64),
    Inline(u64),
}

/// `PyTypeObject` and `PyHeapTypeObject`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeLayout {
    pub size: u64,
    pub name: u64,
    pub basicsize: u64,
    pub itemsize: u64,
    pub flags: u64,
    pub members: u64,
    pub base: u64,
    pub dict: u64,
    pub dictoffset: u64,
    pub mro: u64,
    /// `ht_name`, `ht_qualname`, `ht_slots`, `ht_cached_keys`.
    pub heap_name: u64,
    pub heap_qualname: u64,
    pub heap_slots: u64,
    pub heap_cached_keys: u64,
    /// `ht_module` (3.9+).
    pub heap_module: Option<u64>,
    /// 3.12+: static builtin types keep `tp_dict` per interpreter, in `PyInterpreterState.types.builtins`
    /// (3.12: `types.builtins[]`; 3.13+: `types.builtins.initialized[]` and `types.for_extensions.initialized[]`).
    pub static_dicts: Option<StaticDictsLayout>,
}

/// Where an interpreter keeps the state of static builtin types (3.12+), `Include/internal/pycore_typeobject.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaticDictsLayout {
    /// Offset of the array in `PyInterpreterState`, and the size of an element.
    pub array: u64,
    pub count: u64,
    pub element: u64,
    /// In an element: the type (3.12+), and its dict.
    pub element_type: u64,
    pub element_dict: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LongLayout {
    /// `ob_size` carries sign and digit count (up to 3.11).
    Sized { size: u64, digits: u64 },
    /// `lv_tag`: sign in bits 0-1 (0 +, 1 zero, 2 −), digit count from bit 3 (3.12+).
    Tagged { tag: u64, digits: u64 },
}

/// `PyASCIIObject` and its extensions, `Include/cpython/unicodeobject.h`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextLayout {
    pub length: u64,
    pub state: u64,
    /// Bit positions in `state`.
    pub kind_shift: u32,
    pub compact_shift: u32,
    pub ascii_shift: u32,
    /// Where the characters of a compact ASCII string begin, of another compact one, and the pointer to those of a
    /// string that is not compact.
    pub ascii_data: u64,
    pub compact_data: u64,
    pub data_pointer: u64,
}

/// `PyDictObject` and `PyDictKeysObject`, `Include/internal/pycore_dict.h`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DictLayout {
    pub used: u64,
    pub keys: u64,
    pub values: u64,
    pub keys_form: KeysForm,
    pub keys_nentries: u64,
    pub keys_indices: u64,
    /// In `PyDictValues`: where the pointers begin.
    pub values_items: u64,
    /// The mapping that a `mappingproxy` shows.
    pub proxy_mapping: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysForm {
    /// `dk_size` slots, index width by size, entries of hash, key, value (up to 3.10).
    Sized { size: u64 },
    /// `dk_log2_index_bytes`, and `dk_kind` 0 general, 1 unicode, 2 split; entries of the last two have no hash (3.11+).
    Log2 { index_bytes: u64, kind: u64 },
}

/// Where an instance keeps its attributes when they are not behind `tp_dictoffset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceLayout {
    /// Only `tp_dictoffset` (up to 3.10).
    DictOffset,
    /// Before the object: values at `-values`, dict at `-dict` (3.11).
    ValuesAndDict { flag: u64, values: u64, dict: u64 },
    /// Before the object at `-at`: one word, values if its low bit is set (the address is the word + 1), else the dict (3.12).
    DictOrValues { flag: u64, at: u64 },
    /// Before the object at `-dict`: the dict or NULL; and if the type has `inline_flag`, `PyDictValues` right after
    /// `tp_basicsize`, valid while `valid` in it is 1 (3.13+).
    Inline {
        flag: u64,
        dict: u64,
        inline_flag: u64,
        valid: u64,
    },
}

/// `PyBaseExceptionObject`, `Include/cpython/pyerrors.h`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionLayout {
    pub dict: u64,
    pub args: u64,
    /// 3.11+.
    pub notes: Option<u64>,
    pub traceback: u64,
    pub context: u64,
    pub cause: u64,
    /// `char`.
    pub suppress_context: u64,
    /// `PyBaseExceptionGroupObject` (3.11+): the message and the tuple of members.
    pub group: Option<GroupLayout>,
    /// `PyOSErrorObject`.
    pub os_errno: u64,
    pub os_strerror: u64,
    pub os_filename: u64,
    pub os_filename2: u64,
    /// `PySyntaxErrorObject`.
    pub syntax_msg: u64,
    pub syntax_filename: u64,
    pub syntax_lineno: u64,
    /// `PyUnicodeErrorObject`.
    pub unicode_encoding: u64,
    pub unicode_object: u64,
    pub unicode_start: u64,
    pub unicode_end: u64,
    pub unicode_reason: u64,
    /// `PySystemExitObject.code`, `PyStopIterationObject.value`.
    pub system_exit_code: u64,
    pub stop_iteration_value: u64,
    /// `PyImportErrorObject.msg`.
    pub import_msg: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupLayout {
    pub message: u64,
    pub members: u64,
}

/// `PyTracebackObject`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracebackLayout {
    pub next: u64,
    pub frame: u64,
    /// `int`, in bytes of bytecode.
    pub lasti: u64,
    /// `int`, -1 where it is to be computed from `lasti`.
    pub lineno: u64,
}

/// `PyGenObject`, coroutines and asynchronous generators alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratorLayout {
    pub frame: GeneratorFrame,
    pub name: u64,
    pub qualname: u64,
    pub running: GeneratorState,
    /// The code object, where the generator itself has it.
    pub code: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GeneratorFrame {
    /// `gi_frame`, a `PyFrameObject *` or NULL when finished (up to 3.10).
    Pointer(u64),
    /// `gi_iframe`, the `_PyInterpreterFrame` itself (3.11+).
    Inline(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GeneratorState {
    /// `char gi_running` (3.8, 3.9).
    Running(u64),
    /// `f_state` of the frame object, `signed char` (3.10): -2 created, -1 suspended, 0 executing, 1 and more finished.
    OfFrame { state: u64 },
    /// `gi_frame_state`, `int8_t` (3.11+), with the values that mean created, suspended (two from 3.12 on),
    /// executing; from `cleared` on it is finished.
    Own {
        state: u64,
        created: i8,
        suspended: &'static [i8],
        executing: i8,
        cleared: i8,
    },
}

/// `PyFunctionObject`, `PyMethodObject`, `PyCFunctionObject`, descriptors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionLayout {
    pub code: u64,
    pub globals: u64,
    pub name: u64,
    pub qualname: u64,
    pub module: u64,
    pub defaults: u64,
    pub closure: u64,
    pub dict: u64,
    /// `PyMethodObject`.
    pub method_function: u64,
    pub method_self: u64,
    /// `PyCFunctionObject.m_ml`, `m_self`, `m_module`; `PyMethodDef.ml_name` is at 0.
    pub builtin_def: u64,
    pub builtin_self: u64,
    pub builtin_module: u64,
    /// `PyDescrObject.d_type`, `d_name`; `PyMemberDescrObject.d_member`.
    pub descr_type: u64,
    pub descr_name: u64,
    pub member_def: u64,
    /// `PyMemberDef`: type (`int`), offset, flags.
    pub memberdef_type: u64,
    pub memberdef_offset: u64,
    /// `propertyobject`: `prop_get`.
    pub property_get: u64,
    /// `classmethod`/`staticmethod`: `cm_callable`.
    pub wrapped_callable: u64,
    /// `PyWrapperDescrObject`/method-wrapper: `self`, and the descriptor.
    pub wrapper_descr: u64,
    pub wrapper_self: u64,
}

/// Objects small enough not to need a group of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectLayout {
    /// `ob_type`.
    pub kind: u64,
    /// `ob_size` of a variable-size object, `Py_ssize_t`.
    pub size: u64,
    pub float_value: u64,
    pub complex_real: u64,
    pub bytes_data: u64,
    pub bytearray_start: u64,
    pub list_items: u64,
    pub tuple_items: u64,
    pub cell_contents: u64,
    pub slice_start: u64,
    pub slice_stop: u64,
    pub slice_step: u64,
    pub range_start: u64,
    pub range_stop: u64,
    pub range_step: u64,
    pub range_length: u64,
    /// `PyModuleObject.md_dict`.
    pub module_dict: u64,
    /// `PyMemoryViewObject.view`, a `Py_buffer`, and in that buf, obj, len, itemsize, readonly, ndim, format, shape, strides.
    pub memoryview_view: u64,
    pub memoryview_flags: u64,
    pub buffer_buf: u64,
    pub buffer_obj: u64,
    pub buffer_len: u64,
    pub buffer_itemsize: u64,
    pub buffer_readonly: u64,
    pub buffer_ndim: u64,
    pub buffer_format: u64,
    pub buffer_shape: u64,
    pub buffer_strides: u64,
    /// `dequeobject` (`Modules/_collectionsmodule.c`): leftblock, leftindex, maxlen; a block is left link, 64 items, right link.
    pub deque_left_block: u64,
    pub deque_left_index: u64,
    pub deque_maxlen: u64,
    pub deque_block_items: u64,
    pub deque_block_right: u64,
    pub deque_block_length: u64,
    /// `defdictobject.default_factory`.
    pub defaultdict_factory: u64,
    /// `PyODictObject`: the first node; in a node key, hash, next (`Objects/odictobject.c`).
    pub odict_first: u64,
    pub odict_node_key: u64,
    pub odict_node_next: u64,
    /// `PyWeakReference.wr_object`.
    pub weakref_object: u64,
    /// `PyDateTime_*`: where `data` begins in date, time, datetime; and in delta days, seconds, microseconds.
    pub date_data: u64,
    pub time_data: u64,
    pub time_tzinfo: u64,
    pub datetime_data: u64,
    pub datetime_tzinfo: u64,
    /// `char hastzinfo`.
    pub datetime_has_tzinfo: u64,
    /// `unsigned char fold`, in time and in datetime.
    pub time_fold: u64,
    pub datetime_fold: u64,
    pub delta_days: u64,
    pub delta_seconds: u64,
    pub delta_microseconds: u64,
    pub timezone_offset: u64,
    pub timezone_name: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetLayout {
    pub used: u64,
    pub mask: u64,
    pub table: u64,
    /// An entry is key, hash.
    pub entry: u64,
}

/// `FutureObj` and `TaskObj`, `Modules/_asynciomodule.c`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsyncioLayout {
    pub future_loop: u64,
    pub future_callback0: u64,
    pub future_callbacks: u64,
    pub future_exception: u64,
    pub future_result: u64,
    /// An `int`-sized enum: 0 pending, 1 cancelled, 2 finished.
    pub future_state: u64,
    pub task_coro: u64,
    pub task_name: u64,
    pub task_fut_waiter: u64,
    /// The task's `struct llist_node` (3.14+).
    pub task_node: Option<u64>,
    /// `fut_awaited_by` (3.14+).
    pub future_awaited_by: Option<u64>,
}
