"""Brings in the rest of the agent in a process of a command: compiled by another one that runs the same Python, or else compiled here and
given to the next (`agent/compiled.rs`). It is all that such a process compiles, and reads from the pipe.
"""
import marshal
import posix


def rest_of_agent(source_end, store, length, is_compiled):
    """`length` bytes wait in the file `store` if they are code, else in the pipe; without a file, `store` is -1."""
    if is_compiled:
        code = marshal.loads(posix.pread(store, length, 0))
    else:
        # Whether the program is optimized changes nothing here.
        code = compile(posix.read(source_end, length), "<pmdb>", "exec", 0, True, 0)
        try:
            data = marshal.dumps(code)
            posix.write(store, data + len(data).to_bytes(8, "little"))
        except OSError:
            # There is none, or no file may be so long.
            pass
    if store >= 0:
        posix.close(store)
    return code


exec(rest_of_agent(commands, *STORE), globals())
