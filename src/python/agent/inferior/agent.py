"""The agent: what pmdb runs inside of a Python process to stop, step and run statements in it.

It has no thread of its own. It runs when the interpreter calls one of its hooks, or when the session has it woken.
"""

OWN_FILE = "<pmdb>"
OWN_NAME = "_pmdb_agent"


class Agent:
    def __init__(self, channel):
        self.channel = channel
        self.pid = posix.getpid()
        self.at_prompt = _thread.allocate_lock()
        self.breakpoints = Breakpoints()
        self.evaluator = Evaluator(channel.send)
        self.step = None
        self.stopped_at = None
        self.has_left = False
        # While another thread speaks for the main one: a lock that it holds, and how the main thread then goes on.
        self.turn = None
        self.deferred = None
        # Whether the main thread was back before the other spoke.
        self.came = False
        self.engine = (Monitoring if hasattr(sys, "monitoring") else Tracing)(self)

    def is_ours(self):
        """A forked child has the hooks of its parent and nobody to talk to."""
        if posix.getpid() == self.pid:
            return True
        self.leave()
        return False

    # Stops

    def line_reached(self, frame, hits):
        """A line with breakpoints: stops there if one of them holds, and gives back whether it did."""
        numbers, complaints = [], []
        for breakpoint in hits:
            holds, complaint = breakpoint.holds_in(frame)
            if complaint is not None:
                complaints.append({"number": breakpoint.number, "error": complaint})
            if not holds:
                continue
            if breakpoint.message is not None:
                self.tell_log(breakpoint, frame)
            else:
                numbers.append(breakpoint.number)
        if not numbers:
            return False
        self.stop(frame, {"reason": "breakpoint", "breakpoints": numbers, "complaints": complaints})
        return True

    def raised(self, frame, argument):
        kind, value, traceback = argument
        inner = "Internal " if traceback is None and kind is StopIteration else ""
        error = value if isinstance(value, BaseException) else kind(value)
        self.evaluator.variables["_exception"] = error
        self.stop(frame, {"reason": "exception", "error": inner + describe_error(error)})

    def returned_from(self, frame, value):
        self.evaluator.scope(frame)[1]["__return__"] = value
        self.evaluator.variables["_retval"] = value
        try:
            shown, _ = bounded(repr(value), LONGEST_TEXT)
        except BaseException as error:
            shown = "*** repr(retval) failed: %s ***" % describe_error(error)
        self.stop(frame, {"reason": "return", "value": shown, "brief": brief(value)})

    def tell_log(self, breakpoint, frame):
        try:
            text = eval(breakpoint.message, frame.f_globals, frame.f_locals)
        except BaseException as error:
            text = "*** " + describe_error(error)
        self.channel.send({"event": "log", "number": breakpoint.number, "text": text, "thread": _thread.get_native_id()})

    def stop(self, frame, message, thread=None):
        """Talks with the session until it lets this thread go on. Other threads that want to stop wait for their turn."""
        with self.at_prompt:
            self.step = None
            self.stopped_at = frame
            counts = [[one.number, one.hits, one.ignore] for one in self.breakpoints.by_number.values()]
            message.update(event="stopped", thread=thread or _thread.get_native_id(), counts=counts)
            try:
                going_on = self.channel.send(message)
                while going_on:
                    command = self.channel.receive()
                    if command is None:
                        break
                    answer = self.obey(frame, command)
                    if answer is None:
                        return
                    answer["id"] = command.get("id")
                    going_on = self.channel.send(answer)
                self.leave()
            finally:
                self.stopped_at = None
                self.evaluator.forget_frame()

    def obey(self, frame, command):
        """The answer to a command, or None if the thread goes on."""
        try:
            return self.orders[command["do"]](self, frame, command)
        except BaseException as error:
            return {"error": "the agent failed: " + describe_error(error)}

    def selected(self, frame, command):
        """The frame so many calls up from the one that stopped."""
        for _ in range(command.get("frame", 0)):
            frame = frame.f_back
            if frame is None:
                raise ValueError("there is no such frame")
        return frame

    # Commands

    def do_evaluate(self, frame, command):
        return self.evaluator.evaluate(self.selected(frame, command), command["text"], command.get("limit", LONGEST_TEXT))

    def do_execute(self, frame, command):
        return self.evaluator.execute(self.selected(frame, command), command["text"])

    def do_breakpoints(self, frame, command):
        try:
            self.breakpoints.replace(command["list"])
        except Unusable as error:
            return {"error": str(error)}
        self.engine.breakpoints_changed()
        return {}

    def do_locate(self, frame, command):
        """Where the body of a function begins: the file and the line of its first instruction behind the `def`."""
        global_names, local_names = self.evaluator.scope(self.selected(frame, command))
        try:
            value = eval(command["text"], global_names, local_names)
        except BaseException as error:
            return {"error": describe_error(error)}
        value = getattr(value, "__func__", value)
        code = getattr(value, "__code__", None)
        if code is None:
            return {"error": "not a function or a method"}
        return {"text": self.breakpoints.path(code.co_filename), "line": first_line_of_body(code)}

    def do_jump(self, frame, command):
        if frame is not self.selected(frame, command):
            return {"error": "You can only jump within the bottom frame"}
        try:
            frame.f_lineno = command["line"]
        except ValueError as error:
            return {"error": "Jump failed: %s" % error}
        return {"line": frame.f_lineno}

    def do_resume(self, frame, command):
        selected = self.selected(frame, command)
        if self.turn is not None:
            self.deferred = (command, selected)
            return None
        self.step = Step.of(command, selected)
        if self.step is not None and command["how"] != "return":
            self.step.begins_at(self.step.frame or frame)
        self.engine.resumes(frame, self.step)
        return None

    def do_leave(self, frame, command):
        self.leave({"id": command.get("id")})
        return None

    orders = {
        "evaluate": do_evaluate,
        "execute": do_execute,
        "breakpoints": do_breakpoints,
        "locate": do_locate,
        "jump": do_jump,
        "resume": do_resume,
        "leave": do_leave,
    }

    # Coming and going

    def stop_soon(self, frame, reason):
        """Stops this thread at the next line that it runs in `frame` or in what it calls."""
        self.step = Step(_thread.get_ident(), reason)
        self.engine.resumes(frame, self.step)

    def stand_in(self, main):
        """Runs in a thread that pmdb made since the main thread waits in C code: talks with the session in its name."""
        frame = sys._current_frames().get(main)
        turn = _thread.allocate_lock()
        with turn:
            # No other thread runs from here to the test.
            came, self.came = self.came, False
            if came or frame is None or self.has_left:
                return
            self.turn = turn
            try:
                self.stop(frame, {"reason": "waiting"}, self.pid)
            finally:
                self.turn = None

    def rejoin(self, frame):
        """The main thread is back: it waits until its turn, and goes on as it was told."""
        turn = self.turn
        if turn is None and self.deferred is None:
            self.came = True
            self.stop_soon(frame, "interrupt")
            return
        if turn is not None:
            with turn:
                pass
        deferred, self.deferred = self.deferred, None
        if deferred is None or self.has_left:
            return
        command, selected = deferred
        self.step = Step.of(command, selected)
        self.engine.resumes(frame, self.step)

    def leave(self, last_words=None):
        """Takes away all that the agent put into the process. Only then does it answer: the session may come back at once."""
        if self.has_left:
            return
        self.step = None
        self.has_left = True
        self.engine.remove()
        if sys.__dict__.get(OWN_NAME) is self:
            del sys.__dict__[OWN_NAME]
        sys.__dict__.pop("_pmdb_entrance", None)
        if last_words is not None:
            self.channel.send(last_words)
        for number in (self.channel.commands, self.channel.answers, self.channel.kept):
            try:
                posix.close(number)
            except OSError:
                pass


# What the text that starts the agent puts into the namespace: three file descriptors, and the frame that it interrupted.
agent = Agent(Channel(commands, answers, kept))
# So that the session finds it again while the program runs and nothing else refers to it.
sys.__dict__[OWN_NAME] = agent
agent.channel.send({"event": "hello"})
if frame is not None:
    agent.stop_soon(frame, "attach")
del agent, frame
