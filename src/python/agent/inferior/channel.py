"""The way to the session: lines of JSON over two pipes that the session made and whose far ends it holds.

All parts of the agent run in one namespace, which no module of the program can import. They use nothing that
CPython does not load by itself at start-up.
"""
import sys
import _thread
import posix

# The file name of all code of the agent.
OWN_FILE = "<pmdb>"
# What a JSON text needs besides numbers and strings to be an expression of Python too.
JSON_NAMES = {"__builtins__": {}, "true": True, "false": False, "null": None}
ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def unseen(name):
    """A module that CPython has built in; if the program has not imported it, it sees nothing of it."""
    known = sys.modules.get(name)
    module = known or __import__(name)
    if known is None:
        sys.modules.pop(name, None)
    return module


def json_string(text):
    """ASCII only, so that a lone surrogate cannot spoil the line."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return '"' + text + '"'
    pieces = []
    for character in text:
        point = ord(character)
        if character in ESCAPES:
            pieces.append(ESCAPES[character])
        elif 0x20 <= point < 0x7F:
            pieces.append(character)
        elif point < 0x10000:
            pieces.append("\\u%04x" % point)
        else:
            point -= 0x10000
            pieces.append("\\u%04x\\u%04x" % (0xD800 + (point >> 10), 0xDC00 + (point & 0x3FF)))
    return '"' + "".join(pieces) + '"'


def to_json(value):
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, str):
        return json_string(value)
    if isinstance(value, dict):
        return "{" + ",".join([json_string(key) + ":" + to_json(item) for key, item in value.items()]) + "}"
    return "[" + ",".join([to_json(item) for item in value]) + "]"


class Channel:
    def __init__(self, commands, answers, kept):
        # `commands` ends when the session does: only the session holds its other end. Of `answers` the agent keeps a
        # reading end as well, so that a write can never raise SIGPIPE; it does not block, so that it cannot wait for nobody.
        self.commands, self.answers, self.kept = commands, answers, kept
        posix.set_blocking(answers, False)
        self.received = b""
        self.lock = _thread.allocate_lock()

    def send(self, message):
        """Gives back whether the session can have got it."""
        data = (to_json(message) + "\n").encode("ascii")
        with self.lock:
            while data:
                try:
                    data = data[posix.write(self.answers, data):]
                except BlockingIOError:
                    # The pipe is full: the session reads, or is gone and nobody ever will.
                    if self.session_is_gone():
                        return False
                except OSError:
                    return False
        return True

    def session_is_gone(self):
        """Looks for the end of `commands` without waiting; what the session sent meanwhile is kept."""
        posix.set_blocking(self.commands, False)
        try:
            data = posix.read(self.commands, 65536)
            self.received += data
            return not data
        except BlockingIOError:
            posix.sched_yield()
            return False
        except OSError:
            return True
        finally:
            posix.set_blocking(self.commands, True)

    def receive(self):
        """The next command, waiting for it; None if the session is gone or does not speak sense."""
        while b"\n" not in self.received:
            try:
                data = posix.read(self.commands, 65536)
            except OSError:
                return None
            if not data:
                return None
            self.received += data
        line, _, self.received = self.received.partition(b"\n")
        try:
            return eval(line.decode("utf-8"), dict(JSON_NAMES))
        except Exception:
            return None
