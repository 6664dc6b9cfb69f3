"""For gdb: runs the program with all the processes that it makes, none of which is let go."""
import gdb

for setting in ("detach-on-fork off", "follow-fork-mode parent", "schedule-multiple on", "pagination off", "print thread-events off"):
    gdb.execute("set " + setting)
gdb.execute("run")
while True:
    alive = [inferior for inferior in gdb.inferiors() if inferior.pid and inferior.threads()]
    if not alive:
        break
    # It stops whenever one of them ends.
    alive[0].threads()[0].switch()
    gdb.execute("continue")
