"""`interact`: an interpreter in a namespace of its own, which works as `code.InteractiveConsole` of 3.14 does."""

CONSOLE = "<console>"
# Names that are offered for the one that is typed.
MOST_COMPLETIONS = 1000


class Exit:
    """`exit` and `quit` there: those of `site` would close the program's standard input."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return "Use %s or Ctrl-D (i.e. EOF) to exit" % self.name

    def __call__(self, code=None):
        raise SystemExit(code)


class Console:
    def __init__(self, global_names, local_names):
        self.names = dict(global_names)
        self.names.update(local_names)
        self.names.pop("__pdb_convenience_variables", None)
        for name in ("exit", "quit"):
            self.names.setdefault(name, Exit(name))
        self.last = None

    def remember(self, value):
        """`_` is the last value. In `builtins`, where an interpreter of its own has it, others may have put something else."""
        if "_" not in self.names or self.names["_"] is self.last:
            self.names["_"] = self.last = value

    def run(self, text, shown):
        """Runs a statement. Gives back whether it raised, and whether it ends the console."""
        code = None
        try:
            # A line without a statement is none to the compiler.
            code = compile((text if has_statement(text) else "pass") + "\n", CONSOLE, "single", 0, True)
            exec(code, self.names)
        except SystemExit:
            return {"left": True}
        except BaseException as error:
            if code is None and isinstance(error, SyntaxError) and not error.text and 0 < (error.lineno or 0) <= text.count("\n") + 1:
                # Found behind the parser, which knows the lines.
                error.text = text.split("\n")[error.lineno - 1]
            shown.write(traceback_of(error, error.__traceback__ if code is not None else None))
            return {"raised": True}
        return {}

    def complete(self, text):
        """What the last name in a text can become: a name, or an attribute of what stands before the dot."""
        begin = len(text)
        while begin and (text[begin - 1] in "._" or text[begin - 1].isalnum()):
            begin -= 1
        holder, dot, start = text[begin:].rpartition(".")
        inserted = self.names.get("__builtins__", {})
        inserted = inserted if isinstance(inserted, dict) else inserted.__dict__
        names = list(self.names) + list(inserted)
        if dot:
            first, *attributes = holder.split(".")
            value = self.names[first] if first in self.names else inserted[first]
            for name in attributes:
                value = getattr(value, name)
            names = dir(value)
        fitting = {plain(name) for name in names if isinstance(name, str) and name.startswith(start)}
        return sorted([name for name in fitting if start or not name.startswith("_")])[:MOST_COMPLETIONS]


def traceback_of(error, traceback):
    """As the interpreter prints it, without the frames of the agent."""
    try:
        from traceback import format_exception

        lines = format_exception(type(error), error, traceback)
        return "".join([line for line in lines if not line.startswith('  File "%s"' % OWN_FILE)])
    except BaseException:
        return describe_error(error) + "\n"
