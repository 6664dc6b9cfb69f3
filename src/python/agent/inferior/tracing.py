"""Stepping on all versions: trace functions, set only while somebody waits for something."""

# Include/cpython/code.h: CO_GENERATOR, CO_COROUTINE and CO_ASYNC_GENERATOR.
GENERATOR_FLAGS = 0x20 | 0x80 | 0x200


class Tracing:
    def __init__(self, agent):
        self.agent = agent
        # What is given to the interpreter: always the same object.
        self.callback = self.trace
        # {thread: {id of a frame that got our trace function: (frame, the one that it had before)}}
        self.traced = {}
        # The trace function that each thread had before ours: that of a debugger or of coverage.
        self.before = {}
        self.new_threads = NewThreads(self)

    def gives_back_code(self):
        """At the end: whether nothing refers to machine code of pmdb any more."""
        return False

    def is_set(self):
        return gettrace() is self.callback

    def set_trace(self):
        if not self.is_set():
            self.before[_thread.get_ident()] = gettrace()
            settrace(self.callback)

    def unset_trace(self):
        if self.is_set():
            settrace(self.before.pop(_thread.get_ident(), self.new_threads.before))

    def note(self, thread, frame):
        """Has the lines of a frame reported."""
        known = frame.f_trace
        self.traced.setdefault(thread, {}).setdefault(id(frame), (frame, None if known is self.callback else known))
        frame.f_trace = self.callback

    def forget_frames(self, thread):
        for frame, known in self.traced.pop(thread, {}).values():
            # It may be that of a later agent by now.
            if frame.f_trace is self.callback:
                frame.f_trace = known

    def resumes(self, frame, step):
        """The stopped thread is about to go on."""
        thread = _thread.get_ident()
        if step is None and not self.watches(thread):
            self.unset_trace()
            self.forget_frames(thread)
            return
        bottom = self.agent.bottom()
        while frame is not None and frame is not bottom:
            if frame.f_code.co_filename != OWN_FILE:
                self.note(thread, frame)
            frame = frame.f_back
        # Last: from here on the thread may stop, and leave, in a signal handler that runs before this function has returned.
        self.set_trace()

    def watches(self, thread):
        """Whether breakpoints or watchpoints need this thread to be traced."""
        return bool(self.agent.breakpoints) or self.wants(thread)

    def wants(self, thread):
        return self.agent.watches.wants(thread) or self.agent.is_traced_level(thread)

    def breakpoints_changed(self):
        pass

    def foresee_losses(self):
        """Up to 3.11 exceptions are stopped at where they are caught."""

    def threads_started(self):
        """There are threads that are not traced, perhaps, while all should be."""

    def trace(self, frame, event, argument):
        agent = self.agent
        if agent.has_left or (agent.pid != posix.getpid() and self.is_over_in_child(frame)):
            # Another thread took the agent out, which could not reach this one's.
            self.unset_trace()
            self.forget_frames(_thread.get_ident())
            return None
        thread = _thread.get_ident()
        # What a hook calls is none of the user's lines.
        if is_own(frame) or thread in agent.busy:
            return None
        step = agent.steps.get(thread)
        if event == "line":
            return self.line(frame, step)
        if event == "call":
            if agent.watches.is_catching:
                agent.watches.glance()
            result = self.call(frame, step)
            if result is not None:
                # So that it is taken off again if the agent leaves while this frame is there.
                self.note(thread, frame)
            return result
        if event == "return":
            return self.returns(frame, step, argument)
        if event == "exception":
            self.exception(frame, step, argument)
        return self.going_on()

    def exception(self, frame, step, argument):
        agent = self.agent
        if agent.catches.list and agent.catches.raised(frame, argument[1], argument[2]):
            if agent.catches.list:
                agent.catches.seen[_thread.get_ident()] = id(argument[1]), id(argument[2])
            return
        if step is not None and not agent.is_lost_at(frame, argument) and step.stops_at_exception(frame, argument):
            agent.raised(frame, argument)

    def catch(self, is_wanted):
        """Has exceptions reported: by the trace functions of all threads."""
        self.agent.watches.is_catching = is_wanted

    def is_over_in_child(self, frame):
        """In a forked child nothing else may ever ask, and it would be traced for as long as it lives."""
        if self.agent.forking is None:
            return not self.agent.is_ours()
        # One that is followed gets its own way to the session at its first stop. A step is its parent's.
        return bool(self.agent.steps) and self.agent.is_left_to_parent(frame, "step") and not self.is_set()

    def going_on(self):
        """What a trace function gives back. None leaves the frame's own as it is, which may be that of a later agent by now."""
        return self.callback if self.is_set() and not self.agent.has_left else None

    def line(self, frame, step):
        news = self.agent.watches.look(frame) if self.agent.watches.needs_trace else ((), ())
        if not news[0] and step is not None and step.is_at_first_line(frame):
            return self.going_on()
        hits = self.agent.breakpoints.hits(frame.f_code, frame.f_lineno)
        if step is not None and step.stops_in(frame):
            self.agent.step_ended(frame, step, hits, news)
        elif hits or news[0]:
            self.agent.line_reached(frame, hits, news)
        return self.going_on()

    def call(self, frame, step):
        if step is None or not step.stops_in(frame):
            is_wanted = self.agent.watches.wants_calls() or self.agent.is_traced_level(_thread.get_ident())
            return self.callback if is_wanted or self.agent.breakpoints.lines_in(frame.f_code) else None
        if step.reason == "step":
            self.agent.stop(frame, {"reason": "call"})
        return self.going_on()

    def returns(self, frame, step, value):
        thread = _thread.get_ident()
        if not frame.f_code.co_flags & GENERATOR_FLAGS:
            # What is over is not kept alive on its account.
            self.traced.get(thread, {}).pop(id(frame), None)
        if self.agent.watches.needs_trace:
            self.agent.watches.trace_returns(frame, value)
        if step is None or not (step.stops_in(frame) or frame is step.returning):
            return self.going_on()
        if step.passes_generator(frame):
            return self.going_on()
        self.agent.returned_from(frame, value)
        after = self.agent.steps.get(thread)
        if after is not None and after.frame is frame and after.line != -1:
            # Nothing more will happen in it: what comes next is a step of whoever called it.
            after.reason, after.frame, after.returning = "step", None, None
        return self.going_on()

    def remove(self):
        self.new_threads.remove()
        self.unset_trace()
        for thread in list(self.traced):
            self.forget_frames(thread)
