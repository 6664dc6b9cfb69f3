"""pmdb's native stacks beside gdb's: the same pc of each frame of each thread, live and from a core, while real programs are at work.

usage: python3 benches/stacks.py [numpy] [tokio] [rayon] [cpp]

Each program is stopped (SIGSTOP) at ROUNDS moments that are as good as random, and both look at it; at the last one gcore writes a core, which both
read. The programs of Rust are built with cargo, which has to get tokio and rayon; numpy is that of PYTHON. What differs is printed, and the end is 1;
a stack whose callers gdb has lost, which it then ends at the address 0, is counted apart, if pmdb has what gdb has of it.
"""
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

from measure import tool

HERE = os.path.dirname(os.path.abspath(__file__))
INFERIORS = os.path.join(HERE, "inferiors")
PYTHON = os.environ.get("PYTHON", sys.executable)
PMDB = tool("PMDB", os.path.join(HERE, "..", "target", "release", "pmdb"))
GDB = tool("GDB", "gdb")
ROUNDS = int(os.environ.get("ROUNDS", "20"))
# The interpreter's loop, in whose place pmdb shows the frames of Python that it runs.
LOOP = "_PyEval_EvalFrameDefault"

# A frame for each line: the thread, the pc, the stack pointer, the name.
WALK = """
import gdb
gdb.execute("set backtrace past-main on")
gdb.execute("set backtrace past-entry on")
for thread in gdb.selected_inferior().threads():
    thread.switch()
    frame = gdb.newest_frame()
    while frame is not None:
        frame_of = (thread.ptid[1], frame.pc(), int(frame.read_register("rsp")), frame.name())
        print("frame %d %d %d %s" % frame_of)
        try:
            frame = frame.older()
        except gdb.error:
            break
"""


def stacks_of_gdb(target, script):
    """The frames of each thread, the newest first: pc and name."""
    words = [GDB, "-nx", "-batch", "-iex", "set debuginfod enabled off", *target, "-x", script]
    text = subprocess.run(words, capture_output=True, text=True).stdout
    threads = {}
    for line in text.splitlines():
        if line.startswith("frame "):
            _, tid, pc, sp, name = line.split(" ", 4)
            threads.setdefault(int(tid), []).append((int(pc), int(sp) % 2**64, name))
    found = {}
    for tid, frames in threads.items():
        # Those on the same place of the stack are inlined functions; the last has the frame.
        last = [frame for frame, caller in zip(frames, frames[1:] + [None]) if caller is None or caller[1] != frame[1]]
        found[tid] = [(pc % 2**64, name) for pc, _, name in last]
    return found


def stacks_of_pmdb(target):
    words = [PMDB, "stack", "--native", "--json", *target]
    report = json.loads(subprocess.run(words, capture_output=True, text=True).stdout)
    found = {}
    for thread in report["processes"][0]["threads"]:
        frames = [frame for frame in thread["frames"] if frame.get("pc") is not None and not frame.get("inlined")]
        found.setdefault(thread["tid"], []).extend((frame["pc"], frame["function"]) for frame in frames)
    return found


def differences(ours, theirs):
    for tid in sorted(set(ours) | set(theirs)):
        one, other = ours.get(tid, []), [frame for frame in theirs.get(tid, []) if not (frame[1] or "").startswith(LOOP)]
        if [pc for pc, _ in one] != [pc for pc, _ in other]:
            yield tid, one, other


def is_lost(ours, theirs):
    """Whether gdb has found no caller, and says so by a frame at 0; of those before it pmdb has the same."""
    if not theirs or theirs[-1][0] != 0:
        return False
    before = [pc for pc, _ in theirs[:-1]]
    return before == [pc for pc, _ in ours[:len(before)]]


def text_of(frames):
    return "\n".join("      %#x %s" % frame for frame in frames)


def compare(name, argv, folder):
    script = os.path.join(folder, "walk.py")
    with open(script, "w") as file:
        file.write(WALK)
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True)
    threads = frames = wrong = lost = 0

    def check(where, ours, theirs):
        nonlocal threads, frames, wrong, lost
        threads += len(theirs)
        frames += sum(len(stack) for stack in theirs.values())
        for tid, one, other in differences(ours, theirs):
            if is_lost(one, other):
                lost += 1
                continue
            wrong += 1
            print("  %s, thread %d of %s\n    pmdb:\n%s\n    gdb:\n%s" % (where, tid, name, text_of(one), text_of(other)))

    try:
        child.stdout.readline()
        target = ["-p", str(child.pid)]
        for _ in range(ROUNDS):
            time.sleep(random.uniform(0.01, 0.15))
            os.kill(child.pid, signal.SIGSTOP)
            check("live", stacks_of_pmdb([str(child.pid)]), stacks_of_gdb(target, script))
            os.kill(child.pid, signal.SIGCONT)
        os.kill(child.pid, signal.SIGSTOP)
        core = os.path.join(folder, name)
        command = [GDB, "-nx", "-batch", "-iex", "set debuginfod enabled off", *target, "-ex", "gcore %s" % core]
        subprocess.run(command, capture_output=True)
        program = os.path.realpath("/proc/%d/exe" % child.pid)
        check("core", stacks_of_pmdb(["--core", core]), stacks_of_gdb([program, core], script))
        os.remove(core)
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    counted = (name, threads, frames, wrong, lost)
    print("%-6s %5d stacks, %6d frames: %d differ, %d lost by gdb" % counted, flush=True)
    return wrong


def rust(name, folder):
    source = os.path.join(INFERIORS, "corpus", "Cargo.toml")
    words = ["cargo", "build", "-q", "--release", "--manifest-path", source, "--target-dir", os.path.join(folder, "target")]
    subprocess.run([*words, "--bin", name], check=True)
    return [os.path.join(folder, "target", "release", name)]


def cpp(folder):
    program = os.path.join(folder, "sorting")
    source = os.path.join(INFERIORS, "sorting.cc")
    subprocess.run(["c++", "-std=c++17", "-O2", "-pthread", "-o", program, source], check=True)
    return [program]


def main():
    if PMDB is None or GDB is None:
        raise SystemExit("it takes pmdb (cargo build --release) and gdb")
    wrong = 0
    with tempfile.TemporaryDirectory(dir=os.environ.get("WORK")) as folder:
        programs = {
            "numpy": lambda: [PYTHON, os.path.join(INFERIORS, "numpy_at_work.py")],
            "tokio": lambda: rust("server", folder),
            "rayon": lambda: rust("rows", folder),
            "cpp": lambda: cpp(folder),
        }
        for name in sys.argv[1:] or programs:
            wrong += compare(name, programs[name](), folder)
    raise SystemExit(wrong > 0)


main()
