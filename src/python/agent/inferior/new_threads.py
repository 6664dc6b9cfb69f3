"""Threads that start while all threads have to be traced.

`threading` gives each thread that it starts the trace function in `threading._trace_hook`, before any code of the program runs there.
Threads that are started by `_thread` itself or by C code have no such place: a thread that is traced notices that there are more
than before, and every so often looks at all.
"""

# Looks between two at all threads, however many there are.
LOOKS_BETWEEN_ROLLS = 1024


class NewThreads:
    def __init__(self, engine):
        self.engine = engine
        self.threading = None
        # What `threading.settrace` was told by the program: it is what threads have that start with ours.
        self.before = None
        self.count = self.looks = 0

    def follow(self, is_wanted):
        if not is_wanted:
            self.remove()
            return
        self.count = _thread._count()
        threading = sys.modules.get("threading")
        if self.threading is None and hasattr(threading, "_trace_hook"):
            self.threading, self.before = threading, threading._trace_hook
            threading._trace_hook = self.engine.callback

    def look(self):
        """At each line that is reported while they are followed."""
        count, before = _thread._count(), self.count
        self.looks += 1
        if count == before and self.looks % LOOKS_BETWEEN_ROLLS:
            return
        self.count = count
        if count >= before:
            self.engine.threads_started()

    def remove(self):
        threading, self.threading = self.threading, None
        if threading is not None and threading._trace_hook is self.engine.callback:
            threading._trace_hook = self.before
