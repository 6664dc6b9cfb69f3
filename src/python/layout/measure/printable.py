"""Makes `../../repr/printable_table.rs`: `python3 printable.py PYTHON…`, one interpreter of each minor version.

`str.isprintable()` follows the Unicode tables that each version was built with. The table says since which minor
version a range of characters is printable; no character has ever ceased to be within these versions, and this fails
if one does.
"""

import json
import pathlib
import subprocess
import sys

QUESTION = """
import json, sys
ranges, start = [], None
for point in range(sys.maxunicode + 2):
    printable = point <= sys.maxunicode and chr(point).isprintable()
    if printable and start is None:
        start = point
    elif not printable and start is not None:
        ranges.append((start, point - 1))
        start = None
print(json.dumps([sys.version_info[1], ranges]))
"""


def ranges_of(points):
    found = []
    for point in sorted(points):
        if found and found[-1][1] == point - 1:
            found[-1][1] = point
        else:
            found.append([point, point])
    return found


def main(pythons):
    answers = sorted(json.loads(subprocess.check_output([python, "-c", QUESTION])) for python in pythons)
    known, tables = set(), []
    for minor, ranges in answers:
        points = {point for first, last in ranges for point in range(first, last + 1)}
        assert known <= points, "no longer printable in 3.%d: %r" % (minor, sorted(known - points)[:5])
        if points != known:
            tables.append((minor, ranges_of(points - known)))
        known = points
    path = pathlib.Path(__file__).resolve().parents[2] / "repr" / "printable_table.rs"
    with open(path, "w") as file:
        file.write("//! Which characters are printable since which version: made by `layout/measure/printable.py`. Do not edit.\n\n")
        file.write("/// Minor version of CPython 3; first and last code points of ranges, in turns.\n")
        file.write("pub(super) static SINCE: &[(u8, &[u32])] = &[\n")
        for minor, ranges in tables:
            numbers = ", ".join("%#x, %#x" % tuple(pair) for pair in ranges)
            file.write("(%d, &[%s]),\n" % (minor, numbers))
        file.write("];\n")
    subprocess.run(["rustfmt", "--edition", "2024", path], check=True)
    print(path)


if __name__ == "__main__":
    main(sys.argv[1:])
