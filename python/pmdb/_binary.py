"""Where the program `pmdb` is."""
import os
import shutil
import sys
import sysconfig


class NotFound(RuntimeError):
    """There is no program `pmdb`."""


def find():
    """Its path: what PMDB_BINARY says, else beside this Python's scripts, where pip puts it, else on PATH."""
    wanted = os.environ.get("PMDB_BINARY")
    if wanted:
        if is_program(wanted):
            return wanted
        raise NotFound("PMDB_BINARY names %s, which is no program that can be executed" % wanted)
    for folder in script_folders():
        path = os.path.join(folder, "pmdb")
        if is_program(path):
            return path
    found = shutil.which("pmdb")
    if found is None:
        raise NotFound("the program pmdb is neither beside this Python's scripts nor on PATH; PMDB_BINARY=/path/to/pmdb names another place")
    return found


def script_folders():
    folders = [sysconfig.get_path("scripts"), os.path.dirname(sys.executable or "")]
    if "posix_user" in sysconfig.get_scheme_names():
        folders.append(sysconfig.get_path("scripts", "posix_user"))
    # `pip install --target`: beside the package.
    folders.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bin"))
    return [folder for folder in folders if folder]


def is_program(path):
    return os.path.isfile(path) and os.access(path, os.X_OK)
