"""What breakpoints cost a program, beside pdb and debugpy: one table for each interpreter, then the goals.

usage: python3 benches/breakpoints.py [PYTHON…]

Without words, the interpreters that PYTHONS names (paths with colons between), else the one that runs this. pmdb is what PMDB names, else
target/release/pmdb. debugpy is measured where the interpreter can import it. TURNS (7) is how often each is measured; the best of the
turns counts, since whatever else the machine does only adds. Ends with 1 if a goal was missed.

- *fib*: a recursive function, nothing but calls, while a breakpoint is in a function that is not called; to the bare program.
- *loops*: a loop without calls, the same.
- *hits/s*: a breakpoint on a line of a loop, with a condition that is false; without the time of the loop itself.
- *attach*: from the start of the command to the answer at the first prompt, with the program held.
"""
import itertools
import json
import os
import re
import socket
import subprocess
import sys
import time

from measure import Goals

HERE = os.path.dirname(os.path.abspath(__file__))
PMDB = os.environ.get("PMDB", os.path.join(HERE, "..", "target", "release", "pmdb"))
PROGRAM = os.path.join(HERE, "inferiors", "hot.py")
TURNS = int(os.environ.get("TURNS", "7"))
# fib(23) is 92,735 calls; the loops, and a twentieth of that for the hits.
BIG, SMALL = (23, 1_000_000), (16, 100_000)
CONDITION = "i == -1"


def line_of(text):
    with open(PROGRAM) as file:
        return 1 + next(number for number, line in enumerate(file) if text in line)


NEVER, HOT = line_of("    y = x"), line_of("total += i & 7\n") + 7
assert "total += i & 7" in open(PROGRAM).read().splitlines()[HOT - 1]


def times(output):
    """The best of the turns: seconds of fib, loops and hits, and how many hits."""
    found = re.findall(r"TIMES fib (\S+) loops (\S+) hits (\S+) (\d+)", output)
    if not found:
        return None
    return [min(float(row[column]) for row in found) for column in range(3)] + [int(found[0][3])]


def run(argv, text=""):
    return times(subprocess.run(argv, input=text, capture_output=True, text=True, timeout=900).stdout)


def program(size, waits=False):
    return [PROGRAM, *map(str, size), str(TURNS), *(["wait"] if waits else [])]


def bare(python, size):
    return run([python, *program(size)])


def with_pdb(python, size, place):
    return run([python, "-m", "pdb", "-c", "b %s:%s" % (PROGRAM, place), "-c", "c", *program(size)], "q\n")


def with_pmdb(python, size, place):
    child = subprocess.Popen([python, *program(size, True)], stdout=subprocess.PIPE, text=True)
    child.stdout.readline()
    words = ["break %s:%s" % (PROGRAM, place), "break done", "!__import__('__main__').armed = True", "continue", "quit"]
    asked = subprocess.run([PMDB, "attach", str(child.pid)], input="\n".join(words), capture_output=True, text=True)
    output = child.communicate(timeout=900)[0]
    if "done()" not in asked.stdout:
        print(asked.stdout)
    return times(output)


def with_debugpy(python, size, line, condition=None):
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    argv = [python, "-Xfrozen_modules=off", "-m", "debugpy", "--listen", "127.0.0.1:%d" % port, "--wait-for-client"]
    child = subprocess.Popen([*argv, *program(size)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for _ in range(200):
        try:
            client = socket.create_connection(("127.0.0.1", port))
            break
        except OSError:
            time.sleep(0.05)
    stream, asked = client.makefile("rb"), iter(range(1, 100))

    def ask(command, **arguments):
        body = json.dumps({"seq": next(asked), "type": "request", "command": command, "arguments": arguments}).encode()
        client.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def wait(kind, name):
        while True:
            length = 0
            while (header := stream.readline().strip()):
                length = int(header.rpartition(b":")[2])
            message = json.loads(stream.read(length))
            if message["type"] == kind and name in (message.get("command"), message.get("event")):
                return

    ask("initialize", adapterID="bench", linesStartAt1=True, columnsStartAt1=True, pathFormat="path")
    wait("response", "initialize")
    # Its adapter does not answer one without arguments.
    ask("attach", justMyCode=True)
    wait("event", "initialized")
    ask("setBreakpoints", source={"path": PROGRAM}, breakpoints=[{"line": line, **({"condition": condition} if condition else {})}])
    wait("response", "setBreakpoints")
    ask("configurationDone")
    # The adapter has the other end of the pipe too, and stays until the client leaves.
    output = "".join(itertools.islice((line for line in child.stdout if line.startswith("TIMES")), TURNS))
    ask("disconnect")
    client.close()
    child.wait(60)
    return times(output)


def attach_time(argv, pid, text, answer):
    best = None
    for _ in range(TURNS):
        began = time.perf_counter()
        child = subprocess.Popen([*argv, str(pid)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        child.stdin.write(text)
        child.stdin.flush()
        while answer not in (line := child.stdout.readline()):
            if not line:
                return None
        took = time.perf_counter() - began
        best = took if best is None else min(best, took)
        child.stdin.write("quit\n")
        child.communicate()
    return best


def attaching(python, version, goals):
    """On a program that computes: its calls are those of the other tables."""
    child = subprocess.Popen([python, PROGRAM, "20", "100000", "1000000"], stdout=subprocess.DEVNULL)
    try:
        time.sleep(0.3)
        ours = attach_time([PMDB, "attach"], child.pid, "stop\np 6 * 7\n", "42")
        theirs = attach_time([python, "-m", "pdb", "-p"], child.pid, "p 6 * 7\n", "42") if version >= (3, 14) else None
    finally:
        child.kill()
        child.wait()
    print("\nattach to an answer at the held prompt: pmdb %.1f ms%s" % (ours * 1e3, "; pdb -p %.1f ms" % (theirs * 1e3) if theirs else ""))
    goals.limit("%d.%d: attach" % version, ours * 1e3, 60, "ms")
    if theirs:
        goals.ratio("%d.%d: attach against pdb -p" % version, ours, theirs, 1 / 5)


def measured(python, goals):
    version = tuple(json.loads(subprocess.check_output([python, "-c", "import sys; print(list(sys.version_info[:2]))"])))
    has_debugpy = subprocess.run([python, "-c", "import debugpy"], capture_output=True).returncode == 0
    # pdb's own tracing is slow before 3.14, debugpy's up to 3.11.
    slow = SMALL if version < (3, 14) else BIG
    rows = [
        ("pmdb", BIG, with_pmdb(python, BIG, NEVER), with_pmdb(python, BIG, "%d, %s" % (HOT, CONDITION))),
        ("pdb", slow, with_pdb(python, slow, NEVER), with_pdb(python, slow, "%d, %s" % (HOT, CONDITION))),
    ]
    if has_debugpy:
        rows.append(("debugpy", BIG, with_debugpy(python, BIG, NEVER), with_debugpy(python, BIG, HOT, CONDITION)))
    plain = {size: bare(python, size) for size in (BIG, SMALL)}
    print("\n### CPython %d.%d\n\n| | fib | loops | false condition: hits/s |\n|---|---|---|---|" % version)
    figures = {}
    for name, size, idle, hot in rows:
        if not idle or not hot:
            print("| %s | failed | | |" % name)
            continue
        base = plain[size]
        rate = hot[3] / max(hot[2] - base[2], 1e-9)
        figures[name] = idle[0] / base[0], idle[1] / base[1], rate
        print("| %s | ×%.2f | ×%.2f | %s |" % (name, *figures[name][:2], format(int(rate), ",")), flush=True)
    name = "%d.%d" % version
    most = 1.03 if version >= (3, 12) else 1.15
    goals.ratio(name + ": calls while a breakpoint is in a function that is not called", figures["pmdb"][0], 1, most)
    if "pdb" in figures:
        goals.ratio(name + ": a hit of pmdb to one of pdb", 1 / figures["pmdb"][2], 1 / figures["pdb"][2], 1 / 5)
    attaching(python, version, goals)


def main():
    pythons = sys.argv[1:] or os.environ.get("PYTHONS", sys.executable).split(":")
    goals = Goals()
    for python in pythons:
        measured(python, goals)
    goals.print()
    raise SystemExit(goals.missed > 0)


main()
