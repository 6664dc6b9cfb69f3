"""Makes the table of one CPython minor version: `python3 measure.py PYTHON` writes `../tables/v3_N.rs`.

PYTHON is the interpreter to measure; its headers must be installed with it. `layout.template` is the table with
questions in place of numbers. Most are answered by a C program compiled against that version's own headers, the
rest by `probe.py` and `probe_data.py`, which PYTHON itself runs on live objects. See docs/internals/layouts.md.

Questions, several of them separated by `|` (the first that the version can answer counts):
    $(A.b)          offsetof(A, b)
    $(sizeof A)     sizeof(A)
    $(elements A.b) length of an array member
    $(element A.b)  size of one element of an array member
    $(bit A.b.c)    first bit, counted within A.b, of the bit field A.b.c
    $(value X)      an integer constant
    $(distance F)   how many bytes before an object `F(object)` points
    $(probe x)      measured by probe.py or probe_data.py
    $?(A.b)         Some(offset), or None where the version has no such member
    $needs(A.b)     nothing, but the alternative it stands in holds only where A.b exists
    $[ X $or Y $]   the first alternative all of whose questions have answers
    $checks         what `_Py_DebugOffsets` must say: the lines of debug_offsets.txt that the version has
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent

HEADERS = """
Python.h frameobject.h structmember.h datetime.h opcode.h
internal/pycore_runtime.h internal/pycore_runtime_structs.h internal/pycore_pystate.h internal/pycore_interp.h
internal/pycore_interp_structs.h internal/pycore_tstate.h internal/pycore_frame.h internal/pycore_interpframe.h
internal/pycore_interpframe_structs.h internal/pycore_gil.h internal/pycore_code.h internal/pycore_dict.h
internal/pycore_dict_state.h internal/pycore_object.h internal/pycore_typeobject.h internal/pycore_stackref.h
internal/pycore_genobject.h internal/pycore_debug_offsets.h internal/pycore_moduleobject.h internal/pycore_llist.h
internal/pycore_unicodeobject.h internal/pycore_gc.h internal/pycore_pymem.h internal/pycore_ceval.h
"""

PRELUDE = """
#define Py_BUILD_CORE 1
#define NDEBUG 1
#include <stddef.h>
#include <stdio.h>
#include <string.h>
{includes}
static long lowest_bit(const void *bytes, size_t count) {{
    for (size_t i = 0; i < count * 8; i++)
        if (((const unsigned char *)bytes)[i / 8] >> (i % 8) & 1) return (long)i;
    return -1;
}}
"""


def expression(question):
    """The C expression that answers a question."""
    kind, _, rest = question.partition(" ")
    if kind == "sizeof":
        return f"sizeof({rest})"
    if kind == "value":
        return f"({rest})"
    if kind == "distance":
        return f"((char *)4096 - (char *){rest}((PyObject *)4096))"
    if kind in ("elements", "element"):
        structure, member = rest.split(".", 1)
        array = f"(({structure} *)0)->{member}"
        return f"sizeof({array}[0])" if kind == "element" else f"(sizeof({array}) / sizeof({array}[0]))"
    if kind == "bit":
        structure, member, field = rest.split(".")
        part = f"(({structure} *)0)->{member}"
        return (
            f"({{ __typeof__({part}) part; memset(&part, 0, sizeof part); part.{field} = 1; "
            f"lowest_bit(&part, sizeof part); }})"
        )
    structure, member = question.rsplit(" ", 1) if question.startswith("struct ") else ("", question)
    name, member = member.split(".", 1)
    return f"offsetof({structure + ' ' if structure else ''}{name}, {member})"


def ask_compiler(includes, questions):
    """Compiles one function for each question, drops those that are errors, and runs the rest."""
    include_flags = [flag for directory in includes for flag in ("-I", str(directory))]
    present = [h for h in HEADERS.split() if any((directory / h).exists() for directory in includes)]
    prelude = PRELUDE.format(includes="".join(f"#include <{h}>\n" for h in present))
    questions = list(questions)
    with tempfile.TemporaryDirectory() as directory:
        source, program = pathlib.Path(directory, "ask.c"), pathlib.Path(directory, "ask")

        def write(asked):
            lines = [f"static long ask{i}(void) {{ return (long){expression(q)}; }}" for i, q in enumerate(asked)]
            calls = "".join(f'printf("%ld\\n", ask{i}());' for i in range(len(asked)))
            source.write_text(prelude + "\n".join(lines) + f"\nint main(void) {{ {calls} return 0; }}\n")
            return prelude.count("\n") + 1

        command = ["gcc", "-std=gnu11", "-Werror=implicit-function-declaration", "-O1", *include_flags, str(source), "-o", str(program)]
        first_line = write(questions)
        errors = subprocess.run([*command, "-fsyntax-only"], capture_output=True, text=True).stderr
        failed = {int(line) - first_line for line in re.findall(r"ask\.c:(\d+):\d+: error", errors)}
        outside = re.findall(r"^(?!\S*ask\.c).*error:.*$", errors, re.M)
        if outside:
            raise SystemExit("the headers do not compile:\n" + "\n".join(outside[:5]))
        answered = [q for i, q in enumerate(questions) if i not in failed]
        write(answered)
        # Functions and tables of the headers name things of libpython: they are not used, and dropped.
        drop = ["-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"]
        subprocess.run([*command, *drop], check=True, stderr=subprocess.PIPE)
        output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
        return dict(zip(answered, map(int, output.split())))


class Missing(Exception):
    """The version has no such thing."""


class Template:
    """Fills the template with answers."""

    def __init__(self, text, answers, checks):
        self.tokens = re.findall(r"\$\[|\$\]|\$or\b|\$checks|\$\??(?:needs)?\([^()]*(?:\([^()]*\)[^()]*)*\)|[^$]+", text)
        self.answers = answers
        self.checks = checks
        self.at = 0

    def answer(self, token):
        asked = token[token.index("(") + 1 : -1].split("|")
        found = [self.answers[q.strip()] for q in asked if q.strip() in self.answers]
        if token.startswith("$?"):
            return f"Some({found[0]})" if found else "None"
        if not found:
            raise Missing(token)
        return "" if token.startswith("$needs") else str(found[0])

    def sequence(self):
        """Text up to the end, `$or` or `$]`; the Missing of its first question without an answer, if any."""
        text, missing = "", None
        while self.at < len(self.tokens) and self.tokens[self.at] not in ("$or", "$]"):
            token = self.tokens[self.at]
            self.at += 1
            try:
                if token == "$[":
                    text += self.choice()
                elif token == "$checks":
                    text += self.checks
                elif token.startswith("$"):
                    text += self.answer(token)
                else:
                    text += token
            except Missing as error:
                missing = missing or error
        return text, missing

    def choice(self):
        chosen = None
        while True:
            text, missing = self.sequence()
            if chosen is None and missing is None:
                chosen = text.strip()
            closing = self.tokens[self.at]
            self.at += 1
            if closing == "$]":
                break
        if chosen is None:
            raise missing
        return chosen

    def fill(self):
        text, missing = self.sequence()
        if missing:
            raise SystemExit(f"no answer to {missing}")
        return text


def questions_of(template):
    inside = re.findall(r"\$\??(?:needs)?\(([^()]*(?:\([^()]*\)[^()]*)*)\)", template)
    return {q.strip() for group in inside for q in group.split("|")}


def debug_offset_checks(answers, pairs):
    checks = []
    for member, question in pairs:
        at = answers.get(f"_Py_DebugOffsets.{member}")
        if at is not None and question in answers:
            checks.append(f'check("{member}", {at}, {answers[question]}),')
    return "&[" + "\n".join(checks) + "]"


def measure(python):
    """The answers for one interpreter, and its version."""
    about = json.loads(
        subprocess.run(
            [python, "-c", "import sys, sysconfig, json, platform; p = sysconfig.get_paths();"
             "print(json.dumps([p['include'], p['platinclude'], platform.python_version(), sys.version_info[:2]]))"],
            check=True, capture_output=True, text=True,
        ).stdout
    )
    include, platform_include = map(pathlib.Path, about[:2])
    # Debian's pyconfig.h sends the compiler on to `x86_64-linux-gnu/python3.N/pyconfig.h` beside `python3.N`.
    includes = [include, include / "internal", platform_include, include.parent]
    pairs = [line.split(None, 1) for line in (HERE / "debug_offsets.txt").read_text().splitlines() if line[:1] not in "#"]
    questions = questions_of((HERE / "layout.template").read_text())
    questions |= {f"_Py_DebugOffsets.{member}" for member, _ in pairs} | {question for _, question in pairs}
    answers = ask_compiler(includes, sorted(q for q in questions if not q.startswith("probe ")))
    probes = [HERE / "probe.py", HERE / "probe_data.py"]
    probed = "".join(subprocess.run([python, "-B", probe], check=True, stdout=subprocess.PIPE, text=True).stdout for probe in probes)
    answers.update((f"probe {name}", int(offset)) for name, offset in map(str.split, probed.splitlines()))
    return answers, pairs, about[2], about[3]


def main(python):
    answers, pairs, patch, (major, minor) = measure(python)
    template = (HERE / "layout.template").read_text()
    table = Template(template, answers, debug_offset_checks(answers, pairs)).fill()
    imports = "use crate::python::layout::*;" + ("use crate::python::layout::states::check;" if "check(" in table else "")
    path = HERE.parent / "tables" / f"v{major}_{minor}.rs"
    path.write_text(
        f"//! CPython {major}.{minor}: measured on {patch} by `python3 measure/measure.py PYTHON`. Do not edit.\n\n"
        f"{imports}\n\npub static V{major}_{minor}: Layout = {table.strip()};\n"
    )
    subprocess.run(["rustfmt", "--edition", "2024", path], check=True)
    print(path)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
