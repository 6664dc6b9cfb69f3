//! Finding `_PyRuntime` and the version: once per process.

use super::PythonError;
use super::layout::{Layout, Minor, layout_of};
use crate::model::Addr;
use crate::process::elf::Elf;
use crate::process::{Mapping, Memory, Process};

/// `_Py_Debug_Cookie`, the first member of `_Py_DebugOffsets` (3.13+), `Include/internal/pycore_debug_offsets.h`.
const COOKIE: u64 = u64::from_le_bytes(*b"xdebugpy");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    pub minor: u8,
    /// Unknown where only the file's name tells the version.
    pub micro: Option<u8>,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "3.{}", self.minor)?;
        self.micro.map_or(Ok(()), |micro| write!(f, ".{micro}"))
    }
}

impl Version {
    /// From `PY_VERSION_HEX`, `Include/patchlevel.h`; `None` if it is not Python 3.
    fn from_hex(hex: u32) -> Option<Version> {
        let [_, micro, minor, major] = hex.to_le_bytes();
        (major == 3).then_some(Version {
            minor,
            micro: Some(micro),
        })
    }

    /// From `libpython3.9.so.1.0` or `python3.9`.
    fn from_file_name(name: &str) -> Option<Version> {
        let digits: String = name
            .split_once("python3.")?
            .1
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        Some(Version {
            minor: digits.parse().ok()?,
            micro: None,
        })
    }
}

/// The CPython of one process: plain data, good for as long as the process does not exec.
#[derive(Debug, Clone)]
pub struct Located {
    pub version: Version,
    pub layout: &'static Layout,
    pub runtime: Addr,
}

impl Located {
    /// `CPython 3.12.1`.
    pub fn name(&self) -> String {
        format!("CPython {}", self.version)
    }
}

/// Finds the CPython of a process, through the executable and the libraries that it maps.
pub fn locate(process: &dyn Process) -> Result<Located, PythonError> {
    let memory = Memory::new(process);
    for mapping in candidates(process) {
        let Ok(elf) = process
            .open_file(mapping)
            .map_err(drop)
            .and_then(|file| Elf::open(&file).map_err(drop))
        else {
            continue;
        };
        let (Ok(Some(symbol)), Ok(Some(bias))) = (elf.symbol("_PyRuntime"), elf.load_bias(mapping))
        else {
            continue;
        };
        let runtime = bias.plus(symbol);
        let version = version_of(&memory, &elf, bias, runtime, mapping)?;
        refuse_odd_builds(&memory, &elf, runtime, version)?;
        let layout = layout_of(Minor(version.minor)).ok_or(PythonError::UnsupportedVersion {
            version: version.to_string(),
        })?;
        let located = Located {
            version,
            layout,
            runtime,
        };
        check(&memory, &located)?;
        return Ok(located);
    }
    Err(PythonError::NotPython)
}

/// The first mapping of each file that may hold the interpreter: the executable, then what is named after Python.
fn candidates(process: &dyn Process) -> Vec<&Mapping> {
    let executable = process.identity().executable.as_deref();
    let mut found: Vec<&Mapping> = Vec::new();
    for mapping in process.mappings() {
        let Some(path) = mapping.path() else { continue };
        let named = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().contains("python"));
        let wanted = Some(path) == executable || named;
        if wanted && !found.iter().any(|other| other.path() == Some(path)) {
            found.push(mapping);
        }
    }
    found
}

fn version_of(
    memory: &Memory<'_>,
    elf: &Elf,
    bias: Addr,
    runtime: Addr,
    mapping: &Mapping,
) -> Result<Version, PythonError> {
    let path = mapping.path().unwrap_or(std::path::Path::new(""));
    let from_offsets = || {
        let cookie = memory.u64(runtime).ok()?;
        let hex = memory.u64(runtime.plus(8)).ok()?;
        (cookie == COOKIE).then(|| Version::from_hex(hex as u32))?
    };
    let from_symbol = || {
        let symbol = elf.symbol("Py_Version").ok()??;
        Version::from_hex(memory.u32(bias.plus(symbol)).ok()?)
    };
    let from_name = || Version::from_file_name(&path.file_name()?.to_string_lossy());
    from_offsets()
        .or_else(from_symbol)
        .or_else(from_name)
        .ok_or_else(|| PythonError::UnknownVersion {
            path: path.display().to_string(),
        })
}

/// Free-threaded builds say so in `_Py_DebugOffsets`; debug builds export the functions that count references.
fn refuse_odd_builds(
    memory: &Memory<'_>,
    elf: &Elf,
    runtime: Addr,
    version: Version,
) -> Result<(), PythonError> {
    let version = || version.to_string();
    let has_offsets = memory.u64(runtime).ok() == Some(COOKIE);
    if has_offsets && memory.u64(runtime.plus(16)).ok() != Some(0) {
        return Err(PythonError::FreeThreaded { version: version() });
    }
    let exports = |name| matches!(elf.symbol(name), Ok(Some(_)));
    if exports("_Py_NegativeRefcount") || exports("_Py_RefTotal") {
        return Err(PythonError::DebugBuild { version: version() });
    }
    Ok(())
}

/// Whether the tables fit what is there: every thread state of the first interpreter points back at it.
fn check(memory: &Memory<'_>, located: &Located) -> Result<(), PythonError> {
    let (layout, runtime) = (located.layout, located.runtime);
    let mismatch = |what: &str| PythonError::Mismatch {
        version: located.version.to_string(),
        address: runtime,
        what: what.to_string(),
    };
    let interpreter = memory
        .pointer(runtime.plus(layout.runtime.interpreters_head))
        .map_err(|_| mismatch("not readable"))?;
    if interpreter.is_null() {
        return Err(PythonError::NoInterpreter);
    }
    let thread = memory
        .pointer(interpreter.plus(layout.interpreter.threads_head))
        .map_err(|_| mismatch("the list of interpreters leads nowhere"))?;
    if thread.is_null() {
        return Err(PythonError::NoInterpreter);
    }
    let back = memory.pointer(thread.plus(layout.thread.interp));
    if back != Ok(interpreter) {
        return Err(mismatch("a thread does not point back at its interpreter"));
    }
    Ok(())
}
