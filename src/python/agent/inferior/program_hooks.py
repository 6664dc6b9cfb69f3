"""The hooks that the interpreter offers to programs and that pmdb takes in a program that it follows: for `breakpoint()`, and for
exceptions that have left the program or are ignored. And `Bdb.set_trace`, to which `pdb.set_trace()` and `ipdb.set_trace()` lead.
"""

# What the program may name in PYTHONBREAKPOINT and means a prompt with: pmdb's is one.
PROMPTS = ("", "pdb.set_trace", "ipdb.set_trace", "pmdb.set_trace")


class Hooks:
    def __init__(self, agent):
        self.agent = agent
        # (the class `Bdb`, its `set_trace`, ours) when it has been imported.
        self.debugger = None
        # {name in `sys`: (what was there, ours)}
        self.put = {}
        hooks = (
            ("breakpointhook", self.called_breakpoint, "breakpoints"),
            ("excepthook", self.uncaught, "exceptions"),
            ("unraisablehook", self.ignored, "exceptions"),
        )
        for name, ours, kind in hooks:
            before = sys.__dict__.get(name)
            if before is not None and WANTED[kind]:
                self.put[name] = before, ours
                sys.__dict__[name] = ours

    def remove(self):
        if self.debugger is not None and self.debugger[0].__dict__.get("set_trace") is self.debugger[2]:
            self.debugger[0].set_trace = self.debugger[1]
        for name, (before, ours) in self.put.items():
            # The program may have put another there, which may still call ours.
            if sys.__dict__.get(name) is ours:
                sys.__dict__[name] = before

    def called_breakpoint(self, *arguments, **named):
        wanted = environment_variable("PYTHONBREAKPOINT")
        if wanted != "0" and (wanted not in PROMPTS or not self.agent.asks(getframe(1), {"reason": "asked"})):
            return self.put["breakpointhook"][0](*arguments, **named)

    def debugger_comes(self, names):
        """`bdb` is being imported."""
        kind = names.get("Bdb")
        if kind is None or self.debugger is not None:
            return
        before = kind.set_trace

        def set_trace(debugger, frame=None):
            return self.called_set_trace(debugger, frame, before)

        kind.set_trace = set_trace
        self.debugger = kind, before, set_trace

    def called_set_trace(self, debugger, frame, before):
        # Behind `set_trace` of ours.
        caller = getframe(2)
        wanted, up = frame or caller, 0
        while caller is not wanted and caller is not None:
            caller, up = caller.f_back, up + 1
        # Who debugs the program already, as `python -m pdb` does, goes on with it.
        is_at_work = getattr(gettrace(), "__self__", None) is debugger
        if caller is None or is_at_work or not self.agent.asks(getframe(2), {"reason": "set_trace", "about": {"up": up}}):
            before(debugger, frame)

    def uncaught(self, kind, error, traceback):
        if is_lost(error) and not self.agent.was_told(error):
            self.agent.asks(getframe(), self.agent.message_of(error, PROGRAM_ENDS))
        self.put["excepthook"][0](kind, error, traceback)

    def ignored(self, unraisable):
        error = unraisable.exc_value
        if is_lost(error) and not self.agent.was_told(error):
            self.agent.asks(getframe(), self.agent.message_of(error, IGNORED))
        self.put["unraisablehook"][0](unraisable)


def environment_variable(name):
    """What the program sees: `os` has it, and what the interpreter was started with is behind that."""
    environment = getattr(sys.modules.get("os"), "environ", None)
    try:
        return plain(environment.get(name, "")) if environment is not None else posix.environ.get(name.encode(), b"").decode("utf-8", "replace")
    except Exception:
        return ""
