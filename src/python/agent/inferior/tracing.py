"""Stepping on all versions, and breakpoints up to 3.11: trace functions, set only while somebody waits for something."""


class Tracing:
    def __init__(self, agent):
        self.agent = agent
        # The frames that got our trace function, with the one that each had before.
        self.traced = {}
        # The trace function that each thread had before ours: that of a debugger or of coverage.
        self.before = {}

    def is_set(self):
        current = sys.gettrace()
        return type(current) is type(self.trace) and current.__self__ is self

    def set_trace(self):
        if not self.is_set():
            self.before[_thread.get_ident()] = sys.gettrace()
            sys.settrace(self.trace)

    def unset_trace(self):
        if self.is_set():
            sys.settrace(self.before.pop(_thread.get_ident(), None))

    def resumes(self, frame, step):
        """The stopped thread is about to go on."""
        if step is None and not self.watches_calls():
            self.unset_trace()
            self.forget_frames()
            return
        self.set_trace()
        while frame is not None:
            if frame.f_code.co_filename != OWN_FILE:
                known = frame.f_trace
                is_ours = type(known) is type(self.trace) and known.__self__ is self
                self.traced.setdefault(id(frame), (frame, None if is_ours else known))
                frame.f_trace = self.trace
            frame = frame.f_back

    def watches_calls(self):
        return bool(self.agent.breakpoints)

    def forget_frames(self):
        for frame, known in self.traced.values():
            frame.f_trace = known
        self.traced = {}

    def breakpoints_changed(self):
        pass

    def trace(self, frame, event, argument):
        agent = self.agent
        if agent.has_left:
            # Another thread took the agent out, which could not reach this one's.
            self.unset_trace()
            return None
        if frame.f_code.co_filename == OWN_FILE or not agent.is_ours():
            return None
        step = agent.step
        if step is not None and step.thread != _thread.get_ident():
            step = None
        if event == "line":
            return self.line(frame, step)
        if event == "call":
            return self.call(frame, step)
        if event == "return":
            return self.returns(frame, step, argument)
        if event == "exception" and step is not None and step.stops_at_exception(frame, argument):
            agent.raised(frame, argument)
        return self.going_on()

    def going_on(self):
        """What a trace function gives back. None leaves the frame's own as it is, which may be that of a later agent by now."""
        return self.trace if self.is_set() and not self.agent.has_left else None

    def line(self, frame, step):
        if step is not None and step.is_at_first_line(frame):
            return self.going_on()
        hits = self.agent.breakpoints.hits(frame.f_code, frame.f_lineno)
        if hits and self.agent.line_reached(frame, hits):
            return self.going_on()
        if step is not None and step.stops_in(frame):
            self.agent.stop(frame, {"reason": step.line_reason()})
        return self.going_on()

    def call(self, frame, step):
        if step is None or not step.stops_in(frame):
            return self.trace if self.agent.breakpoints.lines_in(frame.f_code) else None
        if step.reason == "step":
            self.agent.stop(frame, {"reason": "call"})
        return self.going_on()

    def returns(self, frame, step, value):
        if not frame.f_code.co_flags & GENERATOR_FLAGS:
            # What is over is not kept alive on its account.
            self.traced.pop(id(frame), None)
        if step is None or not (step.stops_in(frame) or frame is step.returning):
            return self.trace
        if step.passes_generator(frame):
            return self.trace
        self.agent.returned_from(frame, value)
        after = self.agent.step
        if after is not None and after.frame is frame and after.line != -1:
            # Nothing more will happen in it: stop at the next line of whoever called it.
            after.frame = after.returning = None
        return self.going_on()

    def remove(self):
        self.unset_trace()
        self.forget_frames()
