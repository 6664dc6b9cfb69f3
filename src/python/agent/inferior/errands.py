"""Code of the program that the agent runs on its own account: a statement, a condition, the message of a log, a watched expression, a `repr()`.

What takes too long is given up: KeyboardInterrupt is raised in it, by another thread, since it would otherwise be raised in the agent. That
may come late, when the code has come to its end. So each piece of code is an errand: nothing is raised but during one, and an errand
does not end before what is on its way has come. The program itself never meets it.
"""

# Seconds that a condition and its like have to come to their end when the program is to stop, that one which is given up may take to
# notice, and between two looks at that.
SOON, LONGEST_END, BETWEEN_LOOKS = 0.3, 1, 0.01
# Turns of a loop in which whatever is on its way comes: the interpreter looks for it at least when it jumps back.
TURNS = (0, 1, 2, 3)
# What an errand has given that has given nothing.
NOTHING = object()
# A name in the text by which the session has the main thread interrupted (`interruption` in script.rs).
IN_INTERRUPTION = "_pmdb_agent"
# What the interpreter raises where GivenUp came at the first instruction of that text, which has nothing yet to catch it with: the
# call of it failed and told no exception (`make_pending_calls` in CPython's ceval_gil.c).
LOST = "error return without exception set"


class GivenUp(KeyboardInterrupt):
    """Raised in what is given up, and in nothing else. It goes by the name of KeyboardInterrupt."""

    __module__ = "builtins"
    __qualname__ = "KeyboardInterrupt"


GivenUp.__name__ = "KeyboardInterrupt"


class Errands:
    def __init__(self, agent):
        self.agent = agent
        # {thread: number of its errand}
        self.under_way = agent.under_way
        self.numbers = counter(1)
        # Numbers of those that are to be given up.
        self.unwanted = set()
        # Held by who decides whether to raise it.
        self.gate = _thread.allocate_lock()
        self.pid = posix.getpid()

    def run(self, what, *arguments):
        """Calls a function in which GivenUp may be raised, and gives back what it gives."""
        thread, under_way = get_ident(), self.under_way
        if thread in under_way:
            return what(*arguments)
        number, result = next(self.numbers), NOTHING
        try:
            try:
                under_way[thread] = number
                result = what(*arguments)
            except SystemError as error:
                if number in self.unwanted and str(error) == LOST:
                    raise GivenUp from None
                raise
            finally:
                # The beginning of `end`, which is called where there is more to do: each hit of a condition comes by.
                under_way.pop(thread, None)
                if self.unwanted:
                    self.end(thread, number)
        except BaseException as error:
            # Once more: it may have come in the middle of that.
            self.end(thread, number)
            if result is NOTHING or type(error) is not GivenUp:
                raise
        return result

    def end(self, thread, number):
        self.under_way.pop(thread, None)
        if number not in self.unwanted:
            return
        pause = _thread.allocate_lock()
        pause.acquire()
        # In a child, who held it is not there.
        while self.gate.locked() and posix.getpid() == self.pid:
            pause.acquire(True, BETWEEN_LOOKS)
        for _ in TURNS:
            pass
        self.unwanted.discard(number)

    def give_up(self, thread, after=0):
        """Raises GivenUp in the errand of a thread, if it has one, unless that ends within so many seconds."""
        number = self.under_way.get(thread)
        if number is not None:
            self.unwanted.add(number)
            _thread.start_new_thread(self.raise_from_outside, (thread, number, after))

    def ends(self, thread):
        """Whether a thread has an errand that ends when it is given up, soon: what waits in C code does not notice."""
        number, waited, pause = self.under_way.get(thread), 0, _thread.allocate_lock()
        if number is None:
            return False
        self.give_up(thread)
        pause.acquire()
        while self.under_way.get(thread) == number and waited < LONGEST_END:
            pause.acquire(True, BETWEEN_LOOKS)
            waited += BETWEEN_LOOKS
        return self.under_way.get(thread) != number

    def raise_from_outside(self, thread, number, after):
        pause, waited = _thread.allocate_lock(), 0
        pause.acquire()
        own, busy = _thread.get_ident(), self.agent.busy
        # Its own lines are nothing to stop at.
        busy.add(own)
        try:
            while self.under_way.get(thread) == number:
                if waited >= after and self.is_raised(thread, number):
                    return
                pause.acquire(True, BETWEEN_LOOKS)
                waited += BETWEEN_LOOKS
        except BaseException:
            # Without `ctypes` it cannot be given up, which pmdb says.
            pass
        finally:
            busy.discard(own)

    def is_raised(self, thread, number):
        import ctypes

        raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
        with self.gate:
            frame = current_frames().get(thread)
            if frame is None or self.under_way.get(thread) != number:
                return False
            # In the agent it would cut off what the agent is about, and the text that calls it lets nothing out.
            if frame.f_code.co_filename == OWN_FILE or IN_INTERRUPTION in frame.f_code.co_names:
                return False
            raise_in(ctypes.c_ulong(thread), ctypes.py_object(GivenUp))
            return True
