"""The places where a program stops since it says so."""
import os
import sys

from . import _company
from ._ranks import is_meant

# The name under which an exception that was shown knows in which process that was.
SHOWN = "_pmdb_shown"


def set_trace(*, rank=None):
    """Stops here, at pmdb's prompt. With `rank`, only in the process of that rank."""
    frame = sys._getframe(1)
    if is_meant(rank):
        _company.ask(lambda agent: agent.set_trace(frame), "called set_trace()")


def post_mortem(error=None, *, rank=None):
    """Pmdb's prompt on the frames of an exception: the one being handled, else the last that ended a statement, or `error` (or a traceback)."""
    error = exception_of(error)
    if error is None or error.__traceback__ is None:
        raise ValueError("post_mortem() needs an exception with a traceback: none is being handled")
    if is_meant(rank):
        show(error, "")


def pm():
    """As `pdb.pm()`: the exception that ended the last statement of an interactive interpreter."""
    error = last_exception()
    if error is None:
        raise ValueError("there is no last exception")
    post_mortem(error)


class launch_on_exception:
    """A block; if an exception leaves it, there is pmdb's prompt first, and then the exception goes its way."""

    def __init__(self, *, rank=None):
        self.rank = rank

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if isinstance(error, Exception) and is_meant(self.rank) and not _company.was_told(error):
            show(error, "")
        return False


def show(error, fate):
    """Stops at an exception, unless it was shown already; `fate` is what becomes of it."""
    if was_shown(error) and fate:
        return
    if _company.ask(lambda agent: agent.post_mortem(error, fate), "raised %s" % brief(error)):
        note_shown(error)


def was_shown(error):
    return getattr(error, "__dict__", {}).get(SHOWN) == os.getpid()


def note_shown(error):
    try:
        error.__dict__[SHOWN] = os.getpid()
    except (AttributeError, TypeError):
        pass


def brief(error):
    try:
        text = str(error)
    except Exception:
        text = ""
    name = type(error).__name__
    return "%s: %s" % (name, text.split("\n")[0][:200]) if text else name


def exception_of(given):
    if given is None:
        return sys.exc_info()[1] or last_exception()
    if isinstance(given, BaseException):
        return given
    # A traceback, as for `pdb.post_mortem()`.
    for known in (sys.exc_info()[1], last_exception()):
        if known is not None and known.__traceback__ is given:
            return known
    return Exception("a traceback without its exception").with_traceback(given)


def last_exception():
    # `sys.last_exc` is new in 3.12.
    error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    return error if isinstance(error, BaseException) else None
