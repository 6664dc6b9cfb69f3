//! Which module a process has at an address.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::module::Place;
use super::{Module, Svma, image};
use crate::model::Addr;
use crate::process::elf::{Elf, FileIdentity, file_identity, load_bias};
use crate::process::{Backing, Mapping, Process, ProcessError, ReadError};

/// Files that were parsed, for all processes that map them.
#[derive(Debug, Default)]
pub struct ParsedModules(Mutex<HashMap<FileIdentity, Parsed>>);

/// A module, or why the file is none.
type Parsed = Result<Arc<Module>, Arc<str>>;

impl ParsedModules {
    fn of(&self, file: &File, place: Place) -> Parsed {
        let metadata = file.metadata().map_err(|error| error.to_string())?;
        let identity = file_identity(&metadata);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let parse = || {
            let parsed = Elf::open(file).and_then(|elf| Module::new(elf, Some(place)));
            parsed
                .map(Arc::new)
                .map_err(|error| error.to_string().into())
        };
        known.entry(identity).or_insert_with(parse).clone()
    }
}

/// A stretch of an address space that can be executed.
#[derive(Debug)]
pub struct Code {
    pub start: Addr,
    /// Exclusive.
    pub end: Addr,
    /// The file, as the process names it; `[vdso]`; nothing for code that the process made itself.
    pub name: Option<Arc<str>>,
    /// What it was loaded from; or why that is not known.
    pub module: Result<LoadedModule, Arc<str>>,
}

/// A module at the place where a process has it.
#[derive(Debug, Clone)]
pub struct LoadedModule {
    pub module: Arc<Module>,
    /// What is added to an address as linked.
    pub bias: Addr,
}

impl LoadedModule {
    pub fn svma(&self, address: Addr) -> Svma {
        Svma(address.minus(self.bias.0).0)
    }
}

/// The code of one process, found as it is asked for.
pub struct LoadedModules<'p> {
    process: &'p dyn Process,
    parsed: &'p ParsedModules,
    /// By start address.
    known: Mutex<BTreeMap<u64, Arc<Code>>>,
}

impl<'p> LoadedModules<'p> {
    pub fn new(process: &'p dyn Process, parsed: &'p ParsedModules) -> LoadedModules<'p> {
        LoadedModules {
            process,
            parsed,
            known: Mutex::default(),
        }
    }

    /// The code around an address; nothing if none can be executed there.
    pub fn find(&self, address: Addr) -> Option<Arc<Code>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, code)) = known.range(..=address.0).next_back()
            && address < code.end
        {
            return Some(code.clone());
        }
        let mapping = self.process.mapping_at(address)?;
        if !mapping.protection.execute {
            return None;
        }
        let code = Arc::new(Code {
            start: mapping.start,
            end: mapping.end,
            name: name(&mapping),
            module: self.load(&mapping),
        });
        known.insert(mapping.start.0, code.clone());
        Some(code)
    }

    /// Has the names indexed of the modules whose debug information was looked at so far, while nobody waits for them.
    pub fn index_names_in_background(&self) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let modules = known.values().filter_map(|code| code.module.as_ref().ok());
        for loaded in modules {
            loaded.module.index_names_in_background();
        }
    }

    /// The code of every file that has any, once.
    pub(super) fn all_code(&self) -> impl Iterator<Item = Arc<Code>> {
        let mappings = self.process.code_mappings().into_iter();
        mappings.filter_map(|mapping| self.find(mapping.start))
    }

    fn all(&self) -> impl Iterator<Item = LoadedModule> {
        self.all_code().filter_map(|code| code.module.clone().ok())
    }

    /// Whether a module is the program itself, and no library.
    pub(super) fn is_program(&self, module: &LoadedModule) -> bool {
        let program = self.process.identity().executable.as_deref();
        let mappings = self.process.code_mappings();
        let mapping = mappings.iter().find(|mapping| mapping.path() == program);
        let code = mapping.and_then(|mapping| self.find(mapping.start));
        let found = code.as_ref().and_then(|code| code.module.as_ref().ok());
        found.is_some_and(|found| Arc::ptr_eq(&found.module, &module.module))
    }

    /// Where the process has a symbol that one of its modules exports.
    pub(super) fn exported(&self, name: &str) -> Option<Addr> {
        self.all().find_map(|loaded| {
            let address = loaded.module.elf().view().ok()?.exported(name)?;
            Some(loaded.bias.plus(address))
        })
    }

    /// The memory around an address that can be read as one.
    pub(super) fn extent(&self, address: Addr) -> Option<Range<Addr>> {
        self.process.extent(address)
    }

    /// Reads instructions, which do not change: so it need not be at the moment at which the stack was copied.
    pub(super) fn read_code(&self, address: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.process.read(address, buffer)
    }

    fn load(&self, mapping: &Mapping) -> Result<LoadedModule, Arc<str>> {
        let Backing::File { path, .. } = &mapping.backing else {
            let module = self.image_at(mapping.start);
            return module.ok_or_else(|| "it was made by the process itself".into());
        };
        let opened = self.process.open_file(mapping);
        let parsed = opened.map_err(|error: ProcessError| error.to_string().into());
        let place = || Place {
            path: path.clone(),
            root: self.process.resolve(Path::new("/")),
        };
        let module = match parsed.and_then(|file| self.parsed.of(&file, place())) {
            Ok(module) => module,
            Err(why) => {
                let begin = self.begin_of_file(mapping);
                return begin.and_then(|begin| self.image_at(begin)).ok_or(why);
            }
        };
        let bias = load_bias(module.segments(), mapping)
            .ok_or_else(|| "the file has no segment that is mapped there".to_owned())?;
        Ok(LoadedModule { module, bias })
    }

    /// The module whose image begins at an address in memory.
    fn image_at(&self, base: Addr) -> Option<LoadedModule> {
        let image = image::copy(self.process, base)?;
        let module = Module::new(Elf::copied(image), None).ok()?;
        let first = module.segments().first()?;
        let bias = base.plus(first.offset).minus(first.address);
        let module = Arc::new(module);
        Some(LoadedModule { module, bias })
    }

    /// Where the beginning of a file is mapped of which a later part is.
    fn begin_of_file(&self, mapping: &Mapping) -> Option<Addr> {
        let before = self.process.mappings().iter().rev();
        let mut before = before.filter(|other| other.start <= mapping.start);
        let is_begin = |other: &&Mapping| {
            matches!(other.backing, Backing::File { offset: 0, .. })
                && other.path() == mapping.path()
        };
        Some(before.find(is_begin)?.start)
    }
}

fn name(mapping: &Mapping) -> Option<Arc<str>> {
    match &mapping.backing {
        Backing::File { path, .. } => Some(Path::to_string_lossy(path).into()),
        Backing::Special(name) => Some(name.as_str().into()),
        Backing::Anonymous => None,
    }
}
