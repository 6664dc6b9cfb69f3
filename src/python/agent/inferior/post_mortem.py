"""The last stop of a program that pmdb has started: an exception has left its main program, and the interpreter tells so. The frames are those
of the traceback. As in pdb it comes behind what the program prints of it, and all `finally` blocks have run.
"""


class PostMortem(Hooks):
    def __init__(self, agent):
        Hooks.__init__(self, agent)
        # The code of the main program, once that begins.
        self.main = None
        self.take("excepthook", self.uncaught)
        if self.put:
            self.stay_before_later_hook()

    def uncaught(self, kind, error, traceback):
        try:
            self.put["excepthook"][0](kind, error, traceback)
        finally:
            if self.has_left_main(error):
                self.agent.asks(getframe(), dict(self.agent.message_of(error, None), reason="uncaught"))

    def has_left_main(self, error):
        """Whether it has left the main program, and nobody calls the hook who has caught it or handles one of another thread."""
        entry = error.__traceback__
        while entry is not None and entry.tb_frame.f_code is not self.main:
            entry = entry.tb_next
        caller = getframe()
        while caller is not None and entry is not None:
            if caller is entry.tb_frame:
                return False
            caller = caller.f_back
        return entry is not None
