"""Writing this process down from inside: `pmdb snapshot` on itself."""
import contextlib
import errno
import json
import os
import signal
import subprocess
import tempfile
import threading

from . import _binary, _company

# What `--memory` names is read by whoever has it: the kernel has asked for rights when this process has opened it.
MEMORY = "/proc/self/mem"
# Snapshots that `install(snapshot=…)` writes in one process: most failures follow from the first ones.
MOST = 20
# The variable of pmdb's environment that says why it is taken: other users see the arguments of a program.
CAUSE = "PMDB_CAUSE"
# Characters of a message that go into it.
LONGEST = 4096
# One thread at a time: pmdb stops the process for each. The same thread may come again, by the handler of a signal or `__del__`.
writing = threading.RLock()


class NotTaken(RuntimeError):
    """No snapshot was written, and why."""


def renew_lock():
    """In a forked child: another thread of the parent may have held it."""
    global writing
    writing = threading.RLock()


os.register_at_fork(after_in_child=renew_lock)


def snapshot(path=None, *, depth=None, full=False, secrets=False, shared=None):
    """Writes down what this process is doing, for `pmdb open`, and gives the path of the file: `path`, or a new one in the working folder.

    `depth`, `full`, `secrets` and `shared` are the options of `pmdb snapshot`. The process goes on. Raises `NotTaken` with the reason if
    nothing was written.
    """
    words = []
    for name, value in (("--depth", depth), ("--shared", shared)):
        if value is not None:
            words += [name, str(value)]
    words += ["--full"] * bool(full) + ["--secrets"] * bool(secrets)
    if path is None:
        return write_new(".", words, may_hand_on=not full)
    path = os.fspath(path)
    write(["-o", path] + words, may_hand_on=not full)
    return os.fsdecode(path)


def write_lost(error, fate, brief, folder):
    """The same of a process that is about to lose an exception, into a folder. Says where it is, or why it is not."""
    # Whatever goes wrong, it is no concern of the pool, the future or the loop that has the exception in its hands.
    try:
        cause = {
            "reason": "raised",
            "what": as_text(brief),
            "thread": threading.get_native_id(),
            "exception": id(error),
            "has_left": True,
            "evidence": [as_text(fate)] if fate else [],
        }
        outcome = ": pmdb open %s" % write_new(folder, [], cause=cause)
    except Exception as why:
        outcome = "; no snapshot: %s" % (str(why) or type(why).__name__)
    _company.tell("%s (pid %d) raised %s%s" % (_company.own_name(), os.getpid(), brief, outcome))


def as_text(text):
    """As JSON may have it: half of a pair of surrogates is no text, and pmdb would refuse it."""
    return text[:LONGEST].encode("utf-8", "backslashreplace").decode()


def write_new(folder, words, **named):
    """Writes a new file of a folder. Its name is ASCII, whatever the folder's is."""
    folder = os.fsdecode(folder)
    return os.path.join(folder, os.path.basename(write(["--out", folder] + words, **named)))


def write(words, may_hand_on=True, cause=None):
    """Gives the path as pmdb tells it."""
    try:
        words = [_binary.find(), "snapshot", str(os.getpid()), "--json"] + words
        with writing, _company.traceable():
            path, why = run(words, cause)
            if path is None and may_hand_on:
                with memory() as number:
                    if number is not None:
                        path, why = run(words + ["--memory", str(number)], cause, hand_on=number)
    except (OSError, ValueError) as error:
        raise NotTaken(str(error)) from error
    if path is None:
        raise NotTaken(why)
    return path


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


def run(words, cause, hand_on=None):
    """The path that it has printed, or None and what it complains of. With `hand_on` no other thread runs Python meanwhile, where that can be
    had: the process cannot be stopped."""
    options = {"stdin": subprocess.DEVNULL}
    if cause is not None:
        options["env"] = dict(os.environ, **{CAUSE: json.dumps(cause)})
    if hand_on is None:
        child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        said, complaint = child.communicate()
    else:
        # Nobody would read a pipe while this thread waits for the end.
        with blank_file() as out, blank_file() as err:
            child = subprocess.Popen(words, stdout=out, stderr=err, pass_fds=(hand_on,), **options)
            wait_alone(child.pid)
            child.wait()
            said, complaint = whole(out), whole(err)
    # Not by its exit code, which there is none of where the program ignores SIGCHLD or collects all children itself.
    try:
        return json.loads(said.decode("utf-8"))["path"], None
    except (ValueError, KeyError, TypeError):
        return None, complaint.decode("utf-8", "replace").strip() or "pmdb ended with %d" % child.returncode


def blank_file():
    try:
        return os.fdopen(os.memfd_create("pmdb-says"), "w+b")
    except (AttributeError, OSError):
        return tempfile.TemporaryFile()


def whole(file):
    file.seek(0)
    return file.read()


# waitid(2): by number, until it has ended, and leave it to be collected.
P_PID, WEXITED, WNOWAIT = 1, 4, 0x01000000


def wait_alone(pid):
    """Waits for a child without letting go of the interpreter."""
    try:
        import ctypes

        waitid = ctypes.PyDLL(None, use_errno=True).waitid
    except (ImportError, OSError, AttributeError):
        return
    # A `siginfo_t` has 128 bytes.
    about = ctypes.create_string_buffer(128)
    # A signal would end the wait, and Python run its handler and perhaps other threads: this thread takes it when it is over.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        while waitid(P_PID, pid, about, WEXITED | WNOWAIT) == -1 and ctypes.get_errno() == errno.EINTR:
            pass
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
