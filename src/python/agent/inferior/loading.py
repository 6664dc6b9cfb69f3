"""Brings in the agent where nobody has compiled it yet: compiles it, and gives the code to the next (`loaded.py`). `STORE`: the file for that, and
how long the two parts of the text are.
"""
from marshal import dumps, loads
import posix


def compiled(length):
    """The next so many bytes in the pipe."""
    # Whether the program is optimized changes nothing here.
    return compile(posix.read(commands, length), "<pmdb>", "exec", 0, True, 0)


def hand_on(store, code):
    try:
        posix.write(store, code + len(code).to_bytes(8, "little"))
    except OSError:
        # No file may be so long.
        pass
    posix.close(store)


CORE, REST = compiled(STORE[1]), dumps(compiled(STORE[2]))
hand_on(STORE[0], dumps((CORE, REST)))
exec(CORE, globals())
