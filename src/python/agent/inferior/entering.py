"""Where a program that pmdb has started stops first: at the first line of its main program."""


class Entering:
    def __init__(self, agent):
        self.agent = agent
        # What was traced before, by a debugger or coverage that start with the interpreter.
        self.before = None

    def begin(self, frame):
        """`frame` is what was interrupted, if any Python was."""
        while frame is not None and not is_main_program(frame):
            frame = frame.f_back
        if frame is not None:
            self.enters(frame)
            return
        self.before = gettrace()
        settrace(self.trace)

    def trace(self, frame, event, argument):
        if event != "call" or not is_main_program(frame):
            return None
        settrace(self.before)
        if not self.agent.is_ours() or self.agent.has_left:
            return None
        self.enters(frame)
        return frame.f_trace

    def enters(self, frame):
        self.agent.hooks.main = frame.f_code
        self.agent.stop_soon(frame, "entry")


class Keyboard:
    """Ctrl-C in the terminal that a program shares with pmdb is for pmdb, as it is for pdb: it stops the program.

    While a statement of the user runs, it ends that.
    """

    def __init__(self, agent):
        self.agent = agent
        self.signals = __import__("_signal")
        self.main = _thread.get_ident()
        self.before = None
        # The session has asked for the end of the program.
        self.abandoned = False
        before = self.signals.getsignal(self.signals.SIGINT)
        # A program that was started in the background ignores it, and goes on to do so.
        if before != self.signals.SIG_IGN and before is not None:
            self.before = before
            self.signals.signal(self.signals.SIGINT, self.interrupted)

    def interrupted(self, number, frame):
        if self.abandoned:
            caller = frame
            while caller is not None and caller.f_code.co_filename != OWN_FILE:
                caller = caller.f_back
            if caller is not None:
                # The agent lets no exception through: once more when it is done.
                _thread.interrupt_main()
                return
            self.abandoned = False
            raise SystemExit(0)
        if self.agent.has_left:
            if callable(self.before):
                self.before(number, frame)
            return
        agent, thread = self.agent, _thread.get_ident()
        if agent.speaker == thread and thread in agent.errands.under_way and not is_own(frame):
            raise GivenUp
        if agent.speaker is not None:
            agent.errands.give_up(agent.speaker)

    def remove(self):
        if self.abandoned:
            return
        try:
            current = self.signals.getsignal(self.signals.SIGINT)
            if type(current) is type(self.interrupted) and current.__self__ is self:
                self.signals.signal(self.signals.SIGINT, self.before)
        except ValueError:
            # Only the main thread may. Until it is asked again, ours passes the signal on.
            pass
