"""The agent: what pmdb runs inside of a Python process to stop, step and run statements in it.

It has no thread of its own. It runs when the interpreter calls one of its hooks, or when the session has it woken.
"""

OWN_NAME = "_pmdb_agent"
# Seconds that a thread which came to a breakpoint waits for another to end its step, and how often it looks.
LONGEST_STEP, GLANCE = 1, 0.01
# Seconds from one look for pmdb to the next, where hits come seldom.
BETWEEN_LOOKS_FOR_PMDB = 1


def is_own(frame):
    """Whether it runs the agent, or one of the texts that lead to it."""
    name = frame.f_code.co_filename
    return name == OWN_FILE or (name == "<string>" and OWN_FILE in frame.f_code.co_consts)


class Agent(Commands, Levels, Arrivals):
    def __init__(self, channel, session):
        self.channel = channel
        # pmdb's process, as it sees itself.
        self.session = session
        # Of the pipe of commands: which pmdb this agent belongs to.
        self.inode = channel.inodes[channel.commands]
        self.breakpoints = Breakpoints()
        self.watches = Watches(self)
        self.catches = Catches(self)
        self.errands = Errands(self)
        self.evaluator = Evaluator(channel.send, self.errands)
        # Frames in which something is displayed, each with a number.
        self.kept, self.last_kept = [], 0
        # How forked children come to the session, if it wants them.
        self.forking = None
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

    def step_ended(self, frame, step, hits, news=((), ())):
        """A step stops at a line. As in bdb its breakpoints are not asked, and so not reached; log points are pmdb's own."""
        message = self.what_holds(frame, [one for one in hits if one.number is None or one.message is not None])
        self.stop(frame, message or {"reason": step.line_reason()}, news=news)

    def raised(self, frame, argument):
        kind, value, traceback = argument
        inner = "Internal " if traceback is None and kind is StopIteration else ""
        error = value if isinstance(value, BaseException) else kind(value)
        message = {"reason": "exception", "error": inner + describe_error(error), "thrown": error}
        if traceback is not None:
            # Up to 3.11 the exception does not have it yet.
            message["about"] = {"address": id(error), "traceback": id(traceback)}
            message["left"] = frames_in(traceback)
            if message["left"][-1] is frame:
                message["left"].pop()
        self.stop(frame, message)

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

    def returned_from(self, frame, value, news=((), ())):
        self.evaluator.scope(frame)[1]["__return__"] = value
        self.evaluator.variables["_retval"] = value
        try:
            shown = "<%s, too long to be shown>" % name_of_class(type(value))
            if not is_heavy(value):
                shown = bounded(self.errands.run(repr, value), LONGEST_TEXT)[0]
            in_brief = self.errands.run(brief, value)
        except BaseException as error:
            shown = "*** repr(retval) failed: %s ***" % describe_error(error)
            in_brief = nameless(value) if type(error) is GivenUp else brief(value)
        is_left = not frame.f_code.co_flags & GENERATOR_FLAGS
        if is_left:
            news = news if news[0] else self.watches.look(frame)
            self.watches.frame_left(frame)
        self.stop(frame, {"reason": "return", "value": shown, "brief": in_brief}, news=news)
        if is_left:
            self.watches.frame_left(frame)

    def tell_log(self, breakpoint, frame):
        try:
            text = self.errands.run(eval, breakpoint.message, frame.f_globals, frame.f_locals)
        except BaseException as error:
            text = "*** " + describe_error(error)
        self.channel.send({"event": "log", "number": breakpoint.number, "text": text, "thread": _thread.get_native_id()})

    def take_turn(self, is_urgent):
        """Waits until no other thread is at the prompt nor came before, and until one that steps is done or takes too long."""
        thread, waited, pause = _thread.get_ident(), 0, _thread.allocate_lock()
        pause.acquire()
        ticket = [thread]
        self.queue.insert(0 if is_urgent else len(self.queue), ticket)
        try:
            while True:
                if self.favoured == thread or self.queue[0] is ticket:
                    self.at_prompt.acquire()
                    favoured = self.favoured
                    is_free = favoured in (None, thread) or favoured not in current_frames()
                    if is_urgent or self.has_left or is_free or waited > LONGEST_STEP:
                        return
                    self.at_prompt.release()
                pause.acquire(True, GLANCE)
                # The time of a step, not that of the prompt.
                waited += GLANCE if self.stopped_at is None else 0
        finally:
            self.queue.remove(ticket)

    def tell_passed(self):
        if self.is_ours():
            self.channel.send({"event": "output", "text": PASSED})
        self.has_passed = False

    def stop(self, frame, message, thread=None, news=((), ())):
        """Talks with the session until it lets this thread go on. Gives back whether there was anything to say."""
        room = make_room()
        if self.has_passed:
            self.tell_passed()
        try:
            return self.stand_still(frame, message, thread, news)
        finally:
            if room is not None:
                give_back_room(*room)

    def stand_still(self, frame, message, thread, news):
        if self.is_left_to_parent(frame, message["reason"]) or not self.is_ours():
            return False
        is_within = self.is_in_level()
        if is_within:
            self.leave_level_if_over()
        else:
            self.take_turn(message["reason"] in ("attach", "interrupt", "entry", "waiting"))
        at_prompt = self.at_prompt
        raised, lost, leaving = None, message.pop("raised", None), message.pop("leaving", None)
        left = message.pop("left", [])
        try:
            self.leaving = leaving
            if "thrown" in message:
                # Now that it is this thread's turn: before, there may have been another's.
                self.evaluator.variables["_exception"] = self.shown = message.pop("thrown")
            if lost is not None:
                self.lost_frames = frames_of(lost)
            self.left_frames = left
            if "breakpoints" in message:
                # They may have been deleted while this thread waited for its turn.
                message["breakpoints"] = [one for one in message["breakpoints"] if one in self.breakpoints.by_number]
            if self.has_left or (message.get("breakpoints") == [] and not self.watches.still_there(news[0])):
                return False
            self.is_in_library = "up" in message.get("about", ())
            self.favoured = None
            self.steps.pop(_thread.get_ident(), None)
            self.stopped_at, self.speaker = frame, _thread.get_ident()
            looked = self.watches.look(frame)
            message["changes"] = self.watches.still_there(list(news[0]) + looked[0])
            message["complaints"] = message.get("complaints", []) + list(news[1]) + looked[1]
            message["breakpoints"] = message.get("breakpoints", []) + [change["number"] for change in message["changes"]]
            message["ended"], self.watches.ended = self.watches.ended, []
            self.busy.add(_thread.get_ident())
            numbered = list(self.breakpoints.by_number.values()) + list(self.watches.by_number.values())
            counts = [[one.number, one.hits(), one.ignore] for one in numbered]
            message.update(event="stopped", thread=thread or _thread.get_native_id(), counts=counts)
            going_on = self.channel.send(message)
            while going_on:
                try:
                    going_on = self.converse(frame)
                except BaseException as error:
                    # A signal came, and the handler of the program raised this: it is for the program.
                    raised = raised or (error if type(error) is not GivenUp else None)
                    going_on = self.excuse(error)
        finally:
            self.stopped_at = self.speaker = self.shown = self.lost_frames = self.leaving = lost = leaving = left = None
            self.left_frames = []
            self.watches.is_resting = False
            self.busy.discard(_thread.get_ident())
            self.evaluator.forget_frame()
            raised, self.to_raise = raised or self.to_raise, None
            # In a forked child the lock is another one, which nobody may hold.
            if not is_within:
                at_prompt.release()
        if raised is not None:
            self.on_its_way = raised
            raise raised
        return True

    def converse(self, frame):
        """One command and its answer. Gives back whether the thread goes on standing still."""
        command = self.channel.receive()
        answer = self.obey(frame, command) if command is not None else None
        if answer is None:
            self.channel.answered()
        if answer is ANSWERED:
            return True
        if posix.getpid() != self.pid:
            # The command forked, and this is the child: the session is its parent's.
            self.leave()
            return False
        if answer is not None:
            answer["id"] = command.get("id")
            if self.channel.send(answer):
                self.channel.answered()
                return True
        if command is None or answer is not None:
            self.leave()
        return False

    def excuse(self, error):
        """A command was cut off in the middle by what a signal handler raised. Gives back whether the thread goes on standing still."""
        command = self.channel.state[2]
        if not isinstance(command, dict):
            return not self.has_left
        self.channel.answered()
        if command.get("do") in ("resume", "leave"):
            return False
        text = describe_error(error)
        if type(error) is not GivenUp:
            text = "cut off by a signal handler of the program, which raised " + text
        return self.channel.send({"id": command.get("id"), "error": text})

    def obey(self, frame, command):
        """The answer to a command, or None if the thread goes on."""
        try:
            return self.orders[command["do"]](self, frame, command)
        except BaseException as error:
            return {"error": "the agent failed: " + describe_error(error)}

    def survives(self, error):
        """Something was raised in a hook. What is for the program goes on its way; else the agent leaves."""
        if error is self.on_its_way:
            self.on_its_way = None
            raise error
        if type(error) is GivenUp:
            return
        traceback = error.__traceback__
        while traceback.tb_next is not None:
            traceback = traceback.tb_next
        if traceback.tb_frame.f_code.co_filename != OWN_FILE or isinstance(error, KeyboardInterrupt):
            raise error
        if not isinstance(error, RecursionError):
            self.leave({"event": "failed", "text": describe_error(error)})

    def selected(self, frame, command):
        """The frame so many calls up from the one that stopped, or from the newest that an exception has left below it."""
        number = command.get("frame", 0)
        if self.lost_frames is not None:
            return self.lost_frames[number]
        if number < len(self.left_frames):
            return self.left_frames[number]
        for _ in range(number - len(self.left_frames)):
            frame = frame.f_back
            if frame is None:
                raise ValueError("there is no such frame")
        return frame

    def leave(self, last_words=None):
        """Takes away all that the agent put into the process. Only then does it answer: the session may come back at once."""
        if self.has_left:
            return
        self.steps, self.kept = {}, []
        self.has_left = True
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


def begin(commands, answers, kept, session):
    channel = Channel(commands, answers, kept)
    other = sys.__dict__.get(OWN_NAME)
    if other is not None:
        # The agent of a pmdb that was killed notices only when it runs. While a thread stands still for it, its pmdb is there.
        if other.stopped_at is not None or not other.channel.session_is_gone():
            channel.send({"event": "taken", "session": other.session})
            return
        other.leave()
    agent = Agent(channel, session)
    if WANTED["while_running"]:
        agent.accompany()
    # So that the session finds it again while the program runs and nothing else refers to it.
    sys.__dict__[OWN_NAME] = agent
    channel.send({"event": "hello"})


# What the text that starts the agent puts into the namespace: three file descriptors, and pmdb's process.
# Up to 3.9 a function has the builtins of who calls it from the same namespace: this call comes from another one.
TYPE(begin)((lambda call, arguments: call(*arguments)).__code__, {})(begin, (commands, answers, kept, session))
