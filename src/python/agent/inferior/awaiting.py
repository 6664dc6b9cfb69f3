"""`await` at the prompt, in a task whose event loop stands still with it."""

# Seconds after which a loop that waits for events turns again, so that what is awaited without end can be given up.
LONGEST_TURN = 0.05


def current_task(frame):
    """The task of asyncio that the thread of a frame runs; None if it runs none."""
    asyncio = sys.modules.get("asyncio")
    try:
        loop = asyncio.events._get_running_loop()
        while loop is None and frame is not None:
            # Another thread speaks for the one whose frame it is.
            if frame.f_code.co_name == "run_forever":
                loop = frame.f_locals.get("self")
            frame = frame.f_back
        return asyncio.current_task(loop) if loop is not None else None
    except Exception:
        # The program has not imported it, or not all of it yet, or has put something else in its place.
        return None


def run_coroutine(coroutine):
    """What a coroutine gives. If it has to wait for something, the event loop runs on without the task that stands still."""
    asyncio = sys.modules.get("asyncio")
    loop = asyncio.events._get_running_loop() if asyncio is not None else None
    if loop is None:
        return run_alone(coroutine)
    if not (hasattr(loop, "_run_once") and hasattr(loop, "_ready")):
        coroutine.close()
        raise RuntimeError("%s cannot run while one of its tasks stands still, so nothing can be awaited" % type(loop).__module__)
    task = asyncio.current_task(loop)
    if task is not None:
        asyncio.tasks._leave_task(loop, task)
    waiting = len(loop._ready)
    awaited = timer = None

    def turn_again():
        nonlocal timer
        timer = loop.call_later(LONGEST_TURN, turn_again)

    try:
        awaited = loop.create_task(coroutine)
        turn_again()
        while not awaited.done():
            loop._run_once()
    finally:
        if timer is not None:
            timer.cancel()
        if awaited is not None and not awaited.done():
            # Given up: it ends when the program goes on.
            awaited.cancel()
        # The loop counts on as many callbacks as there were when it called this one.
        while len(loop._ready) < waiting:
            loop.call_soon(int)
        if task is not None:
            asyncio.tasks._enter_task(loop, task)
    return awaited.result()


def run_alone(coroutine):
    """Without an event loop, only what waits for nothing comes to an end."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise RuntimeError("no event loop runs in this thread, so nothing can be awaited here")
