"""Breakpoints from 3.12 on: `sys.monitoring`, which costs nothing where no breakpoint is.

Code is found when it is entered: the interpreter reports the first start (or resumption) of each code object, and is told not
to report it again. What was running already when a breakpoint was set is found on the stacks of the threads. Stepping is
left to trace functions, which are set in the stepping thread alone.
"""


def line_at(code, offset):
    return next((line for start, end, line in code.co_lines() if start <= offset < end), None)


class Monitoring(Tracing):
    def __init__(self, agent):
        super().__init__(agent)
        self.tool = None
        self.is_catching = False
        self.watched = {}
        # {(id of watched code, offset of a jump back): its line, or -1 if it leads to another}
        self.turns = {}
        # For each thread the frame and line of the last stop that both hooks report, in either order, and which was the first.
        self.seen = {}

    def foresee_losses(self):
        """Of a program that pmdb follows: stops where an exception is raised that will be lost. Before the tool is taken."""
        if learn_bytecode():
            self.agent.unwinding = Unwinding(self.agent)

    def gives_back_code(self):
        if self.agent.unwinding is not None:
            self.agent.unwinding.filter.function = None
        return give_back()

    def catch(self, is_wanted):
        """Has what is raised reported, by the tool of the breakpoints if there is one."""
        self.is_catching = is_wanted
        super().catch(is_wanted and self.tool is None and not self.take_tool())
        if self.tool is not None:
            self.set_events()

    @guarded
    def raise_event(self, code, offset, error):
        traceback, catches = error.__traceback__, self.agent.catches
        if traceback is None or traceback.tb_next is not None or traceback.tb_frame.f_code is not code or not catches.list:
            return
        # Where it is traced the trace function was told before: of several tools the one with the highest number is the first
        # (Python/instrumentation.c, `call_instrumentation_vector`).
        frame, told = traceback.tb_frame, catches.seen.pop(_thread.get_ident(), None)
        if told != (id(error), id(traceback)) and not (frame.f_trace is self.callback and self.is_set()):
            catches.raised(frame, error, traceback)

    def set_events(self):
        events = MONITORING.events
        everywhere = events.PY_START | events.PY_RESUME
        if self.agent.unwinding is not None:
            everywhere |= events.PY_UNWIND
        if self.is_catching:
            everywhere |= events.RAISE
        MONITORING.set_events(self.tool, everywhere)

    def breakpoints_changed(self):
        monitoring = MONITORING
        self.seen = {}
        if not self.agent.breakpoints:
            self.release_tool()
            return
        if self.tool is None and not self.take_tool():
            return
        for code in self.watched.values():
            monitoring.set_local_events(self.tool, code, 0)
        self.watched, self.turns = {}, {}
        for frame in current_frames().values():
            while frame is not None:
                self.watch(frame.f_code)
                frame = frame.f_back
        monitoring.restart_events()

    def take_tool(self):
        """The first free of the tools, the debugger's own if it is free. Without one, breakpoints are traced as up to 3.11."""
        monitoring, events = MONITORING, MONITORING.events
        for tool in (monitoring.DEBUGGER_ID, 4, 3, 1, 2):
            if monitoring.get_tool(tool) is None:
                break
        else:
            return False
        monitoring.use_tool_id(tool, "pmdb")
        self.tool = tool
        entered = self.entered_callback()
        for event in (events.PY_START, events.PY_RESUME, events.PY_THROW):
            monitoring.register_callback(tool, event, entered)
        monitoring.register_callback(tool, events.LINE, self.line_event)
        monitoring.register_callback(tool, events.JUMP, self.jump_event)
        monitoring.register_callback(tool, events.RAISE, self.raise_event)
        if self.agent.unwinding is not None:
            monitoring.register_callback(tool, events.PY_UNWIND, self.agent.unwinding.callback())
        self.set_events()
        return True

    def release_tool(self):
        if self.tool is None:
            return
        monitoring, events = MONITORING, MONITORING.events
        monitoring.set_events(self.tool, 0)
        for code in self.watched.values():
            monitoring.set_local_events(self.tool, code, 0)
        for event in (events.PY_START, events.PY_RESUME, events.PY_THROW, events.LINE, events.JUMP, events.RAISE, events.PY_UNWIND):
            monitoring.register_callback(self.tool, event, None)
        monitoring.free_tool_id(self.tool)
        self.tool, self.watched, self.turns = None, {}, {}

    def watch(self, code):
        if code.co_filename != OWN_FILE and self.agent.breakpoints.lines_in(code) and id(code) not in self.watched:
            self.watched[id(code)] = code
            events = MONITORING.events
            MONITORING.set_local_events(self.tool, code, events.LINE | events.JUMP)

    def entered_callback(self):
        """What is called once for each code object. Where only catchers are wanted the name tells of nearly all that they are none, which takes a
        tenth of looking for the file.
        """
        breakpoints, entered, disabled = self.agent.breakpoints, self.entered, MONITORING.DISABLE

        def call(code, offset):
            catchers = breakpoints.catchers
            if catchers is not None and not breakpoints.by_number and code.co_name not in catchers.names:
                return disabled
            try:
                return entered(code, offset)
            except RecursionError:
                # There is no room for the call; it comes again.
                return None

        return call

    @guarded
    def entered(self, code, offset):
        if self.tool is not None and self.agent.breakpoints.may_be_in(code):
            self.watch(code)
        return MONITORING.DISABLE

    @guarded
    def jump_event(self, code, offset, destination):
        """Each turn of a loop in one line counts, though no line begins."""
        if destination > offset:
            return MONITORING.DISABLE
        line = self.turns.get((id(code), offset))
        if line is None:
            if id(code) not in self.watched:
                return MONITORING.DISABLE
            places = [line_at(code, offset), line_at(code, destination)]
            line = self.turns[id(code), offset] = places[0] if places[0] == places[1] else -1
        return self.line_reached(code, line)

    @guarded
    def line_event(self, code, line):
        return self.line_reached(code, line)

    def line_reached(self, code, line):
        agent = self.agent
        hits = agent.breakpoints.hits(code, line)
        if not hits:
            return MONITORING.DISABLE
        frame = getframe(CALLER_OF_HOOK + 1)
        if agent.steps or self.seen:
            step = agent.steps.get(_thread.get_ident())
            if self.was_seen(frame, "trace") or (step is not None and step.is_at_first_line(frame)):
                return None
        message = agent.what_holds(frame, hits)
        if message is not None and agent.stop(frame, message):
            self.seen[_thread.get_ident()] = (frame, line, "event")
        return None

    def was_seen(self, frame, by):
        """Whether the other of the two hooks has already stopped at this line: one visit is one stop."""
        seen = self.seen.pop(_thread.get_ident(), None)
        return seen is not None and seen[0] is frame and seen[1] == frame.f_lineno and seen[2] == by

    def watches(self, thread):
        return (self.tool is None and bool(self.agent.breakpoints.by_number)) or self.wants(thread)

    def line(self, frame, step):
        if self.was_seen(frame, "event"):
            return self.callback
        if self.tool is None or self.agent.watches.needs_trace:
            return super().line(frame, step)
        if step is not None and not step.is_at_first_line(frame) and step.stops_in(frame):
            line = frame.f_lineno
            hits = self.agent.breakpoints.hits(frame.f_code, line)
            self.agent.step_ended(frame, step, hits)
            if hits:
                self.seen[_thread.get_ident()] = (frame, line, "trace")
        return self.going_on()

    def remove(self):
        self.release_tool()
        super().remove()
