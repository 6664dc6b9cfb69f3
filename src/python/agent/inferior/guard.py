"""What goes wrong in a hook of the agent is not the program's fault, which must not meet it as an exception of its own."""


# For `sys._getframe()` in a hook: the frame that the interpreter called it from, behind `call`.
CALLER_OF_HOOK = 2


def guarded(hook):
    def call(self, *arguments):
        try:
            return hook(self, *arguments)
        except RecursionError as error:
            # Nothing is called here: there may be no room for it.
            if error is self.agent.on_its_way:
                raise
            self.agent.has_passed = True
        except BaseException as error:
            return self.agent.survives(error)

    return call


Tracing.trace = guarded(Tracing.trace)
