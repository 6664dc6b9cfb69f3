//! A file with code, or a piece of memory with the image of one.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::SourceFrame;
use super::dwarf::{DebugInformation, DwarfError, Sort};
use super::symbols::{Symbol, SymbolTable};
use super::unwind::{FrameInformation, Row};
use crate::model::BuildId;
use crate::process::elf::{Elf, ElfError, LoadSegment};

/// An address in a module as it was linked (stated virtual memory address): without the load bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Svma(pub u64);

/// So many symbols of a large table are searched for one by one, before it is sorted.
const FEW_SEARCHES: usize = 8;

/// An ELF file whose code runs in processes; what is expensive to know of it is found when it is first asked for.
pub struct Module {
    elf: Arc<Elf>,
    segments: Vec<LoadSegment>,
    build_id: Option<BuildId>,
    frame_information: OnceLock<FrameInformation>,
    symbols: OnceLock<SymbolTable>,
    symbol_searches: AtomicUsize,
    /// Where its debug information is looked for; nothing for an image in memory.
    place: Option<Place>,
    debug_information: OnceLock<Option<Result<DebugInformation, DwarfError>>>,
    names_are_wanted: AtomicBool,
}

/// Where a module's file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// As the process sees it.
    pub path: PathBuf,
    /// The folder that stands for the process's `/`.
    pub root: PathBuf,
}

impl Module {
    pub fn new(elf: Elf, place: Option<Place>) -> Result<Module, ElfError> {
        let view = elf.view()?;
        let (segments, build_id) = (view.segments(), view.build_id());
        Ok(Module {
            segments,
            build_id,
            elf: Arc::new(elf),
            frame_information: OnceLock::new(),
            symbols: OnceLock::new(),
            symbol_searches: AtomicUsize::new(0),
            place,
            debug_information: OnceLock::new(),
            names_are_wanted: AtomicBool::new(false),
        })
    }

    pub fn elf(&self) -> &Arc<Elf> {
        &self.elf
    }

    pub fn segments(&self) -> &[LoadSegment] {
        &self.segments
    }

    /// Nothing for an image in memory.
    pub(super) fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    pub fn build_id(&self) -> Option<&BuildId> {
        self.build_id.as_ref()
    }

    /// How the caller of the function at an address is found; nothing if the file does not say.
    pub(super) fn row(&self, address: Svma) -> Option<Arc<Row>> {
        self.frame_information().row(self.elf.bytes(), address)
    }

    /// Where the function at an address begins, and where it says what its language does when it is unwound.
    pub(super) fn data_area(&self, address: Svma) -> Option<(Svma, Svma)> {
        let information = self.frame_information();
        information.data_area(self.elf.bytes(), address)
    }

    fn frame_information(&self) -> &FrameInformation {
        self.frame_information.get_or_init(|| {
            let view = self.elf.view();
            view.map(|view| FrameInformation::find(&view))
                .unwrap_or_default()
        })
    }

    /// The symbol of the function at an address.
    pub fn symbol(&self, address: Svma) -> Option<Symbol> {
        let is_early = || self.symbol_searches.fetch_add(1, Ordering::Relaxed) < FEW_SEARCHES;
        if self.symbols.get().is_none()
            && is_early()
            && let Some(near) = SymbolTable::near(address, &self.elf, &self.segments)
        {
            return near.find(address);
        }
        let separate = || Some(self.debug_information()?.separate_file()?.clone());
        let read = || SymbolTable::read(&self.elf, &self.segments, separate);
        self.symbols.get_or_init(read).find(address)
    }

    /// What the debug information says of an address, the innermost function first; empty if there is none.
    pub fn source_frames(&self, address: Svma) -> Vec<SourceFrame> {
        self.debug_information()
            .map_or(Vec::new(), |information| information.frames_at(address))
    }

    /// The files that have its symbols: its own, and the one that its debug information was moved to.
    pub(super) fn symbol_files(&self) -> impl Iterator<Item = &Arc<Elf>> {
        let separate = std::iter::once_with(|| self.debug_information()?.separate_file());
        std::iter::once(&self.elf).chain(separate.flatten())
    }

    /// The functions of the debug information whose names suit, with their paths.
    pub fn function_names(&self, suits: &dyn Fn(&str) -> bool) -> Vec<String> {
        self.debug_information()
            .map_or(Vec::new(), |it| it.names(Sort::Function, suits))
    }

    /// The same of types.
    pub fn type_names(&self, suits: &dyn Fn(&str) -> bool) -> Vec<String> {
        self.debug_information()
            .map_or(Vec::new(), |it| it.names(Sort::Type, suits))
    }

    /// The same of statics, and of variables that there are for each thread.
    pub fn static_names(&self, suits: &dyn Fn(&str) -> bool) -> Vec<String> {
        self.debug_information()
            .map_or(Vec::new(), |it| it.static_names(suits))
    }

    /// Where the code of a line is, in the files whose paths end so; and what they are called.
    pub fn code_of_line(&self, file: &str, line: u32) -> Vec<(Svma, Svma, String)> {
        self.debug_information()
            .map_or(Vec::new(), |it| it.code_of_line(file, line))
    }

    /// Has the names of the debug information indexed meanwhile, so that nobody waits who asks for one. Only if there was a look at
    /// it before.
    pub(super) fn index_names_in_background(self: &Arc<Module>) {
        let is_read = matches!(self.debug_information.get(), Some(Some(Ok(_))));
        if !is_read || self.names_are_wanted.swap(true, Ordering::Relaxed) {
            return;
        }
        let module = self.clone();
        // If there can be no thread, who asks for a name waits for the index.
        let _ = std::thread::Builder::new()
            .name("names".to_owned())
            .spawn(move || {
                module
                    .debug_information()
                    .map(DebugInformation::index_names)
            });
    }

    /// Nothing if there is none, or it cannot be read.
    pub(super) fn debug_information(&self) -> Option<&DebugInformation> {
        self.opened()?.as_ref().ok()
    }

    /// Why what debug information there is cannot be used.
    pub(super) fn refusal(&self) -> Option<&DwarfError> {
        let why = self.opened()?.as_ref().err();
        why.filter(|why| !matches!(why, DwarfError::NoDebugInformation { .. }))
    }

    fn opened(&self) -> Option<&Result<DebugInformation, DwarfError>> {
        let open = || {
            let Place { path, root } = self.place.as_ref()?;
            Some(DebugInformation::open(self.elf.clone(), path, root))
        };
        self.debug_information.get_or_init(open).as_ref()
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("build_id", &self.build_id)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}
