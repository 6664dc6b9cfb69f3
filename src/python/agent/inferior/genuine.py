"""CPython's own functions, where the program has put others in their place: `sys.settrace`, `repr`, `len` and their like.

The interpreter keeps a copy of each of these modules as it was at start-up, so the functions are still there. This part comes first: a function finds its builtins when it is made.
"""
import sys
import _thread
import posix

NEEDED = {
    "builtins": ("repr", "len", "eval", "exec", "compile", "isinstance", "getattr", "hasattr", "setattr", "id", "iter", "next", "any", "all", "ord"),
    "sys": ("settrace", "gettrace", "_getframe", "_current_frames", "getrecursionlimit", "setrecursionlimit", "exc_info", "call_tracing", "getrefcount"),
    "posix": ("read", "readv", "write", "close", "fstat", "getpid", "times", "set_blocking", "sched_yield"),
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


def use_genuine(namespace):
    """The agent's own names of these functions: what the program replaces later, while the agent is there, concerns it no more either."""
    inserted = namespace["__builtins__"]
    modules = {"builtins": inserted if TYPE(inserted) is DICT else inserted.__dict__}
    modules.update((name, namespace[name].__dict__) for name in ("sys", "posix", "_thread"))
    replaced = {
        (module, name)
        for module, names in NEEDED.items()
        for name in names
        if not is_genuine(modules[module].get(name), module, name)
    }
    own = {name: dict(members) for name, members in modules.items()}
    for (module, name), function in find_genuine(replaced).items() if replaced else ():
        own[module][name] = function
    namespace["__builtins__"] = own["builtins"]
    for name in ("posix", "_thread"):
        namespace[name] = MODULE(name)
        namespace[name].__dict__.update(own[name])
    # The rest of `sys` is the program's: `sys.stdout`, `sys.modules` and their like.
    for name in NEEDED["sys"]:
        namespace[name.lstrip("_")] = own["sys"].get(name)
    # Asked for at each hit of a breakpoint.
    namespace["get_ident"] = own["_thread"]["get_ident"]
    namespace["MONITORING"] = own["sys"].get("monitoring")


use_genuine(globals())
