"""The hooks that the interpreter offers to programs and that pmdb takes in a program that it follows: for `breakpoint()`, and for
exceptions that have left the program or are ignored.
"""

# What the program may name in PYTHONBREAKPOINT and means a prompt with: pmdb's is one.
PROMPTS = ("", "pdb.set_trace", "ipdb.set_trace")


class Hooks:
    def __init__(self, agent):
        self.agent = agent
        # {name in `sys`: (what was there, ours)}
        self.put = {}
        hooks = (("breakpointhook", self.called_breakpoint), ("excepthook", self.uncaught), ("unraisablehook", self.ignored))
        for name, ours in hooks:
            before = sys.__dict__.get(name)
            if before is not None:
                self.put[name] = before, ours
                sys.__dict__[name] = ours

    def remove(self):
        for name, (before, ours) in self.put.items():
            # The program may have put another there, which may still call ours.
            if sys.__dict__.get(name) is ours:
                sys.__dict__[name] = before

    def called_breakpoint(self, *arguments, **named):
        wanted = environment_variable("PYTHONBREAKPOINT")
        if wanted != "0" and (wanted not in PROMPTS or not self.stops(sys._getframe(1), {"reason": "asked"})):
            return self.put["breakpointhook"][0](*arguments, **named)

    def uncaught(self, kind, error, traceback):
        if is_lost(error):
            self.stops(sys._getframe(), self.agent.message_of(error, "the program ends with it"))
        self.put["excepthook"][0](kind, error, traceback)

    def ignored(self, unraisable):
        if is_lost(unraisable.exc_value):
            self.stops(sys._getframe(), self.agent.message_of(unraisable.exc_value, "Python only prints it and goes on"))
        self.put["unraisablehook"][0](unraisable)

    def stops(self, frame, message):
        """Gives back whether there was anybody to stop for."""
        agent = self.agent
        if _thread.get_ident() in agent.busy:
            # A condition, or what was typed at the prompt: all stands still.
            return True
        try:
            return agent.stop(frame, message)
        except BaseException as error:
            agent.survives(error)
            return True


def environment_variable(name):
    """What the program sees: `os` has it, and what the interpreter was started with is behind that."""
    environment = getattr(sys.modules.get("os"), "environ", None)
    try:
        return plain(environment.get(name, "")) if environment is not None else posix.environ.get(name.encode(), b"").decode("utf-8", "replace")
    except Exception:
        return ""
