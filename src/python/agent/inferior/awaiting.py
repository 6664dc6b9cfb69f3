"""`await` at the prompt, in a task whose event loop stands still with it."""


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
    try:
        awaited = loop.create_task(coroutine)
        while not awaited.done():
            loop._run_once()
    finally:
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
