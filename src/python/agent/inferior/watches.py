"""Watchpoints: expressions whose values are compared at each line that may have changed them.

One that names a variable of the frame in which it was set is about that frame, until it returns. Any other is about the globals
of that frame, in all threads. From 3.12 on `sys.monitoring` reports the lines: those of the frame's function alone, if nothing
else can change the value, else all. Up to 3.11 it is the trace function of the threads that have ours.
"""

# Nodes of an expression whose value may change without a line of the frame itself: what they lead to is reached from elsewhere too.
FAR_NODES = ("Attribute", "Subscript", "Call", "Lambda", "ListComp", "SetComp", "DictComp", "GeneratorExp", "NamedExpr")
# Include/cpython/code.h: the variables are not in a dict.
OPTIMIZED = 1
# Lib/opcode.py up to 3.11: a generator that hands something out is reported as if it returned.
YIELDS = (86, 72)
# Types are told by identity: a class may have a metaclass with an `__eq__` of its own. Of the plain ones no code of the program runs
# when two are compared, and what refers to them never changes.
FLOATS = {id(float), id(complex)}
PLAIN = FLOATS | {id(type(None)), id(bool), id(int), id(str), id(bytes)}
ROWS = {id(list), id(tuple)}
SETS = {id(set), id(frozenset)}
# Of one value: the parts that are compared, containers inside of each other, bytes of a buffer.
MOST_PARTS = 2000
DEEPEST_PART = 20
LARGEST_BUFFER = 1 << 20
LONGEST_SHOWN = 200
# Looks between two questions whether the session is still there: nothing else may ever be said to it.
LOOKS_BETWEEN = 4096
# Glances (`Glance`) between two whole looks, which also ask whether this is a forked child, and the question above.
GLANCES_BETWEEN = 64
# What no value is.
UNLIKE_ANY = object()
NO_CHANGE = (None, None)


class Failed:
    """Stands for the value of an expression that raises."""

    def __init__(self, error):
        self.text = describe_error(error)

    def __repr__(self):
        return "<%s>" % self.text


class Same:
    """Equal to itself alone: no `__eq__` of the program is asked."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return type(other) is Same and other.value is self.value


def state_of(value, room=None, depth=0):
    """What tells a value from others, and from itself after it was changed in place. The parts of builtin containers are compared,
    the attributes of an object, and the bytes of a buffer such as an array of numpy; within limits."""
    room = [MOST_PARTS] if room is None else room
    room[0] -= 1
    kind = id(type(value))
    if kind == id(Failed):
        return kind, value.text
    if kind in FLOATS:
        # `nan` is not equal to itself, and 0.0 is to -0.0.
        return kind, repr(value)
    if kind in PLAIN:
        return kind, value
    if depth >= DEEPEST_PART or room[0] <= 0:
        return kind, Same(value)
    if kind in ROWS or kind in SETS:
        parts = list(value) if len(value) <= room[0] else value[:room[0]] if kind in ROWS else []
        return kind, Same(value), len(value), [state_of(part, room, depth + 1) for part in parts]
    if kind == id(dict):
        parts = list(value.items()) if len(value) <= room[0] else []
        return kind, Same(value), len(value), [(state_of(key, room, depth + 1), state_of(part, room, depth + 1)) for key, part in parts]
    if depth == 0:
        try:
            names = object.__getattribute__(value, "__dict__")
        except BaseException:
            names = None
        if type(names) is dict and kind != id(type(sys)):
            return kind, Same(value), state_of(dict(names), room, 1)[2:]
    return kind, Same(value), bytes_of(value)


def bytes_of(value):
    try:
        with memoryview(value) as view:
            if view.nbytes <= LARGEST_BUFFER:
                return view.shape, view.format, hash(view.tobytes())
    except BaseException:
        pass
    return None


def shown(value):
    try:
        if is_heavy(value):
            return "<%s, too long to be shown>" % name_of_class(type(value))
        text, length = bounded(plain(repr(value)), LONGEST_SHOWN)
        return text + ("" if length is None else "…")
    except BaseException:
        return nameless(value)


def nodes_of(tree):
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for field in node._fields:
            value = getattr(node, field, None)
            waiting.extend([item for item in (value if type(value) is list else [value]) if hasattr(item, "_fields")])


def thread_of(frame):
    for ident, newest in current_frames().items():
        while newest is not None:
            if newest is frame:
                return ident
            newest = newest.f_back
    return _thread.get_ident()


class Scope:
    """Where an expression is evaluated, and which lines may change what it gives."""

    def __init__(self, text, frame):
        try:
            nodes = list(nodes_of(compile(text, "<watch>", "eval", ONLY_AST)))
            self.text, self.compiled = text, compile(text, "<watch>", "eval")
        except Exception as error:
            raise Unusable(describe_error(error)) from None
        names = {node.id for node in nodes if type(node).__name__ == "Name"}
        if not names:
            raise Unusable("Cannot watch a constant: %s" % text)
        code, self.globals = frame.f_code, frame.f_globals
        if code.co_flags & OPTIMIZED:
            own = set(code.co_varnames + code.co_cellvars + code.co_freevars)
        else:
            own = set() if frame.f_locals is frame.f_globals else set(frame.f_locals)
        self.frame = frame if names & own else None
        self.thread = thread_of(frame)
        # An inner function may assign the variables that it shares.
        alone = own - set(code.co_cellvars + code.co_freevars)
        self.is_near = names <= alone and not any(type(node).__name__ in FAR_NODES for node in nodes)

    def value(self):
        try:
            return eval(self.compiled, self.globals, self.globals if self.frame is None else self.frame.f_locals)
        except GivenUp:
            raise
        except BaseException as error:
            return Failed(error)

    def has(self, frame, thread):
        """Whether a line of `frame` may follow a change."""
        if self.frame is None:
            return True
        return thread == self.thread and (frame is self.frame or not self.is_near)


class Glance:
    """At a global, or an attribute of one, that can be read without any code of the program: most lines change nothing, and that is soon seen.

    All of the agent that runs at a line is itself made slower by the interpreter, which looks at each of its lines whether it is to be told.
    """

    def __init__(self, scope):
        tree, self.globals = compile(scope.text, "<watch>", "eval", ONLY_AST).body, scope.globals
        attribute = None
        if type(tree).__name__ == "Attribute":
            tree, attribute = tree.value, tree.attr
        self.is_possible = scope.frame is None and type(tree).__name__ == "Name" and tree.id in scope.globals
        if not self.is_possible:
            return
        # Of another object the attribute may be something else.
        self.name, self.base = tree.id, scope.globals[tree.id]
        self.read = eval(compile("lambda: " + scope.text.strip(), OWN_FILE, "eval"), scope.globals)
        if attribute is not None:
            self.is_possible = attribute_of(self.base, attribute) is not MISSING


class Watch(Breakpoint):
    def __init__(self, wanted, frame, known, errands):
        super().__init__(wanted)
        self.errands = errands
        self.text, self.is_on = wanted["watch"], wanted.get("enabled", True)
        self.lock = _thread.allocate_lock()
        self.is_new = known is None
        if known is None:
            self.scope = Scope(self.text, frame)
            self.settle()
            if type(self.last) is GivenUp:
                raise Unusable(describe_error(self.last))
        else:
            self.scope, self.counter = known.scope, known.counter
            self.last, self.state, self.shown, self.expected = known.last, known.state, known.shown, known.expected
            if self.is_on and not known.is_on:
                self.settle()

    def settle(self):
        """What it gives from here on is compared with what it gives now."""
        try:
            self.last = self.errands.run(self.scope.value)
        except GivenUp as error:
            self.last = error
        self.state, self.shown = state_of(self.last), self.errands.run(shown, self.last)
        self.note_plain()

    def note_plain(self):
        """What a glance must find, so that there is no need to look: the same object, if that cannot change."""
        self.expected = self.last if id(type(self.last)) in PLAIN else UNLIKE_ANY

    def change(self, frame):
        """What has changed if that counts, and what the condition raised."""
        value = self.errands.run(self.scope.value)
        if (value is self.last and id(type(value)) in PLAIN) or not self.lock.acquire(False):
            return NO_CHANGE
        try:
            # Again: another thread may have had the lock.
            value = self.errands.run(self.scope.value)
            state, before, self.last = state_of(value), self.state, value
            self.note_plain()
            if state == before:
                return NO_CHANGE
            self.state, old = state, self.shown
            self.shown = self.errands.run(shown, value)
        finally:
            self.lock.release()
        next(self.counter)
        holds, complaint = self.holds_in(self.scope.frame or frame, self.errands)
        return {"number": self.number, "old": old, "new": self.shown} if holds else None, complaint


class Watches:
    def __init__(self, agent):
        self.agent = agent
        self.by_number = {}
        self.tool = None
        self.local = []
        # Numbers of those whose frame has returned, until the session has heard of it.
        self.ended = []
        # The trace functions have to look, since no tool can.
        self.needs_trace = self.is_everywhere = False
        self.looks = self.glances = 0
        # [(glance, watch)] if that is enough for all of them.
        self.at_a_glance = None
        # The trace functions report exceptions, too.
        self.is_catching = False
        # Looking was given up, and is not begun again before the stop that this was for is over.
        self.is_resting = False

    def made(self, wanted, frame):
        """Those that the session wants, by number. Nothing is changed yet."""
        return {item["number"]: Watch(item, frame, self.by_number.get(item["number"]), self.agent.errands) for item in wanted}

    def replace(self, made):
        self.by_number = made
        self.needs_trace = bool(made) and not (hasattr(sys, "monitoring") and (self.tool is not None or self.take_tool()))
        # Up to 3.11 every thread that may change a global.
        self.is_everywhere = self.needs_trace and any(watch.scope.frame is None for watch in made.values())
        self.agent.engine.new_threads.follow(self.is_everywhere or self.is_catching)
        self.at_a_glance = None
        if self.tool is None:
            return
        glances = [(Glance(watch.scope), watch) for watch in made.values() if watch.is_on]
        if all(glance.is_possible for glance, _ in glances):
            self.at_a_glance = glances
        monitoring, events = MONITORING, MONITORING.events
        local, everywhere = {}, 0
        for watch in made.values():
            scope = watch.scope
            if scope.frame is not None:
                everywhere |= events.PY_UNWIND
                code = scope.frame.f_code
                known = local.get(id(code), (code, 0))[1]
                local[id(code)] = code, known | events.PY_RETURN | (events.LINE if watch.is_on and scope.is_near else 0)
            if watch.is_on and not scope.is_near:
                everywhere |= events.LINE
        for code in self.local:
            if id(code) not in local:
                monitoring.set_local_events(self.tool, code, 0)
        self.local = [code for code, _ in local.values()]
        for code, wanted in local.values():
            monitoring.set_local_events(self.tool, code, wanted)
        monitoring.set_events(self.tool, everywhere)
        if not made:
            self.release_tool()

    def take_tool(self):
        monitoring, events = MONITORING, MONITORING.events
        # The debugger's own is left to the breakpoints.
        for tool in (4, 3, 1, 2):
            if monitoring.get_tool(tool) is None:
                break
        else:
            return False
        monitoring.use_tool_id(tool, "pmdb")
        self.tool = tool
        monitoring.register_callback(tool, events.LINE, self.line_event)
        monitoring.register_callback(tool, events.PY_RETURN, self.return_event)
        monitoring.register_callback(tool, events.PY_UNWIND, self.unwind_event)
        return True

    def release_tool(self):
        monitoring, events = MONITORING, MONITORING.events
        for event in (events.LINE, events.PY_RETURN, events.PY_UNWIND):
            monitoring.register_callback(self.tool, event, None)
        monitoring.free_tool_id(self.tool)
        self.tool, self.local = None, []

    def remove(self):
        self.replace({})

    def settle(self):
        """The user may have changed what is watched."""
        for watch in self.by_number.values():
            watch.settle()

    def wants(self, thread):
        """Whether a thread has to be traced."""
        return self.is_catching or self.needs_trace and any(watch.scope.frame is None or watch.scope.thread == thread for watch in self.by_number.values())

    def still_there(self, changes):
        """Those that were not deleted while a thread waited for its turn to tell of them."""
        return [change for change in changes if change["number"] in self.by_number or change["number"] in self.ended]

    def wants_calls(self):
        return self.is_catching or self.needs_trace and any(watch.is_on and not watch.scope.is_near for watch in self.by_number.values())

    def look(self, frame):
        """What has changed, as far as it is to be seen at a line of `frame`; and the complaints of conditions."""
        changes, complaints = [], []
        self.looks += 1
        thread = _thread.get_ident()
        if not self.by_number or self.is_resting or thread in self.agent.busy or (self.looks % LOOKS_BETWEEN == 0 and self.is_alone()):
            return changes, complaints
        if self.is_everywhere:
            self.agent.engine.new_threads.look()
        for watch in list(self.by_number.values()):
            if watch.is_on and watch.scope.has(frame, thread):
                try:
                    change, complaint = watch.change(frame)
                except GivenUp:
                    self.is_resting = True
                    break
                if change is not None:
                    changes.append(change)
                if complaint is not None:
                    complaints.append({"number": watch.number, "error": complaint})
        return changes, complaints

    def glance(self):
        """At each call, while the trace functions are there for exceptions alone."""
        self.looks += 1
        if self.looks % LOOKS_BETWEEN != 0 or not self.is_alone():
            self.agent.engine.new_threads.look()

    def is_alone(self):
        """Leaves if the session is gone, so that a program that is watched does not stay slow."""
        # Who has this lock speaks with the session.
        if not self.agent.at_prompt.acquire(False):
            return False
        try:
            with self.agent.channel.lock:
                is_gone = self.agent.channel.session_is_gone()
        finally:
            self.agent.at_prompt.release()
        if is_gone:
            self.agent.leave()
        return is_gone

    def frame_ends(self, frame, value, is_raising):
        """A frame is about to be left: what was about it is over. Stops there, as it does for a change by the last line."""
        ending = [watch for watch in self.by_number.values() if watch.scope.frame is frame]
        if not ending or not self.agent.is_ours():
            return
        news = self.look(frame)
        self.frame_left(frame)
        if any(watch.is_on for watch in ending):
            if is_raising:
                self.agent.stop(frame, {"reason": "watch"}, news=news)
            else:
                self.agent.returned_from(frame, value, news)
            # What was set at this stop is over, too.
            self.frame_left(frame)

    def frame_left(self, frame):
        """Ends what is about a frame; the next stop says so."""
        kept = {watch.number: watch for watch in self.by_number.values() if watch.scope.frame is not frame}
        if len(kept) < len(self.by_number):
            self.ended.extend([number for number in self.by_number if number not in kept])
            self.replace(kept)

    def line_event(self, code, line):
        glances = self.at_a_glance
        if glances is not None and self.glances < GLANCES_BETWEEN:
            self.glances += 1
            try:
                for glance, watch in glances:
                    if glance.globals[glance.name] is not glance.base or glance.read() is not watch.expected:
                        break
                else:
                    return None
            except BaseException:
                pass
        self.glances = 0
        if code.co_filename == OWN_FILE:
            return MONITORING.DISABLE
        if self.agent.is_ours():
            frame = getframe(1)
            news = self.look(frame)
            if news[0]:
                hits = self.agent.breakpoints.hits(code, line)
                if hits:
                    # Told now, and not again when the breakpoints' own hook comes to this line.
                    self.agent.engine.seen[_thread.get_ident()] = (frame, line, "trace")
                self.agent.line_reached(frame, hits, news)
        return None

    def return_event(self, code, offset, value):
        self.frame_ends(getframe(1), value, False)

    def unwind_event(self, code, offset, error):
        self.frame_ends(getframe(1), None, True)

    def trace_returns(self, frame, value):
        """The same from a trace function, to which what is handed out, returned and raised past a frame looks alike."""
        at = frame.f_lasti
        if not (frame.f_code.co_flags & GENERATOR_FLAGS and at >= 0 and frame.f_code.co_code[at] in YIELDS):
            self.frame_ends(frame, value, False)
