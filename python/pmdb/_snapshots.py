"""Writing this process down from inside: `pmdb snapshot` on itself."""
import contextlib
import json
import os
import subprocess
import threading

from . import _binary, _company

# What `--memory` names is read by whoever has it: the kernel has asked for rights when this process has opened it.
MEMORY = "/proc/self/mem"
# Snapshots that `install(snapshot=…)` writes in one process: most failures follow from the first ones.
MOST = 20
# One at a time: pmdb stops the process for each.
writing = threading.Lock()


class NotTaken(RuntimeError):
    """No snapshot was written, and why."""


def renew_lock():
    """In a forked child: another thread of the parent may have held it."""
    global writing
    writing = threading.Lock()


os.register_at_fork(after_in_child=renew_lock)


def snapshot(path=None, *, depth=None, full=False, secrets=False, shared=None):
    """Writes down what this process is doing, for `pmdb open`, and gives the path of the file: `path`, or a new one in the working folder.

    `depth`, `full`, `secrets` and `shared` are the options of `pmdb snapshot`. The process goes on. Raises `NotTaken` with the reason if
    nothing was written.
    """
    words = ["--out", "."] if path is None else ["-o", os.fspath(path)]
    for name, value in (("--depth", depth), ("--shared", shared)):
        if value is not None:
            words += [name, str(value)]
    words += ["--full"] * bool(full) + ["--secrets"] * bool(secrets)
    return write(words, may_hand_on=not full)


def write_lost(error, fate, brief, folder):
    """The same of a process that is about to lose an exception, into a folder. Says where it is, or why it is not."""
    cause = {
        "reason": "raised",
        "what": brief,
        "thread": threading.get_native_id(),
        "exception": id(error),
        "has_left": True,
        "evidence": [fate] if fate else [],
    }
    try:
        path = write(["--out", os.fspath(folder), "--cause", json.dumps(cause)])
    except (NotTaken, _binary.NotFound) as why:
        _company.tell("%s (pid %d) raised %s; no snapshot: %s" % (_company.own_name(), os.getpid(), brief, why))
    else:
        _company.tell("%s (pid %d) raised %s: pmdb open %s" % (_company.own_name(), os.getpid(), brief, path))


def write(words, may_hand_on=True):
    words = [_binary.find(), "snapshot", str(os.getpid()), "--json"] + words
    with writing:
        _company.permit_tracing()
        said, why = run(words)
        if said is None and may_hand_on:
            with memory() as number:
                if number is not None:
                    said, why = run(words + ["--memory", str(number)], hand_on=number)
    if said is None:
        raise NotTaken(why)
    return json.loads(said)["path"]


@contextlib.contextmanager
def memory():
    try:
        number = os.open(MEMORY, os.O_RDONLY)
    except OSError:
        yield None
        return
    try:
        yield number
    finally:
        os.close(number)


def run(words, hand_on=None):
    """What it has printed, or None and what it complains of. With `hand_on` no other thread runs Python meanwhile, where that can be had: the
    process cannot be stopped."""
    files = () if hand_on is None else (hand_on,)
    child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=files)
    if hand_on is not None:
        wait_alone(child.pid)
    said, complaint = child.communicate()
    if child.returncode != 0:
        return None, complaint.decode("utf-8", "replace").strip() or "pmdb ended with %d" % child.returncode
    return said.decode("utf-8", "surrogateescape"), None


# waitid(2): by number, until it has ended, and leave it to be collected.
P_PID, WEXITED, WNOWAIT = 1, 4, 0x01000000


def wait_alone(pid):
    """Waits for a child without letting go of the interpreter."""
    try:
        import ctypes

        waitid = ctypes.PyDLL(None).waitid
    except (ImportError, OSError, AttributeError):
        return
    # A `siginfo_t` has 128 bytes.
    waitid(P_PID, pid, ctypes.create_string_buffer(128), WEXITED | WNOWAIT)
