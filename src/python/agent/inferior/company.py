"""In a program that pmdb follows with all its processes: it runs as if nobody were there, until something goes wrong or the program asks for a stop."""


def evaluate_at_start(text):
    """Before the program has a name of its own."""
    return eval(text, {})


class Company:
    """Of the agent, which has the rest of it (`agent.py`)."""

    def accompany(self, is_embedded=False):
        """Before the main program of one that pmdb follows with all its processes: it stops where something goes wrong. `is_embedded`: what
        leaves the Python code goes to the program that has called it.
        """
        self.is_embedded = is_embedded
        self.forking = Forking(self)
        self.hooks = FollowedHooks(self)
        places = []
        if WANTED["exceptions"]:
            places += [Catcher(*row) for row in CATCHERS + WANTED["catchers"]]
        if WANTED["exceptions"] or WANTED["exits"]:
            self.engine.foresee_losses()
        if WANTED["breakpoints"]:
            places.append(Import("bdb.py", self.hooks.debugger_comes))
        if places or self.unwinding is not None:
            self.breakpoints.catchers = Catchers(places)
        # A text as it would come in a command.
        wanted = self.channel.parsed(WANTED["places"].encode())
        if wanted:
            self.take_breakpoints([item for item in wanted if self.may_have(item)], {}, evaluate_at_start)
        else:
            self.engine.breakpoints_changed()

    def may_have(self, wanted):
        """Whether a breakpoint can be had before there is a program. An expression for classes may need one."""
        try:
            return not wanted.get("catch") or bool(Catch(wanted, None, evaluate_at_start))
        except Unusable as error:
            text = "*** catchpoint %d is not in process %d: %s\n" % (wanted["number"], posix.getpid(), error)
            self.channel.send({"event": "output", "text": text})
            return False

    def asks(self, frame, message):
        """The program has asked for a stop. Gives back whether there was anybody to stop for."""
        if _thread.get_ident() in self.busy:
            # A condition, or what was typed at the prompt: all stands still.
            return True
        try:
            return self.stop(frame, message)
        except BaseException as error:
            self.survives(error)
            return True
