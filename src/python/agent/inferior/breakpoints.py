"""What the session wants to stop at. The numbers are the session's: one logical breakpoint, here its place in this process."""

from itertools import count as counter


class Unusable(Exception):
    """A breakpoint that cannot be: its text is for the user."""


class Breakpoint:
    def __init__(self, wanted):
        self.number = wanted["number"]
        self.file = wanted.get("file")
        self.line = wanted.get("line")
        self.function = wanted.get("function")
        self.pattern = compile_pattern(wanted["pattern"]) if wanted.get("pattern") is not None else None
        self.condition = wanted.get("condition")
        self.ignore = wanted.get("ignore", 0)
        self.temporary = wanted.get("temporary", False)
        self.log = wanted.get("log")
        # Counts hits. An addition would not be one step of the interpreter, and threads could lose each other's.
        self.counter = counter(1)
        # A temporary one that has stopped a thread already.
        self.is_spent = False
        # Compiled once; what it raises at a hit is told and counts as true, as in pdb.
        self.compiled = self.compile_condition() if self.condition is not None else None
        self.message = compile("f" + repr(self.log), "<log>", "eval") if self.log is not None else None

    def compile_condition(self):
        try:
            return compile(self.condition, "<condition>", "eval")
        except Exception as error:
            raise Unusable("Invalid condition %s: %s" % (self.condition, describe_error(error))) from None

    def hits(self):
        """Times that it was reached: as in bdb, those that a condition or `ignore` lets pass are counted too."""
        return int(repr(self.counter)[6:-1]) - 1

    def holds_in(self, frame, errands):
        """Whether this hit counts, and what the condition raised if it raised."""
        if self.compiled is not None:
            try:
                if not errands.run(eval, self.compiled, frame.f_globals, frame.f_locals):
                    return False, None
            except BaseException as error:
                return True, describe_error(error)
        if self.ignore > 0:
            self.ignore -= 1
            return False, None
        return not self.is_spent, None


# include/uapi/linux/stat.h: the kind of a file in its mode.
KIND, LINK, REGULAR = 0o170000, 0o120000, 0o100000


def is_of_kind(path, kind):
    """Asked of the kernel itself: `os` may be gone from `sys.modules`, or not there yet."""
    try:
        return (posix.lstat if kind == LINK else posix.stat)(path).st_mode & KIND == kind
    except (OSError, ValueError):
        return False


def compile_pattern(text):
    import re

    try:
        return re.compile(text)
    except Exception as error:
        raise Unusable("Invalid pattern %s: %s" % (text, error)) from None


def lines_of_code(code):
    """The lines that a code object has instructions for, in the order of its instructions."""
    if hasattr(code, "co_lines"):
        return [line for _, _, line in code.co_lines() if line is not None]
    # Objects/lnotab_notes.txt of 3.9: pairs of an address increment and a signed line increment.
    lines, line = [code.co_firstlineno], code.co_firstlineno
    for change in code.co_lnotab[1::2]:
        line += change - 256 if change > 127 else change
        lines.append(line)
    return lines


def first_line_of_body(code):
    return next((line for line in lines_of_code(code) if line > code.co_firstlineno), code.co_firstlineno)


def is_line_of_def(code, line):
    """Whether a line belongs to who defines the function, though its code object names it too."""
    # Include/cpython/code.h: CO_NEWLOCALS, which the bodies of modules and classes do not have.
    is_function = code.co_flags & 2 and not code.co_name.startswith("<")
    return line == code.co_firstlineno and is_function and first_line_of_body(code) != line


def function_to_come(frame, name):
    """The code of a function that the module of a frame is about to define, which pdb finds in the text."""
    file = frame.f_code.co_filename
    while frame is not None:
        code = frame.f_code
        if code.co_name == "<module>" and code.co_filename == file:
            found = [one for one in code.co_consts if type(one) is type(code) and one.co_name == name and one.co_flags & 2]
            return found[0] if found else None
        frame = frame.f_back
    return None


class Breakpoints:
    """By file and line, by the name of a function that was not there when it was set, or by a pattern for names."""

    def __init__(self):
        self.by_number = {}
        self.in_file = {}
        self.in_function = {}
        self.by_pattern = []
        # {id of a code object: (code, {line: breakpoints})}. Code objects that are equal are not the same place: by identity.
        self.placed = {}
        # What stands in for other code, by id, and what it stands in for (up to 3.11).
        self.originals = {}
        # {id of a code object: (code, qualified name)}, where the code does not know it (up to 3.10).
        self.qualified_names = {}
        self.paths, self.concerned, self.base_names = {}, {}, set()
        # Of a program that pmdb follows with all its processes.
        self.catchers = None

    def __bool__(self):
        return bool(self.by_number) or self.catchers is not None

    def replace(self, wanted, catches=()):
        known = self.by_number
        # All of them before the first is taken over: if one is unusable, everything stays as it was.
        made = [Breakpoint(item) for item in wanted]
        self.by_number, self.in_file, self.in_function, self.by_pattern = {}, {}, {}, []
        for breakpoint in made:
            if breakpoint.number in known:
                breakpoint.counter = known[breakpoint.number].counter
            self.by_number[breakpoint.number] = breakpoint
            if breakpoint.pattern is not None:
                self.by_pattern.append(breakpoint)
            elif breakpoint.line is None:
                self.in_function.setdefault(breakpoint.function.rpartition(".")[2], []).append(breakpoint)
            else:
                self.in_file.setdefault(breakpoint.file, []).append(breakpoint)
        for breakpoint in catches:
            if breakpoint.number in known:
                breakpoint.counter = known[breakpoint.number].counter
            self.by_number[breakpoint.number] = breakpoint
        self.base_names = {file.rpartition("/")[2] for file in self.in_file}
        self.placed, self.concerned, self.qualified_names = {}, {}, {}

    def path(self, name):
        """The file of a code object as the session writes it: absolute, without links."""
        if name not in self.paths:
            path = sys.modules.get("posixpath")
            if not hasattr(path, "realpath"):
                # The interpreter is still starting.
                return name
            self.paths[name] = name
            if not name.startswith("<"):
                try:
                    self.paths[name] = path.realpath(name)
                except Exception:
                    # The module does not work any more: most names are absolute and without links.
                    pass
        return self.paths[name]

    def of_file(self, name):
        """The breakpoints by line in the file of a code object. To resolve each file's name would take long in a large program."""
        if name not in self.concerned:
            may_be = name.rpartition("/")[2] in self.base_names or (self.in_file and is_of_kind(name, LINK))
            self.concerned[name] = self.in_file.get(self.path(name), ()) if may_be else ()
        return self.concerned[name]

    def may_be_in(self, code):
        """Whether a breakpoint may be in a code object or in one that it makes functions of."""
        is_user_s = self.in_function or self.by_pattern or self.of_file(code.co_filename)
        return bool(is_user_s or (self.catchers is not None and self.catchers.of_file(code.co_filename)))

    def qualified_name(self, code):
        name = getattr(code, "co_qualname", None) or self.qualified_names.get(id(code), (None, code.co_name))[1]
        return name.replace("<locals>.", "")

    def by_name(self, code):
        for breakpoint in self.in_function.get(code.co_name, ()):
            if "." in breakpoint.function:
                # `package.module.Class.method`, or the end of that.
                stem = self.path(code.co_filename)
                for ending in (".py", "/__init__"):
                    stem = stem[:-len(ending)] if stem.endswith(ending) else stem
                whole = "." + stem.replace("/", ".") + "." + self.qualified_name(code)
                if not whole.endswith("." + breakpoint.function):
                    continue
            yield breakpoint
        for breakpoint in self.by_pattern:
            if not code.co_name.startswith("<") and code.co_flags & 2 and breakpoint.pattern.search(self.qualified_name(code)):
                yield breakpoint

    def lines_in(self, code):
        """The breakpoints in a code object, by line."""
        known = self.placed.get(id(code))
        if known is not None and known[0] is code:
            return known[1]
        original = self.originals.get(id(code), code)
        if original is not code:
            placed = self.lines_in(original)
        else:
            placed = self.find_lines(code) if code.co_filename != OWN_FILE else {}
        # The code object is kept, so that its id stays its own.
        self.placed[id(code)] = (code, placed)
        return placed

    def find_lines(self, code):
        placed = {}
        in_file = self.of_file(code.co_filename)
        if in_file:
            lines = lines_of_code(code)
            for breakpoint in in_file:
                # That of a function is not where it is defined, which in `def f(): return 1` is the same line.
                is_elsewhere = breakpoint.function is not None and breakpoint.function != code.co_name
                if breakpoint.line in lines and not is_elsewhere and not is_line_of_def(code, breakpoint.line):
                    placed.setdefault(breakpoint.line, []).append(breakpoint)
        for breakpoint in self.by_name(code):
            placed.setdefault(first_line_of_body(code), []).append(breakpoint)
        if self.catchers is not None:
            for line, catcher in self.catchers.in_code(code, self.qualified_name(code)):
                placed.setdefault(line, []).append(catcher)
        return placed

    def hits(self, code, line):
        return self.lines_in(code).get(line, ())
