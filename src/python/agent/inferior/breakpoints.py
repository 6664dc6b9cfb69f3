"""What the session wants to stop at. The numbers are the session's: one logical breakpoint, here its place in this process."""

class Unusable(Exception):
    """A breakpoint that cannot be: its text is for the user."""


class Breakpoint:
    def __init__(self, wanted):
        self.number = wanted["number"]
        self.file = wanted.get("file")
        self.line = wanted.get("line")
        self.function = wanted.get("function")
        self.condition = wanted.get("condition")
        self.ignore = wanted.get("ignore", 0)
        self.temporary = wanted.get("temporary", False)
        self.log = wanted.get("log")
        self.hits = 0
        # Compiled once; what it raises at a hit is told and counts as true, as in pdb.
        self.compiled = self.compile_condition() if self.condition else None
        self.message = compile("f" + repr(self.log), "<log>", "eval") if self.log is not None else None

    def compile_condition(self):
        try:
            return compile(self.condition, "<condition>", "eval")
        except Exception as error:
            raise Unusable("Invalid condition %s: %s" % (self.condition, describe_error(error))) from None

    def holds_in(self, frame):
        """Whether this hit counts, and what the condition raised if it raised."""
        # As in bdb: the hits that a condition or `ignore` lets pass are counted too.
        self.hits += 1
        if self.compiled is not None:
            try:
                if not eval(self.compiled, frame.f_globals, frame.f_locals):
                    return False, None
            except BaseException as error:
                return True, describe_error(error)
        if self.ignore > 0:
            self.ignore -= 1
            return False, None
        return True, None


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


class Breakpoints:
    """By file and line. A breakpoint on a function that was not there when it was set is known by the function's name."""

    def __init__(self):
        self.by_number = {}
        self.in_file = {}
        self.in_function = {}
        # {code: {line: breakpoints}}, asked at each call. Code objects that are equal are not the same place: by identity.
        self.placed = {}
        self.paths = {}

    def __bool__(self):
        return bool(self.by_number)

    def replace(self, wanted):
        known = self.by_number
        # All of them before the first is taken over: if one is unusable, everything stays as it was.
        made = [Breakpoint(item) for item in wanted]
        self.by_number, self.in_file, self.in_function, self.placed = {}, {}, {}, {}
        for breakpoint in made:
            if breakpoint.number in known:
                breakpoint.hits = known[breakpoint.number].hits
            self.by_number[breakpoint.number] = breakpoint
            if breakpoint.line is None:
                self.in_function.setdefault(breakpoint.function, []).append(breakpoint)
            else:
                self.in_file.setdefault(breakpoint.file, []).append(breakpoint)

    def path(self, name):
        """The file of a code object as the session writes it: absolute, without links."""
        if name not in self.paths:
            path = sys.modules["os"].path
            self.paths[name] = name if name.startswith("<") else path.realpath(name)
        return self.paths[name]

    def lines_in(self, code):
        """The breakpoints in a code object, by line."""
        known = self.placed.get(id(code))
        if known is not None and known[0] is code:
            return known[1]
        placed = {}
        in_file = self.in_file.get(self.path(code.co_filename), ())
        in_function = self.in_function.get(code.co_name, ())
        if in_file or in_function:
            lines = lines_of_code(code)
            for breakpoint in in_file:
                # The line of `def` belongs to who defines the function, though the code object names it too.
                if breakpoint.line in lines and (breakpoint.line != code.co_firstlineno or code.co_name in ("<module>", "<lambda>")):
                    placed.setdefault(breakpoint.line, []).append(breakpoint)
            for breakpoint in in_function:
                placed.setdefault(first_line_of_body(code), []).append(breakpoint)
        # The code object is kept, so that its id stays its own.
        self.placed[id(code)] = (code, placed)
        return placed

    def hits(self, code, line):
        return self.lines_in(code).get(line, ())
