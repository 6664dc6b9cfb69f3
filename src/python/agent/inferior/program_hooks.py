"""The hooks that the interpreter offers to programs, as far as pmdb takes them in a program that it follows: `breakpoint()`."""

# What the program may name in PYTHONBREAKPOINT and means a prompt with: pmdb's is one.
PROMPTS = ("", "pdb.set_trace", "ipdb.set_trace")


class Hooks:
    def __init__(self, agent):
        self.agent = agent
        # {name in `sys`: (what was there, ours)}
        self.put = {}
        for name, ours in (("breakpointhook", self.called_breakpoint),):
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
        if wanted != "0" and (wanted not in PROMPTS or not self.stops(sys._getframe(1))):
            return self.put["breakpointhook"][0](*arguments, **named)

    def stops(self, frame):
        """Gives back whether there was anybody to stop for."""
        agent = self.agent
        if _thread.get_ident() in agent.busy:
            # A condition, or what was typed at the prompt: all stands still.
            return True
        try:
            return agent.stop(frame, {"reason": "asked"})
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
