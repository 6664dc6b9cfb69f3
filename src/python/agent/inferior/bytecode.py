"""Copies of code objects that call a hook where certain lines begin (up to 3.11).

A copy is the same code with a few instructions more. Where a line begins in the order of the instructions, the call stands in front of
it; where a jump from another line leads into the middle of a line (to the head of a loop, from its end), the jump takes a way
round over a call at the end of the code. So a hook is called when a trace function would be told of the line.

The added instructions have no line (up to 3.9, where that cannot be said, another than the hook's), so that the interpreter
reports the line behind them if tracing was turned on in the hook.
"""

EXTENDED_ARG, LOAD_CONST, POP_TOP, LOAD_GLOBAL = 144, 100, 1, 116
# Up to 3.10: SETUP_FINALLY, SETUP_WITH, SETUP_ASYNC_WITH.
SETUP, END_ASYNC_FOR = ({122, 143, 154}, 54) if sys.version_info < (3, 11) else ((), None)
# Of 3.11 alone.
SEND = 123

# Numbers of Lib/opcode.py. `absolute` and `forward` are instructions that jump, `backward` those that jump back, each with the one that
# does the same forward; `starts` is the instruction behind which the code proper begins; `call` calls what `LOAD_CONST` has pushed.
BYTECODES = {
    (3, 8): {"absolute": {111, 112, 113, 114, 115}, "forward": {93, 110, 122, 143, 154, 162}, "bytes_per_step": 2},
    (3, 9): {
        "absolute": {111, 112, 113, 114, 115, 121},
        "forward": {93, 110, 122, 143, 154},
        "bytes_per_step": 2,
        # An exception that leads into the middle of a line begins it.
        "handlers_begin_lines": True,
    },
    (3, 10): {"absolute": {111, 112, 113, 114, 115, 121}, "forward": {93, 110, 122, 143, 154}, "starts": 129},
    (3, 11): {
        "forward": {93, 110, 111, 112, 114, 115, 123, 128, 129},
        "backward": {134: 110, 140: 110, 173: 128, 174: 129, 175: 114, 176: 115},
        "starts": 151,
        # PUSH_NULL before; PRECALL and CALL with their caches behind.
        "before_call": [(2, 0)],
        "call": [(166, 0), (0, 0), (171, 0), (0, 0), (0, 0), (0, 0), (0, 0)],
        "jump_back": 140,
        "name_shift": 1,
    },
}
BYTECODE = BYTECODES.get(sys.version_info[:2], {})
ABSOLUTE, FORWARD, BACKWARD = BYTECODE.get("absolute", set()), BYTECODE.get("forward", set()), BYTECODE.get("backward", {})
BYTES_PER_STEP = BYTECODE.get("bytes_per_step", 1)


class Instruction:
    """`argument` without its extensions; `target` is where it jumps to: an index of an instruction at first, a label then."""

    __slots__ = ("operation", "argument", "target", "place", "at")

    def __init__(self, operation, argument, place, at=None):
        self.operation, self.argument, self.place, self.at = operation, argument, place, at
        self.target = None


def decode(code):
    """The instructions. Caches of 3.11 are among them, as instructions of their own."""
    found, argument, at = [], 0, 0
    text, places = code.co_code, places_of(code)
    for unit in range(len(text) // 2):
        operation = text[2 * unit]
        argument = argument << 8 | text[2 * unit + 1]
        if operation != EXTENDED_ARG:
            found.append(Instruction(operation, argument, places[at], at))
            argument, at = 0, unit + 1
    index_at = {instruction.at: index for index, instruction in enumerate(found)}
    index_at[len(text) // 2] = len(found)
    for index, instruction in enumerate(found):
        after = found[index + 1].at if index + 1 < len(found) else len(text) // 2
        steps = instruction.argument // BYTES_PER_STEP
        if instruction.operation in ABSOLUTE:
            instruction.target = index_at[steps]
        elif instruction.operation in FORWARD:
            instruction.target = index_at[after + steps]
        elif instruction.operation in BACKWARD:
            instruction.target = index_at[after - steps]
    return found, index_at


def places_of(code):
    """For each unit of code the place in the source: its line or None, and with 3.11 the columns."""
    units = len(code.co_code) // 2
    if hasattr(code, "co_positions"):
        return list(code.co_positions())
    places = [(None,)] * units
    if hasattr(code, "co_lines"):
        for start, end, line in code.co_lines():
            places[start // 2:end // 2] = [(line,)] * (end // 2 - start // 2)
        return places
    line, unit, table = code.co_firstlineno, 0, code.co_lnotab
    for skipped, change in zip(table[::2], table[1::2]):
        places[unit:unit + skipped // 2] = [(line,)] * (skipped // 2)
        unit += skipped // 2
        line += change - 256 if change > 127 else change
    places[unit:] = [(line,)] * (units - unit)
    return places


class Copy:
    """Makes the copy. `hooks` has a hook for each line, `entry` is one to call when the code begins, or None."""

    def __init__(self, code, hooks, entry=None):
        self.code, self.hooks = code, hooks
        self.instructions, self.index_at = decode(code)
        self.constants = list(code.co_consts)
        self.output = []
        # Where a label is in the output: an instruction itself, the calls in front of it, the way round to it.
        self.labels = {}
        # Indices in the output of what was added.
        self.added = set()
        self.first = next(
            (index + 1 for index, one in enumerate(self.instructions) if one.operation == BYTECODE.get("starts")), 0
        )
        self.handlers = self.read_handlers()
        # Lines that the code has and that can be reached.
        self.lines = set()
        self.detours = self.find_detours()
        self.write(entry)
        self.positions = self.settle()

    def line(self, index):
        return self.instructions[index].place[0] if index >= self.first else None

    def begins_line(self, index):
        return index == self.first or self.line(index - 1) != self.line(index)

    def find_detours(self):
        """Instructions in the middle of a line with a hook at which the line is reported for those who come from another line."""
        jumps = [(index, one.target) for index, one in enumerate(self.instructions) if one.target is not None]
        jumps += [(None, target) for _, _, target, _ in self.handlers]
        found = set()
        for source, target in jumps:
            if target < len(self.instructions) and self.line(target) in self.hooks and not self.begins_line(target):
                if self.label(source, target, {target: 0})[0] == "detour":
                    found.add(target)
        return sorted(found)

    def label(self, source, target, detours=None):
        """Where a jump leads to now. Within a line it passes no hook. `source` None is an exception of 3.11."""
        detours = self.detours if detours is None else detours
        line = self.line(target) if target < len(self.instructions) else None
        if source is None:
            ranges = [range(start, end) for start, end, handler, _ in self.handlers if handler == target]
            from_here = all(self.line(index) == line for inside in ranges for index in inside)
        elif self.instructions[source].operation in SETUP:
            # The jump is made where the exception is raised.
            from_here = self.instructions[target].operation == END_ASYNC_FOR
        else:
            # Any jump back begins a line again, so that each turn of a loop in one line counts; but `await` that goes on waiting.
            from_here = self.line(source) == line and (source < target or self.instructions[target].operation == SEND)
        if from_here:
            return "itself", target
        is_begun = source is not None and self.instructions[source].operation in SETUP and BYTECODE.get("handlers_begin_lines")
        if target in detours and (BYTES_PER_STEP == 1 or (source or 0) > target or is_begun):
            return "detour", target
        return ("itself" if target in detours else "calls"), target

    def write(self, entry):
        targets = {
            index: self.label(index, one.target) for index, one in enumerate(self.instructions) if one.target is not None
        }
        for index, instruction in enumerate(self.instructions):
            if index == self.first and entry is not None:
                self.call(entry, self.line(index))
            self.labels["calls", index] = len(self.output)
            hook = self.hooks.get(self.line(index)) if index >= self.first and self.begins_line(index) else None
            if hook is not None:
                self.lines.add(self.line(index))
                self.call(hook, self.line(index), self.line(index - 1) if index > self.first else None)
            self.labels["itself", index] = len(self.output)
            if instruction.target is not None:
                instruction.target = targets[index]
                if instruction.target[0] == "detour":
                    instruction.operation = BACKWARD.get(instruction.operation, instruction.operation)
            self.output.append(instruction)
        end = len(self.instructions)
        self.labels["calls", end] = self.labels["itself", end] = len(self.output)
        for index in self.detours:
            self.labels["detour", index] = len(self.output)
            self.call(self.hooks[self.line(index)], self.line(index))
            jump = self.add(BYTECODE.get("jump_back", 113), 0, self.output[-1].place)
            jump.target = ("itself", index)
        self.labels["detour", end] = len(self.output)

    def add(self, operation, argument, place):
        self.added.add(len(self.output))
        self.output.append(Instruction(operation, argument, place))
        return self.output[-1]

    def call(self, hook, line, line_before=None):
        place = (None,) * 4
        if BYTES_PER_STEP == 2:
            place = (line_before if line_before not in (None, line) else (line or 1) - 1,)
        self.constants.append(hook)
        for operation, argument in BYTECODE.get("before_call", []):
            self.add(operation, argument, place)
        self.add(LOAD_CONST, len(self.constants) - 1, place)
        for operation, argument in BYTECODE.get("call", [(131, 0)]):
            self.add(operation, argument, place)
        self.add(POP_TOP, 0, place)

    def settle(self):
        """The unit at which each instruction begins. Arguments of jumps need more room the further they lead, so again until it fits."""
        sizes = [1] * len(self.output)
        while True:
            positions = [0]
            for size in sizes:
                positions.append(positions[-1] + size)
            settled = True
            for index, instruction in enumerate(self.output):
                if instruction.target is not None:
                    target, after = positions[self.labels[instruction.target]], positions[index + 1]
                    if instruction.operation in FORWARD:
                        target -= after
                    elif instruction.operation in BACKWARD:
                        target = after - target
                    if target < 0:
                        raise ValueError("a jump leads the wrong way")
                    instruction.argument = target * BYTES_PER_STEP
                needed = max(1, (instruction.argument.bit_length() + 7) // 8)
                if needed > sizes[index]:
                    sizes[index], settled = needed, False
            if settled:
                return positions

    def text(self):
        text = bytearray()
        for index, instruction in enumerate(self.output):
            size = self.positions[index + 1] - self.positions[index]
            for byte in range(size - 1, 0, -1):
                text += bytes((EXTENDED_ARG, instruction.argument >> 8 * byte & 255))
            text += bytes((instruction.operation, instruction.argument & 255))
        return bytes(text)

    def runs(self):
        """Neighbours with the same place: the unit at which they begin, how many units they are, and the place."""
        runs = []
        for index, instruction in enumerate(self.output):
            if not runs or runs[-1][2] != instruction.place:
                runs.append([self.positions[index], 0, instruction.place])
            runs[-1][1] += self.positions[index + 1] - self.positions[index]
        return runs

    # Objects/lnotab_notes.txt of 3.9

    def lnotab(self):
        table, line, at = bytearray(), self.code.co_firstlineno, 0
        for start, _, (new_line,) in self.runs():
            change, skipped = new_line - line, 2 * start - at
            if change == 0:
                continue
            while skipped > 255:
                table += b"\xff\0"
                skipped -= 255
            while not -128 <= change <= 127:
                part = 127 if change > 0 else -128
                table += bytes((skipped, part & 255))
                skipped, change = 0, change - part
            table += bytes((skipped, change & 255))
            line, at = new_line, 2 * start
        return bytes(table)

    # Objects/lnotab_notes.txt of 3.10

    def line_pairs(self):
        table, line = bytearray(), self.code.co_firstlineno
        for _, units, (new_line, *_) in self.runs():
            length = 2 * units
            change = -128 if new_line is None else new_line - line
            if new_line is not None:
                line = new_line
                while not -127 <= change <= 127:
                    part = 127 if change > 0 else -127
                    table += bytes((0, part & 255))
                    change -= part
            while length > 254:
                table += bytes((254, change & 255))
                length, change = length - 254, -128 if new_line is None else 0
            table += bytes((length, change & 255))
        return bytes(table)

    # Objects/locations.md of 3.11

    def locations(self):
        table, line = bytearray(), self.code.co_firstlineno

        def number(value):
            while value > 63:
                table.append(64 | value & 63)
                value >>= 6
            table.append(value)

        for _, units, (new_line, last_line, column, last_column) in self.runs():
            while units > 0:
                length = min(units, 8)
                units -= length
                form = 15 if new_line is None else 13 if column is None or last_column is None or last_line is None else 14
                table.append(128 | form << 3 | length - 1)
                if new_line is None:
                    continue
                change, line = new_line - line, new_line
                number(-change << 1 | 1 if change < 0 else change << 1)
                if form == 14:
                    number(last_line - new_line)
                    number(column + 1)
                    number(last_column + 1)
        return bytes(table)

    # Handlers of 3.11

    def read_handlers(self):
        """(first, behind the last, handler) as indices of instructions, and the depth of the stack with its flag."""
        handlers = []
        for start, length, target, depth in exception_table(self.code):
            handlers.append((self.index_at[start], self.index_at[start + length], self.index_at[target], depth))
        return handlers

    def handler_table(self):
        ranges = []
        for start, end, target, depth in self.handlers:
            to = self.positions[self.labels[self.label(None, target)]]
            inside = [(self.labels["calls", start], self.labels["calls", end])]
            for number, index in enumerate(self.detours):
                if start <= index < end:
                    behind = self.detours[number + 1] if number + 1 < len(self.detours) else len(self.instructions)
                    inside.append((self.labels["detour", index], self.labels["detour", behind]))
            ranges += [(self.positions[first], self.positions[last], to, depth) for first, last in inside]
        table = bytearray()
        for first, last, to, depth in sorted(ranges):
            begins = 128
            for value in (first, last - first, to, depth):
                groups = [value & 63]
                while value > 63:
                    value >>= 6
                    groups.append(64 | value & 63)
                groups.reverse()
                groups[0] |= begins
                begins = 0
                table += bytes(groups)
        return bytes(table)

    def made(self):
        code = self.code
        changed = {"co_code": self.text(), "co_consts": tuple(self.constants), "co_stacksize": code.co_stacksize + 3}
        if hasattr(code, "co_positions"):
            changed.update(co_linetable=self.locations(), co_exceptiontable=self.handler_table())
        elif hasattr(code, "co_lines"):
            changed.update(co_linetable=self.line_pairs())
        else:
            changed.update(co_lnotab=self.lnotab())
        return code.replace(**changed)

    def blind_spots(self):
        """Where a line is reported that is none (up to 3.9): values of `f_lasti`."""
        spots = set()
        for index in self.added if BYTES_PER_STEP == 2 else ():
            spots.update(range(2 * self.positions[index], 2 * self.positions[index + 1], 2))
        return spots


def calls_exec(code):
    """Whether it may run code that no function has yet: that of a module, for instance."""
    if "exec" not in code.co_names:
        return False
    shift = BYTECODE.get("name_shift", 0)
    name = code.co_names.index("exec")
    return any(one.operation == LOAD_GLOBAL and one.argument >> shift == name for one in decode(code)[0])


def leads_to_exec(code):
    """Whether it makes functions that may run such code: those of `runpy`, when that is imported."""
    nested = [constant for constant in code.co_consts if type(constant) is type(code)]
    return any("exec" in one.co_names or leads_to_exec(one) for one in nested)
