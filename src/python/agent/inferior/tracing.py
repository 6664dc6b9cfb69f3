"""Stepping on all versions, and breakpoints up to 3.11: trace functions, set only while somebody waits for something."""


class Tracing:
    def __init__(self, agent):
        self.agent = agent
        self.traced = []

    def resumes(self, frame, step):
        """The stopped thread is about to go on."""
        if step is None and not self.watches_calls():
            sys.settrace(None)
            self.forget_frames()
            return
        sys.settrace(self.trace)
        while frame is not None:
            if frame.f_code.co_filename != OWN_FILE:
                frame.f_trace = self.trace
                self.traced.append(frame)
            frame = frame.f_back

    def watches_calls(self):
        return bool(self.agent.breakpoints)

    def forget_frames(self):
        for frame in self.traced:
            # A frame has it back as None, where it was never set.
            frame.f_trace = None
        self.traced = []

    def breakpoints_changed(self):
        pass

    def trace(self, frame, event, argument):
        agent = self.agent
        if agent.has_left and sys.gettrace() == self.trace:
            # Another thread took the agent out.
            sys.settrace(None)
        if agent.has_left or frame.f_code.co_filename == OWN_FILE or not agent.is_ours():
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
        return None if self.agent.has_left else self.trace

    def line(self, frame, step):
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
        sys.settrace(None)
        self.forget_frames()
