//! Whether a table of offsets fits what is in memory.

use crate::model::Addr;
use crate::process::Process;
use crate::python::PythonError;
use crate::python::layout::{DebugOffsetsLayout, Layout};

use super::version::Version;

/// `_Py_Debug_Cookie`, the first member of `_Py_DebugOffsets` (3.13+), `Include/internal/pycore_debug_offsets.h`.
pub(super) const COOKIE: [u8; 8] = *b"xdebugpy";

/// Reads a word without a cache: for a few here and there, where fetching blocks would cost more.
pub(super) fn word(process: &dyn Process, address: Addr) -> Option<u64> {
    let mut bytes = [0; 8];
    process.read(address, &mut bytes).ok()?;
    Some(u64::from_le_bytes(bytes))
}

/// The first words of `_Py_DebugOffsets`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DebugOffsets {
    pub hex: u64,
    pub free_threaded: u64,
}

impl DebugOffsets {
    /// If they are at this address.
    pub fn read(process: &dyn Process, runtime: Addr) -> Option<DebugOffsets> {
        let mut bytes = [0; 24];
        process.read(runtime, &mut bytes).ok()?;
        let word = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        bytes.starts_with(&COOKIE).then_some(DebugOffsets {
            hex: word(8)?,
            free_threaded: word(16)?,
        })
    }

    pub fn version(self) -> Option<Version> {
        Version::from_hex(u32::try_from(self.hex).ok()?)
    }
}

/// How often a list that seems broken is looked at.
const MOST_LOOKS: usize = 20;
/// A list that is longer is none.
pub(super) const MOST_INTERPRETERS: usize = 1_000;

/// How the beginning of the list of interpreters looks in a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Graph {
    /// A thread of the newest interpreter that has one points back at it.
    Sound,
    /// There is no interpreter, or none has a thread.
    Empty,
    Broken(&'static str),
}

impl Graph {
    pub fn look(process: &dyn Process, layout: &Layout, runtime: Addr) -> Graph {
        let read = |address| word(process, address);
        match read(runtime.plus(layout.runtime.interpreters_head)) {
            None => Graph::Broken("it is not readable"),
            Some(0) => Graph::Empty,
            Some(interpreter) => {
                // The newest thread may end between two reads.
                let look = || Graph::from(read, layout, Addr(interpreter));
                match look() {
                    Graph::Broken(why) => (1..MOST_LOOKS)
                        .map(|_| look())
                        .find(|graph| *graph == Graph::Sound)
                        .unwrap_or(Graph::Broken(why)),
                    found => found,
                }
            }
        }
    }

    /// From the newest interpreter on. One beside the main one has no thread as long as nothing runs in it (3.13+).
    pub fn from(read: impl Fn(Addr) -> Option<u64>, layout: &Layout, newest: Addr) -> Graph {
        let mut interpreter = newest;
        for _ in 0..MOST_INTERPRETERS {
            match Graph::of_interpreter(&read, layout, interpreter) {
                Graph::Empty => {}
                found => return found,
            }
            match read(interpreter.plus(layout.interpreter.next)) {
                None | Some(0) => return Graph::Empty,
                Some(next) => interpreter = Addr(next),
            }
        }
        Graph::Empty
    }

    fn of_interpreter(
        read: impl Fn(Addr) -> Option<u64>,
        layout: &Layout,
        interpreter: Addr,
    ) -> Graph {
        let Some(thread) = read(interpreter.plus(layout.interpreter.threads_head)) else {
            return Graph::Broken("the list of interpreters leads nowhere");
        };
        if thread == 0 {
            return Graph::Empty;
        }
        match read(Addr(thread).plus(layout.thread.interp)) {
            Some(back) if back == interpreter.0 => Graph::Sound,
            _ => Graph::Broken("a thread does not point back at its interpreter"),
        }
    }
}

/// Compares the offsets that the target carries (3.13+) with those of the table, which was measured on one patch
/// release of the same minor version.
///
/// One that differs is fatal: pmdb would misread. A size that differs is not. Patch releases and options of the build add
/// members at the end, behind all that pmdb reads (3.13.18 has a larger `PyThreadState` than 3.13.0); a structure that has
/// become smaller is said in a note.
pub(super) fn compare_offsets(
    process: &dyn Process,
    expected: &DebugOffsetsLayout,
    runtime: Addr,
    version: Version,
) -> Result<Vec<String>, PythonError> {
    let mismatch = |what: String| PythonError::Mismatch {
        version: version.to_string(),
        address: runtime,
        what,
    };
    let mut offsets = vec![0; usize::try_from(expected.size).unwrap_or_default()];
    process
        .read(runtime, &mut offsets)
        .map_err(|_| mismatch("its table of offsets is not readable".to_string()))?;
    let word = |at: u64| {
        let at = usize::try_from(at).ok()?;
        let bytes = offsets.get(at..at.checked_add(8)?)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    let (mut wrong, mut sizes) = (Vec::new(), Vec::new());
    for check in expected.checks {
        let found = word(check.at);
        if found == Some(check.expected) {
            continue;
        }
        let shown = found.map_or("nothing".to_string(), |found| found.to_string());
        let text = format!("{} is {shown} and not {}", check.name, check.expected);
        if check.name.ends_with(".size") {
            if found < Some(check.expected) {
                sizes.push(text);
            }
        } else {
            wrong.push(text);
        }
    }
    if !wrong.is_empty() {
        return Err(mismatch(wrong.join(", ")));
    }
    if sizes.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![format!(
        "CPython {version} is laid out a little differently from the {} that pmdb was measured on: {}",
        super::Minor(version.minor),
        sizes.join(", ")
    )])
}
