"""Exceptions that will be lost, told where they are raised (from 3.12 on): the frames are still there, and can be stepped in.

The interpreter reports each function that an exception leaves (`PY_UNWIND`). When it leaves the first one, the stack below is
searched for who will take it: by the handlers of each function (`handlers.py`), none of which runs for that. Only if all of them let it
pass, up to a place that is known to lose it, does the thread stop. Whatever is not certain is left to the places themselves (`catchers.py`).
"""

# The end of the file's name, the function whose `except` takes what comes, a variable that must be true for that, and what becomes of it.
TAKERS = (
    ("threading.py", "Thread._bootstrap_inner", "", THREAD_ENDS),
    ("multiprocessing/process.py", "BaseProcess._bootstrap", "", PROCESS_ENDS),
    ("multiprocessing/pool.py", "worker", "wrap_exception", POOL),
    ("concurrent/futures/process.py", "_process_worker", "", PROCESSES),
    ("concurrent/futures/thread.py", "_WorkItem.run", "", THREADS),
    ("asyncio/events.py", "Handle._run", "", ASYNCIO),
    ("loky/process_executor.py", "_process_worker", "", LOKY),
    ("celery/app/trace.py", "build_tracer.trace_task", "", CELERY),
    ("torch/utils/data/_utils/worker.py", "_worker_loop", "", TORCH),
)
# By the function's own name.
TAKERS_BY_NAME = {}
for taker in TAKERS:
    TAKERS_BY_NAME.setdefault(taker[1].rpartition(".")[2], []).append(taker)
# Code in C may swallow what comes out of a function that it calls, which nobody sees. These by which an iteration, an attempt to get an
# attribute or an attempt to import ends are let pass where such code may be at work.
ENDS_ITERATION = (StopIteration, StopAsyncIteration)
OF_PROTOCOLS = (AttributeError, LookupError, TypeError)
# Special methods that are called in the program's own name. Others may be asked on trial.
CALLED_BY_NAME = {"__init__", "__new__", "__call__", "__enter__", "__exit__", "__post_init__", "__init_subclass__", "__set_name__", "__del__", "__main__"}
GETTERS = {"__getattr__", "__getattribute__", "__get__"}
ATTEMPTS = {"hasattr", "getattr"}
CALLS = {"CALL", "CALL_KW", "CALL_FUNCTION_EX"}
# Include/cpython/code.h: CO_COROUTINE, CO_ITERABLE_COROUTINE, CO_ASYNC_GENERATOR. Somebody may await it.
COROUTINE_FLAGS = 0x80 | 0x100 | 0x200
# Places and exceptions that are remembered.
MOST_KNOWN, MOST_TOLD = 10000, 100
# Any exception leaves a frame from there.
PASSES = {}
# What becomes of an exception in a frame, besides LEAVES: its `except` takes it; one that takes any does; nobody knows.
TAKEN, TAKEN_BY_ANY, UNKNOWN = "taken", "taken by any", "unknown"


class Unwinding:
    def __init__(self, agent):
        self.agent = agent
        # {place: {id of a class: whether an exception of it that comes to the place is kept there}}, or PASSES where it leaves in any case.
        # A place is a call, as a number: that of its code object and the offset, since code objects do not overlap. What is mistaken
        # here, or true no more, only leaves a stop to a later place: nothing is said to be lost on account of this.
        self.ways = {}
        # {id of an exception: id of the innermost entry of its traceback}, of those at which a thread has stopped.
        self.told = {}
        # {thread: the same of what it is raising in a step, with the id of the frame}
        self.in_step = {}
        # {id of a code object: (code, its handlers)}
        self.readings = {}
        self.managers = Managers(self.reading, self.outcome)
        self.filter = Filter()

    def callback(self):
        """What is called for each function that an exception leaves, if the filter does not know already that it is kept."""
        agent, ways, told, first, identity, kind, passes = self.agent, self.ways, self.told, self.fresh, id, TYPE, PASSES
        show, is_filtered = self.show_to_filter, self.filter.function is not None

        def unwound(code, offset, error):
            try:
                traceback = error.__traceback__
                if traceback.tb_next is not None:
                    return
                if told:
                    # It was that of another exception, at the same address.
                    told.pop(identity(error), None)
                    self.filter.asks_about(told)
                caller, number = traceback.tb_frame.f_back, identity(kind(error))
                while caller is not None:
                    way = ways.get(identity(caller.f_code) + caller.f_lasti)
                    if way is None:
                        break
                    if way is not passes:
                        is_kept = way.get(number)
                        if is_kept:
                            if is_filtered:
                                show(traceback.tb_frame.f_back, number)
                            return
                        if is_kept is None:
                            break
                    caller = caller.f_back
            except BaseException:
                # There is no room for a call, or it is a strange exception.
                return
            try:
                first(code, traceback, error)
            except RecursionError as failure:
                # No room: it is told where it is caught.
                if failure is agent.on_its_way:
                    raise
            except BaseException as failure:
                agent.survives(failure)

        return self.filter.before(unwound)

    def fresh(self, code, traceback, error):
        """An exception leaves the function that raised it."""
        agent, frame, thread = self.agent, traceback.tb_frame, _thread.get_ident()
        if agent.has_left or thread in agent.busy or thread in agent.under_way or frame.f_code is not code or is_own(frame):
            return
        if self.in_step and self.in_step.pop(thread, None) == (id(error), id(traceback), id(frame)):
            # A step has stopped where it was raised.
            self.note(error, traceback)
            return
        fate = self.fate(frame, frame.f_back, error)
        if fate is None:
            self.show_to_filter(frame.f_back, id(TYPE(error)))
        if fate is not None and agent.is_ours():
            self.note(error, traceback)
            self.tell(frame, error, fate, frame)

    def raised_in_step(self, frame, argument):
        """The same where it is raised, of a thread that is traced. Gives back whether it has stopped."""
        error, traceback = argument[1], argument[2]
        if not isinstance(error, BaseException) or traceback is None or traceback.tb_next is not None or traceback.tb_frame is not frame:
            return False
        fate = None if self.was_told(error) else self.foreseen(frame, error, traceback)
        if fate is not None:
            self.tell(frame, error, fate, None)
        return fate is not None

    def foreseen(self, frame, error, traceback):
        """What becomes of an exception, where it is raised, if it will be lost; the stop there is then the only one."""
        fate = self.fate(None, frame, error)
        if fate is not None:
            self.in_step[_thread.get_ident()] = id(error), id(traceback), id(frame)
            self.note(error, traceback)
        return fate

    def note(self, error, traceback):
        if len(self.told) > MOST_TOLD:
            self.told.clear()
        self.told[id(error)] = id(traceback)
        self.filter.asks_about(self.told)

    def tell(self, frame, error, fate, leaving):
        message = self.agent.message_of(error, fate)
        message["about"]["alive"] = True
        if is_bad_exit(error):
            message["reason"] = "exits"
        # Kept by who raised it, not for the frames of its traceback.
        del message["raised"]
        message["leaving"] = leaving
        self.agent.stop(frame, message)

    def was_told(self, error):
        entry = error.__traceback__
        while entry is not None and entry.tb_next is not None:
            entry = entry.tb_next
        return id(error) in self.told and self.told[id(error)] == id(entry)

    def reading(self, code):
        known = self.readings.get(id(code))
        if known is None or known[0] is not code:
            if len(self.readings) > MOST_KNOWN:
                self.readings.clear()
            # The code object is kept, so that its id stays its own.
            known = self.readings[id(code)] = code, Handlers(code)
        return known[1]

    def fate(self, callee, frame, error):
        """What becomes of an exception that has left `callee`, if it will be lost without anybody having seen it."""
        kinds, kind = mro_of(TYPE(error)), id(TYPE(error))
        is_exit = is_bad_exit(error)
        is_on_purpose = not is_exit and (not WANTED["exceptions"] or any(name_of_class(one) in ON_PURPOSE for one in kinds))
        if has_any(kinds, ENDS_ITERATION) or is_on_purpose or is_excepted(TYPE(error)):
            self.remember(frame, kind, True)
            return None
        caller, passed, fate = frame, [] if callee is None else [callee], None
        while frame is not None:
            left = passed[-1].f_code if passed else None
            if left is not None and (left.co_flags & COROUTINE_FLAGS or left.co_filename == OWN_FILE):
                break
            if left is not None and left.co_name == "__del__" != frame.f_code.co_name and "__del__" not in frame.f_code.co_names:
                fate = IGNORED
                break
            reading = self.reading(frame.f_code)
            way = reading.at(frame.f_lasti) if reading.ranges else LEAVES
            outcome = LEAVES if way is LEAVES else self.outcome(way, frame, kinds, 0)
            if outcome != LEAVES:
                fate = fate_at(frame) if outcome == TAKEN_BY_ANY else None
                break
            self.remember(frame, kind, False, is_any=way is LEAVES)
            passed.append(frame)
            frame = frame.f_back
        if frame is None and not self.agent.is_embedded and is_bottom(passed[-1]):
            fate = PROGRAM_ENDS
        if fate is None:
            self.remember(frame or caller, kind, True)
        elif not self.is_certain(passed, frame, error, kinds):
            self.remember(caller, kind, True)
            fate = None
        # It ends a thread alone, or is turned into an exit code by others.
        return fate if fate is PROGRAM_ENDS or not is_exit else None

    def remember(self, caller, kind, is_kept, is_any=False):
        """At a place: an exception of a class is kept there or not, or leaves it as any does."""
        # Where some are lost, nothing is.
        if caller is None or caller.f_code.co_name in TAKERS_BY_NAME:
            return
        if len(self.ways) > MOST_KNOWN:
            self.ways.clear()
        place = id(caller.f_code) + caller.f_lasti
        ways = self.ways.get(place)
        if is_any and not ways:
            self.ways[place] = PASSES
            return
        if ways is None or (ways is PASSES and is_kept):
            # There may be no handler, and yet code in C between that keeps some.
            ways = self.ways[place] = {}
        if ways is not PASSES and len(ways) < MOST_KNOWN:
            ways[kind] = is_kept

    def show_to_filter(self, caller, kind):
        """What is remembered of the places that an exception of a class comes to, up to where it is kept."""
        while caller is not None:
            place = id(caller.f_code) + caller.f_lasti
            way = self.ways.get(place)
            is_kept = None if way is None else False if way is PASSES else way.get(kind)
            if is_kept is None:
                return
            self.filter.remember(place, kind, is_kept)
            if is_kept:
                return
            caller = caller.f_back

    def outcome(self, way, scope, kinds, depth):
        """Which way an exception with these classes takes through the handlers of a function."""
        while way is not LEAVES and way is not STAYS:
            if type(way) is With:
                value = value_of(way.expression, scope)
                if value is MISSING or not self.managers.lets_pass(value, way.is_called, kinds, depth):
                    return UNKNOWN
                way = way.behind
                continue
            value = BaseException if way.expression is None else value_of(way.expression, scope)
            takes = None if value is MISSING else matches(value, kinds)
            if takes is None:
                return UNKNOWN
            if takes and way.inside is STAYS:
                return TAKEN_BY_ANY if value is BaseException or value is Exception else TAKEN
            way = way.inside if takes else way.otherwise
        return LEAVES if way is LEAVES else UNKNOWN

    def is_certain(self, passed, taker, error, kinds):
        """Whether no code in C between the functions that an exception leaves is known to swallow the like of it."""
        is_of_protocol, is_of_attribute = has_any(kinds, OF_PROTOCOLS), has_any(kinds, (AttributeError,))
        is_of_import, is_in_end = has_any(kinds, (ImportError,)), has_any(mro_of(TYPE(error.__context__)), (GeneratorExit,))
        for callee, caller in zip(passed, passed[1:] + [taker]):
            code, names = callee.f_code, caller.f_code.co_names if caller is not None else ()
            name = code.co_name
            is_special = name.startswith("__") and name.endswith("__") and name not in CALLED_BY_NAME
            if is_special and is_of_protocol:
                return False
            if is_of_attribute and any(one in ATTEMPTS for one in names):
                return False
            if is_of_import and code.co_filename.startswith("<frozen importlib"):
                return False
            if code.co_flags & GENERATOR_FLAGS and is_in_end:
                return False
            if is_getter(callee):
                # Where an attribute is read by the program itself, only AttributeError has a meaning.
                is_asked_in_c = caller is not None and self.reading(caller.f_code).operation(caller.f_lasti) in CALLS
                if is_asked_in_c or is_of_attribute:
                    return False
        return True


def is_bad_exit(error):
    """Whether the user wants to see that a program is left with an exit code other than 0, and this does that."""
    return WANTED["exits"] and isinstance(error, SystemExit) and error.code not in (None, 0)


def has_any(kinds, wanted):
    """By identity: a metaclass may have an `__eq__` of its own."""
    return any(kind is one for kind in kinds for one in wanted)


def is_getter(frame):
    """Whether the function is called to get an attribute: of a property, for instance."""
    code = frame.f_code
    if code.co_name in GETTERS:
        return True
    value = frame.f_locals.get(code.co_varnames[0], MISSING) if code.co_argcount == 1 else MISSING
    found = found_in(TYPE(value), code.co_name)[1] if value is not MISSING else MISSING
    return found is not MISSING and TYPE(found) is not FUNCTION


def is_bottom(frame):
    """Whether what leaves the frame leaves the main program, and there is nobody below it."""
    code = frame.f_code
    is_runner = code.co_name == "_run_module_as_main" and (code.co_filename == "<frozen runpy>" or code.co_filename.endswith("/runpy.py"))
    return frame.f_back is None and (is_runner or is_main_program(frame))


def fate_at(frame):
    code = frame.f_code
    for file, function, variable, fate in TAKERS_BY_NAME.get(code.co_name, ()):
        is_there = ("/" + code.co_filename).endswith("/" + file) and code.co_qualname.replace("<locals>.", "") == function
        if is_there and (not variable or frame.f_locals.get(variable) is True):
            return fate
    return None
