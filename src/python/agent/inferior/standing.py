"""A thread stands still: it talks with the session until that lets it go on."""


class Standing:
    """Of the agent, which has the rest of it (`agent.py`)."""

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
