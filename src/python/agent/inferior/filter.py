"""What is known to be kept, where a function in machine code finds it that stands before the callback of `unwinding.py`
(`agent/unwind_filter.rs`).
"""


# Nothing where the process could not be given one. Nobody is to find it there.
GIVEN = [sys.__dict__.pop("_pmdb_unwinding", None)]


def give_back():
    """Of what nothing calls any more: whether it is gone, so that its code may be, too."""
    function, GIVEN[0] = GIVEN[0], None
    # The program may have found it (`gc.get_objects()`). What a variable and a call count differs: 3.14 lends variables to calls.
    known_here_alone = object()
    return function is not None and getrefcount(function) <= getrefcount(known_here_alone)


class Filter:
    def __init__(self):
        self.function = GIVEN[0]
        # The head, see `asks_about`, and the slots, all of 16 bytes.
        self.table = bytearray(16 * (1 + FILTER["slots"]))

    def before(self, callback):
        """What is called in the place of a callback."""
        if self.function is None:
            return callback
        self.function.__self__[:] = [self.table, callback, None]
        return self.function

    def asks_about(self, errors):
        """By their ids: exceptions with these, and by chance some others, are told to the callback in any case."""
        bits = 0
        for number in list(errors):
            bits |= 1 << (number >> 4 & 63)
        self.table[:8] = bits.to_bytes(8, "little")

    def remember(self, place, kind, is_kept):
        instruction = place + FILTER["bytecode"]
        slot = 16 + 16 * ((instruction >> 1 ^ kind >> 4) & FILTER["slots"] - 1)
        self.table[slot : slot + 16] = instruction.to_bytes(8, "little") + (kind if is_kept else kind | 1).to_bytes(8, "little")
