//! Values: types, instances, containers, text, numbers, exceptions, tasks.

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
    /// Where types with `_Py_TPFLAGS_STATIC_BUILTIN` (bit 1 of the flags) have their dict instead of `tp_dict`: the
    /// builtin types (3.12+) and those of standard extension modules (3.13+). Empty up to 3.11.
    pub static_dicts: &'static [StaticDictsLayout],
}

/// An array in which an interpreter keeps the state of static types, `Include/internal/pycore_typeobject.h`
/// (3.14+: `pycore_interp_structs.h`). Elements without a type are free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaticDictsLayout {
    /// Offset of the array in `PyInterpreterState`, its length, and the size of an element.
    pub array: u64,
    pub count: u64,
    pub element: u64,
    /// In an element: the type, and its dict.
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
    /// -1 until it was first asked for.
    pub hash: u64,
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
    pub values_order: ValuesOrder,
    /// The mapping that a `mappingproxy` shows.
    pub proxy_mapping: u64,
    /// The dict that a `dict_keys`, `dict_values` or `dict_items` shows.
    pub view_dict: u64,
}

/// Where `PyDictValues` says in which order its values were set: one byte for each, its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValuesOrder {
    /// In the order of the keys (up to 3.10).
    AsKeys,
    /// Before it: the count at `-size`, the indices from `-first` on downwards (3.11, 3.12).
    Before { size: u64, first: u64 },
    /// In it, bytes: `capacity` and `size`; the indices follow the `capacity` pointers (3.13+).
    After { capacity: u64, size: u64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysForm {
    /// `dk_size` slots, index width by size, entries of hash, key, value (up to 3.10, `Objects/dict-common.h`).
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
    /// `MatchObject.mark` (`Modules/_sre/sre.h`): the `Py_ssize_t` where the whole match begins, then where it ends.
    pub match_marks: u64,
    /// `lockobject`, `rlockobject` (`Modules/_threadmodule.c`): the byte whose low bit says that it is held; the owner's
    /// `get_ident()`, 0 without one; and how often it is held, counted from `rlock_count_from`.
    pub lock_locked: u64,
    pub rlock_owner: u64,
    pub rlock_count: u64,
    pub rlock_count_from: u64,
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
    /// The first callback, or NULL; and the list of (callback, context) of the others, or NULL.
    pub future_callback0: u64,
    pub future_callbacks: u64,
    pub future_exception: u64,
    pub future_result: u64,
    /// An `int`-sized enum: 0 pending, 1 cancelled, 2 finished.
    pub future_state: u64,
    pub task_coro: u64,
    /// A str, or (3.12+) an int N that stands for `Task-N` until somebody asks.
    pub task_name: u64,
    pub task_fut_waiter: u64,
    /// The byte and the bit in it that say that the next step raises CancelledError.
    pub task_must_cancel: u64,
    pub task_must_cancel_bit: u8,
    /// `task_num_cancels_requested`, `int` (3.11+).
    pub task_cancel_requests: Option<u64>,
    /// `futureiterobject.future`: what `Future.__await__` returns.
    pub future_iter: u64,
    /// The task's `struct llist_node` (3.14+).
    pub task_node: Option<u64>,
    /// `fut_awaited_by`: NULL, a task, or a set of tasks (3.14+).
    pub future_awaited_by: Option<u64>,
}
