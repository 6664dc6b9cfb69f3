"""Catchpoints: classes of exceptions that stop a thread where they are raised, also if they are handled.

From 3.12 on `sys.monitoring` reports what is raised (`RAISE`), up to 3.11 the trace functions of all threads. A class that is not there
yet is known by its name when an exception of it comes.
"""

# Classes whose exceptions have come and been looked at.
MOST_CLASSES = 1000


def classes_of(value):
    """The classes that `except VALUE:` would take; None if it would not take any."""
    kinds = value if type(value) is tuple else (value,)
    is_usable = all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds)
    return kinds if kinds and is_usable else None


class Catch(Breakpoint):
    def __init__(self, wanted, known, evaluate):
        super().__init__(wanted)
        self.text = wanted["catch"]
        # As whom its classes go as long as they are not all there.
        self.names = [name.strip() for name in self.text.strip("( )").split(",") if name.strip()]
        # None as long as there is no such class.
        self.classes = known.classes if known is not None else self.find(evaluate)
        # {id of a class: (class, whether it is one)}
        self.verdicts = {}

    def find(self, evaluate):
        is_name = all(part.isidentifier() for name in self.names for part in name.split("."))
        try:
            value = evaluate(self.text)
        except (NameError, AttributeError) as error:
            if is_name:
                return None
            raise Unusable(describe_error(error)) from None
        except BaseException as error:
            raise Unusable(describe_error(error)) from None
        classes = classes_of(value)
        if classes is None:
            raise Unusable("%s is not a class of exceptions" % self.text)
        return classes

    def takes(self, error):
        kind = type(error)
        known = self.verdicts.get(id(kind))
        if known is None or known[0] is not kind:
            if len(self.verdicts) > MOST_CLASSES:
                self.verdicts = {}
            known = self.verdicts[id(kind)] = kind, any(self.is_one(base) for base in type.mro(kind))
        return known[1]

    def is_one(self, kind):
        if self.classes is not None:
            return any(kind is one for one in self.classes)
        module = type.__getattribute__(kind, "__module__")
        own = (name_of_class(kind), qualified_name_of_class(kind), "%s.%s" % (module, qualified_name_of_class(kind)))
        if any(name in own for name in self.names):
            return True
        # A module that has it from another.
        for holder, _, name in [name.rpartition(".") for name in self.names]:
            if getattr(sys.modules.get(holder), "__dict__", {}).get(name) is kind:
                return True
        return False


class Catches:
    def __init__(self, agent):
        self.agent = agent
        self.list = []
        # The trace functions have to look, since no tool can.
        self.needs_trace = False
        # {thread: ids of an exception and its traceback}, of those at which the trace function has just stopped: `RAISE` comes behind it.
        self.seen = {}

    def made(self, wanted, evaluate):
        known = {one.number: one for one in self.list}
        return [Catch(item, known.get(item["number"]), evaluate) for item in wanted]

    def replace(self, made):
        self.list, self.seen = made, {}

    def raised(self, frame, error, traceback):
        """An exception is raised in a frame, or comes to it. Stops if it is one of those, and gives back whether it has."""
        agent, thread = self.agent, _thread.get_ident()
        if traceback is None or traceback.tb_next is not None or traceback.tb_frame is not frame or not isinstance(error, BaseException):
            return False
        if thread in agent.busy or thread in agent.errands.under_way or agent.has_left or is_own(frame):
            return False
        # What the import system raises for itself. What fails comes to who imports, without those frames.
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return False
        hits = [one for one in self.list if one.takes(error)]
        if not hits:
            return False
        message = agent.what_holds(frame, hits)
        if message is None:
            return False
        fate = agent.unwinding.foreseen(frame, error, traceback) if agent.unwinding is not None else None
        about = {"address": id(error), "fate": fate, "alive": True}
        message.update(reason="catch" if fate is None else "raised", error=describe_error(error), about=about, thrown=error)
        agent.stop(frame, message)
        return True
