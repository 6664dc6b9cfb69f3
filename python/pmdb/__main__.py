"""`python -m pmdb script.py`: as `python -m pdb script.py`, with pmdb's prompt."""
import os
import sys

from . import _binary

USAGE = """\
usage: python -m pmdb [-c COMMAND]... (-m MODULE | SCRIPT) [ARGUMENT]...

Runs a program from its first line at pmdb's prompt, as `python -m pdb` does. Each COMMAND is run first, as if it were typed.
"""


def interpreter_options():
    """What this interpreter was started with besides: `-X dev`, `-O`."""
    try:
        from subprocess import _args_from_interpreter_flags
    except ImportError:
        return []
    return _args_from_interpreter_flags()


def command(words):
    """What is executed for the arguments: nothing for help, None if they make no sense."""
    pmdb, rest = [_binary.find(), "run", "--stop-at-entry"], list(words)
    python = ["--", sys.executable] + interpreter_options()
    while rest and rest[0].startswith("-"):
        name = rest.pop(0)
        if name in ("-h", "--help"):
            return []
        if name == "--":
            break
        if name == "--command":
            name = "-c"
        elif name.startswith("--command="):
            rest.insert(0, name.partition("=")[2])
            name = "-c"
        elif len(name) > 2 and name[1] != "-":
            rest.insert(0, name[2:])
            name = name[:2]
        if name not in ("-c", "-m") or not rest:
            return None
        value = rest.pop(0)
        if name == "-m":
            # It ends the options: what stands behind it is the module's own.
            return pmdb + python + ["-m", value] + rest
        pmdb += ["-c", value]
    return pmdb + python + rest if rest else None


def main():
    try:
        words = command(sys.argv[1:])
    except _binary.NotFound as error:
        sys.exit("pmdb: %s" % error)
    if not words:
        (sys.stdout if words == [] else sys.stderr).write(USAGE)
        sys.exit(0 if words == [] else 2)
    sys.stdout.flush()
    os.execv(words[0], words)


if __name__ == "__main__":
    main()
