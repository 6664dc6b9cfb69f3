//! Finding `_PyRuntime` and the version: once per process, and for what depends on files alone once per file.
//!
//! The ways, from the cheapest to the last resort, are described in `docs/internals/finding-python.md`.

mod binary;
mod check;
mod files;
mod scan;
mod sys;
mod version;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use self::binary::{Binary, Oddity};
use self::check::{DebugOffsets, Graph};
use self::files::Files;
pub use self::version::{Stage, Version};
use super::layout::{ALL, Layout, Minor, layout_of};
use super::{Look, PythonError};
use crate::model::Addr;
use crate::process::elf::load_bias;
use crate::process::{Backing, Habits, Mapping, Process};

/// The CPython of one process: plain data, good for as long as the process does not exec.
#[derive(Debug, Clone)]
pub struct Located {
    pub version: Version,
    pub layout: &'static Layout,
    pub runtime: Addr,
    /// Where the secret lies that goes into the hashes of strings (`_Py_HashSecret`), if the file says.
    pub(super) hash_secret: Option<Addr>,
    /// What the user should know and what is no error.
    pub notes: Vec<String>,
    /// What walks through this process and those that are like it read.
    pub(super) habits: Habits,
}

impl Located {
    /// `CPython 3.12.1`.
    pub fn name(&self) -> String {
        format!("CPython {}", self.version)
    }
}

/// Finds the CPython of processes, and remembers for the next one what it learned of the files that they map.
#[derive(Default)]
pub struct Locator {
    files: Files,
    recent: Mutex<Vec<Sighting>>,
}

/// A Python that was found, and the mapping through which. Forked processes have the same files at the same addresses.
#[derive(Clone)]
struct Sighting {
    mapping: Mapping,
    located: Located,
}

/// Sightings that are tried on the next process. A tree rarely has more kinds of Python processes.
const MOST_SIGHTINGS: usize = 8;

/// How much a search may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Some 20 µs for each file that no other process mapped before: sees what exports its symbols or has a table of
    /// sections.
    Quick,
    /// Milliseconds and more for each such file, where the quick way found nothing.
    Thorough,
}

/// Finds the CPython of one process.
pub fn locate(process: &dyn Process) -> Result<Located, PythonError> {
    Locator::default().locate(process, Effort::Thorough)
}

impl Locator {
    /// Finds the CPython of a process, through the executable and the libraries that it maps.
    pub fn locate(&self, process: &dyn Process, effort: Effort) -> Result<Located, PythonError> {
        if let Some(found) = self.like_another(process) {
            return found;
        }
        let mappings = likely_first(process);
        for mapping in &mappings {
            let binary = self.files.quick(process, mapping);
            if let Some(found) = binary.and_then(|binary| in_binary(process, mapping, &binary)) {
                return self.remember(mapping, found);
            }
        }
        match effort {
            Effort::Quick => Err(PythonError::NotPython),
            Effort::Thorough => self.search(process, &mappings),
        }
    }

    fn remember(
        &self,
        mapping: &Mapping,
        found: Result<Located, PythonError>,
    ) -> Result<Located, PythonError> {
        let located = found?;
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() >= MOST_SIGHTINGS {
            recent.remove(0);
        }
        recent.push(Sighting {
            mapping: mapping.clone(),
            located: located.clone(),
        });
        Ok(located)
    }

    /// Whether this process has a Python at the same place as another one.
    fn like_another(&self, process: &dyn Process) -> Option<Result<Located, PythonError>> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = recent.clone();
        for sighting in recent.into_iter().rev() {
            let expected = &sighting.mapping;
            // A core does not tell the inode.
            let Backing::File { inode: 1.., .. } = expected.backing else {
                continue;
            };
            if process.mapping_at(expected.start).as_ref() != Some(expected) {
                continue;
            }
            let Located {
                layout, runtime, ..
            } = sighting.located;
            match Graph::look(process, layout, runtime) {
                Graph::Sound => return Some(Ok(sighting.located)),
                Graph::Empty => return Some(Err(PythonError::NoInterpreter)),
                Graph::Broken(_) => {}
            }
        }
        None
    }

    /// For Pythons that hide: all symbols, and then the memory itself. `mappings` had nothing for the quick look.
    fn search(&self, process: &dyn Process, mappings: &[Mapping]) -> Result<Located, PythonError> {
        let mut suspects: Vec<(&Mapping, Option<Arc<Binary>>)> = Vec::new();
        for mapping in mappings {
            let binary = self.files.thorough(process, mapping);
            match &binary {
                Some(binary) => {
                    if let Some(found) = in_binary(process, mapping, binary) {
                        return self.remember(mapping, found);
                    }
                    suspects.push((mapping, Some(binary.clone())));
                }
                // What can be opened and has no trace of Python is not looked at further.
                None if process.open_file(mapping).is_err() => suspects.push((mapping, None)),
                None => {}
            }
        }
        let ranges = scan::static_variables(process, |path| {
            suspects
                .iter()
                .any(|(mapping, _)| mapping.path() == Some(path))
        });
        if let Some(runtime) = scan::cookie(process, &ranges) {
            return at(process, runtime, None, Path::new(""));
        }
        for layout in ALL
            .iter()
            .filter(|layout| layout.runtime.debug_offsets.is_none())
        {
            for runtime in scan::candidates(process, &ranges, layout) {
                if let Some(found) = guess(process, runtime, &[layout]) {
                    return found;
                }
            }
        }
        Err(PythonError::NotPython)
    }
}

/// A mapping of each file that may hold the interpreter: the executable, then what is named after Python, then all
/// others, since a program may embed it under any name.
fn likely_first(process: &dyn Process) -> Vec<Mapping> {
    let executable = process.identity().executable.as_deref();
    let mut mappings = process.code_mappings();
    mappings.sort_by_key(|mapping| {
        let path = mapping.path().unwrap_or(Path::new(""));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if Some(path) == executable {
            0
        } else if name.contains("python") {
            1
        } else {
            2
        }
    });
    mappings
}

/// The Python of one file, as one process has it in memory; nothing if the file has none.
fn in_binary(
    process: &dyn Process,
    mapping: &Mapping,
    binary: &Binary,
) -> Option<Result<Located, PythonError>> {
    let version = || {
        let version = binary.version.map(|version| version.to_string());
        version.unwrap_or_else(|| "3".to_string())
    };
    match &binary.oddity {
        Some(Oddity::DebugBuild) => {
            return Some(Err(PythonError::DebugBuild { version: version() }));
        }
        Some(Oddity::TraceRefs) => return Some(Err(PythonError::TraceRefs { version: version() })),
        Some(Oddity::PyPy) => return Some(Err(PythonError::PyPy)),
        Some(Oddity::Old(numbers)) => {
            let version = numbers.map_or("3.6 or older".to_string(), |(major, minor)| {
                format!("{major}.{minor}")
            });
            return Some(Err(PythonError::UnsupportedVersion { version }));
        }
        None => {}
    }
    let bias = load_bias(&binary.segments, mapping)?;
    let runtime = bias.plus(binary.runtime?);
    let path = mapping.path().unwrap_or(Path::new(""));
    let mut found = at(process, runtime, binary.version, path);
    if let Ok(located) = &mut found {
        located.hash_secret = binary.hash_secret.map(|secret| bias.plus(secret));
    }
    Some(found)
}

/// The Python whose runtime is at an address. `version` is what its file says.
fn at(
    process: &dyn Process,
    runtime: Addr,
    version: Option<Version>,
    path: &Path,
) -> Result<Located, PythonError> {
    let offsets = DebugOffsets::read(process, runtime);
    let version = offsets.and_then(DebugOffsets::version).or(version);
    if let (Some(version), Some(offsets)) = (version, offsets)
        && offsets.free_threaded != 0
    {
        return Err(PythonError::FreeThreaded {
            version: version.to_string(),
        });
    }
    let Some(version) = version else {
        let without_offsets = |layout: &&Layout| layout.runtime.debug_offsets.is_none();
        let layouts: Vec<&'static Layout> = ALL.iter().copied().filter(without_offsets).collect();
        return guess(process, runtime, &layouts).unwrap_or_else(|| {
            Err(PythonError::UnknownVersion {
                path: path.display().to_string(),
            })
        });
    };
    let layout = layout_of(Minor(version.minor)).ok_or(PythonError::UnsupportedVersion {
        version: version.to_string(),
    })?;
    let mut located = Located {
        version,
        layout,
        runtime,
        hash_secret: None,
        notes: Vec::new(),
        habits: Habits::default(),
    };
    if let Some(expected) = &layout.runtime.debug_offsets {
        located.notes = check::compare_offsets(process, expected, runtime, version)?;
    }
    match Graph::look(process, layout, runtime) {
        Graph::Sound => {}
        Graph::Empty => return Err(PythonError::NoInterpreter),
        Graph::Broken(what) => {
            return Err(PythonError::Mismatch {
                version: version.to_string(),
                address: runtime,
                what: what.to_string(),
            });
        }
    }
    if version.micro.is_none() {
        // The name of a file tells no more than the minor version, and may tell a wrong one.
        if let Some(found) = guess(process, runtime, &[layout]) {
            return found;
        }
    }
    Ok(located)
}

/// Asks Python itself which version it is (`sys.hexversion`), reading it in one layout after the other. Nothing if it
/// does not answer in any of them: each gives garbage, or it has not made `sys` yet.
fn guess(
    process: &dyn Process,
    runtime: Addr,
    layouts: &[&'static Layout],
) -> Option<Result<Located, PythonError>> {
    layouts.iter().find_map(|layout| {
        if Graph::look(process, layout, runtime) != Graph::Sound {
            return None;
        }
        let located = |layout, version| Located {
            version,
            layout,
            runtime,
            hash_secret: None,
            notes: Vec::new(),
            habits: Habits::default(),
        };
        let assumed = Version {
            minor: layout.version.0,
            micro: None,
            stage: Stage::Final,
        };
        let tentative = located(layout, assumed);
        let facts = Look::new(process, &tentative).facts_of_sys().ok()?;
        let version = Version::from_hex(facts.hexversion)?;
        let text = version.to_string();
        if facts.lists_objects {
            return Some(Err(PythonError::TraceRefs { version: text }));
        }
        if facts.counts_references {
            return Some(Err(PythonError::DebugBuild { version: text }));
        }
        let Some(layout) = layout_of(Minor(version.minor)) else {
            return Some(Err(PythonError::UnsupportedVersion { version: text }));
        };
        let is_sound = Graph::look(process, layout, runtime) == Graph::Sound;
        is_sound.then(|| Ok(located(layout, version)))
    })
}
