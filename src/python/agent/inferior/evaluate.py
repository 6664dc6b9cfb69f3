"""Expressions and statements that the user types, run in a frame of the program while its thread is stopped."""

GENERATOR_FLAGS = 0x20 | 0x80 | 0x200
LONGEST_TEXT = 1 << 20


def describe_error(error):
    """`NameError: name 'x' is not defined`, also where `str()` of it fails."""
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ not in ("builtins", "__main__"):
        name = "%s.%s" % (kind.__module__, name)
    try:
        # Without the file and the line, which are those of what was typed.
        text = str(error.msg if isinstance(error, SyntaxError) else error)
    except BaseException:
        text = "<exception str() failed>"
    return name + ": " + text if text else name


def brief(value):
    """A value in few characters, as behind `->` where a function returns."""
    # Loaded by nearly every program; if not, it is not loaded on our behalf.
    shortener = sys.modules.get("reprlib")
    try:
        return bounded(shortener.repr(value) if shortener else repr(value), 400)[0]
    except BaseException:
        return "<%s instance at %#x>" % (type(value).__name__, id(value))


def bounded(text, most):
    """The text and, if it had to be cut, how long it was."""
    return (text, None) if len(text) <= most else (text[:most], len(text))


class Output:
    """Stands in for `sys.stdout` while a statement runs: what the stopped thread writes goes to the session, the rest goes on."""

    def __init__(self, original, thread, send):
        self.original, self.thread, self.send = original, thread, send

    def write(self, text):
        if _thread.get_ident() != self.thread:
            return self.original.write(text)
        self.send({"event": "output", "text": str(text)[:LONGEST_TEXT]})
        return len(text)

    def flush(self):
        if _thread.get_ident() != self.thread and self.original is not None:
            self.original.flush()

    def isatty(self):
        return False

    def __getattr__(self, name):
        return getattr(self.original, name)


class Shown:
    """While it is entered, `sys.stdout` and `sys.displayhook` are the session's."""

    def __init__(self, send):
        self.send, self.values = send, []

    def add(self, value):
        if value is not None:
            self.values.append(repr(value))

    def __enter__(self):
        self.before = sys.displayhook, sys.stdout
        self.capture = Output(sys.stdout, _thread.get_ident(), self.send)
        sys.displayhook, sys.stdout = self.add, self.capture
        return self

    def __exit__(self, *_):
        sys.displayhook, out = self.before
        # The statement may have put something else there.
        if sys.stdout is self.capture:
            sys.stdout = out


class Evaluator:
    def __init__(self, send):
        self.send = send
        # `$name` of the user, with the frame's own ones put in at each use.
        self.variables = {}
        self.locals_of = (None, None)

    def scope(self, frame):
        """The frame's names. Up to 3.12 `f_locals` is made anew at each access, which would lose what a statement assigned."""
        known, names = self.locals_of
        if known is not frame:
            names = frame.f_locals
            self.locals_of = (frame, names)
        return frame.f_globals, names

    def forget_frame(self):
        self.locals_of = (None, None)
        for name in ("_frame", "_exception", "_retval"):
            self.variables.pop(name, None)

    def with_variables(self, frame):
        global_names, local_names = self.scope(frame)
        self.variables["_frame"] = frame
        global_names["__pdb_convenience_variables"] = self.variables
        return global_names, local_names

    def evaluate(self, frame, text, limit):
        """`repr()` of an expression."""
        global_names, local_names = self.with_variables(frame)
        try:
            value = eval(text, global_names, local_names)
            shown, length = bounded(repr(value), limit)
            return {"text": shown, "length": length, "type": type(value).__name__}
        except BaseException as error:
            return {"error": describe_error(error)}
        finally:
            global_names.pop("__pdb_convenience_variables", None)

    def execute(self, frame, text):
        """A statement, or an expression whose value is shown unless it is None."""
        if is_unfinished(text):
            return {"unfinished": True}
        global_names, local_names = self.with_variables(frame)
        with Shown(self.send) as shown:
            try:
                self.run(text, global_names, local_names, shown.add)
                self.write_back(frame, local_names)
                text, length = bounded("\n".join(shown.values), LONGEST_TEXT)
                return {"text": text, "length": length}
            except BaseException as error:
                return {"error": describe_error(error)}
            finally:
                global_names.pop("__pdb_convenience_variables", None)

    def run(self, text, global_names, local_names, show):
        try:
            code = compile(text + "\n", "<stdin>", "single", 0, True)
        except SyntaxError as error:
            if "outside" not in str(error.msg):
                raise
            code = None
        is_async = code is None and is_async_text(text)
        if is_async or (code is not None and has_functions(code) and local_names is not global_names):
            function = as_function(text, global_names, local_names, show, is_async)
            if function is not None:
                run_coroutine(function()) if is_async else function()
                return
        exec(code or compile(text + "\n", "<stdin>", "single", 0, True), global_names, local_names)

    def write_back(self, frame, names):
        """Up to 3.12 `f_locals` of a function is a copy, and an assignment reaches the function only by this call of the C API."""
        if sys.version_info >= (3, 13) or names is frame.f_globals:
            return
        import ctypes

        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
