//! What an executable or library says of the Python in it. Nothing here differs between the processes that map it.

use std::path::Path;

use super::version::{Version, numbers_in_name};
use crate::process::elf::{ElfView, LoadSegment};

/// The facts of one file.
#[derive(Debug, Clone, Default)]
pub(super) struct Binary {
    pub segments: Vec<LoadSegment>,
    /// Address of `_PyRuntime` as linked.
    pub runtime: Option<u64>,
    /// Address of `_Py_HashSecret` as linked.
    pub hash_secret: Option<u64>,
    /// From the constant `Py_Version` (3.11+), else from the file's name.
    pub version: Option<Version>,
    pub oddity: Option<Oddity>,
}

/// A Python that pmdb does not read, as its file shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Oddity {
    /// It counts all references, or lists all objects: other layouts.
    DebugBuild,
    TraceRefs,
    PyPy,
    /// Before 3.7 there was no `_PyRuntime`. The version if the file's name tells it.
    Old(Option<(u8, u8)>),
}

/// In the constants of every CPython and, but for its own tools, of nothing else: `Python/initconfig.c`,
/// `Modules/main.c`, `Python/pathconfig.c`.
const TELLTALE: &[u8] = b"PYTHONHOME";

/// A part of the names of functions of every CPython, also of one that exports none.
const EVALUATION: &[u8] = b"PyEval_";
/// Bytes of names of symbols that may be what `strip` has left.
const FEW_NAMES: usize = 64 << 10;

impl Binary {
    /// What can be told from the dynamic symbols and the table of sections.
    pub fn read(elf: &ElfView<'_>, path: &Path) -> Binary {
        Binary::new(elf, path, &|name| elf.exported(name))
    }

    /// What can be told from everything, also if it costs milliseconds; nothing if there is no trace of Python.
    pub fn search(elf: &ElfView<'_>, path: &Path) -> Option<Binary> {
        // The names of symbols are a small part of a file; who strips them leaves none as a rule.
        let names = elf.symbol_names().filter(|names| names.len() > FEW_NAMES);
        let may_be = names.is_none_or(|names| elf.has_within(names, EVALUATION));
        let found = may_be && elf.has_constant(TELLTALE);
        found.then(|| Binary::new(elf, path, &|name| elf.local(name)))
    }

    fn new(elf: &ElfView<'_>, path: &Path, symbol: &dyn Fn(&str) -> Option<u64>) -> Binary {
        // Where the linker kept the symbol from being exported the section still has its place. It exists since 3.10.
        let section = || Some(elf.section(".PyRuntime")?.address);
        let runtime = symbol("_PyRuntime").or_else(section);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let constant = || {
            let hex = elf.bytes_at(symbol("Py_Version")?, 4)?;
            Version::from_hex(u32::from_le_bytes(hex.try_into().ok()?))
        };
        Binary {
            segments: elf.segments(),
            runtime,
            hash_secret: symbol("_Py_HashSecret"),
            version: constant().or_else(|| Version::from_file_name(&name)),
            oddity: oddity(runtime, &name, symbol),
        }
    }
}

fn oddity(
    runtime: Option<u64>,
    name: &str,
    symbol: &dyn Fn(&str) -> Option<u64>,
) -> Option<Oddity> {
    let defines = |name| symbol(name).is_some();
    if runtime.is_none() {
        return if defines("pypy_main_startup") || defines("rpython_startup_code") {
            Some(Oddity::PyPy)
        } else if defines("Py_GetVersion") && defines("PyEval_EvalFrameEx") {
            Some(Oddity::Old(numbers_in_name(name)))
        } else {
            None
        };
    }
    // `Py_TRACE_REFS` alone adds the first two, `Py_DEBUG` (`Py_REF_DEBUG`) the others. `Objects/object.c`.
    if defines("_Py_AddToAllObjects") || defines("_Py_GetObjects") {
        Some(Oddity::TraceRefs)
    } else if defines("_Py_NegativeRefcount") || defines("_Py_RefTotal") {
        Some(Oddity::DebugBuild)
    } else {
        None
    }
}
