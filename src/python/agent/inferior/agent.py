"""The agent: what pmdb runs inside of a Python process to stop, step and run statements in it.

It has no thread of its own. It runs when the interpreter calls one of its hooks, or when the session has it woken.

Most processes of a command never stop. So what is only needed then, two fifths of it, is brought in at the first stop, or when something is
asked for that is there (`whole.py`): until then it lies there as `marshal` has it.
"""

OWN_NAME = "_pmdb_agent"
# Seconds that a thread which came to a breakpoint waits for another to end its step, and how often it looks.
LONGEST_STEP, GLANCE = 1, 0.01
# Seconds from one look for pmdb to the next, where hits come seldom.
BETWEEN_LOOKS_FOR_PMDB = 1


# The agent, as long as it is not whole.
INCOMPLETE = []
# {pid: a lock}: none that another thread of a parent may have held.
BRINGING = {}


def bring_in_the_rest():
    global REST
    if REST is None:
        return
    # A signal handler of the program may lead here again.
    with BRINGING.setdefault(posix.getpid(), _thread.RLock()):
        if REST is not None:
            exec(loads(REST), globals())
            for agent in INCOMPLETE:
                complete(agent)
            REST = None
            # Nothing in here refers to it when it has left.
            INCOMPLETE.clear()


def is_own(frame):
    """Whether it runs the agent, or one of the texts that lead to it."""
    name = frame.f_code.co_filename
    return name == OWN_FILE or (name == "<string>" and OWN_FILE in frame.f_code.co_consts)


class Agent(Company):
    def __init__(self, channel, session):
        if REST is not None:
            INCOMPLETE.append(self)
        self.channel = channel
        # pmdb's process, as it sees itself.
        self.session = session
        # Of the pipe of commands: which pmdb this agent belongs to.
        self.inode = channel.inodes[channel.commands]
        self.breakpoints = Breakpoints()
        # {thread: number of its errand}, see `errands.py`.
        self.under_way = {}
        # Frames in which something is displayed, each with a number.
        self.kept, self.last_kept = [], 0
        # How forked children come to the session, if it wants them.
        self.forking = None
        # The program that pmdb has started is none of Python's, and has an interpreter in it.
        self.is_embedded = False
        # The interpreter's hooks that are ours in a program that pmdb has started.
        self.hooks = None
        # Where it can be known when an exception is raised that it will be lost.
        self.unwinding = None
        self.has_left = False
        # When it is to be looked if pmdb is there, in seconds of `posix.times()`.
        self.next_look = 0
        # A stop was let pass, since there was no room for it.
        self.has_passed = False
        # Ctrl-C of a program that pmdb has started.
        self.keyboard = None
        self.begin_anew(posix.getpid())
        self.engine = (Monitoring if hasattr(sys, "monitoring") else Rewriting)(self)
        if REST is None:
            complete(self)

    def __getattr__(self, name):
        """What was not needed so far. It goes with the first such name: it makes all others slower."""
        if name.startswith("__"):
            # Who asks all objects that there are.
            raise AttributeError(name)
        bring_in_the_rest()
        return object.__getattribute__(self, name)

    def begin_anew(self, pid):
        """No thread stands still, waits, or steps: also in a child, where but one of the parent's threads goes on."""
        self.at_prompt = _thread.allocate_lock()
        # {thread: where it stops next}
        self.steps = {}
        # The thread that steps, if one does. Others that come to a breakpoint let it come to its end first.
        self.favoured = None
        # Who waits for the prompt, in the order in which they came.
        self.queue = []
        # Threads that run code on behalf of the session: breakpoints do not count there.
        self.busy = set()
        self.stopped_at = self.speaker = None
        # The code of `debug` that runs, each within a stop of the one before.
        self.levels = []
        # The exception that the stop is about, and while its frames, or those of one that led to it, are looked at: these, the newest first.
        self.shown = self.lost_frames = None
        # The frame that an exception is about to leave at which the thread stands.
        self.leaving = None
        # The frames below the newest that an exception has left already, to which a step has come: the newest first.
        self.left_frames = []
        # The thread has stopped in `pdb.set_trace()`, and the user looks at the frame that called it.
        self.is_in_library = False
        # While another thread speaks for the main one: a lock that it holds, and how the main thread then goes on.
        self.turn = None
        self.deferred = None
        # The last of those that were sent to speak for it who spoke, or before whom the main thread was back.
        self.spoken = 0
        self.deciding = _thread.allocate_lock()
        # What is raised in the program when it goes on, and is then on its way to it.
        self.to_raise = self.on_its_way = None
        self.pid = pid

    def is_ours(self):
        """A forked child has the hooks of its parent and nobody to talk to, and so has who closes all files."""
        if posix.getpid() == self.pid and (self.forking is None or self.has_left or self.can_talk()):
            return True
        if self.forking is not None and not self.has_left:
            return self.forking.adopt()
        self.leave()
        return False

    def can_talk(self):
        """Whether the pipes are there. If another thread stands still or waits, it is that one which finds that they are not."""
        return self.channel.is_whole() or self.stopped_at is not None or bool(self.queue)

    def is_forsaken(self):
        """Whether pmdb is gone, and the agent with it. A thread that stands still notices by itself."""
        if not self.at_prompt.acquire(False):
            return False
        try:
            if not self.channel.session_is_gone():
                return False
        finally:
            self.at_prompt.release()
        self.leave()
        return True

    def is_due(self, count):
        """Whether it is time to look if pmdb is there: each second, where hits come seldom, and at each 1024th. It costs as much as some hits."""
        now = posix.times()[4]
        if count & 1023 and now < self.next_look:
            return False
        self.next_look = now + BETWEEN_LOOKS_FOR_PMDB
        return True

    def is_left_to_parent(self, frame, reason):
        """Whether a child is about to stop for a step that its parent began: it goes on, and steps no more."""
        if self.forking is None or reason not in OF_A_STEP or posix.getpid() == self.pid:
            return False
        self.steps, self.favoured = {}, None
        self.engine.resumes(frame, None)
        return True

    # Stops

    def line_reached(self, frame, hits, news=((), ())):
        """A line with breakpoints: stops there if one of them holds or something watched has changed, and gives back whether it did."""
        message = self.what_holds(frame, hits)
        if message is None and news[0]:
            message = {"reason": "breakpoint", "breakpoints": []}
        return message is not None and self.stop(frame, message, news=news)

    def what_holds(self, frame, hits):
        """Counts a hit of breakpoints, and gives back the message of the stop if one of them holds."""
        numbers, complaints = [], []
        if self.has_passed:
            self.tell_passed()
        for breakpoint in hits:
            # Another thread may have taken the agent out meanwhile.
            if self.has_left:
                return None
            if breakpoint.number is None:
                error = breakpoint.caught_in(frame)
                if error is not None and not self.was_told(error) and self.is_ours():
                    return self.message_of(error, breakpoint.fate)
                continue
            if numbers and breakpoint.message is None:
                # As in pdb: the first that holds stops, and the others have not been reached.
                continue
            count = next(breakpoint.counter)
            # A forked child that never comes to a stop shall not go on counting, nor anybody for a pmdb that was killed.
            if not count & 15 and self.is_due(count) and (not self.is_ours() or self.is_forsaken()):
                return None
            holds, complaint = breakpoint.holds_in(frame, self.errands)
            if not holds:
                continue
            if complaint is not None:
                complaints.append({"number": breakpoint.number, "error": complaint})
            if not self.is_ours():
                return None
            if breakpoint.message is not None:
                self.tell_log(breakpoint, frame)
                continue
            if breakpoint.temporary and complaint is None:
                breakpoint.is_spent = True
            numbers.append(breakpoint.number)
        if not numbers:
            return None
        return {"reason": "breakpoint", "breakpoints": numbers, "complaints": complaints}

    def is_lost_at(self, frame, argument):
        """Where an exception is raised in a thread that steps: stops if it will be lost, and gives back whether it did."""
        return self.unwinding is not None and self.unwinding.raised_in_step(frame, argument)

    def was_told(self, error):
        """Whether a thread has stopped where this was raised."""
        return self.unwinding is not None and self.unwinding.was_told(error)

    def message_of(self, error, fate):
        """Of the stop at an exception that nobody will see with its frames: it is about those, not about the thread's own."""
        about = {"address": id(error), "fate": fate}
        return {"reason": "raised", "error": describe_error(error), "about": about, "thrown": error, "raised": error}

    def tell_passed(self):
        if self.is_ours():
            self.channel.send({"event": "output", "text": PASSED})
        self.has_passed = False

    def stop(self, frame, message, thread=None, news=((), ())):
        """Talks with the session until it lets this thread go on. Gives back whether there was anything to say."""
        room = make_room()
        try:
            if not self.is_whole():
                return False
            if self.has_passed:
                self.tell_passed()
            return self.stand_still(frame, message, thread, news)
        finally:
            if room is not None:
                give_back_room(*room)

    def is_whole(self):
        """Whether it is now: what it lacks is brought in. A hook of the program may refuse that (`sys.addaudithook()`), and then it leaves."""
        try:
            bring_in_the_rest()
        except RecursionError:
            # There was no room for it; the next stop is tried again.
            self.has_passed = True
        except Exception as error:
            self.leave({"event": "failed", "text": describe_error(error)})
        return REST is None

    def survives(self, error):
        """Something was raised in a hook. What is for the program goes on its way; else the agent leaves."""
        if error is self.on_its_way:
            self.on_its_way = None
            raise error
        # Nobody is given up before there is the rest, in which that is raised.
        if REST is None and type(error) is GivenUp:
            return
        traceback = error.__traceback__
        while traceback.tb_next is not None:
            traceback = traceback.tb_next
        if traceback.tb_frame.f_code.co_filename != OWN_FILE or isinstance(error, KeyboardInterrupt):
            raise error
        if not isinstance(error, RecursionError):
            self.leave({"event": "failed", "text": describe_error(error)})

    def leave(self, last_words=None):
        """Takes away all that the agent put into the process. Only then does it answer: the session may come back at once."""
        if self.has_left:
            return
        self.steps, self.kept = {}, []
        self.has_left = True
        if REST is None:
            self.catches.replace([])
            self.engine.catch(False)
            self.watches.remove()
        self.breakpoints.catchers = None
        self.engine.remove()
        if self.keyboard is not None:
            self.keyboard.remove()
        if self.hooks is not None:
            self.hooks.remove()
        if sys.__dict__.get(OWN_NAME) is self:
            del sys.__dict__[OWN_NAME]
        sys.__dict__.pop("_pmdb_entrance", None)
        gives_back = self.engine.gives_back_code()
        if last_words is not None and "id" in last_words:
            last_words["gives_back"] = gives_back
        if last_words is not None:
            self.channel.send(last_words)
        self.channel.close()
