"""Brings in the agent in a process of a command: compiled by another one that runs the same Python (`agent/compiled.rs`). It is all that such a
process compiles, and reads from the pipe. `STORE`: the file with the code, and how long that is.
"""
from marshal import loads
from posix import close, pread

CORE, REST = loads(pread(*STORE, 0))
close(STORE[0])
exec(CORE, globals())
