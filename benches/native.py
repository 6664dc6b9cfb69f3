"""pmdb's native stacks beside its peers, measured in the same run.

usage: python3 benches/native.py [mixed] [threads] [debuginfo]

mixed: a Python process of 8 threads of 50 frames, with the native frames. threads: 100 native threads of 20 frames, with lines.
debuginfo: a program with some 400 MiB of debug information; BIG names another one, which is started and looked at after it has printed a line
(BIG_ARGS: its arguments). The peers are those that PYSPY, PYSTACK, GDB, LLDB and EUSTACK name, else those on PATH; rustc and c++
build the inferiors. The rest is as in compare.py.
"""
import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile

from measure import Case, Goals, compare, median_wall, tool

HERE = os.path.dirname(os.path.abspath(__file__))
INFERIORS = os.path.join(HERE, "inferiors")
PYTHON = os.environ.get("PYTHON", sys.executable)
PMDB = tool("PMDB", os.path.join(HERE, "..", "target", "release", "pmdb"))
PYSPY, PYSTACK = tool("PYSPY", "py-spy"), tool("PYSTACK", "pystack")
GDB, LLDB, EUSTACK = tool("GDB", "gdb"), tool("LLDB", "lldb"), tool("EUSTACK", "eu-stack")
# Copies of `unit.cc` in the program with much debug information, of which each has a MiB.
UNITS = int(os.environ.get("UNITS", "400"))


@contextlib.contextmanager
def running(argv):
    """A program that has printed a line and waits; its pid."""
    argv = [str(word) for word in argv]
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        if not child.stdout.readline():
            raise SystemExit("%s did not get ready" % argv[0])
        yield child.pid
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def gdb(*words):
    return [GDB, "-batch", "-nx", "-iex", "set debuginfod enabled off", *words]


def mixed(goals):
    threads, depth = 8, 50
    frames = threads * depth
    with tempfile.NamedTemporaryFile() as clock:
        clock.write(bytes(16))
        clock.flush()
        with running([PYTHON, os.path.join(INFERIORS, "threads.py"), threads, depth, clock.name]) as pid:
            counted = '"function": "level"'
            cases = [Case("pmdb stack --native", [PMDB, "stack", "--native", "--json", pid], counted, frames)]
            if PYSPY:
                cases += [Case("py-spy dump --native", [PYSPY, "dump", "--native", "-p", pid], "level (", frames)]
            if PYSTACK:
                cases += [Case("pystack remote --native", [PYSTACK, "remote", "--native", pid], "in level", frames)]
            compare("Python with native frames: %d threads of %d" % (threads, depth), cases)
    ours = median_wall(cases, "pmdb stack --native")
    goals.ratio("stack --native against py-spy dump --native", ours, median_wall(cases, "py-spy dump --native"), 1 / 4)
    goals.ratio("stack --native against pystack remote --native", ours, median_wall(cases, "pystack remote --native"), 1 / 12)


def native_threads(goals):
    threads, depth = 100, 20
    frames = threads * depth
    with tempfile.TemporaryDirectory(dir=os.environ.get("WORK")) as folder:
        program = os.path.join(folder, "threads")
        subprocess.run(["rustc", "-g", "-o", program, os.path.join(INFERIORS, "threads.rs")], check=True)
        with running([program, threads, depth]) as pid:
            cases = [
                Case("pmdb stack --native", [PMDB, "stack", "--native", pid], "in threads::level"),
                Case("pmdb stack --native --json", [PMDB, "stack", "--native", "--json", pid], '"function": "threads::level"', frames),
            ]
            if GDB:
                cases += [Case("gdb thread apply all bt", gdb("-p", pid, "-ex", "thread apply all bt"), "in threads::level", frames)]
            if LLDB:
                words = ["-o", "thread backtrace all", "-o", "detach"]
                cases += [Case("lldb thread backtrace all", [LLDB, "-x", "-b", "-p", pid, *words], "threads::level::", frames)]
            if EUSTACK:
                cases += [Case("eu-stack", [EUSTACK, "-p", pid], "level", frames)]
                cases += [Case("eu-stack --source", [EUSTACK, "-s", "-p", pid], "level", frames)]
            compare("%d native threads of %d frames" % (threads, depth), cases)
    ours = median_wall(cases, "pmdb stack --native --json")
    goals.ratio("stack --native against gdb", ours, median_wall(cases, "gdb thread apply all bt"), 1 / 10)
    goals.ratio("stack --native against eu-stack --source", ours, median_wall(cases, "eu-stack --source"), 1 / 2)


def build_big(folder):
    """A program of many units, made from one that is compiled once: all but the first have another name for what they define."""
    unit, program = os.path.join(folder, "unit_0.o"), os.path.join(folder, "big")
    subprocess.run(["c++", "-std=c++17", "-g", "-c", "-o", unit, os.path.join(INFERIORS, "unit.cc")], check=True)
    objects = [unit]
    for number in range(1, UNITS):
        objects.append(os.path.join(folder, "unit_%d.o" % number))
        subprocess.run(["objcopy", "--redefine-sym", "unit_0=unit_%d" % number, unit, objects[-1]], check=True)
    main = os.path.join(INFERIORS, "units.c")
    subprocess.run(["c++", "-g", "-o", program, "-x", "c", main, "-x", "none", *objects, "-pthread"], check=True)
    for path in objects:
        os.remove(path)
    return program


def debuginfo(goals):
    with tempfile.TemporaryDirectory(dir=os.environ.get("WORK")) as folder:
        argv = [os.environ.get("BIG") or build_big(folder), *shlex.split(os.environ.get("BIG_ARGS", ""))]
        with running(argv) as pid:
            cases = [Case("pmdb stack --native", [PMDB, "stack", "--native", "--flat", pid], "main")]
            if GDB:
                cases += [Case("gdb bt", gdb("-p", pid, "-ex", "bt"), "main")]
            if LLDB:
                cases += [Case("lldb bt", [LLDB, "-x", "-b", "-p", pid, "-o", "bt", "-o", "detach"], "main")]
            size = os.stat(argv[0]).st_size >> 20
            compare("First backtrace in a program of %d MiB" % size, cases)
    peaks = {case.name: max(run["memory"] for run in case.runs) for case in cases}
    ours = median_wall(cases, "pmdb stack --native")
    for peer in ("gdb bt", "lldb bt"):
        goals.ratio("first backtrace against %s" % peer, ours, median_wall(cases, peer), 1 / 20)
        goals.ratio("first backtrace against %s, peak memory" % peer, peaks["pmdb stack --native"], peaks.get(peer), 1 / 5)


def main():
    if PMDB is None:
        raise SystemExit("build it first: cargo build --release")
    goals = Goals()
    works = {"mixed": mixed, "threads": native_threads, "debuginfo": debuginfo}
    for word in sys.argv[1:] or works:
        works[word](goals)
    goals.print()
    raise SystemExit(goals.missed > 0)


main()
