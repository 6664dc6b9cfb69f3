//! The facts of files, read once for all processes that map them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::binary::Binary;
use crate::process::elf::Elf;
use crate::process::{Backing, Mapping, Process};

/// Facts by file. Good for as long as the processes that map the files live: the kernel gives the number of a file's
/// inode anew only after that.
#[derive(Default)]
pub(super) struct Files {
    known: Mutex<HashMap<FileKey, Arc<FileFacts>>>,
}

/// Which file is mapped, as `/proc/PID/maps` tells it: nothing has to be opened to ask.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct FileKey {
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// Each is read when it is first asked for; other threads that ask meanwhile wait. Nothing for what is no ELF file or
/// cannot be opened.
#[derive(Default)]
struct FileFacts {
    quick: OnceLock<Option<Arc<Binary>>>,
    thorough: OnceLock<Option<Arc<Binary>>>,
}

impl Files {
    /// What can be told at the cost of some 20 µs.
    pub fn quick(&self, process: &dyn Process, mapping: &Mapping) -> Option<Arc<Binary>> {
        let facts = self.facts(mapping);
        let read = || {
            let path = mapping.path()?;
            let elf = open(process, mapping)?;
            Some(Arc::new(Binary::read(&elf.view().ok()?, path)))
        };
        facts.quick.get_or_init(read).clone()
    }

    /// What can be told by reading all constants and symbols, if there is a trace of Python in them.
    pub fn thorough(&self, process: &dyn Process, mapping: &Mapping) -> Option<Arc<Binary>> {
        let facts = self.facts(mapping);
        let read = || {
            let path = mapping.path()?;
            let elf = open(process, mapping)?;
            Binary::search(&elf.view().ok()?, path).map(Arc::new)
        };
        facts.thorough.get_or_init(read).clone()
    }

    fn facts(&self, mapping: &Mapping) -> Arc<FileFacts> {
        // A core does not tell device and inode, and two cores may mean different files by one path.
        let Some(key) = FileKey::of(mapping) else {
            return Arc::default();
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(key).or_default().clone()
    }
}

impl FileKey {
    fn of(mapping: &Mapping) -> Option<FileKey> {
        match &mapping.backing {
            Backing::File {
                path,
                device,
                inode,
                ..
            } if *inode != 0 => Some(FileKey {
                path: path.clone(),
                device: *device,
                inode: *inode,
            }),
            _ => None,
        }
    }
}

fn open(process: &dyn Process, mapping: &Mapping) -> Option<Elf> {
    let may_be_code = |path: &Path| !path.starts_with("/dev") && !path.starts_with("/memfd:");
    let path = mapping.path()?;
    // A program may run from a memfd, which can be opened where `/proc/PID/exe` or `map_files` leads to it.
    let is_executable = process.identity().executable.as_deref() == Some(path);
    if !may_be_code(path) && !is_executable {
        return None;
    }
    Elf::open(&process.open_file(mapping).ok()?).ok()
}
