"""pmdb's agent in this process: the one that is there, or one that pmdb brings in when it attaches.

What a process asks of it stands in `src/python/agent/inferior/arrivals.py`.
"""
import contextlib
import os
import subprocess
import sys
import threading
import time

from . import _binary

# The name of the file by which `pmdb attach` knows that this process waits for it: `src/process/live/mark.rs`.
MARK = "pmdb-asks"
# Seconds between two looks whether the agent is there.
GLANCE = 0.02
# prctl(2).
PR_SET_PTRACER = 0x59616D61
ANYBODY, NOBODY = -1, 0
# One thread brings it in, and stops first.
bringing = threading.Lock()


def renew_lock():
    """In a forked child: another thread of the parent may have held it."""
    global bringing
    bringing = threading.Lock()


os.register_at_fork(after_in_child=renew_lock)


def agent():
    found = sys.__dict__.get("_pmdb_agent")
    return found if hasattr(found, "post_mortem") else None


def is_followed():
    """Whether this process is one of `pmdb run`, which stops by itself where an exception is lost."""
    return getattr(agent(), "hooks", None) is not None


def was_told(error):
    """Whether `pmdb run` has stopped where this was raised, as it does from 3.12 on if nobody will catch it."""
    found = getattr(agent(), "was_told", None)
    return found is not None and found(error)


def ask(question, what):
    """Calls `question` with the agent, which stops this thread there; `what` tells the user why. Gives back whether anybody came."""
    found = agent()
    if found is not None and question(found):
        return True
    with bringing:
        # Another thread may have brought it in meanwhile.
        found = agent()
        return (found is not None and bool(question(found))) or bring(question, what)


def bring(question, what):
    """The same, with a pmdb that has to attach first: one that this starts in the terminal, or one that somebody starts elsewhere."""
    mark = make_mark()
    terminal = own_terminal()
    child = None
    try:
        permit_tracing()
        if terminal is not None:
            child = start(terminal)
        else:
            tell("%s (pid %d) %s and waits: pmdb attach %d" % (own_name(), os.getpid(), what, os.getpid()))
        return wait(question, child, None if child is not None else patience())
    except _binary.NotFound as error:
        tell("%s (pid %d) %s, but %s" % (own_name(), os.getpid(), what, error))
        return False
    finally:
        for descriptor in (mark, terminal):
            if descriptor is not None:
                os.close(descriptor)


def wait(question, child, seconds):
    """Asks as soon as the agent is there. False once `child` has ended without that, or after so many seconds."""
    end = None if seconds is None else time.monotonic() + seconds
    came = False
    try:
        while not came:
            found = agent()
            # It may leave again, if pmdb takes another way in.
            came = found is not None and bool(question(found))
            if not came and child is not None and child.poll() is not None:
                # It has said why.
                break
            if not came and end is not None and time.monotonic() > end:
                tell("nobody has attached within %g s: the process goes on" % seconds)
                break
            if not came:
                time.sleep(GLANCE)
    finally:
        if not came and child is not None and child.poll() is None:
            child.terminate()
    return came


# Those that were started, until they have ended: Popen complains of others.
started = []


def start(terminal):
    started[:] = [one for one in started if one.poll() is None]
    words = [_binary.find(), "attach", str(os.getpid())]
    child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal)
    started.append(child)
    return child


def patience():
    """Seconds to wait for somebody, from PMDB_WAIT. None: for ever."""
    try:
        return float(os.environ["PMDB_WAIT"])
    except (KeyError, ValueError):
        return None


def make_mark():
    try:
        return os.memfd_create(MARK)
    except (AttributeError, OSError):
        # A filter of system calls forbids it: pmdb only looks then, until it is told to stop the process.
        return None


def own_terminal():
    """A file descriptor of the terminal, if this process is in its foreground: who reads from it otherwise is stopped."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if os.tcgetpgrp(terminal) == os.getpgrp():
            return terminal
    except OSError:
        pass
    os.close(terminal)
    return None


def permit_tracing(whom=ANYBODY):
    """Where Yama lets only ancestors attach (`ptrace_scope` 1), this process allows it to all of its user, or to nobody else any more."""
    try:
        with open("/proc/sys/kernel/yama/ptrace_scope") as file:
            if file.read().strip() != "1":
                return
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_PTRACER, ctypes.c_ulong(whom), 0, 0, 0)
    except (OSError, ImportError, AttributeError):
        # There is no Yama, or no ctypes: pmdb says so if it may not attach.
        pass


@contextlib.contextmanager
def traceable():
    """For as long as it takes. The kernel does not tell what was allowed before."""
    permit_tracing()
    try:
        yield
    finally:
        # Another thread waits for somebody to attach.
        if not bringing.locked():
            permit_tracing(NOBODY)


def own_name():
    multiprocessing = sys.modules.get("multiprocessing.process")
    try:
        name = multiprocessing.current_process().name if multiprocessing is not None else "MainProcess"
    except Exception:
        name = "MainProcess"
    if name != "MainProcess":
        return name
    return os.path.basename((getattr(sys, "argv", None) or [""])[0]) or "python"


def tell(text):
    """To standard error as it is, whatever the program has made of `sys.stderr`."""
    data = ("[pmdb] %s\n" % text).encode("utf-8", "backslashreplace")
    try:
        os.write(2, data)
    except OSError:
        # It is closed, its disk is full: there is nobody to tell.
        pass
