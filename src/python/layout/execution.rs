//! What runs: frames, code, generators, functions, tracebacks.

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
    pub stack_top: StackTop,
}

/// How a frame that does not run says where its value stack ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StackTop {
    /// A pointer behind the last value (up to 3.9, and from 3.14 on).
    Pointer(u64),
    /// A pointer to the first value, and an `int` count of them (3.10).
    Depth { stack: u64, depth: u64 },
    /// An `int`: how many words of `localsplus` are used, variables included (3.11 to 3.13).
    SlotsUsed(u64),
}

/// `_PyInterpreterFrame`, `Include/internal/pycore_frame.h` (3.14+: `pycore_interpframe_structs.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterpreterFrameLayout {
    pub code: u64,
    pub previous: u64,
    /// The function object; a tagged reference like `code` and `localsplus` in 3.14+. Means nothing in a shim.
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
    /// `bool`: C called this frame, not another frame (3.11). Later such a frame has a shim below it.
    pub is_entry: Option<u64>,
    pub localsplus: u64,
    pub stack_top: StackTop,
    /// Bits of a reference that are not address, to be cleared (3.14+, `Py_TAG_BITS` in `pycore_stackref.h`): no
    /// reference is 1 in 3.14 and 0 in 3.15, and what has all of these bits is an integer, not a pointer.
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
    pub delegation: Delegation,
    /// Bytes from the top of the value stack down to what a suspended generator delegates to: 8 is the topmost value.
    pub awaited_below_top: u64,
    /// What stands between an `await` and what runs in it (`Objects/genobject.c`, `Objects/iterobject.c`): the
    /// generator in `async_generator_asend` and in `async_generator_athrow`, the coroutine in `coroutine_wrapper`, and
    /// the awaitable in `anext_awaitable` (3.10+).
    pub asend_generator: u64,
    pub athrow_generator: u64,
    pub coroutine_wrapper: u64,
    pub anext_wrapped: Option<u64>,
}

/// What tells `yield from` and `await` from a plain `yield` in a suspended generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delegation {
    /// The next instruction has this opcode, `YIELD_FROM` (up to 3.10).
    YieldFrom(u8),
    /// The next instruction is a `RESUME` whose argument has 2 or 3 in its low bits (3.11, 3.12;
    /// `Include/internal/pycore_opcode_utils.h`).
    ResumeArgument,
    /// These values of `gi_frame_state` (3.13+).
    State(&'static [i8]),
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
    /// `gi_frame_state`, `int8_t` (3.11+), with the values that mean created, suspended (several from 3.13 on),
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
    /// `PyMemberDef`: its size, name (`char *`), type (`int`), offset.
    pub memberdef_size: u64,
    pub memberdef_name: u64,
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
