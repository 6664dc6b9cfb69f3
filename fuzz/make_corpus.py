"""Makes seeds for the fuzz targets out of what is real: cores, line tables, files, lines of a session.

    python3 fuzz/make_corpus.py [PYTHON...]

Writes fuzz/corpus/TARGET/* and, of each interpreter that is given, fuzz/cores/VERSION.core for PMDB_FUZZ_CORE.
"""

import bz2
import glob
import gzip
import lzma
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

FUZZ = Path(__file__).resolve().parent
ROOT = FUZZ.parent

# Run by each interpreter: all line tables of a module with much in it, as (first line, table) in hexadecimal.
TABLES = """
import inspect, types, collections, asyncio.base_events
pending = [compile(inspect.getsource(module), "x", "exec") for module in (collections, asyncio.base_events)]
while pending:
    code = pending.pop()
    table = getattr(code, "co_linetable", None) or code.co_lnotab
    print(code.co_firstlineno, table.hex())
    pending.extend(item for item in code.co_consts if isinstance(item, types.CodeType))
"""

MESSAGES = r"""
{"event":"hello"}
{"event":"failed","text":"SyntaxError('x')"}
{"event":"stopped","thread":4242,"reason":"attach"}
{"event":"stopped","thread":4242,"reason":"breakpoint","breakpoints":[1,2],"counts":[[1,7,0],[2,1,3]],"complaints":[{"number":2,"error":"NameError: name 'x' is not defined"}],"value":"[1, 2]","brief":"[1, …]","error":null}
{"event":"stopped","thread":4242,"reason":"exception","error":"ValueError: bad \ud83d\udc0d \u001b[0m"}
{"event":"log","number":3,"thread":4243,"text":"loss=0.5"}
{"event":"output","text":"a line\nand another\n"}
{"id":1,"text":"[1, 2, 3]","length":null,"type":"list","error":null,"line":null}
{"id":18446744073709551615,"text":"aaaa","length":1000000,"type":"str"}
{"id":3,"error":"ZeroDivisionError: division by zero"}
"""


def write(target, name, data):
    folder = FUZZ / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def dump(python, name):
    """The core of fixtures/rich.py: by the kernel, else by gcore."""
    with tempfile.TemporaryDirectory() as folder:
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        process = subprocess.Popen(
            [python, str(ROOT / "fixtures/rich.py")], stdout=subprocess.PIPE, cwd=folder,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, unlimited))
        process.stdout.readline()
        pattern = Path("/proc/sys/kernel/core_pattern").read_text()
        if pattern.startswith("|") or "/" in pattern:
            subprocess.run(["gcore", "-o", folder + "/core", str(process.pid)], stdout=subprocess.DEVNULL)
        process.send_signal(signal.SIGABRT)
        process.wait()
        cores = FUZZ / "cores"
        cores.mkdir(exist_ok=True)
        found = glob.glob(folder + "/core*")[0]
        shutil.move(found, cores / f"{name}.core")
        return cores / f"{name}.core"


def of_interpreter(python):
    said = subprocess.run([python, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"],
                          capture_output=True, text=True, check=True)
    name = said.stdout.strip()
    core = dump(python, name)
    with open(core, "rb") as file:
        # Headers, notes and the first pages. What follows is said to be cut off.
        start = file.read(48 << 10)
    write("core", name, start)
    for packed, suffix in ((gzip.compress(start), "gz"), (lzma.compress(start), "xz"), (bz2.compress(start), "bz2")):
        write("core", f"{name}.{suffix}", packed)
    for tool in ("zstd", "lz4"):
        if shutil.which(tool):
            packed = subprocess.run([tool, "-c"], input=start, capture_output=True, check=True).stdout
            write("core", f"{name}.{tool}", packed)
    tables = subprocess.run([python, "-c", TABLES], capture_output=True, text=True, check=True)
    for at, line in enumerate(tables.stdout.splitlines()):
        first, table = line.split(" ")
        for offset in (0, 20, 4096):
            numbers = int(first).to_bytes(8, "little") + offset.to_bytes(8, "little")
            write("lines", f"{name}-{at}-{offset}", numbers + bytes.fromhex(table))


def of_this_machine():
    own = Path("/proc/self")
    for name in ("stat", "status", "maps", "syscall", "cmdline", "wchan"):
        write("lines", name, (own / name).read_bytes())
    libraries = glob.glob("/usr/lib/python3*/lib-dynload/*.so") + glob.glob("/lib/x86_64-linux-gnu/lib*.so")
    for path in ["/bin/true", *sorted(libraries, key=os.path.getsize)[:12]]:
        data = Path(path).read_bytes()
        if data.startswith(b"\x7fELF") and len(data) < 64 << 10:
            write("executable", os.path.basename(path), data)


def of_native_code(folder):
    """Programs that are walked from registers and stacks which lead into their code; and some to read."""
    code, stack = 0x5555_0000_0000, 0x7FFF_0000_0000
    chance = random.Random(1)
    ways = {"tables": [], "debug": ["-g", "-fno-asynchronous-unwind-tables"], "types": ["-g", "-gdwarf-4", "-fdebug-types-section"], "packed": ["-g", "-gz"]}
    for name, options in ways.items():
        program = Path(folder) / name
        source = ROOT / "fixtures/native_stacks.c"
        subprocess.run(["cc", "-O2", "-w", *options, "-o", program, source, "-pthread", "-lm"], check=True)
        write("dwarf", name, program.read_bytes())
        listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", program], capture_output=True, text=True, check=True).stdout
        after = re.findall(r"\tcall.*\n +([0-9a-f]+):", listing)
        for number in range(20):
            words = [chance.choice([code + int(chance.choice(after), 16), stack + 8 * chance.randrange(256), chance.getrandbits(64)]) for _ in range(272)]
            rip = int(chance.choice(after), 16)
            # How long the stack is, whether there is a file, registers, stack, program: see fuzz_targets/unwind.rs.
            head = (256 * 8).to_bytes(2, "little") + bytes([number % 2])
            numbers = b"".join(word.to_bytes(8, "little") for word in [*words[:16], rip, *words[16:]])
            write("unwind", f"{name}-{number}", head + numbers + program.read_bytes())


def of_sessions():
    expressions = (ROOT / "fixtures/expressions.txt").read_text().splitlines()
    for at in range(0, len(expressions), 10):
        lines = [("p ", "pp ", "whatis ", "")[number % 4] + text for number, text in enumerate(expressions[at:at + 10])]
        write("prompt", f"expressions-{at}", "\n".join(lines).encode())
    table = (ROOT / "docs/guide/prompt.md").read_text()
    commands = re.findall(r"^\(pmdb\) (.*)$", table, re.MULTILINE)
    for at in range(0, len(commands), 5):
        write("prompt", f"commands-{at}", "\n".join(commands[at:at + 5]).encode())
    messages = MESSAGES.strip().splitlines()
    for at, line in enumerate(messages):
        write("messages", str(at), line.encode() + b"\n")
    write("messages", "all", MESSAGES.encode())
    for at in range(8):
        # Which place, where in it, how, by what: see fuzz_targets/objects.rs.
        change = (at * 977).to_bytes(4, "little") + bytes(2) + (at % 4).to_bytes(2, "little") + (2**63 >> at).to_bytes(8, "little")
        write("objects", str(at), change * 3)


if __name__ == "__main__":
    for interpreter in sys.argv[1:] or [sys.executable]:
        of_interpreter(interpreter)
    of_this_machine()
    of_sessions()
    with tempfile.TemporaryDirectory() as folder:
        of_native_code(folder)
