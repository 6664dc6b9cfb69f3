"""The hooks that the interpreter offers to programs and that pmdb takes in a program that it follows: for `breakpoint()`, and for
exceptions that have left the program or are ignored. And `Bdb.set_trace`, to which `pdb.set_trace()` and `ipdb.set_trace()` lead.
"""

# What the program may name in PYTHONBREAKPOINT and means a prompt with: pmdb's is one.
PROMPTS = ("", "pdb.set_trace", "ipdb.set_trace", "pmdb.set_trace")


class Hooks:
    """Those of the interpreter that are ours meanwhile."""

    def __init__(self, agent):
        self.agent = agent
        # {name in `sys`: (what was there, ours)}
        self.put = {}
        # The class of `sys` while it is ours.
        self.watched = None

    def take(self, name, ours):
        before = sys.__dict__.get(name)
        if before is not None:
            self.put[name] = before, ours
            sys.__dict__[name] = ours

    def stay_before_later_hook(self):
        """What the program puts into `sys.excepthook` later is what it finds there, and ours calls it. The interpreter does not ask
        the class of the module, but looks into its dict, where ours stays.
        """
        hooks = self

        class Watched(MODULE):
            @property
            def excepthook(module):
                return hooks.put["excepthook"][0]

            @excepthook.setter
            def excepthook(module, hook):
                hooks.put["excepthook"] = hook, hooks.put["excepthook"][1]

            @excepthook.deleter
            def excepthook(module):
                module.__class__ = MODULE
                del module.excepthook

        Watched.__name__ = Watched.__qualname__ = MODULE.__name__
        Watched.__module__ = MODULE.__module__
        try:
            sys.__class__ = Watched
        except TypeError:
            # Somebody has done so before.
            pass
        self.watched = Watched

    def remove(self):
        if self.watched is not None and TYPE(sys) is self.watched:
            sys.__class__ = MODULE
        for name, (before, ours) in self.put.items():
            # The program may have put another there, which may still call ours.
            if sys.__dict__.get(name) is ours:
                sys.__dict__[name] = before


class FollowedHooks(Hooks):
    """In a program that is followed with all its processes."""

    def __init__(self, agent):
        Hooks.__init__(self, agent)
        # (the class `Bdb`, its `set_trace`, ours) when it has been imported, and (the module `atexit`, its `register`, ours).
        self.debugger = self.registering = None
        if WANTED["breakpoints"]:
            self.take("breakpointhook", self.called_breakpoint)
        if WANTED["exceptions"]:
            self.take("excepthook", self.uncaught)
            self.take("unraisablehook", self.ignored)
        if "excepthook" in self.put and not hasattr(sys, "monitoring"):
            # It cannot be foreseen that the program ends with an exception.
            self.stay_before_later_hook()
            if "unraisablehook" in self.put and sys.version_info < (3, 10):
                self.watch_exit_functions()

    def watch_exit_functions(self):
        """Up to 3.9 the interpreter prints what these raise without asking anybody (`atexit_callfuncs`, Modules/atexitmodule.c)."""
        import atexit

        before = atexit.register

        def register(function, *arguments, **named):
            before(ExitFunction(function, self), *arguments, **named)
            return function

        atexit.register, self.registering = register, (atexit, before, register)

    def remove(self):
        if self.registering is not None and self.registering[0].register is self.registering[2]:
            self.registering[0].register = self.registering[1]
        if self.debugger is not None and self.debugger[0].__dict__.get("set_trace") is self.debugger[2]:
            self.debugger[0].set_trace = self.debugger[1]
        Hooks.remove(self)

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
            # `PyErr_Print()`: a program that has Python in it goes on.
            fate = IGNORED if self.agent.is_embedded else PROGRAM_ENDS
            self.agent.asks(getframe(), self.agent.message_of(error, fate))
        self.put["excepthook"][0](kind, error, traceback)

    def ignored(self, unraisable):
        error = unraisable.exc_value
        if is_lost(error) and not self.agent.was_told(error):
            self.agent.asks(getframe(), self.agent.message_of(error, IGNORED))
        self.put["unraisablehook"][0](unraisable)


class ExitFunction:
    """In the place of a function that is called at the end; equal to it, as `atexit.unregister()` asks."""

    def __init__(self, function, hooks):
        self.function, self.hooks = function, hooks

    def __eq__(self, other):
        return self.function == other

    def __call__(self, *arguments, **named):
        try:
            return self.function(*arguments, **named)
        except Exception as error:
            # As if it were called by the interpreter, which then prints it with what `sys.__excepthook__` is.
            error.__traceback__ = error.__traceback__.tb_next
            hooks = self.hooks
            if is_lost(error) and not hooks.agent.has_left:
                hooks.agent.asks(getframe(), hooks.agent.message_of(error, IGNORED))
            sys.stderr.write("Error in atexit._run_exitfuncs:\n")
            sys.__excepthook__(TYPE(error), error, error.__traceback__)


def environment_variable(name):
    """What the program sees: `os` has it, and what the interpreter was started with is behind that."""
    environment = getattr(sys.modules.get("os"), "environ", None)
    try:
        return plain(environment.get(name, "")) if environment is not None else posix.environ.get(name.encode(), b"").decode("utf-8", "replace")
    except Exception:
        return ""


def is_main_program(frame):
    main = sys.modules.get("__main__")
    return frame.f_code.co_name == "<module>" and main is not None and frame.f_globals is main.__dict__
