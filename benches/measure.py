"""Runs whole commands side by side and prints what they cost, and their ratios.

The runs of the tools take turns, so that a busy moment of the machine meets all of them: ratios hold where
single times do not.
"""
import os
import select
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

RUNS = int(os.environ.get("RUNS", "7"))
# Seconds that one tool may take in all before it gets fewer runs, and that one run may take.
BUDGET = float(os.environ.get("BUDGET", "60"))
PATIENCE = float(os.environ.get("PATIENCE", "300"))
TIME = shutil.which("time")  # GNU time, for the peak of the memory


def tool(variable, name):
    """A program by the variable that names it, else on PATH, or nothing."""
    path = shutil.which(os.environ.get(variable, name))
    if path is None:
        print("%s is not here: its rows are left out (set %s)" % (name, variable))
    return path


class Case:
    """A command line of one tool, and a text that its answer must hold `expected` times."""

    def __init__(self, name, argv, text=None, expected=None):
        self.name, self.argv = name, [str(word) for word in argv]
        self.text, self.expected = text, expected
        self.runs = []
        self.spent = 0.0

    def wall(self):
        return statistics.median(run["wall"] for run in self.runs)

    def extra(self, name):
        return statistics.median(run[name] for run in self.runs)

    def verdict(self):
        last = self.runs[-1]
        if last["code"] != 0:
            return "failed: %s" % last["code"]
        if self.text is None:
            return "ok"
        found = last["output"].count(self.text)
        return "%d of %d" % (found, self.expected) if self.expected else str(found)


def run_once(argv):
    """Wall clock and CPU in seconds, peak resident memory in MiB (nan without GNU time), exit code, output."""
    with tempfile.NamedTemporaryFile("r") as peak, tempfile.TemporaryFile() as output:
        if TIME:
            argv = [TIME, "-q", "-o", peak.name, "-f", "%M", *argv]
        began = time.perf_counter()
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        end = os.pidfd_open(child.pid)
        late = not select.select([end], [], [], PATIENCE)[0]
        if late:
            os.killpg(child.pid, signal.SIGKILL)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        os.close(end)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        words = peak.read().split()
        return {
            "wall": wall,
            "cpu": usage.ru_utime + usage.ru_stime,
            "memory": int(words[-1]) / 1024 if words and words[-1].isdigit() else float("nan"),
            "code": "no end" if late else child.returncode,
            "output": output.read().decode(errors="replace"),
        }


def private_peak(argv):
    """The peak of anonymous resident memory in MiB, by looking again and again. Runs the command once more."""
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while child.poll() is None:
        try:
            with open("/proc/%d/status" % child.pid) as status:
                for line in status:
                    if line.startswith("RssAnon:"):
                        peak = max(peak, int(line.split()[1]))
        except OSError:
            break
    child.wait()
    return peak / 1024


def compare(title, cases, before=None, after=None, extras=()):
    """Measures the cases in turns after one run of each that does not count, and prints the table.

    `before()` and `after()` are called around each run; what `after()` returns (a dict) joins the figures, and
    `extras` names those to print.
    """
    for turn in range(RUNS + 1):
        for case in cases:
            if len(case.runs) >= 3 and case.spent > BUDGET:
                continue
            if before:
                before()
            run = run_once(case.argv)
            run.update(after() if after else {})
            case.spent += run["wall"]
            # The first one warms up, unless it says that there will be few.
            if turn > 0 or run["wall"] * 4 > BUDGET:
                case.runs.append(run)
    print("\n### %s\n" % title)
    columns = ["command", "wall ms: median (min–max)", "CPU ms", "peak RSS MiB", *extras, "runs", "answer"]
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for case in cases:
        walls = [run["wall"] * 1e3 for run in case.runs]
        cells = [
            case.name,
            "%.1f (%.1f–%.1f)" % (statistics.median(walls), min(walls), max(walls)),
            "%.1f" % (case.extra("cpu") * 1e3),
            "%.0f" % max(run["memory"] for run in case.runs),
            *("%.1f" % case.extra(name) for name in extras),
            str(len(walls)),
            case.verdict(),
        ]
        print("| " + " | ".join(cells) + " |", flush=True)


class Goals:
    """What the figures should be, and whether they are."""

    def __init__(self):
        self.missed = 0
        self.lines = []

    def ratio(self, what, ours, theirs, most):
        """`ours` divided by `theirs` is at most `most`; nothing if there is no such peer."""
        if ours is None or theirs is None:
            return self.lines.append("- %s: not measured (the peer is missing)" % what)
        self.judge("%s: ratio %.3f, goal at most %.3f" % (what, ours / theirs, most), ours <= most * theirs)

    def limit(self, what, value, most, unit):
        self.judge("%s: %.1f %s, goal at most %.1f" % (what, value, unit, most), value <= most)

    def judge(self, text, reached):
        self.missed += not reached
        self.lines.append("- %s: %s" % (text, "reached" if reached else "MISSED"))

    def print(self):
        print("\n### Goals\n")
        print("\n".join(self.lines), flush=True)


def median_wall(cases, name):
    found = [case for case in cases if case.name == name and case.runs]
    return found[0].wall() if found else None
