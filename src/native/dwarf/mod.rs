//! What the debug information of one module says: which functions and lines an address belongs to.
//!
//! Nothing is parsed before it is needed (`docs/internals/debug-information.md`): opening a module reads its section table and the
//! headers of its units, and a question about an address reads the units that have it, their line tables and lists of functions once each.
//! Addresses are as linked (DWARF's own, without the load bias), so that one module serves all processes that map it.

mod debug_file;
mod functions;
mod index;
mod kept_sections;
mod lines;
mod listed;
mod module;
mod names;
mod other_files;
mod parallel;
mod problems;
mod ranges;
mod scopes;
mod sections;
mod separate;
mod source;
mod unit;
mod variables;
mod vtables;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use self_cell::self_cell;
use thiserror::Error;

pub(in crate::native) use functions::code_ranges;
pub(in crate::native) use index::{Sort, is_static};
pub use lines::SourceLocation;
pub(in crate::native) use module::Module;
use module::Owner;
pub use names::demangled;
use problems::Problems;
pub(in crate::native) use sections::Slice;
use sections::{Kept, Naming, Sections};
pub(in crate::native) use separate::belongs_to;
use separate::{Origin, open_debug_file, open_supplementary};
pub use source::{Sameness, SourceFile};
pub(in crate::native) use unit::{Entry, EntryRef, UnitIn};
pub(in crate::native) use variables::{Place, Variable, variable, variables_at};

use super::expression::{self, Answer, Around, ExpressionError, Question};
use super::values::{self, FrameState, Limits};
use super::{SourceFrame, Svma};
use crate::model::{BuildId, Local};
use crate::process::elf::Elf;

#[derive(Debug, Error)]
pub enum DwarfError {
    #[error("not an ELF file that pmdb can read: {0}")]
    Malformed(#[from] object::read::Error),
    #[error("{name} cannot be decompressed: {why}")]
    Compressed { name: &'static str, why: String },
    #[error(
        "{} has no debug information, {why}: build it with `-g` (Rust: `debug = true` in the profile), or install its distribution's debug package, or fetch it (`pmdb debuginfo`)",
        path.display()
    )]
    NoDebugInformation { path: PathBuf, why: String },
    #[error("its debug information is not used: {why}")]
    OtherBuild { why: String },
    #[error(
        "the debug information refers to {} (build-id {id}), which is not there: names and types in it are missing; install the debug package that has it, or fetch it (`pmdb debuginfo`)",
        path.display()
    )]
    NoSupplementary { path: PathBuf, id: BuildId },
    #[error(
        "{} is not there, which has a part of the debug information: keep the `.dwo` files of the build, or pack them into a `.dwp`",
        path.display()
    )]
    NoSplit { path: PathBuf },
    #[error("{} cannot be used: {why}", path.display())]
    Unusable { path: PathBuf, why: String },
}

self_cell!(
    struct Parsed {
        owner: Owner,
        #[not_covariant]
        dependent: Module,
    }
);

/// The debug information of one module. Threads can share it.
pub struct DebugInformation {
    parsed: Parsed,
}

impl DebugInformation {
    /// Finds the debug information of a module: in its file, or in a separate one that the file names.
    ///
    /// `path` is where the process sees the file; `root` is the folder that stands for the process's `/`.
    pub fn open(file: Arc<Elf>, path: &Path, root: &Path) -> Result<DebugInformation, DwarfError> {
        let mut roots = vec![root.to_path_buf()];
        if root != Path::new("/") {
            roots.push(PathBuf::from("/"));
        }
        let debug_file = root.join(path.strip_prefix("/").unwrap_or(path));
        let mut origin = Origin {
            path: path.to_path_buf(),
            debug_file,
            roots,
        };
        let kept = Kept::default();
        let own = file.clone();
        let file = open_debug_file(file, &mut origin)?;
        let owner = Owner {
            is_separate: !Arc::ptr_eq(&own, &file),
            kept,
            problems: Problems::default(),
            lacks: OnceLock::new(),
            origin,
            file,
        };
        let parsed = Parsed::try_new(owner, |owner| {
            let main = Sections::read(&owner.kept, &owner.file, Naming::Main)?;
            let supplementary = open_supplementary(&owner.kept, &owner.file, &owner.origin)
                .unwrap_or_else(|error| {
                    owner.problems.add(error.to_string());
                    if let DwarfError::NoSupplementary { id, .. } = error {
                        owner.lacks.get_or_init(|| id);
                    }
                    None
                });
            let supplementary = supplementary
                .as_ref()
                .map(|(label, sections)| (label.clone(), sections));
            Ok::<_, DwarfError>(Module::new(owner, &main, supplementary))
        })?;
        Ok(DebugInformation { parsed })
    }

    /// The build of the file that it refers to (that of dwz), if that is not there.
    pub fn lacks(&self) -> Option<BuildId> {
        self.parsed.borrow_owner().lacks.get().cloned()
    }

    /// The frames at an address as linked, innermost first: the calls that were inlined there, then the function that
    /// they were inlined into. Empty if no unit has code there. A return address is one too high: it may belong to the next line.
    pub fn frames_at(&self, address: Svma) -> Vec<SourceFrame> {
        self.parsed
            .with_dependent(|_, module| module.frames_at(address.0))
    }

    /// Finds at once which units have the code at some addresses of which each will be asked for.
    pub(in crate::native) fn foresee(&self, addresses: &[u64]) {
        self.parsed
            .with_dependent(|_, module| module.foresee(addresses));
    }

    /// The variables that are in scope at an address, of each of the frames that [`DebugInformation::frames_at`] gives for it.
    pub fn locals_at(
        &self,
        address: Svma,
        frame: &FrameState<'_>,
        limits: &Limits,
    ) -> Vec<Vec<Local>> {
        self.parsed
            .with_dependent(|_, module| values::locals(module, address.0, frame, limits))
    }

    /// One that says nothing: what needs none can be answered all the same.
    pub fn none() -> DebugInformation {
        let owner = Owner {
            is_separate: false,
            kept: Kept::default(),
            problems: Problems::default(),
            lacks: OnceLock::new(),
            origin: Origin {
                path: PathBuf::new(),
                debug_file: PathBuf::new(),
                roots: Vec::new(),
            },
            file: Arc::new(Elf::copied(Vec::new())),
        };
        let parsed = Parsed::new(owner, |owner| Module::new(owner, &Sections::none(), None));
        DebugInformation { parsed }
    }

    /// Answers a question about a frame whose code is of this module.
    pub fn answer(
        &self,
        around: &Around<'_>,
        question: &Question,
        limits: &Limits,
    ) -> Result<Answer, ExpressionError> {
        self.parsed
            .with_dependent(|_, module| expression::answer(module, around, question, limits))
    }

    /// Makes the index of its names, or reads it where an earlier command has made it.
    pub(in crate::native) fn index_names(&self) {
        self.parsed.with_dependent(|_, module| {
            module.index();
        });
    }

    /// The names of functions or types that suit, with their paths.
    pub(in crate::native) fn names(&self, sort: Sort, suits: &dyn Fn(&str) -> bool) -> Vec<String> {
        self.parsed.with_dependent(|_, module| {
            let names = module.all_of(sort).filter_map(|at| module.full_name(at));
            names.filter(|name| suits(name)).collect()
        })
    }

    /// The names of statics that suit, as expressions name them. Tables of methods, which the compiler makes, are left out.
    pub(in crate::native) fn static_names(&self, suits: &dyn Fn(&str) -> bool) -> Vec<String> {
        self.parsed.with_dependent(|_, module| {
            let names = module.all_of(Sort::Static);
            let names = names.filter_map(|at| module.full_name(at));
            let written = names.filter(|name| !name.contains("{vtable"));
            written
                .filter_map(|name| match name.contains('{') {
                    true => expression::thread_local_of(&name).map(str::to_owned),
                    false => Some(name),
                })
                .filter(|name| suits(name))
                .collect()
        })
    }

    /// Where the code of a line is, in the files whose paths end so.
    pub(in crate::native) fn code_of_line(
        &self,
        file: &str,
        line: u32,
    ) -> Vec<(Svma, Svma, String)> {
        let suits = |source: &SourceFile| {
            let before = source.path.strip_suffix(file);
            before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
        };
        self.parsed.with_dependent(|_, module| {
            let mut places: Vec<(Svma, Svma, String)> = module
                .code_of(&suits, line)
                .into_iter()
                .map(|(range, file)| (Svma(range.begin), Svma(range.end), file.path.clone()))
                .collect();
            places.sort();
            places.dedup();
            places
        })
    }

    /// From where to where the code around an address is of one line.
    pub(in crate::native) fn line_around(&self, address: Svma) -> Option<(Svma, Svma)> {
        self.parsed.with_dependent(|_, module| {
            let mut units = module.units_at(address.0);
            let range = units.find_map(|unit| unit.lines().range_around(address.0))?;
            Some((Svma(range.begin), Svma(range.end)))
        })
    }

    /// Has something read in what is parsed.
    pub(in crate::native) fn with_module<T>(
        &self,
        read: impl for<'s, 'a> FnOnce(&'s Module<'a>) -> T,
    ) -> T {
        self.parsed.with_dependent(|_, module| read(module))
    }

    /// The file that it is in, if that is not the module's own.
    pub(in crate::native) fn separate_file(&self) -> Option<&Arc<Elf>> {
        let owner = self.parsed.borrow_owner();
        owner.is_separate.then_some(&owner.file)
    }

    /// What was found damaged or missing so far, and which units are damaged.
    pub fn problems(&self) -> Vec<String> {
        self.parsed
            .with_dependent(|_, module| module.check_headers());
        self.parsed.borrow_owner().problems.sentences()
    }

    /// The file that the debug information is in.
    pub fn debug_file(&self) -> &Path {
        &self.parsed.borrow_owner().origin.debug_file
    }
}
