"""CPython's own functions, where the program has put others in their place: `sys.settrace`, `repr`, `len` and their like.

The interpreter keeps a copy of each of these modules as it was at start-up, so the functions are still there. This part comes first: a function finds its builtins when it is made.
"""
import sys
import _thread
import posix

NEEDED = {
    "builtins": ("repr", "len", "eval", "exec", "compile", "isinstance", "getattr", "hasattr", "setattr", "id", "iter", "next", "any", "all", "ord"),
    "sys": ("settrace", "gettrace", "_getframe", "_current_frames", "getrecursionlimit", "setrecursionlimit"),
    "posix": ("read", "readv", "write", "close", "fstat", "getpid", "set_blocking", "sched_yield"),
    "_thread": ("allocate_lock", "get_ident", "get_native_id", "start_new_thread"),
}
TYPE = "".__class__.__class__
BUILTIN, MODULE, DICT = TYPE("".join), TYPE(sys), TYPE({})


def is_genuine(value, module, name):
    return TYPE(value) is BUILTIN and value.__name__ == name and value.__module__ == module


def find_genuine(wanted):
    """{(module, name): function} of those that the garbage collector knows."""
    try:
        import gc
    except BaseException:
        # What `import` itself needs has been replaced.
        return {}
    found = {}
    for thing in gc.get_objects():
        if TYPE(thing) is BUILTIN and TYPE(thing.__self__) is MODULE:
            key = (thing.__self__.__name__, thing.__name__)
            if key in wanted:
                found[key] = thing
    return found


class Genuine:
    """A module with its own functions in it; all else is the module's."""

    __slots__ = ("_module", "_own")

    def __init__(self, module, own):
        object.__setattr__(self, "_module", module)
        object.__setattr__(self, "_own", own)

    @property
    def __dict__(self):
        return self._module.__dict__

    def __getattribute__(self, name):
        if name in ("_module", "_own"):
            return object.__getattribute__(self, name)
        own = object.__getattribute__(self, "_own")
        return own[name] if name in own else object.__getattribute__(self, "_module").__getattribute__(name)

    def __setattr__(self, name, value):
        self._module.__dict__[name] = value


def use_genuine(namespace):
    inserted = namespace["__builtins__"]
    modules = {"builtins": inserted if TYPE(inserted) is DICT else inserted.__dict__}
    modules.update((name, namespace[name].__dict__) for name in ("sys", "posix", "_thread"))
    replaced = {
        (module, name)
        for module, names in NEEDED.items()
        for name in names
        if not is_genuine(modules[module].get(name), module, name)
    }
    if not replaced:
        return
    for (module, name), function in find_genuine(replaced).items():
        if module == "builtins":
            namespace["__builtins__"] = dict(modules["builtins"], **{name: function})
            modules["builtins"] = namespace["__builtins__"]
        else:
            known = namespace[module]
            own = known._own if TYPE(known) is Genuine else {}
            namespace[module] = Genuine(known if not own else known._module, dict(own, **{name: function}))


use_genuine(globals())
