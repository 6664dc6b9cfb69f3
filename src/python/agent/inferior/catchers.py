"""The places where something other than the program takes an exception, so that nobody sees it with its frames.

Each is a function that is called with the exception in its hands and only then: an internal breakpoint at its first line costs
nothing otherwise, waits for modules that are not imported yet, and is there however the function was imported.
"""

THREAD_ENDS, PROCESS_ENDS, PROGRAM_ENDS = "the thread ends with it", "the process ends with it", "the program ends with it"
POOL = "multiprocessing.pool hands it to the parent without its frames"
PROCESSES = "concurrent.futures hands it to the parent without its frames"
THREADS = "concurrent.futures keeps it for whoever asks for the result"
ASYNCIO = "asyncio only reports it"
LOKY = "joblib (loky) hands it on without its frames"
CELERY = "celery marks the task as failed"
TORCH = "torch hands it to the parent without its frames"
IGNORED = "Python only prints it and goes on"
# The end of the file's name, the function, the argument that is the exception (else it is the one that is being handled), who must have
# called it, and what becomes of the exception.
CATCHERS = (
    ("multiprocessing/pool.py", "ExceptionWithTraceback.__init__", "exc", "", POOL),
    ("concurrent/futures/process.py", "_ExceptionWithTraceback.__init__", "exc", "", PROCESSES),
    ("concurrent/futures/_base.py", "Future.set_exception", "exception", "", THREADS),
    ("traceback.py", "print_exc", "", "BaseProcess._bootstrap", PROCESS_ENDS),
    ("threading.py", "_make_invoke_excepthook.invoke_excepthook", "", "", THREAD_ENDS),
    ("asyncio/base_events.py", "BaseEventLoop.call_exception_handler", "context", "", ASYNCIO),
    ("loky/process_executor.py", "_ExceptionWithTraceback.__init__", "exc", "", LOKY),
    ("billiard/einfo.py", "ExceptionInfo.__init__", "", "", "billiard hands it on without its frames"),
    ("celery/app/trace.py", "TraceInfo.handle_failure", "", "", CELERY),
    ("torch/_utils.py", "ExceptionWrapper.__init__", "", "", TORCH),
    ("distributed/core.py", "error_message", "e", "", "dask hands it to the client without its frames"),
    ("ray/exceptions.py", "RayTaskError.__init__", "", "", "ray hands it to the caller without its frames"),
    ("gunicorn/glogging.py", "Logger.exception", "", "", "gunicorn only logs it"),
    ("_pytest/_code/code.py", "ExceptionInfo.from_current", "", "CallInfo.from_call", "pytest reports it"),
    ("unittest/result.py", "TestResult.addError", "err", "", "unittest reports it"),
    ("unittest/result.py", "TestResult.addFailure", "err", "", "unittest reports it"),
    ("flask/app.py", "Flask.handle_exception", "e", "", "flask answers the request with an error"),
)
# What leaves a program on purpose. By name: their modules need not be there.
ON_PURPOSE = {"SystemExit", "KeyboardInterrupt", "GeneratorExit", "CancelledError", "Skipped", "SkipTest"}
# Frames above a place that are searched for another: what `celery` loses it loses through `billiard`.
DEPTH = 30
# Exceptions of a chain, as the session lists them.
LONGEST_CHAIN = 999
# {code of a place: the offset at which it is entered}, of those where something has been caught.
ENTRIES = {}


class Catcher:
    """In the place of a `Breakpoint`, which it is not for the user."""

    number = None

    def __init__(self, suffix, function, argument, caller, fate):
        self.suffix, self.function, self.argument, self.caller, self.fate = "/" + suffix, function, argument, caller, fate

    def caught_in(self, frame):
        """What has been caught, if it is an exception of the program with its frames."""
        # From 3.10 on the end of a `with` belongs to the line at its beginning: only what came first is the entry.
        if ENTRIES.setdefault(frame.f_code, frame.f_lasti) != frame.f_lasti:
            return None
        caller, depth = frame.f_back, 0
        if self.caller and (caller is None or caller.f_code.co_name != self.caller.rpartition(".")[2]):
            return None
        error = frame.f_locals.get(self.argument) if self.argument else exc_info()[1]
        if type(error) is dict:
            # asyncio's context.
            error = error.get("exception")
        elif type(error) is tuple:
            error = error[1]
        if not is_lost(error):
            return None
        while caller is not None and depth < DEPTH:
            if caller.f_code in ENTRIES:
                return None
            caller, depth = caller.f_back, depth + 1
        return error


def is_lost(error):
    return (
        isinstance(error, BaseException)
        and error.__traceback__ is not None
        and not was_shown(error)
        and not any(name_of_class(kind) in ON_PURPOSE for kind in type.mro(type(error)))
        and not is_excepted(type(error))
    )


def is_excepted(kind):
    """Whether the user does not want to stop at exceptions of a class: it, or one that it is made of, goes by a name that was given, which
    may have the module in front that defines it, or a package that the module is in.
    """
    for wanted in WANTED["except"]:
        package, _, name = wanted.rpartition(".")
        for one in type.mro(kind):
            if name_of_class(one) == name:
                module = type.__getattribute__(one, "__module__")
                module = plain(module) if isinstance(module, str) else ""
                whole = module + "." + qualified_name_of_class(one)
                if not package or ("." + whole).endswith("." + wanted) or (module + ".").startswith(package + "."):
                    return True
    return False


def was_shown(error):
    """The program's own module `pmdb` has stopped for it already, in this process."""
    shown = BaseException.__dict__["__dict__"].__get__(error).get("_pmdb_shown")
    return type(shown) is int and shown == posix.getpid()


def frames_of(error):
    """The frames of its traceback, the newest first."""
    return frames_in(error.__traceback__)


def frames_in(entry):
    frames = []
    while entry is not None:
        frames.append(entry.tb_frame)
        entry = entry.tb_next
    return frames[::-1]


def chain_of(error):
    """It and those that led to it, the newest first, as a traceback has them."""
    chain = []
    while error is not None and len(chain) < LONGEST_CHAIN and not any([one is error for one in chain]):
        chain.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return chain


class Import:
    """A module that is being imported: `action` is called with its names at each line of its own."""

    number, function = None, "<module>"

    def __init__(self, suffix, action):
        self.suffix, self.action = "/" + suffix, action

    def caught_in(self, frame):
        self.action(frame.f_globals)


class Catchers:
    def __init__(self, places):
        # {name of a file without its folders: catchers}
        self.by_base_name = {}
        # Of functions, without their classes: what has another is no place.
        self.names = {place.function.rpartition(".")[2] for place in places}
        for place in places:
            self.by_base_name.setdefault(place.suffix.rpartition("/")[2], []).append(place)

    def of_file(self, name):
        known = self.by_base_name.get(name.rpartition("/")[2], ())
        return [catcher for catcher in known if ("/" + name).endswith(catcher.suffix)]

    def in_code(self, code, qualified_name):
        """[(line, catcher)]"""
        places = []
        for catcher in self.of_file(code.co_filename):
            if catcher.function == qualified_name:
                lines = set(lines_of_code(code)) if qualified_name == "<module>" else [first_line_of_body(code)]
                places.extend([(line, catcher) for line in lines])
        return places
