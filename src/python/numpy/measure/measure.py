"""Makes `../tables.rs`: `python3 measure.py PYTHON1 PYTHON2`, two interpreters with numpy 1.x and 2.x and headers.

Each question is answered by a C program compiled against the headers that numpy installs with itself. See
docs/internals/numpy.md.
"""

import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent

ARRAY = "PyArrayObject_fields"
DESCR = "_PyArray_LegacyDescr, PyArray_Descr"

# Field of the table, struct (the first one that the version has), member.
OFFSETS = [
    ("data", ARRAY, "data"),
    ("dimensions_count", ARRAY, "nd"),
    ("dimensions", ARRAY, "dimensions"),
    ("strides", ARRAY, "strides"),
    ("base", ARRAY, "base"),
    ("descr", ARRAY, "descr"),
    ("flags", ARRAY, "flags"),
    ("descr_scalar_type", DESCR, "typeobj"),
    ("descr_byteorder", DESCR, "byteorder"),
    ("descr_type_number", DESCR, "type_num"),
    ("descr_flags", DESCR, "flags"),
    ("descr_item_size", DESCR, "elsize"),
    ("descr_alignment", DESCR, "alignment"),
    ("descr_subarray", DESCR, "subarray"),
    ("descr_fields", DESCR, "fields"),
    ("descr_names", DESCR, "names"),
    ("descr_metadata", DESCR, "c_metadata"),
    ("subarray_base", "PyArray_ArrayDescr", "base"),
    ("subarray_shape", "PyArray_ArrayDescr", "shape"),
    ("datetime_unit", "PyArray_DatetimeDTypeMetaData", "meta.base"),
    ("datetime_multiple", "PyArray_DatetimeDTypeMetaData", "meta.num"),
    ("scalar_value", "PyDoubleScalarObject", "obval"),
    ("scalar_long_double", "PyLongDoubleScalarObject", "obval"),
    ("scalar_datetime_unit", "PyDatetimeScalarObject", "obmeta.base"),
    ("scalar_datetime_multiple", "PyDatetimeScalarObject", "obmeta.num"),
    ("scalar_void_data", "PyVoidScalarObject", "obval"),
    ("scalar_void_descr", "PyVoidScalarObject", "descr"),
]


def measure(python):
    """The table of the numpy that an interpreter has, as the text of a Rust struct."""
    where = "import numpy, sysconfig; print(numpy.get_include()); print(sysconfig.get_paths()['include'])"
    where += "; print(numpy.__version__)"
    output = subprocess.run([python, "-c", where], check=True, capture_output=True, text=True).stdout
    numpy_include, python_include, version = output.split()
    major = int(version.split(".")[0])
    questions = []
    for name, structures, member in OFFSETS:
        structures = structures.split(", ")
        questions.append((name, f"offsetof({structures[0 if major > 1 else -1]}, {member})"))
    descr = DESCR.split(", ")[0 if major > 1 else -1]
    questions.append(("descr_size", f"sizeof({descr})"))
    questions.append(("descr_wide", f"sizeof((({descr} *)0)->elsize)"))
    lines = "".join(f'printf("%s %zu\\n", "{name}", (size_t)({question}));' for name, question in questions)
    target = "-DNPY_TARGET_VERSION=NPY_2_0_API_VERSION" if major > 1 else "-DNPY_NO_DEPRECATED_API=0"
    with tempfile.TemporaryDirectory() as directory:
        source, program = pathlib.Path(directory, "ask.c"), pathlib.Path(directory, "ask")
        source.write_text(
            "#include <stddef.h>\n#include <stdio.h>\n#include <Python.h>\n#include <numpy/arrayobject.h>\n"
            f"#include <numpy/arrayscalars.h>\nint main(void) {{ {lines} return 0; }}\n"
        )
        drop = ["-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", "-Wno-all", "-O1"]
        command = ["gcc", *drop, "-I", numpy_include, "-I", python_include, target, source, "-o", program]
        subprocess.run(command, check=True)
        answers = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    fields = []
    for name, value in map(str.split, answers.splitlines()):
        if name == "descr_wide":
            value = {"4": "false", "8": "true"}[value]
        fields.append(f"{name}: {value},")
    return f"/// Measured on numpy {version}.\npub(super) static NUMPY_{major}: Layout = Layout {{ {' '.join(fields)} }};\n"


def main(pythons):
    text = "//! Where numpy keeps things: measured by `python3 measure/measure.py PYTHON1 PYTHON2`. Do not edit.\n\n"
    text += "use super::layout::Layout;\n\n" + "\n".join(map(measure, pythons))
    path = HERE.parent / "tables.rs"
    path.write_text(text)
    subprocess.run(["rustfmt", "--edition", "2024", path], check=True)
    print(path)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(sys.argv[1:])
