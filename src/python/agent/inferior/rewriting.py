"""Breakpoints up to 3.11: functions get a copy of their code which calls a hook where a line with a breakpoint begins.

So nothing is traced, in no thread, until a breakpoint holds; the rest of the program runs as ever. Functions that are made later get the copy
too: it stands in place of the original among the constants of the code that makes them. What runs already runs on with its
old code, and is traced: a frame on the stack of a thread, in this thread only and until it returns.
"""


class Hook:
    """What a copy calls at a line. `breakpoints` is None for one at the beginning of a function that calls `exec`."""

    __slots__ = ("engine", "breakpoints")

    def __init__(self, engine, breakpoints):
        self.engine, self.breakpoints = engine, breakpoints

    def __call__(self):
        # Each hit comes by here, so it calls as little as it can: a call costs as much as a tenth of a hit.
        engine = self.engine
        if engine is None:
            return
        try:
            thread, agent, frame = get_ident(), engine.agent, getframe(1)
            busy = agent.busy
            if thread in busy:
                return
            if self.breakpoints is None:
                engine.exec_follows(frame)
            # A traced frame has its line reported behind the hook.
            elif frame.f_trace is None or not engine.traces(frame):
                busy.add(thread)
                try:
                    message = agent.what_holds(frame, self.breakpoints)
                finally:
                    busy.discard(thread)
                if message is not None or (frame.f_trace is not None and engine.traces(frame)):
                    # Traced since the thread was interrupted meanwhile: the line that is reported now has had its hit.
                    engine.stop_at_line(frame, message)
        except RecursionError as error:
            # As in `guarded`.
            if error is engine.agent.on_its_way:
                raise
            engine.agent.has_passed = True
        except BaseException as error:
            engine.agent.survives(error)

    def __reduce__(self):
        """Whoever sends code to another process, as cloudpickle does, sends a hook that does nothing."""
        return eval, ("dict",)


class Rewriting(Tracing):
    def __init__(self, agent):
        super().__init__(agent)
        # {id: originals}, {id of an original: its copies}, {(id of an original, line): hook}
        self.originals, self.copies, self.hooks = agent.breakpoints.originals, {}, {}
        # Of each copy the lines that have a hook, and what `f_lasti` is where a line is reported that is none.
        self.hooked, self.blind = {}, {}
        # Code that has a copy among its constants.
        self.touched = {}
        # {thread: frames} that run code without the hooks that it should have.
        self.watched = {}
        # Something of this kind is not on any stack: all threads are traced.
        self.watches_all = self.refused = False
        # {thread: (frame, message)}: the stop at the line that this frame is just about to begin; without a message a step may end there.
        self.due = {}
        # {thread: frame} that is about to run code which nobody knows yet.
        self.expecting = {}
        self.states, self.settled = None, {}

    def breakpoints_changed(self):
        self.refused = False
        functions, suspended = self.find()
        for function in functions:
            code = function.__code__
            settled = self.settle(self.originals.get(id(code), code), function.__qualname__)
            if settled is not code:
                function.__code__ = settled
        roots = list(self.touched.values())
        for frame in self.frames():
            roots.append(self.originals.get(id(frame.f_code), frame.f_code))
        for code in roots + suspended:
            self.settle(code, code.co_name)
        for (original, line), hook in self.hooks.items():
            # Frames run on with copies that nothing makes any more: their hooks have what is there now.
            if line is not None:
                hook.breakpoints = self.agent.breakpoints.hits(self.copies[original][0], line)
        self.settled = {}
        self.watches_all = self.refused or any(self.lacks_hooks(code) for code in suspended)
        self.watch_frames()

    def frames(self):
        for frame in current_frames().values():
            while frame is not None:
                yield frame
                frame = frame.f_back

    def find(self):
        """The functions to look at, and the code of generators that wait."""
        gc = unseen("gc")

        breakpoints, functions, suspended = self.agent.breakpoints, [], []
        for generation in range(3):
            for thing in gc.get_objects(generation):
                kind = type(thing)
                if kind is FUNCTION:
                    code = thing.__code__
                    if id(code) in self.originals or breakpoints.may_be_in(code) or (breakpoints and "exec" in code.co_names):
                        if code.co_filename != OWN_FILE:
                            functions.append(thing)
                elif kind in GENERATORS:
                    frame = getattr(thing, GENERATORS[kind])
                    if frame is not None and frame.f_back is None and breakpoints.may_be_in(frame.f_code):
                        suspended.append(frame.f_code)
        return functions, suspended

    def settle(self, code, qualified_name):
        """The code that is to run in place of an original, which may be the original itself."""
        known = self.settled.get(id(code))
        if known is not None:
            return known[1]
        self.settled[id(code)] = code, code
        breakpoints = self.agent.breakpoints
        if id(code) in self.touched or breakpoints.may_be_in(code) or (breakpoints and leads_to_exec(code)):
            breakpoints.qualified_names[id(code)] = code, qualified_name
            self.settle_constants(code, qualified_name)
        lines, entry = breakpoints.lines_in(code), None
        if breakpoints and "exec" in code.co_names and calls_exec(code):
            entry = self.hooks.setdefault((id(code), None), Hook(self, None))
        if lines or entry:
            settled = self.copy(code, frozenset(lines), entry)
            for line, breakpoints in lines.items():
                self.hooks[id(code), line].breakpoints = breakpoints
            self.settled[id(code)] = code, settled
            return settled
        return code

    def settle_constants(self, code, qualified_name):
        within = qualified_name + (".<locals>." if code.co_flags & 1 else ".")
        if code.co_name == "<module>":
            within = ""
        for owner in [code] + self.copies.get(id(code), [])[1:]:
            for index, constant in enumerate(owner.co_consts):
                if type(constant) is not type(code):
                    continue
                original = self.originals.get(id(constant), constant)
                settled = self.settle(original, within + original.co_name)
                if settled is not constant and self.can_reach_others():
                    self.states.replace_item(owner.co_consts, index, settled)
                    self.touched[id(code)] = code

    def copy(self, code, lines, entry):
        copies = self.copies.setdefault(id(code), [code])
        for copy in copies[1:]:
            if self.hooked[id(copy)] == (lines, entry):
                return copy
        hooks = {line: self.hooks.setdefault((id(code), line), Hook(self, ())) for line in lines}
        try:
            made = Copy(code, hooks, entry)
            copy = made.made()
        except Exception:
            # Code that no compiler of CPython made: it is traced.
            self.refused = self.watches_all = True
            return code
        copies.append(copy)
        self.originals[id(copy)] = code
        self.hooked[id(copy)] = lines, entry
        if made.blind_spots():
            self.blind[id(copy)] = made.blind_spots()
        return copy

    def can_reach_others(self):
        """Whether constants and other threads can be changed: not where there is no `ctypes`."""
        if self.states is None:
            try:
                self.states = ThreadStates()
            except Exception:
                self.states = False
        return bool(self.states)

    # Frames that run without hooks

    def lacks_hooks(self, code):
        wanted = self.agent.breakpoints.lines_in(code)
        if not wanted:
            return False
        hooked = self.hooked.get(id(code))
        return hooked is None or not hooked[0].issuperset(wanted)

    def watch_frames(self):
        own, watched = _thread.get_ident(), {}
        for thread, frame in current_frames().items():
            while frame is not None:
                if self.lacks_hooks(frame.f_code):
                    watched.setdefault(thread, {})[id(frame)] = frame
                    self.note(thread, frame)
                elif self.agent.watches.wants(thread) and frame.f_code.co_filename != OWN_FILE:
                    self.note(thread, frame)
                frame = frame.f_back
        # At once, since the threads run on meanwhile and stop being traced when nothing is to be watched in them.
        self.watched = watched
        others = [thread for thread in current_frames() if thread != own and self.watches(thread)]
        if others and self.can_reach_others():
            self.trace_others(others)

    def trace_others(self, threads):
        was_set = self.is_set()
        self.set_trace()
        try:
            states = self.states.all()
            self.states.learn(states, self.callback)
            for thread in threads:
                state = states.get(thread)
                current = self.states.current(state) if state else self.callback
                if current is not self.callback:
                    self.before[thread] = current
                    self.states.set(state, self.callback)
        except LookupError:
            pass
        finally:
            if not was_set:
                self.unset_trace()

    def threads_started(self):
        self.watch_frames()

    def watch(self, thread, frame):
        self.watched.setdefault(thread, {})[id(frame)] = frame
        self.note(thread, frame)

    def watches(self, thread):
        is_expected = self.watches_all or bool(self.watched.get(thread)) or thread in self.expecting or thread in self.due
        return is_expected or self.wants(thread)

    def traces(self, frame):
        return frame.f_trace is self.callback and self.is_set()

    def stop_at_line(self, frame, message):
        """The stop itself is made when the interpreter reports the line: `jump` is possible only then."""
        thread = _thread.get_ident()
        self.due[thread] = frame, message
        self.note(thread, frame)
        self.set_trace()

    def exec_follows(self, frame):
        if not self.agent.breakpoints:
            return
        thread = _thread.get_ident()
        self.expecting[thread] = frame
        self.note(thread, frame)
        self.set_trace()

    # Events

    def resumes(self, frame, step):
        thread = _thread.get_ident()
        if step is None and self.watches(thread) and not self.wants(thread):
            self.forget_frames(thread)
            for watched in self.watched.get(thread, {}).values():
                self.note(thread, watched)
            self.set_trace()
            return
        super().resumes(frame, step)

    def ease(self, thread):
        """Nothing more is waited for in this thread, perhaps. What a trace function gives back is decided after this."""
        if thread not in self.agent.steps and not self.watches(thread):
            self.unset_trace()
            self.forget_frames(thread)

    def line(self, frame, step):
        code, thread = frame.f_code, _thread.get_ident()
        if self.blind and frame.f_lasti in self.blind.get(id(code), ()):
            return self.going_on()
        due = self.due.pop(thread, None)
        if due is not None and due[0] is frame:
            if due[1] is not None:
                self.agent.stop(frame, due[1])
            elif step is not None and step.stops_in(frame):
                self.agent.stop(frame, {"reason": step.line_reason()})
            self.ease(thread)
            return self.going_on()
        super().line(frame, step)
        self.ease(thread)
        return self.going_on()

    def call(self, frame, step):
        code, thread = frame.f_code, _thread.get_ident()
        if thread in self.expecting and code.co_name == "<module>":
            del self.expecting[thread]
            if self.agent.breakpoints.may_be_in(code) or leads_to_exec(code):
                self.agent.busy.add(thread)
                try:
                    self.settle_constants(code, "<module>")
                finally:
                    self.agent.busy.discard(thread)
        if self.lacks_hooks(code):
            self.watch(thread, frame)
        if step is not None:
            return super().call(frame, step)
        if id(frame) in self.watched.get(thread, ()) or self.agent.is_traced_level(thread):
            return self.callback
        if self.agent.watches.wants(thread) and self.agent.watches.wants_calls():
            return self.callback
        self.ease(thread)
        return None

    def returns(self, frame, step, value):
        thread = _thread.get_ident()
        if self.expecting.get(thread) is frame:
            del self.expecting[thread]
        if not frame.f_code.co_flags & GENERATOR_FLAGS:
            self.watched.get(thread, {}).pop(id(frame), None)
        super().returns(frame, step, value)
        self.ease(thread)
        return self.going_on()

    def remove(self):
        self.agent.breakpoints.replace([])
        self.expecting, self.due = {}, {}
        self.breakpoints_changed()
        for hook in self.hooks.values():
            hook.engine = None
        own = _thread.get_ident()
        if self.states:
            states = self.states.all()
            for thread in states:
                if thread != own and self.states.current(states[thread]) is self.callback:
                    before = self.before.pop(thread, self.new_threads.before)
                    # A debugger in C has its own trampoline, which only its own thread can set again: `trace` does.
                    if before is None:
                        self.states.set(states[thread], None)
                    else:
                        self.before[thread] = before
        super().remove()


def generator():
    yield


async def asynchronous():
    yield


async def coroutine():
    pass


def kind_of_coroutine():
    made = coroutine()
    # One that never began would be complained of.
    made.close()
    return type(made)


FUNCTION = type(generator)
# What can wait in the middle of its code, and where its frame is.
GENERATORS = {type(generator()): "gi_frame", type(asynchronous()): "ag_frame", kind_of_coroutine(): "cr_frame"}
