"""What `pmdb shm` costs on a machine with many processes that share memory, beside reading /proc/PID/maps of every process in Python, and lsof on
/dev/shm, in the same run.

usage: python3 benches/census.py [PROCESSES]

pmdb is what PMDB names, else target/release/pmdb; lsof that of LSOF, else on PATH. RUNS, BUDGET and PATIENCE: see measure.py. Ends with 1 if a goal
was missed.
"""
import glob
import os
import subprocess
import sys
from multiprocessing import shared_memory

from measure import Case, Goals, compare, median_wall, tool

PROCESSES = int(sys.argv[1]) if len(sys.argv) > 1 else 200
HERE = os.path.dirname(os.path.abspath(__file__))
# Milliseconds, of 200 processes.
MOST = 50

WORKER = """
import mmap, os, sys
with open(sys.argv[1], "r+b") as file:
    shared = mmap.mmap(file.fileno(), 0)
own = mmap.mmap(-1, 1 << 16)
print("ready", flush=True)
sys.stdin.read()
"""

READER = """
import glob, sys
found = 0
for path in glob.glob("/proc/[0-9]*/maps"):
    try:
        with open(path, errors="surrogateescape") as maps:
            found += sum(sys.argv[1] in line for line in maps)
    except OSError:
        pass
print(sys.argv[1] * found)
"""


def main():
    pmdb = tool("PMDB", os.path.join(HERE, "..", "target", "release", "pmdb"))
    lsof = tool("LSOF", "lsof")
    segment = shared_memory.SharedMemory(create=True, size=1 << 20)
    path = "/dev/shm/" + segment.name
    workers = []
    try:
        for _ in range(PROCESSES):
            workers.append(
                subprocess.Popen([sys.executable, "-S", "-c", WORKER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
        for worker in workers:
            worker.stdout.readline()
        cases = []
        if pmdb:
            cases.append(Case("pmdb shm --json", [pmdb, "shm", "--json"], segment.name))
        cases.append(Case("maps in Python", [sys.executable, "-S", "-c", READER, segment.name], segment.name, PROCESSES + 1))
        if lsof:
            cases.append(Case("lsof +D /dev/shm", [lsof, "+D", "/dev/shm"], segment.name))
        compare("census of %d processes, %d on the machine" % (PROCESSES, len(glob.glob("/proc/[0-9]*"))), cases)
        goals = Goals()
        ours = median_wall(cases, "pmdb shm --json")
        if ours is not None:
            goals.limit("pmdb shm --json", ours * 1e3, MOST * max(1, PROCESSES / 200), "ms")
        goals.ratio("pmdb shm beside maps in Python", ours, median_wall(cases, "maps in Python"), 1)
        goals.print()
        return goals.missed > 0
    finally:
        for worker in workers:
            worker.stdin.close()
            worker.wait()
        segment.close()
        segment.unlink()


if __name__ == "__main__":
    sys.exit(main())
