"""What `pmdb run` costs a program that does not fail, beside pdb, strace, gdb and the floor of ptrace, in the same run.

usage: python3 benches/launch.py [tree] [alone] [native]

Without words, everything. The programs run on each interpreter that PYTHONS names (paths with colons between), else on the one that runs
this. pmdb is what PMDB names, else target/release/pmdb; the peers are those that STRACE and GDB name, else those on PATH. RUNS, BUDGET and
PATIENCE: see measure.py; METHODS (fork spawn) are the start methods. Ends with 1 if a goal was missed.

- *tree*: ten starts of Python one after the other, and 50 short-lived workers, ten at a time, and one that computes
  (`inferiors/short_lived.py`). *floor* is a tracer that gets the events
  of fork, vfork, clone and exec and does nothing (`inferiors/follow_floor.c`).
- *alone*: one process that computes, one that raises and handles a million exceptions in one function, one where the caller handles
  them. The start of the interpreter with nothing to do is measured as well, and taken off both sides: what is left is the work.
- *native*: a program of Rust that panics and catches 100,000 times, one of C++ that throws and catches as often, and both with nothing to do.
"""
import json
import os
import subprocess
import sys
import tempfile

from measure import Case, Goals, compare, median_wall, tool

HERE = os.path.dirname(os.path.abspath(__file__))
INFERIORS = os.path.join(HERE, "inferiors")
PMDB = tool("PMDB", os.path.join(HERE, "..", "target", "release", "pmdb"))
STRACE, GDB = tool("STRACE", "strace"), tool("GDB", "gdb")
PDB = ["-m", "pdb", "-c", "continue", "-c", "quit"]
# Exceptions are a million, as the goal says; the other fits the budget of a run.
SIZES = {"start": 0, "compute": 300, "handled": 1_000_000, "handled-by-caller": 1_000_000}


# Interpreters that run in the tree: the program, with spawn also its 51 workers and the tracker of resources, which do not begin as copies.
INTERPRETERS = {"fork": 1, "spawn": 53}
STARTS = 10


def start_of_agent(python, name, floor):
    """Processor time in seconds that one Python of many costs under `pmdb run` and not under the floor."""
    shell = ["sh", "-c", "for i in %s; do %s -c pass; done" % (" ".join(map(str, range(STARTS))), python)]
    cases = [Case("floor", [floor, *shell]), Case("pmdb run", [PMDB, "run", "--batch", "--", *shell])]
    compare("%s: %d starts, one after the other" % (name, STARTS), cases)
    return max(least_cpu(cases, "pmdb run") - least_cpu(cases, "floor"), 0) / STARTS


def tree(python, name, floor, goals):
    agent = start_of_agent(python, name, floor)
    for method in os.environ.get("METHODS", "fork spawn").split():
        program = [python, os.path.join(INFERIORS, "short_lived.py"), method]
        cases = [
            Case("bare", program, "done 0"),
            Case("floor", [floor, *program], "done 0"),
            Case("pmdb run", [PMDB, "run", "--batch", "--", *program], "done 0"),
            Case("python -m pdb", [python, *PDB, *program[1:]], "done 0"),
        ]
        if STRACE:
            cases.append(Case("strace -f --seccomp-bpf", [STRACE, "-f", "--seccomp-bpf", "-e", "trace=execve", "-o", "/dev/null", *program], "done 0"))
        if GDB:
            script = os.path.join(INFERIORS, "keep_all.py")
            cases.append(Case("gdb, keeping every child", [GDB, "-batch", "-nx", "-x", script, "--args", *program], "done 0"))
        compare("%s: 50 short-lived workers, %s" % (name, method), cases)
        ours, bare = median_wall(cases, "pmdb run"), median_wall(cases, "bare")
        goals.ratio("%s, %s: 50 workers against bare" % (name, method), ours, bare, 1.3)
        allowed = least_cpu(cases, "floor") + INTERPRETERS[method] * agent
        goals.ratio("%s, %s: 50 workers against the floor and the agents' start, processor time" % (name, method), least_cpu(cases, "pmdb run"), allowed, 1.05)


def alone(python, name, version, goals):
    cases = []
    for work, count in SIZES.items():
        program = [python, os.path.join(INFERIORS, "alone.py"), work, count]
        cases += [
            Case("%s, bare" % work, program, "done"),
            Case("%s, pmdb run" % work, [PMDB, "run", "--batch", "--", *program], "done"),
        ]
        # Its trace function makes the others take minutes up to 3.13.
        if work == "start" or version >= (3, 14):
            cases.append(Case("%s, python -m pdb" % work, [python, *PDB, *program[1:]], "done"))
    compare("%s: one process" % name, cases)

    def work_alone(work, tool):
        return best(cases, "%s, %s" % (work, tool)) - best(cases, "start, %s" % tool)

    for work, most in (("compute", 1.02 if version >= (3, 12) else 1.05), ("handled", 1.3), ("handled-by-caller", 1.3)):
        goals.ratio("%s: %s against bare" % (name, work), work_alone(work, "pmdb run"), work_alone(work, "bare"), most)


def least_cpu(cases, name):
    case = next(case for case in cases if case.name == name)
    return min(run["cpu"] for run in case.runs)


def native(folder):
    for name, compiler, source in (
        ("Rust", ["rustc", "-O", "--edition=2024"], "catching.rs"),
        ("C++", ["c++", "-O2"], "catching.cpp"),
    ):
        program = os.path.join(folder, source + ".out")
        subprocess.run([*compiler, "-o", program, os.path.join(INFERIORS, source)], check=True)
        cases = []
        for count in (0, 100_000):
            run = [program, str(count)]
            cases += [
                Case("%d, bare" % count, run, "done true"),
                Case("%d, pmdb run" % count, [PMDB, "run", "--batch", "--", *run], "done true"),
                Case("%d, pmdb run --on crash" % count, [PMDB, "run", "--batch", "--on", "crash", "--", *run], "done true"),
            ]
        compare("%s: failures that are caught" % name, cases)


def best(cases, name):
    """Whatever else the machine does only adds."""
    case = next(case for case in cases if case.name == name)
    return min(run["wall"] for run in case.runs)


def main():
    wanted = set(sys.argv[1:]) or {"tree", "alone", "native"}
    goals = Goals()
    with tempfile.TemporaryDirectory() as folder:
        floor = os.path.join(folder, "follow_floor")
        subprocess.run(["cc", "-O2", "-o", floor, os.path.join(INFERIORS, "follow_floor.c")], check=True)
        if "native" in wanted:
            native(folder)
        for python in os.environ.get("PYTHONS", sys.executable).split(":"):
            version = tuple(json.loads(subprocess.check_output([python, "-c", "import sys; print(list(sys.version_info[:2]))"])))
            name = "CPython %d.%d" % version
            if "tree" in wanted:
                tree(python, name, floor, goals)
            if "alone" in wanted:
                alone(python, name, version, goals)
    goals.print()
    raise SystemExit(goals.missed > 0)


main()
