"""How a thread comes to stand still since the session wants it to: the texts that pmdb has the interpreter run begin here."""


class Arrivals:
    """Of the agent, which has the rest of it (`agent.py`)."""

    def interrupt(self):
        """The session wants the main thread, which runs this, to stop, or what runs at the prompt to be given up. In a forked child it
        may be the first that is heard of the session."""
        if not self.is_ours():
            return
        if self.stopped_at is not None:
            self.errands.give_up(self.speaker)
            return
        if self.stops_level_of_other():
            return
        # Behind the text that calls this.
        frame = getframe(2)
        if frame.f_code is Keyboard.interrupted.__code__:
            # The signal that came with the request.
            frame = frame.f_back
        self.stop_behind(frame)

    def stop_behind(self, frame):
        """Stops this thread, which runs `frame`, at the next line that is the program's own doing."""
        own, bottom = frame, self.bottom()
        while own is not None and own is not bottom and own.f_code.co_filename != OWN_FILE:
            own = own.f_back
        if own is None or own is bottom:
            self.stop_soon(frame, "interrupt")
            return
        # In one of the hooks, or in a condition or a `repr()` that it has called: the thread stops at the first line behind the hook.
        while own is not None and is_own(own):
            own = own.f_back
        self.stop_soon(own, "interrupt")
        self.errands.give_up(_thread.get_ident(), SOON)

    def arrive(self):
        """The main thread has brought the agent in, and stops at its next line."""
        # Behind the text that calls this, and the text in that.
        self.stop_soon(getframe(3), "attach")

    def enter(self):
        """Before the main program of a program that pmdb has started."""
        self.keyboard = Keyboard(self)
        self.hooks = PostMortem(self)
        # What the text behind this one has interrupted, if any Python was.
        Entering(self).begin(getframe(2).f_back)

    def stop_soon(self, frame, reason):
        """Stops this thread at the next line that it runs in `frame` or in what it calls."""
        if self.has_left:
            return
        self.steps[_thread.get_ident()] = step = Step(reason)
        self.engine.resumes(frame, step)

    def stand_in(self, main, serial):
        """Runs in a thread that pmdb made since the main thread waits in C code: talks with the session in its name."""
        turn = _thread.allocate_lock()
        if not self.is_ours():
            return
        if self.errands.ends(main):
            # It was in a condition or a `repr()`, and stops behind that.
            return
        if self.stops_level_of_other():
            return
        for level in self.levels:
            level.speakers.add(_thread.get_ident())
        with turn:
            with self.deciding:
                frame = current_frames().get(main)
                # If the main thread is on its way here, it speaks for itself.
                if self.has_left or serial <= self.spoken or frame is None or is_own(frame):
                    return
                self.spoken, self.turn = serial, turn
            try:
                self.stop(frame, {"reason": "waiting"}, self.pid)
            finally:
                self.turn = None

    def rejoin(self, serial):
        """The main thread is back: it waits until its turn, and goes on as it was told."""
        # Behind the text that calls this, and the text in that.
        frame = getframe(3)
        if not self.is_ours():
            return
        with self.deciding:
            turn = self.turn
            is_first = turn is None and self.deferred is None and serial > self.spoken
            if is_first:
                self.spoken = serial
        if is_first:
            if not self.stops_level_of_other():
                self.stop_behind(frame)
            return
        if turn is not None:
            with turn:
                pass
        deferred, self.deferred = self.deferred, None
        if deferred is None or self.has_left:
            return
        command, selected = deferred
        if command["do"] == "quit":
            self.leave_level_soon(frame)
            return
        self.go_on(frame, Step.of(command, selected))

    def set_trace(self, wanted):
        """The program's own module `pmdb` wants this thread to stop, and `wanted`, a frame that has led here, to be looked at."""
        frame = getframe(1)
        caller, up = frame, 0
        while caller is not wanted and caller is not None:
            caller, up = caller.f_back, up + 1
        return self.asks(frame, {"reason": "set_trace", "about": {"up": up if caller is not None else 0}})

    def post_mortem(self, error, fate):
        """The same, to show the frames of an exception; `fate` is what becomes of it, if anything does."""
        return self.asks(getframe(1), self.message_of(error, fate))
