"""What an expression of names and attributes gives in a frame, and whether a context manager may swallow an exception. No code of the
program runs for that: where only that would tell, nothing is known.
"""

MISSING = object()
FUNCTION = TYPE(is_genuine)
# As the interpreter has them, whatever a metaclass says.
mro_of = TYPE.__dict__["__mro__"].__get__
dict_of = TYPE.__dict__["__dict__"].__get__


class Slotted:
    __slots__ = ("one",)


SLOT = TYPE(Slotted.__dict__["one"])
# Lib/contextlib.py: what `@contextmanager` makes of a function.
GENERATOR_MANAGER = "contextlib.py", "contextmanager.<locals>.helper"
# Functions, by the end of their file and their names, that swallow nothing as `__exit__` although they do not show it, or that give a
# manager which swallows nothing.
SWALLOW_NOTHING = {
    ("threading.py", "Condition.__exit__"),
    ("synchronize.py", "SemLock.__exit__"),
    ("synchronize.py", "Condition.__exit__"),
    ("tempfile.py", "_TemporaryFileWrapper.__exit__"),
    ("tempfile.py", "NamedTemporaryFile"),
    ("context.py", "BaseContext.Pool"),
    ("context.py", "BaseContext.Manager"),
    ("context.py", "BaseContext.Lock"),
}
# Modules of builtin classes and functions of which the same is true: files and locks.
BUILTIN_SWALLOW_NOTHING = {"_io", "io", "_thread", "_multiprocessing"}
# Managers inside of each other that are looked into: generators have `with` of their own.
DEEPEST_MANAGER = 3


def found_in(kind, name):
    """The class among the bases of one that has an attribute, and what it has."""
    for one in mro_of(kind):
        names = dict_of(one)
        if name in names:
            return one, names[name]
    return None, MISSING


def attribute_of(value, name):
    kind = TYPE(value)
    if kind is MODULE:
        return value.__dict__.get(name, MISSING)
    if isinstance(value, TYPE) and any(one is TYPE for one in mro_of(kind)):
        found = found_in(value, name)[1]
    else:
        if found_in(kind, "__getattribute__")[0] is not object:
            return MISSING
        found = found_in(kind, name)[1]
        if TYPE(found) is SLOT:
            try:
                return found.__get__(value)
            except AttributeError:
                return MISSING
        if found is not MISSING and found_in(TYPE(found), "__set__")[0] is not None:
            return MISSING
        try:
            own = object.__getattribute__(value, "__dict__")
        except AttributeError:
            own = {}
        if TYPE(own) is DICT and name in own:
            return own[name]
    if TYPE(found) in (staticmethod, classmethod):
        return found.__func__
    is_plain = found is MISSING or TYPE(found) is FUNCTION or found_in(TYPE(found), "__get__")[0] is None
    return found if is_plain else MISSING


def value_of(steps, frame):
    """What the steps of a stack machine (`Handlers.expression`) give, or MISSING."""
    values, names, globals_of = [], None, frame.f_globals
    for kind, name in steps:
        if kind == "tuple":
            if name > len(values):
                return MISSING
            values[len(values) - name:] = [tuple(values[len(values) - name:])]
            continue
        if kind == "attribute":
            value = attribute_of(values.pop(), name) if values else MISSING
        else:
            value = MISSING
            if kind != "global":
                names = frame.f_locals if names is None else names
                if kind == "name" and TYPE(names) is not DICT:
                    return MISSING
                value = names.get(name, MISSING)
            if value is MISSING and kind != "local":
                value = dict.get(globals_of, name, MISSING)
                value = dict.get(frame.f_builtins, name, MISSING) if value is MISSING else value
        if value is MISSING:
            return MISSING
        values.append(value)
    return values[0] if len(values) == 1 else MISSING


def is_class_of_exceptions(value):
    return isinstance(value, TYPE) and any(one is BaseException for one in mro_of(value))


def matches(value, kinds):
    """Whether `except VALUE:` takes an exception whose class has these bases. None if that cannot be known."""
    if TYPE(value) is tuple:
        # A tuple in that is an error.
        answers = [matches(one, kinds) if TYPE(one) is not tuple else None for one in value]
        return None if None in answers else True in answers
    return any(one is value for one in kinds) if is_class_of_exceptions(value) else None


def is_listed(code):
    return (code.co_filename.rpartition("/")[2], code.co_qualname) in SWALLOW_NOTHING


class Uncalled:
    """In the place of a frame: that of a function which is not called yet."""

    f_locals = {}

    def __init__(self, function):
        self.f_globals = function.__globals__
        self.f_builtins = function.__builtins__


class Managers:
    def __init__(self, reading, outcome):
        # Gives the `Handlers` of a code object; and what becomes of an exception in a scope.
        self.reading, self.outcome = reading, outcome

    def lets_pass(self, value, is_called, kinds, depth):
        """Whether a manager, or what a call of `value` gives as one, certainly swallows no exception of a class with these bases."""
        if depth > DEEPEST_MANAGER:
            return False
        if not is_called:
            return self.exit_passes(TYPE(value))
        if isinstance(value, TYPE):
            is_made_as_ever = found_in(TYPE(value), "__call__")[0] is TYPE and TYPE(found_in(value, "__new__")[1]) is not staticmethod
            return is_made_as_ever and self.exit_passes(value)
        if TYPE(value) is BUILTIN:
            return value.__module__ in BUILTIN_SWALLOW_NOTHING
        value = getattr(value, "__func__", value) if TYPE(value) is METHOD else value
        if TYPE(value) is not FUNCTION:
            return False
        code = value.__code__
        if is_listed(code):
            return True
        inner = value.__dict__.get("__wrapped__")
        is_generator = (code.co_filename.rpartition("/")[2], code.co_qualname) == GENERATOR_MANAGER
        return is_generator and TYPE(inner) is FUNCTION and self.generator_passes(inner, kinds, depth)

    def exit_passes(self, kind):
        owner, function = found_in(kind, "__exit__")
        if TYPE(function) is not FUNCTION:
            return owner is not None and owner.__module__ in BUILTIN_SWALLOW_NOTHING
        return is_listed(function.__code__) or self.reading(function.__code__).gives_nothing()

    def generator_passes(self, function, kinds, depth):
        reading, scope = self.reading(function.__code__), Uncalled(function)
        outcomes = [self.outcome(reading.at(offset), scope, kinds, depth + 1) for offset in reading.offsets_of("YIELD_VALUE")]
        return bool(outcomes) and all(one == LEAVES for one in outcomes)


METHOD = TYPE(Managers(None, None).exit_passes)
