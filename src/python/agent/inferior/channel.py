"""The way to the session: lines of JSON over two pipes that the session made and whose far ends it holds.

All parts of the agent run in one namespace, which no module of the program can import. They use nothing that
CPython does not load by itself at start-up.
"""

# The file name of all code of the agent.
OWN_FILE = "<pmdb>"
# What a JSON text needs besides numbers and strings to be an expression of Python too.
JSON_NAMES = {"__builtins__": {}, "true": True, "false": False, "null": None}
# Bytes of one read.
BUFFER = 16384
ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def unseen(name):
    """A module that needs no other but those which are always there; if the program has not imported it, it sees nothing of it."""
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
        # The program may close them, and other files get their numbers.
        self.inodes = {number: posix.fstat(number).st_ino for number in (commands, answers, kept)}
        posix.set_blocking(answers, False)
        # What was received, the buffer of the next read, and the command that is not answered yet: one tuple, so that one
        # assignment changes them. What a signal handler of the program raises in between then loses nothing.
        self.state = (b"", bytearray(BUFFER), None)
        self.lock = _thread.allocate_lock()

    def renew(self):
        """In a forked child, or where the program has closed them: other pipes under the same numbers. False if other files have these."""
        if any([self.is_taken(number) for number in self.inodes]):
            return False
        near, far = posix.pipe2(posix.O_CLOEXEC)
        posix.dup2(near, self.commands, False)
        kept, answers = posix.pipe2(posix.O_CLOEXEC)
        posix.dup2(answers, self.answers, False)
        posix.dup2(kept, self.kept, False)
        for number in (near, far, kept, answers):
            posix.close(number)
        self.__init__(self.commands, self.answers, self.kept)
        return True

    def has(self, number):
        """Whether a file descriptor still is what it was."""
        try:
            return posix.fstat(number).st_ino == self.inodes[number]
        except OSError:
            return False

    def is_whole(self):
        return self.has(self.commands) and self.has(self.answers) and self.has(self.kept)

    def is_taken(self, number):
        try:
            return posix.fstat(number).st_ino != self.inodes[number]
        except OSError:
            return False

    def close(self):
        for number in self.inodes:
            if self.has(number):
                posix.close(number)

    def send(self, message):
        """Gives back whether the session can have got it."""
        if not self.has(self.answers):
            return False
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
        if not self.has(self.commands):
            return True
        posix.set_blocking(self.commands, False)
        try:
            return not self.fill()
        except BlockingIOError:
            posix.sched_yield()
            return False
        except OSError:
            return True
        finally:
            posix.set_blocking(self.commands, True)

    def fill(self):
        """Reads what the session has sent. Gives back whether anything came."""
        received, buffer, command = self.state
        # If the last call was cut off behind the read, the buffer is full already. The lines have no zero bytes.
        if not buffer[0] and not posix.readv(self.commands, (buffer,)):
            return False
        data = bytes(buffer).rstrip(b"\0")
        self.state = (received + data, bytearray(BUFFER), command)
        return True

    def receive(self):
        """The next command, waiting for it; None if the session is gone or does not speak sense. It stays until it is `answered`."""
        while self.state[2] is None:
            received, buffer, _ = self.state
            if b"\n" in received:
                line, _, rest = received.partition(b"\n")
                self.state = (rest, buffer, self.parsed(line))
                continue
            try:
                if not self.has(self.commands) or not self.fill():
                    return None
            except BlockingIOError:
                posix.set_blocking(self.commands, True)
            except OSError:
                return None
        return self.state[2] if isinstance(self.state[2], dict) else None

    def parsed(self, line):
        """What a line says; False for nonsense. What a signal handler raises here is not taken for that."""
        for is_last in (False, True):
            try:
                return eval(line.decode("utf-8"), dict(JSON_NAMES))
            except Exception:
                if is_last:
                    return False

    def answered(self):
        received, buffer, _ = self.state
        self.state = (received, buffer, None)
