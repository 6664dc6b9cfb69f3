"""Room for a stop in a thread that is near to its recursion limit, as in a handler of RecursionError.

The limit is raised while the thread stands still. Where there is not even room to do that the stop is let pass, which the next hook
that has room tells.
"""

# Calls inside of each other that the agent and what the user asks of it may need.
LEVELS = 300
# Fewer than these, and the limit is raised.
ENOUGH = 200
PASSED = "[a breakpoint or a step was passed: the thread was too near to its recursion limit for a stop]\n"


def recursion_depth():
    """Calls inside of each other in this thread, as the interpreter counts them: it says so when it refuses a limit that is below that
    (Python/sysmodule.c, `sys_setrecursionlimit`). None if it says something else."""
    limit = getrecursionlimit()
    try:
        setrecursionlimit(1)
    except RecursionError as error:
        digits = str(error).rpartition("depth ")[2].partition(":")[0]
        return int(digits) if digits.isdigit() else None
    setrecursionlimit(limit)
    return None


def make_room():
    """Raises the limit if it is near. Gives back what to put back."""
    depth, limit = recursion_depth(), getrecursionlimit()
    if depth is None or depth + ENOUGH < limit:
        return None
    raised = max(depth, limit) + LEVELS
    setrecursionlimit(raised)
    return limit, raised


def give_back_room(limit, raised):
    # The user may have set another one.
    if getrecursionlimit() != raised:
        return
    try:
        setrecursionlimit(limit)
    except RecursionError:
        # Too near for this thread to be allowed to (up to 3.9 that is within 50 levels). One that has just begun is.
        is_done = _thread.allocate_lock()
        is_done.acquire()

        def from_outside():
            try:
                setrecursionlimit(limit)
            finally:
                is_done.release()

        _thread.start_new_thread(from_outside, ())
        is_done.acquire()
