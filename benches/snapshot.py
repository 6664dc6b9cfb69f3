"""What `pmdb snapshot` costs, beside gcore on the same process in the same run, and whether pystack reads what it wrote.

    python3 benches/snapshot.py [--pmdb PATH] [--heap 4] [--shared 1] [--workers 64] [--rounds 3] [--folder FOLDER]

The worker has HEAP GiB of objects and SHARED GiB in a named segment of shared memory. Wanted (docs/internals/snapshots.md): a hundredth of
the core's size, a twentieth of gcore's wall time, a pause of 20 ms, the first `where` 100 ms after opening, a tree of 64 workers in 2 s.
The pause is measured in the worker: one of its threads reads the clock in a loop, and tells the longest time between two looks; the same is
told of a time in which nothing happens. gcore writes a core of (HEAP + SHARED) GiB to FOLDER, which is removed.
"""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def taken(command, **more):
    """Seconds, and what it said."""
    began = time.perf_counter()
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    return time.perf_counter() - began, done


def succeeded(command):
    seconds, done = taken(command)
    assert done.returncode == 0, (command, done.stdout)
    return seconds, done.stdout


class Worker:
    def __init__(self, python, *arguments):
        script = os.path.join(HERE, "inferiors", "large.py")
        command = [python, script, *map(str, arguments)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"
        self.pid = self.process.pid

    def ask(self, order):
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def row(what, value, goal, is_met):
    print(f"{what:44} {value:>22}   wanted: {goal:14} {'ok' if is_met else 'MISSED'}")


def of_one(options, folder):
    pmdb, snapshot = options.pmdb, os.path.join(folder, "it.pmdb")
    worker = Worker(options.python, options.heap, options.shared)
    try:
        pauses, walls, quiet = [], [], []
        for _ in range(options.rounds):
            worker.ask("reset")
            time.sleep(0.3)
            quiet.append(worker.ask("gap"))
            worker.ask("reset")
            wall, said = succeeded([pmdb, "snapshot", worker.pid, "-o", snapshot])
            pauses.append(worker.ask("gap"))
            walls.append(wall)
        print(said, end="")
        size = os.path.getsize(snapshot)
        opened = min(succeeded([pmdb, "open", snapshot, "-c", "where", "-c", "q"])[0] for _ in range(options.rounds))
        gcore, length = None, (options.heap + options.shared) * (1 << 30)
        if options.gcore:
            gcore, _ = succeeded([options.gcore, "-o", os.path.join(folder, "core"), worker.pid])
            length = os.path.getsize(os.path.join(folder, f"core.{worker.pid}"))
            os.remove(os.path.join(folder, f"core.{worker.pid}"))
        row("size beside the core's", f"{size / 2**20:.1f} of {length / 2**20:.0f} MiB", "1/100", size * 100 <= length)
        wall = min(walls)
        if gcore:
            row("wall time beside gcore's", f"{wall:.2f} of {gcore:.2f} s", "1/20", wall * 20 <= gcore)
        else:
            print(f"wall time {wall:.2f} s; gcore is not here")
        row("longest time without a look at the clock", f"{min(pauses):.1f} (quiet {min(quiet):.1f}) ms", "20 ms", min(pauses) <= 20)
        row("opening it, to the first where", f"{opened * 1000:.0f} ms", "100 ms", opened <= 0.1)
        if options.pystack:
            seconds, done = taken([options.pystack, "core", snapshot, os.path.realpath(options.python)])
            print(f"pystack core: {seconds:.2f} s, {'reads it' if '(Python) File' in done.stdout else 'does not: ' + done.stdout[-300:]}")
    finally:
        worker.end()


def of_many(options, folder):
    script = os.path.join(HERE, "inferiors", "workers.py")
    root = subprocess.Popen([options.python, script, str(options.workers)], stdout=subprocess.PIPE)
    try:
        assert len(root.stdout.read(options.workers)) == options.workers
        bundle = os.path.join(folder, "all.pmdb")
        walls = [succeeded([options.pmdb, "snapshot", root.pid, "--tree", "-o", bundle])[0] for _ in range(options.rounds)]
        opened = min(succeeded([options.pmdb, "open", bundle, "-c", "where", "-c", "q"])[0] for _ in range(options.rounds))
        print(f"a bundle of {options.workers + 1} processes: {os.path.getsize(bundle) / 2**20:.0f} MiB, opened to the first where in {opened * 1000:.0f} ms")
        row(f"writing {options.workers} workers into one bundle", f"{min(walls):.2f} s", "2 s", min(walls) <= 2)
    finally:
        root.send_signal(signal.SIGTERM)
        root.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pmdb", default="target/release/pmdb")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--gcore", default=shutil.which("gcore"))
    parser.add_argument("--pystack", default=os.environ.get("PYSTACK", shutil.which("pystack")))
    parser.add_argument("--heap", type=float, default=4, help="GiB")
    parser.add_argument("--shared", type=float, default=1, help="GiB")
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="where cores are written, for as long as they are measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        if options.heap:
            of_one(options, folder)
        if options.workers:
            of_many(options, folder)


main()
