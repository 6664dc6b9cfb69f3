"""Where a thread that steps stops next: the rules of `bdb`, which the commands of pdb rest on."""


class Step:
    """What one of `step`, `next`, `until` and `return` waits for, in one thread.

    `frame` is the frame to stop in, or None for any. `line` is the first line to stop at there; -1 for none, so that
    only the return of `returning` stops.
    """

    def __init__(self, reason, frame=None, returning=None, line=0):
        self.reason = reason
        self.frame, self.returning, self.line = frame, returning, line
        self.first_frame = self.first_line = None

    def begins_at(self, frame):
        """A line that has a loop in it is one line: it is not stopped at again before another one was (as in 3.14)."""
        self.first_frame, self.first_line = frame, frame.f_lineno

    def is_at_first_line(self, frame):
        if frame is not self.first_frame:
            return False
        if frame.f_lineno == self.first_line:
            return True
        self.first_frame = None
        return False

    @classmethod
    def of(cls, command, frame):
        how = command["how"]
        if how == "step":
            return cls(how)
        if how == "next":
            return cls(how, frame)
        if how == "until":
            line = command.get("line")
            return cls(how, frame, frame, frame.f_lineno + 1 if line is None else line)
        if how == "return":
            if frame.f_code.co_flags & GENERATOR_FLAGS:
                return cls(how, frame, None, -1)
            if frame.f_back is None:
                # There is no caller to stop in.
                return cls(how, frame, frame, -1)
            return cls(how, frame.f_back, frame)
        return None

    def line_reason(self):
        """Why it stops at a line: the thread was asked to stop, or it was told how far to go."""
        return self.reason if self.reason in ("attach", "interrupt", "entry") else "step"

    def stops_in(self, frame):
        if self.frame is None:
            return True
        return frame is self.frame and self.line != -1 and frame.f_lineno >= self.line

    def passes_generator(self, frame):
        """Calls and returns of a generator are no calls and returns to one who steps over lines."""
        return self.frame is not None and frame.f_code.co_flags & GENERATOR_FLAGS

    def stops_at_exception(self, frame, argument):
        kind, _, traceback = argument
        in_generator = frame.f_code.co_flags & GENERATOR_FLAGS
        if self.stops_in(frame):
            # A subiterator that ends raises StopIteration inside of `yield from`: nothing that the user wrote.
            return not (in_generator and kind is StopIteration and traceback is None)
        left = self.frame is not None and self.frame is not frame and self.frame.f_code.co_flags & GENERATOR_FLAGS
        return bool(left) and kind in (StopIteration, GeneratorExit)
