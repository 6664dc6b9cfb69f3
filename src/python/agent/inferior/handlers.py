"""What the handlers of a code object do with an exception, read from its instructions (from 3.12 on). Nothing of the program runs for that.

A handler lets an exception pass (`finally`, or `except` that ends in `raise`), asks for its class, is that of a `with`, or may keep it.
"""

# The magic numbers of the bytecode of 3.12, 3.13, 3.14 and 3.15 (Lib/importlib/_bootstrap_external.py), and for each of them the numbers of
# Lib/opcode.py. Of bytecode that is not here nothing is read.
MAGIC = (3531, 3571, 3627, 3666)
OPERATIONS = {
    "PUSH_EXC_INFO": (35, 33, 32, 30),
    "CHECK_EXC_MATCH": (36, 7, 6, 6),
    "CHECK_EG_MATCH": (37, 6, 5, 5),
    "POP_EXCEPT": (89, 31, 29, 27),
    "RERAISE": (119, 102, 105, 104),
    "RAISE_VARARGS": (130, 101, 104, 103),
    "WITH_EXCEPT_START": (49, 44, 43, 41),
    "POP_TOP": (1, 32, 31, 29),
    "COPY": (120, 61, 59, 57),
    "EXTENDED_ARG": (144, 71, 69, 67),
    "LOAD_GLOBAL": (116, 91, 92, 91),
    "LOAD_NAME": (101, 92, 93, 92),
    "LOAD_FAST": (124, 85, 84, 83),
    "LOAD_FAST_CHECK": (127, 87, 88, 87),
    "LOAD_FAST_BORROW": (None, None, 86, 85),
    "LOAD_FAST_LOAD_FAST": (None, 88, 89, 88),
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW": (None, None, 87, 86),
    "LOAD_DEREF": (137, 84, 83, 82),
    "LOAD_ATTR": (106, 82, 80, 79),
    "LOAD_CONST": (100, 83, 82, 81),
    "LOAD_COMMON_CONSTANT": (None, None, 81, 80),
    "BUILD_TUPLE": (102, 52, 51, 49),
    "RETURN_VALUE": (83, 36, 35, 33),
    "RETURN_CONST": (121, 103, None, None),
    "YIELD_VALUE": (150, 118, 120, 119),
    "CALL": (171, 53, 52, 50),
    "CALL_KW": (None, 57, 55, 53),
    "KW_NAMES": (172, None, None, None),
    "CALL_FUNCTION_EX": (142, 54, 4, 4),
    "BEFORE_WITH": (53, 2, None, None),
    "LOAD_SPECIAL": (None, None, 95, 94),
    "PUSH_NULL": (2, 34, 33, 31),
    "NOT_TAKEN": (None, None, 28, 26),
    "NOP": (9, 30, 27, 25),
    "JUMP_FORWARD": (110, 79, 77, 76),
    "JUMP_BACKWARD": (140, 77, 75, 74),
    "JUMP_BACKWARD_NO_INTERRUPT": (134, 78, 76, 75),
    "POP_JUMP_IF_FALSE": (114, 97, 100, 99),
    "POP_JUMP_IF_TRUE": (115, 100, 103, 102),
    "POP_JUMP_IF_NONE": (129, 98, 101, 100),
    "POP_JUMP_IF_NOT_NONE": (128, 99, 102, 101),
    "FOR_ITER": (93, 72, 70, 68),
    "SEND": (123, 104, 106, 105),
}
NAMES = {}
JUMPS = {"JUMP_FORWARD", "POP_JUMP_IF_FALSE", "POP_JUMP_IF_TRUE", "POP_JUMP_IF_NONE", "POP_JUMP_IF_NOT_NONE", "FOR_ITER", "SEND"}
JUMPS_BACK = {"JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"}
ALWAYS_JUMP = JUMPS_BACK | {"JUMP_FORWARD"}
# Include/internal/pycore_opcode_utils.h of 3.15: the common constants None, an empty text and False.
FALSE_CONSTANTS = {7, 8, 10}
# Where the handler may keep the exception, or put another in its place.
KEEPING = {"CHECK_EXC_MATCH", "CHECK_EG_MATCH", "RETURN_VALUE", "RETURN_CONST", "YIELD_VALUE"}
LOADS = {"LOAD_NAME": "name", "LOAD_FAST": "local", "LOAD_FAST_CHECK": "local", "LOAD_FAST_BORROW": "local", "LOAD_DEREF": "local"}
LOADS_OF_TWO = {"LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW"}
# Instructions of one handler that are followed.
LONGEST_HANDLER = 2000
# What becomes of an exception at a place: it leaves the function, or who knows.
LEAVES, STAYS = "leaves", "stays"


def learn_bytecode():
    """Whether this interpreter's bytecode is known."""
    external = sys.modules.get("_frozen_importlib_external")
    magic = int.from_bytes(getattr(external, "MAGIC_NUMBER", b"")[:2], "little")
    if magic in MAGIC:
        column = MAGIC.index(magic)
        NAMES.update((row[column], name) for name, row in OPERATIONS.items() if row[column] is not None)
    return bool(NAMES)


class Clause:
    """`except EXPRESSION:`, or `except:` without one."""

    def __init__(self, expression, inside, otherwise):
        self.expression, self.inside, self.otherwise = expression, inside, otherwise


class With:
    """The end of a `with` whose manager is asked: the expression that gives the manager, and whether it is called for that."""

    def __init__(self, expression, is_called, behind):
        self.expression, self.is_called, self.behind = expression, is_called, behind


class Handlers:
    """Of one code object. Offsets are those of `f_lasti`."""

    def __init__(self, code):
        self.code = code
        # (first, behind the last, handler)
        self.ranges = [(2 * first, 2 * (first + count), 2 * handler) for first, count, handler, _ in exception_table(code)]
        # {offset of a handler: what it does}
        self.known = {}
        # (offset, name, argument, offset behind it and its caches), and {offset: index}.
        self.instructions, self.index_at = [], {}

    def decode(self):
        text, argument, begin = self.code.co_code, 0, None
        for at in range(0, len(text), 2):
            operation = text[at]
            # A cache, which belongs to the instruction before.
            if operation == 0:
                if self.instructions:
                    self.instructions[-1][3] = at + 2
                continue
            begin = at if begin is None else begin
            argument = argument << 8 | text[at + 1]
            name = NAMES.get(operation)
            if name == "EXTENDED_ARG":
                continue
            # `f_lasti` is behind what extends the argument.
            self.index_at[begin] = self.index_at[at] = len(self.instructions)
            self.instructions.append([begin, name, argument, at + 2])
            argument, begin = 0, None

    def at(self, offset):
        """What becomes of an exception that is raised at an offset."""
        for start, end, handler in self.ranges:
            if start <= offset < end:
                return self.handler(handler)
        return LEAVES

    def handler(self, offset):
        if offset not in self.known:
            if not self.instructions:
                self.decode()
            # For a handler that leads back to itself.
            self.known[offset] = STAYS
            self.known[offset] = self.read(offset)
        return self.known[offset]

    def name(self, index):
        return self.instructions[index][1] if index < len(self.instructions) else None

    def jump(self, index):
        _, name, argument, behind = self.instructions[index]
        return self.index_at.get(behind + (-2 if name in JUMPS_BACK else 2) * argument, len(self.instructions))

    def read(self, offset):
        index = self.index_at.get(offset, len(self.instructions))
        if self.name(index) != "PUSH_EXC_INFO":
            return self.end_of(index)
        if self.name(index + 1) != "WITH_EXCEPT_START":
            return self.clauses(index + 1)
        ends = [one for one in range(index + 2, index + 7) if self.name(one) == "RERAISE"]
        expression, is_called = self.manager(offset)
        return With(expression, is_called, self.at(self.instructions[ends[0]][0])) if ends and expression else STAYS

    def clauses(self, index):
        expression, behind = self.expression(index)
        if self.name(behind) == "CHECK_EXC_MATCH" and self.name(behind + 1) == "POP_JUMP_IF_FALSE":
            return Clause(expression, self.end_of(behind + 2), self.clauses(self.jump(behind + 1)))
        if self.name(index) == "POP_TOP":
            return Clause(None, self.end_of(index), LEAVES)
        return self.end_of(index)

    def end_of(self, index):
        """Whether all ways from an instruction lead to where the exception is raised again, and what becomes of it there."""
        ends, seen, waiting = [], set(), [index]
        while waiting:
            index = waiting.pop()
            name = self.name(index)
            if index in seen:
                continue
            seen.add(index)
            is_again = name == "RERAISE" or (name == "RAISE_VARARGS" and self.instructions[index][2] == 0)
            if is_again:
                ends.append(self.at(self.instructions[index][0]))
                continue
            is_kept = name in KEEPING or name == "RAISE_VARARGS" or (name == "POP_EXCEPT" and self.name(index + 1) != "RERAISE")
            if is_kept or index >= len(self.instructions) or len(seen) > LONGEST_HANDLER:
                return STAYS
            if name in JUMPS or name in JUMPS_BACK:
                waiting.append(self.jump(index))
            if name not in ALWAYS_JUMP:
                waiting.append(index + 1)
        return ends[0] if ends and all(end is ends[0] for end in ends) else STAYS

    def expression(self, index, end=None):
        """What only loads names and attributes, as steps of a stack machine, and the index behind it."""
        steps, code, end = [], self.code, len(self.instructions) if end is None else end
        while index < end:
            _, name, argument, _ = self.instructions[index]
            if name == "LOAD_GLOBAL":
                steps.append(("global", code.co_names[argument >> 1]))
            elif name == "LOAD_ATTR":
                steps.append(("attribute", code.co_names[argument >> 1]))
            elif name == "LOAD_NAME":
                steps.append(("name", code.co_names[argument]))
            elif name in LOADS:
                steps.append(("local", code._varname_from_oparg(argument)))
            elif name in LOADS_OF_TWO:
                steps.append(("local", code._varname_from_oparg(argument >> 4)))
                steps.append(("local", code._varname_from_oparg(argument & 15)))
            elif name == "BUILD_TUPLE":
                steps.append(("tuple", argument))
            elif name not in ("NOP", "NOT_TAKEN"):
                break
            index += 1
        return steps, index

    def manager(self, handler):
        """The expression that gives the manager of a `with`, or the function that is called for it, and whether it is called."""
        index = self.index_at[min([start for start, _, target in self.ranges if target == handler])]
        # Before the body stands `BEFORE_WITH`, and from 3.14 on a COPY and the look-ups of `__exit__` and `__enter__`.
        nearest = max(index - 7, 1)
        while index > nearest and self.name(index - 1) not in ("BEFORE_WITH", "COPY"):
            index -= 1
        last = index - 2
        if last < 0 or self.name(index - 1) not in ("BEFORE_WITH", "COPY"):
            return None, False
        places = list(self.code.co_positions())

        def place(one):
            line, last_line, column, last_column = places[self.instructions[one][0] // 2]
            return ((line, column), (last_line, last_column)) if None not in (line, last_line, column, last_column) else ((), ())

        begin, (first, end) = last, place(last)
        while begin and place(begin - 1)[0] >= first and () != place(begin - 1)[1] <= end:
            begin -= 1
        expression, behind = self.expression(begin, last + 1)
        if behind == last + 1:
            return expression, False
        if self.name(last) not in ("CALL", "CALL_KW", "CALL_FUNCTION_EX"):
            return None, False
        # Of `a.b(c, d)` what begins where the whole begins: `a.b`.
        arguments = begin
        while arguments < last and place(arguments)[0] == first:
            arguments += 1
        expression, behind = self.expression(begin, arguments)
        # The names of keyword arguments stand where the whole does.
        has_keywords = self.name(last) == "CALL_KW" or self.name(last - 1) == "KW_NAMES"
        others = range(behind, last - 1 if has_keywords else last)
        is_plain = all(place(one)[0] != first or self.name(one) == "PUSH_NULL" for one in others)
        return (expression, True) if is_plain else (None, False)

    def operation(self, offset):
        """The name of the instruction at an offset, if it is one of those that are told apart."""
        if not self.instructions:
            self.decode()
        index = self.index_at.get(offset)
        return None if index is None else self.instructions[index][1]

    def offsets_of(self, name):
        if not self.instructions:
            self.decode()
        return [offset for offset, one, _, _ in self.instructions if one == name]

    def gives_nothing(self):
        """Whether the function returns a constant that counts as false, wherever it returns."""
        returns, constants = self.offsets_of("RETURN_VALUE"), self.code.co_consts
        targets = {self.jump(index) for index, one in enumerate(self.instructions) if one[1] in JUMPS or one[1] in JUMPS_BACK}
        for offset in returns:
            index = self.index_at[offset]
            _, name, argument, _ = self.instructions[index - 1]
            is_false = (name == "LOAD_CONST" and not constants[argument]) or (name == "LOAD_COMMON_CONSTANT" and argument in FALSE_CONSTANTS)
            if index in targets or not is_false or self.code.co_flags & GENERATOR_FLAGS:
                return False
        return all(not constants[self.instructions[self.index_at[offset]][2]] for offset in self.offsets_of("RETURN_CONST"))
