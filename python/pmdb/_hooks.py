"""The places where Python and `multiprocessing` lose an exception, as far as a program can take them itself.

`pmdb run` knows many more (`docs/internals/catchers.md`), and does the same without a change of the program: where it follows the
process, these let it.
"""
import sys
import threading

from . import _company
from ._ranks import is_meant
from ._stops import show


class Hooks:
    def __init__(self, rank):
        self.rank = rank
        self.uncaught, self.in_thread = sys.excepthook, threading.excepthook

    def lost(self, error, fate):
        """An exception that nobody will see with its frames."""
        if not isinstance(error, Exception) or error.__traceback__ is None:
            return
        if not _company.is_followed() and is_meant(self.rank):
            show(error, fate)

    def ends_program(self, kind, error, traceback):
        self.lost(error, "the program ends with it")
        self.uncaught(kind, error, traceback)

    def ends_thread(self, about):
        self.lost(about.exc_value, "the thread ends with it")
        self.in_thread(about)

    def watch(self):
        sys.excepthook, threading.excepthook = self.ends_program, self.ends_thread
        try:
            from multiprocessing import pool, process
        except ImportError:
            # Built without it.
            return
        self.watch_process(process.BaseProcess)
        self.watch_wrapper(pool.ExceptionWithTraceback, "multiprocessing.pool hands it to the parent without its frames")
        try:
            from concurrent.futures import process as executor
        except ImportError:
            return
        self.watch_wrapper(executor._ExceptionWithTraceback, "ProcessPoolExecutor hands it to the parent without its frames")

    def watch_process(self, kind):
        """A worker runs `run()`, which programs override, in `_bootstrap()`, which catches all that comes of it."""
        bootstrap, hooks = kind._bootstrap, self

        def _bootstrap(process, *arguments, **named):
            run = process.run

            def run_watched():
                try:
                    return run()
                except Exception as error:
                    hooks.lost(error, "the process ends with it")
                    raise

            process.run = run_watched
            return bootstrap(process, *arguments, **named)

        kind._bootstrap = _bootstrap

    def watch_wrapper(self, kind, fate):
        """What a worker puts an exception into before it sends it away."""
        before, hooks = kind.__init__, self

        def __init__(wrapper, error, *rest):
            hooks.lost(error, fate)
            before(wrapper, error, *rest)

        kind.__init__ = __init__


installed = None


def install(*, rank=None):
    """From now on there is pmdb's prompt where an exception ends the program or a thread, or is lost in a worker of `multiprocessing`.

    Workers that are forked have it from their parent. Those that are spawned import the main module: call it there, at its top.
    """
    global installed
    if installed is None:
        installed = Hooks(rank)
        installed.watch()
    installed.rank = rank
