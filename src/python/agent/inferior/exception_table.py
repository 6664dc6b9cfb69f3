"""Which instructions have a handler for what is raised in them (Objects/exception_handling_notes.txt, from 3.11 on)."""


def exception_table(code):
    """[(first, how many, handler, depth of the stack with its flag)], in units of two bytes."""
    entries, left = [], iter(getattr(code, "co_exceptiontable", b""))
    for byte in left:
        values = []
        for turn in range(4):
            byte = next(left) if turn else byte
            value = byte & 63
            while byte & 64:
                byte = next(left)
                value = value << 6 | byte & 63
            values.append(value)
        entries.append(tuple(values))
    return entries
