"""The places where Python, `multiprocessing`, the executors and asyncio lose an exception, as far as a program can take them itself.

`pmdb run` knows many more (`docs/internals/catchers.md`), and does the same without a change of the program: where it follows the
process, these let it.
"""
import os
import sys
import threading

from . import _company, _snapshots
from ._ranks import is_meant
from ._stops import brief, note_shown, show, was_shown

POOL = "multiprocessing.pool hands it to the parent without its frames"
PROCESSES = "ProcessPoolExecutor hands it to the parent without its frames"
THREADS = "ThreadPoolExecutor keeps it for whoever asks for the result"
ASYNCIO = "asyncio only reports it"


class Hooks:
    def __init__(self, rank):
        self.rank = rank
        # The folder for snapshots, if there is to be no prompt, and in which process how many are still to be written.
        self.folder, self.left = None, (os.getpid(), 0)
        # (holder, name, what was there, what is there now)
        self.replaced = []

    def lost(self, error, fate):
        """An exception that nobody will see with its frames."""
        if self is not installed or not isinstance(error, Exception) or error.__traceback__ is None:
            return
        if _company.is_followed() or not is_meant(self.rank):
            return
        if self.folder is None:
            show(error, fate)
        elif not was_shown(error) and self.may_write():
            _snapshots.write_lost(error, fate, brief(error), self.folder)
            note_shown(error)

    def may_write(self):
        """Counts one more. A forked child counts its own."""
        pid, left = self.left
        left = left if pid == os.getpid() else _snapshots.MOST
        self.left = os.getpid(), max(left - 1, 0)
        return left > 0

    def replace(self, holder, name, make):
        """Puts `make(what was there)` under a name of a class or a module."""
        before = getattr(holder, name)
        now = make(before)
        setattr(holder, name, now)
        self.replaced.append((holder, name, before, now))

    def restore(self):
        """Puts back what was there, where nobody else has put something in the place of ours."""
        for holder, name, before, now in reversed(self.replaced):
            if holder.__dict__.get(name) is now:
                setattr(holder, name, before)
        self.replaced = []

    def watch(self):
        self.replace(sys, "excepthook", self.ends_program)
        self.replace(threading, "excepthook", self.ends_thread)
        for watch in self.watch_multiprocessing, self.watch_executors, self.watch_asyncio:
            try:
                watch()
            except ImportError:
                # Built without it.
                pass

    def ends_program(self, before):
        def excepthook(kind, error, traceback):
            self.lost(error, "the program ends with it")
            before(kind, error, traceback)

        return excepthook

    def ends_thread(self, before):
        def excepthook(about):
            self.lost(about.exc_value, "the thread ends with it")
            before(about)

        return excepthook

    def watch_multiprocessing(self):
        from multiprocessing import pool, process

        self.replace(process.BaseProcess, "_bootstrap", self.ends_process)
        self.replace(pool.ExceptionWithTraceback, "__init__", self.sends_away(POOL))

    def watch_executors(self):
        from concurrent.futures import Future

        self.replace(Future, "set_exception", self.keeps_for_result)
        from concurrent.futures import process

        self.replace(process._ExceptionWithTraceback, "__init__", self.sends_away(PROCESSES))

    def watch_asyncio(self):
        from asyncio import BaseEventLoop

        self.replace(BaseEventLoop, "call_exception_handler", self.reports)

    def ends_process(self, before):
        """A worker runs `run()`, which programs override, in `_bootstrap()`, which catches all that comes of it."""

        def _bootstrap(process, *arguments, **named):
            run = process.run

            def run_watched():
                try:
                    return run()
                except Exception as error:
                    self.lost(error, "the process ends with it")
                    raise

            process.run = run_watched
            return before(process, *arguments, **named)

        return _bootstrap

    def sends_away(self, fate):
        """What a worker puts an exception into before it sends it away."""

        def make(before):
            def __init__(wrapper, error, *rest):
                self.lost(error, fate)
                before(wrapper, error, *rest)

            return __init__

        return make

    def keeps_for_result(self, before):
        """A thread of an executor gives what its function has raised to the future. Others who do that know what they do."""

        def set_exception(future, exception):
            if sys._getframe(1).f_globals.get("__name__") == "concurrent.futures.thread":
                self.lost(exception, THREADS)
            before(future, exception)

        return set_exception

    def reports(self, before):
        """A loop is told of an exception of a callback, or of a task that has been forgotten without anybody having asked for its result."""

        def call_exception_handler(loop, context):
            if isinstance(context, dict):
                self.lost(context.get("exception"), ASYNCIO)
            before(loop, context)

        return call_exception_handler


installed = None


def install(*, rank=None, snapshot=None):
    """From now on there is pmdb's prompt where an exception ends the program, a thread or a worker of `multiprocessing`, where an executor
    or a pool keeps it or sends it away without its frames, and where asyncio only reports it.

    With `snapshot` there is no prompt: what the process is doing then is written into that folder, and it goes on.

    Workers that are forked have it from their parent. Those that are spawned import the main module: call it there, at its top.
    """
    global installed
    if installed is None:
        installed = Hooks(rank)
        installed.watch()
    installed.rank = rank
    # The process may change its working folder.
    installed.folder = None if snapshot is None else os.path.abspath(os.fspath(snapshot))
    installed.left = os.getpid(), _snapshots.MOST


def uninstall():
    """Takes back what `install()` has done. Hooks that somebody else has put over ours since then stay, and ours pass everything on."""
    global installed
    if installed is not None:
        installed.restore()
        installed = None
