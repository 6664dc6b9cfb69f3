"""pmdb from inside a Python program: the habits of pdb, with pmdb's prompt.

    pmdb.set_trace()                          the prompt, at the line behind this one
    with pmdb.launch_on_exception(): ...      the prompt where an exception leaves the block
    pmdb.post_mortem()                        the prompt on an exception that was caught or has ended the last statement
    pmdb.install()                            the prompt on what nobody catches: in the program, its threads, workers, executors and asyncio
    pmdb.install(snapshot="crashes")          no prompt: each of these is written down there, for `pmdb open`
    pmdb.uninstall()                          no more
    pmdb.snapshot()                           what this process is doing, written down for `pmdb open`

Under `pmdb run` the prompt is that of the command. Otherwise the process starts `pmdb attach` on itself in its terminal. If it has none, it says how to
attach, and waits. `rank=` makes one process of many stop.
"""
from ._binary import NotFound, find
from ._hooks import install, uninstall
from ._snapshots import NotTaken, snapshot
from ._stops import launch_on_exception, pm, post_mortem, set_trace

__all__ = ["NotFound", "NotTaken", "find", "install", "launch_on_exception", "pm", "post_mortem", "set_trace", "snapshot", "uninstall"]
