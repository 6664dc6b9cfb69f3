"""The trace functions of other threads (up to 3.11), which no module of Python gives access to.

`sys.settrace` concerns the thread that calls it. Another thread's is set by what `PyEval_SetTrace` does, in that thread's
`PyThreadState`: while this thread runs it has the interpreter's lock, and the other one looks at its trace function when it
gets that lock. Each single change leaves a state that the interpreter can run with.
"""


class ThreadStates:
    def __init__(self):
        # Loaded only where it is needed. A PyDLL calls with the lock held; `ctypes.pythonapi` itself is the program's.
        import ctypes

        self.ctypes, self.api = ctypes, ctypes.PyDLL(None)
        self.pointer, self.number = ctypes.c_void_p, ctypes.c_int
        # Looked up now: that runs code of `ctypes`, of which nothing may be traced while trace functions are changed.
        for name in ("PyInterpreterState_ThreadHead", "PyThreadState_Next", "PyThreadState_Get", "Py_IncRef", "Py_DecRef"):
            getattr(self.api, name)
        self.has_setter = hasattr(self.api, "_PyEval_SetTrace")
        # `sys.settrace` has this function of the interpreter call the one of Python: where it is, is seen when one is set.
        self.trampoline = None

    def word(self, address):
        return self.pointer.from_address(address)

    def all(self):
        """{thread: address of its PyThreadState}"""
        first, after, own = self.api.PyInterpreterState_ThreadHead, self.api.PyThreadState_Next, self.api.PyThreadState_Get
        for function in (first, after, own):
            function.restype = self.pointer
        state = first(self.word(own() + LAYOUT["interp"]))
        found = {}
        while state:
            found[self.word(state + LAYOUT["thread_id"]).value] = state
            state = after(self.pointer(state))
        return found

    def learn(self, states, function):
        """Finds the trampoline, and whether the layout holds: this thread's trace function is `function`."""
        own = states[_thread.get_ident()]
        trampoline = self.word(own + LAYOUT["tracefunc"]).value
        if not trampoline or self.word(own + LAYOUT["traceobj"]).value != id(function):
            raise LookupError("the trace function is not where it should be")
        self.trampoline = trampoline

    def current(self, state):
        """The object that is behind the trace function of a thread."""
        if not self.word(state + LAYOUT["traceobj"]).value:
            return None
        return self.ctypes.py_object.from_address(state + LAYOUT["traceobj"]).value

    def set(self, state, function):
        """Sets the trace function of a thread, or takes it off with None."""
        if self.has_setter:
            thing = self.ctypes.py_object(function) if function is not None else None
            self.api._PyEval_SetTrace(self.pointer(state), self.pointer(self.trampoline if thing else None), thing)
            return
        # Python/ceval.c of 3.8. The counter says in how many threads there may be a trace function.
        before = self.word(state + LAYOUT["traceobj"]).value
        had = bool(self.word(state + LAYOUT["tracefunc"]).value)
        runtime = self.ctypes.addressof(self.ctypes.c_char.in_dll(self.api, "_PyRuntime"))
        possible = self.number.from_address(runtime + LAYOUT["tracing_possible"])
        self.word(state + LAYOUT["tracefunc"]).value = None
        if function is not None:
            self.api.Py_IncRef(self.ctypes.py_object(function))
        self.word(state + LAYOUT["traceobj"]).value = id(function) if function is not None else None
        possible.value += (function is not None) - had
        self.number.from_address(state + LAYOUT["use_tracing"]).value = int(function is not None)
        if function is not None:
            self.word(state + LAYOUT["tracefunc"]).value = self.trampoline
        if before:
            self.api.Py_DecRef(self.pointer(before))

    def replace_item(self, items, index, new):
        """Puts another object into a tuple."""
        at, before = id(items) + LAYOUT["tuple_items"] + 8 * index, items[index]
        if self.word(at).value != id(before):
            raise LookupError("the item of a tuple is not where it should be")
        self.api.Py_IncRef(self.ctypes.py_object(new))
        self.word(at).value = id(new)
        self.api.Py_DecRef(self.ctypes.py_object(before))
