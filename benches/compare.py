"""pmdb beside its peers, measured in the same run.

usage: python3 benches/compare.py [start] [live] [tree] [core] [--quick]

Without words, everything. The peers are those that PYSPY, PYSTACK, AUSTIN and GDB name, else those on PATH; one
that is missing is said and left out. pmdb is what PMDB names, else target/release/pmdb. The inferiors run on the
interpreter that PYTHON names, else on the one that runs this. RUNS, BUDGET and PATIENCE: see measure.py. Ends
with 1 if a goal was missed.
"""
import contextlib
import glob
import mmap
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time

import measure
from measure import Case, Goals, compare, median_wall, tool

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = os.environ.get("PYTHON", sys.executable)
PMDB = tool("PMDB", os.path.join(HERE, "..", "target", "release", "pmdb"))
PYSPY, PYSTACK, AUSTIN, GDB = tool("PYSPY", "py-spy"), tool("PYSTACK", "pystack"), tool("AUSTIN", "austin"), tool("GDB", "gdb")


@contextlib.contextmanager
def inferior(script, *arguments):
    """A running program of `inferiors/`, and the words that it said behind `ready`."""
    argv = [PYTHON, os.path.join(HERE, "inferiors", script), *map(str, arguments)]
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        line = child.stdout.readline()
        if not line.startswith("ready"):
            raise SystemExit("%s did not get ready" % script)
        yield child.pid, line.split()[1:]
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


class Clock:
    """Reads and resets the clock of `inferiors/threads.py`."""

    def __init__(self, path):
        with open(path, "wb") as file:
            file.write(bytes(16))
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 16)

    def reset(self):
        # Twice: the inferior may be writing the gap that it has just seen.
        for _ in range(2):
            self.memory[:] = bytes(16)
            time.sleep(0.02)

    def read(self):
        time.sleep(0.02)
        longest, total = struct.unpack("dd", self.memory)
        return {"longest pause ms": longest * 1e3, "sum of pauses ms": total * 1e3}


def start(goals):
    cases = [Case("/bin/true", ["/bin/true"]), Case("pmdb --version", [PMDB, "--version"])]
    cases += [Case("py-spy --version", [PYSPY, "--version"])] if PYSPY else []
    cases += [Case("austin --version", [AUSTIN, "--version"])] if AUSTIN else []
    cases += [Case("gdb --version", [GDB, "--version"])] if GDB else []
    compare("Start-up", cases)
    slower = (cases[1].wall() - cases[0].wall()) * 1e3
    goals.limit("pmdb --version after /bin/true", slower, 5, "ms")


def live(goals):
    threads, depth = 8, 50
    frames = threads * depth
    with tempfile.NamedTemporaryFile() as file:
        clock = Clock(file.name)
        with inferior("threads.py", threads, depth, file.name) as (pid, _):
            # Text folds what repeats; JSON has every frame, as the peers' answers do.
            counted = '"function": "level"'
            cases = [
                Case("(nothing: the clock's noise)", ["sleep", "0.2"]),
                Case("pmdb stack", [PMDB, "stack", pid], "in level"),
                Case("pmdb stack --json", [PMDB, "stack", "--json", pid], counted, frames),
                Case("pmdb stack --locals", [PMDB, "stack", "--locals", "--flat", pid], "in level", frames),
                Case("pmdb stack --pause", [PMDB, "stack", "--pause", "--json", pid], counted, frames),
                Case("pmdb stack --pause --locals", [PMDB, "stack", "--pause", "--locals", "--flat", pid], "in level", frames),
            ]
            if PYSPY:
                base = [PYSPY, "dump", "-p", pid]
                cases += [
                    Case("py-spy dump", base, "level (", frames),
                    Case("py-spy dump --nonblocking", [*base, "--nonblocking"], "level (", frames),
                    Case("py-spy dump --locals", [*base, "--locals"], "level (", frames),
                ]
            if PYSTACK:
                base = [PYSTACK, "remote", pid]
                cases += [
                    Case("pystack remote", base, "in level", frames),
                    Case("pystack remote --locals", [*base, "--locals"], "in level", frames),
                ]
            if AUSTIN:
                cases += [Case("austin -w", [AUSTIN, "-w", pid], "level", frames)]
            compare(
                "Live: %d threads of %d frames" % (threads, depth),
                cases,
                before=clock.reset,
                after=clock.read,
                extras=["longest pause ms", "sum of pauses ms"],
            )
    goals.ratio("stack against austin -w", median_wall(cases, "pmdb stack"), median_wall(cases, "austin -w"), 1)
    goals.ratio("stack against py-spy dump", median_wall(cases, "pmdb stack"), median_wall(cases, "py-spy dump"), 1 / 4)
    ours, theirs = median_wall(cases, "pmdb stack --locals"), median_wall(cases, "py-spy dump --locals")
    goals.ratio("stack --locals against py-spy dump --locals", ours, theirs, 1 / 20)
    pauses = {case.name: case.extra("longest pause ms") for case in cases}
    for ours, theirs in [("pmdb stack --pause", "py-spy dump"), ("pmdb stack --pause --locals", "py-spy dump --locals")]:
        goals.ratio("pause of %s against %s" % (ours, theirs), pauses[ours], pauses.get(theirs), 1 / 5)


def tree(goals):
    for workers in (16,) if "--quick" in sys.argv else (16, 64, 200):
        with inferior("tree.py", workers) as (pid, _):
            processes = workers + 1
            cases = [
                Case("pmdb stack --tree", [PMDB, "stack", "--tree", pid], "in level"),
                Case("pmdb stack --tree --flat", [PMDB, "stack", "--tree", "--flat", pid], "\nThread ", processes),
            ]
            if AUSTIN:
                cases += [Case("austin -C -w", [AUSTIN, "-C", "-w", pid], "Process")]
            if PYSPY:
                argv = [PYSPY, "dump", "--subprocesses", "-p", pid]
                cases += [Case("py-spy dump --subprocesses", argv, "Process ")]
            compare("Tree of %d processes" % processes, cases)
    size = "of %d workers" % workers
    ours = median_wall(cases, "pmdb stack --tree")
    goals.ratio("--tree %s against austin -C -w" % size, ours, median_wall(cases, "austin -C -w"), 1 / 5)
    theirs = median_wall(cases, "py-spy dump --subprocesses")
    goals.ratio("--tree %s against py-spy dump --subprocesses" % size, ours, theirs, 1 / 20)
    peak = max(run["memory"] for run in cases[0].runs)
    goals.limit("--tree %s, peak memory" % size, peak, 64, "MiB")


def core(goals):
    mebibytes = 64 if "--quick" in sys.argv else 1024
    with tempfile.TemporaryDirectory(dir=os.environ.get("WORK")) as folder:
        path = make_core(folder, mebibytes)
        if path is None:
            return
        interpreter = os.path.realpath(PYTHON)
        frames = 8 * 31
        cases = [
            Case("pmdb stack --core", [PMDB, "stack", "--core", path], "in level"),
            Case("pmdb stack --core --json", [PMDB, "stack", "--json", "--core", path], '"function": "level"', frames),
            Case("pmdb stack --core --locals", [PMDB, "stack", "--locals", "--flat", "--core", path], "in level", frames),
        ]
        if PYSTACK:
            base = [PYSTACK, "core", path, interpreter]
            cases += [
                Case("pystack core", base, "in level", frames),
                Case("pystack core --locals", [*base, "--locals"], "in level", frames),
            ]
        size = os.stat(path).st_size >> 20
        compare("Core of %d MiB" % size, cases)
        ours = [median_wall(cases, "pmdb stack --core"), median_wall(cases, "pmdb stack --core --locals")]
        theirs = [median_wall(cases, "pystack core"), median_wall(cases, "pystack core --locals")]
        goals.ratio("core against pystack core", ours[0], theirs[0], 1 / 3)
        goals.ratio("core --locals against pystack core --locals", ours[1], theirs[1], 1 / 100)
        peak = measure.private_peak(cases[2].argv)
        goals.limit("core --locals, peak private memory", peak, 64, "MiB")


def make_core(folder, mebibytes):
    with open("/proc/sys/kernel/core_pattern") as pattern:
        if pattern.read().startswith("|"):
            print("core_pattern hands cores to a program: the rows of cores are left out")
            return None

    def unlimited():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    argv = [PYTHON, os.path.join(HERE, "inferiors", "heap.py"), str(mebibytes)]
    subprocess.run(argv, cwd=folder, preexec_fn=unlimited)
    found = glob.glob(os.path.join(folder, "core*"))
    if not found:
        print("the kernel wrote no core: its rows are left out")
    return found[0] if found else None


def main():
    if PMDB is None:
        raise SystemExit("build it first: cargo build --release")
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    goals = Goals()
    works = {"start": start, "live": live, "tree": tree, "core": core}
    for word in words or works:
        works[word](goals)
    goals.print()
    raise SystemExit(goals.missed > 0)


main()
