"""Expressions and statements that the user types, run in a frame of the program while its thread is stopped."""

# The `$name` that pmdb sets at a stop.
OF_A_STOP = ("_frame", "_asynctask", "_exception", "_retval")


class Output:
    """Stands in for `sys.stdout` while a statement runs: what the stopped thread writes goes to the session, the rest goes on."""

    def __init__(self, original, thread, send):
        self.original, self.thread, self.send = original, thread, send
        self.left = LONGEST_TEXT
        # Not sent yet: a message for each piece would take longer than printing it.
        self.pieces, self.length = [], 0

    def write(self, text):
        if _thread.get_ident() != self.thread:
            return self.original.write(text)
        text = plain(str(text))
        if self.left > 0:
            self.pieces.append(text[:self.left])
            self.length += len(text)
            self.left -= len(text)
            if self.left <= 0:
                self.pieces.append("\n[more than %d characters: the rest is left out]\n" % LONGEST_TEXT)
            if self.length >= 8192:
                self.send_pieces()
        return len(text)

    def send_pieces(self):
        pieces, self.pieces, self.length = self.pieces, [], 0
        if pieces:
            self.send({"event": "output", "text": "".join(pieces)})

    def flush(self):
        if _thread.get_ident() != self.thread and self.original is not None:
            self.original.flush()

    def isatty(self):
        return False

    def __getattr__(self, name):
        return getattr(self.original, name)


class Shown:
    """While it is entered, `sys.stdout` and `sys.displayhook` are the session's, and `breakpoint()` stops nothing: all stands still."""

    def __init__(self, send, remember=None):
        self.send, self.remember = send, remember

    def add(self, value):
        if value is None:
            return
        if is_heavy(value):
            # Kept alive for the session, which reads it next.
            self.heavy = value
        else:
            self.write(plain(repr(value)) + "\n")
        if self.remember is not None:
            self.remember(value)

    heavy = None

    def write(self, text):
        self.put[0].write(text)

    def breakpoint(self, *_, **__):
        self.write("[breakpoint() is passed over: the process stands still]\n")

    def __enter__(self):
        self.before = [(name, sys.__dict__.get(name, self)) for name in ("stdout", "displayhook", "breakpointhook")]
        self.put = [Output(sys.__dict__.get("stdout"), _thread.get_ident(), self.send), self.add, self.breakpoint]
        for (name, _), ours in zip(self.before, self.put):
            sys.__dict__[name] = ours
        return self

    def __exit__(self, *_):
        self.put[0].send_pieces()
        for (name, before), ours in zip(self.before, self.put):
            # The statement may have put something else there.
            if sys.__dict__.get(name) is not ours:
                continue
            if before is self:
                del sys.__dict__[name]
            else:
                sys.__dict__[name] = before


class Evaluator:
    def __init__(self, send, errands):
        self.send, self.errands = send, errands
        # `$name` of the user, with the frame's own ones put in at each use.
        self.variables = {}
        self.locals_of = (None, None)
        # A value that the session is about to read.
        self.lent = None
        # While `interact` runs.
        self.console = None
        # Names of the program that have `$name` for as long as code runs with them.
        self.lasting = []

    def scope(self, frame):
        """The frame's names. Up to 3.12 those of a function are a copy, which is brought up to date here."""
        known, names = self.locals_of
        if known is not frame or names is not frame.f_globals:
            names = frame.f_locals
            self.locals_of = (frame, names)
        return frame.f_globals, names

    def forget_frame(self):
        self.locals_of = (None, None)
        self.lent = self.console = None
        for name in OF_A_STOP:
            self.variables.pop(name, None)

    def with_variables(self, frame):
        global_names, local_names = self.scope(frame)
        self.variables["_frame"] = frame
        task = current_task(frame)
        if task is not None:
            self.variables["_asynctask"] = task
        global_names["__pdb_convenience_variables"] = self.variables
        return global_names, local_names

    def put_away(self, global_names):
        if not any([one is global_names for one in self.lasting]):
            global_names.pop("__pdb_convenience_variables", None)

    def evaluate(self, frame, text, limit, width=None, lent=False):
        """`repr()` of an expression, or how `pprint` lays it out. `lent`: the session reads the value itself."""
        global_names, local_names = self.with_variables(frame)
        with Shown(self.send):
            try:
                value = self.errands.run(eval, text, global_names, local_names)
                if lent or is_heavy(value):
                    return self.lend(value)
                shown = self.errands.run(repr, value) if width is None else self.errands.run(self.laid_out, value, width)
                shown, length = bounded(shown, limit)
                return {"text": shown, "length": length, "type": name_of_class(type(value))}
            except BaseException as error:
                return {"error": describe_error(error)}
            finally:
                self.put_away(global_names)

    def laid_out(self, value, width):
        import pprint

        return pprint.pformat(value, width=width)

    def lend(self, value):
        """Keeps a value until the next command, for the session to read from memory."""
        self.lent = value
        return {"address": id(value), "type": name_of_class(type(value))}

    def execute(self, frame, text):
        """A statement, or an expression whose value is shown unless it is None."""
        if not has_statement(text):
            return {}
        # As in pdb, and unlike in the console, a block in one line is whole.
        if is_unfinished(text if "\n" in text else text + "\n"):
            return {"unfinished": True}
        global_names, local_names = self.with_variables(frame)
        before = dict(local_names) if needs_writing(frame, local_names) else None
        with Shown(self.send) as shown:
            try:
                try:
                    self.errands.run(self.run, text, global_names, local_names, shown.add)
                finally:
                    if before is not None:
                        write_back(frame, local_names, before)
                return self.lend(shown.heavy) if shown.heavy is not None else {}
            except BaseException as error:
                return {"error": describe_error(error)}
            finally:
                self.put_away(global_names)

    def interact(self, frame, how, text):
        """The console: its beginning, a statement or a line that goes on in another one, a name to be completed, its end."""
        if how == "begin":
            self.console = Console(*self.scope(frame))
        elif how == "end" or self.console is None:
            self.console = None
        elif how == "run" and is_unfinished(text):
            return {"unfinished": True}
        else:
            return self.in_console(self.console, how, text)
        return {}

    def in_console(self, console, how, text):
        with Shown(self.send, console.remember) as shown:
            try:
                if how == "complete":
                    return {"names": self.errands.run(console.complete, text)}
                answer = self.errands.run(console.run, text, shown)
                if shown.heavy is not None:
                    answer.update(self.lend(shown.heavy))
                return answer
            except BaseException as error:
                return {"error": describe_error(error)}

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


def needs_writing(frame, names):
    """Up to 3.12 `f_locals` of a function is a copy, and an assignment must be taken back to the function."""
    return sys.version_info < (3, 13) and names is not frame.f_globals and frame.f_code.co_flags & 2


def write_back(frame, names, before):
    """What a statement has changed in the copy. What a function that it called has assigned in the frame itself stays."""
    nothing = before
    changed = [(name, value) for name, value in names.items() if before.get(name, nothing) is not value]
    # From 3.12 on code relies on it that a variable is not gone.
    gone = [name for name in before if name not in names and sys.version_info < (3, 12)]
    if not changed and not gone:
        return
    try:
        import ctypes
    except Exception as error:
        # The copy has the frame's own values again.
        frame.f_locals
        why = "up to Python 3.12 a function's variables are assigned by `ctypes`, which this process cannot import"
        raise RuntimeError("%s (%s)" % (why, describe_error(error))) from None
    frame.f_locals.update(changed)
    for name in gone:
        names.pop(name, None)
    ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(bool(gone)))
    # 3.11 and 3.12 do that once for each time that `f_locals` was asked for (Objects/frameobject.c, `f_fast_as_locals`).
    frame.f_locals
