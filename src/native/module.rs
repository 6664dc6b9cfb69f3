//! A file with code, or a piece of memory with the image of one.

use std::sync::{Arc, OnceLock};

use super::symbols::{Symbol, SymbolTable};
use super::unwind::{FrameInformation, Row};
use crate::model::BuildId;
use crate::process::elf::{Elf, ElfError, LoadSegment};

/// An address in a module as it was linked (stated virtual memory address): without the load bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Svma(pub u64);

/// An ELF file whose code runs in processes; what is expensive to know of it is found when it is first asked for.
#[derive(Debug)]
pub struct Module {
    elf: Arc<Elf>,
    segments: Vec<LoadSegment>,
    build_id: Option<BuildId>,
    frame_information: OnceLock<FrameInformation>,
    symbols: OnceLock<SymbolTable>,
}

impl Module {
    pub fn new(elf: Elf) -> Result<Module, ElfError> {
        let view = elf.view()?;
        let (segments, build_id) = (view.segments(), view.build_id());
        Ok(Module {
            segments,
            build_id,
            elf: Arc::new(elf),
            frame_information: OnceLock::new(),
            symbols: OnceLock::new(),
        })
    }

    pub fn elf(&self) -> &Arc<Elf> {
        &self.elf
    }

    pub fn segments(&self) -> &[LoadSegment] {
        &self.segments
    }

    pub fn build_id(&self) -> Option<&BuildId> {
        self.build_id.as_ref()
    }

    /// How the caller of the function at an address is found; nothing if the file does not say.
    pub(super) fn row(&self, address: Svma) -> Option<Arc<Row>> {
        let information = self.frame_information.get_or_init(|| {
            let view = self.elf.view();
            view.map(|view| FrameInformation::find(&view))
                .unwrap_or_default()
        });
        information.row(self.elf.bytes(), address)
    }

    /// The symbol of the function at an address.
    pub fn symbol(&self, address: Svma) -> Option<Symbol> {
        let read = || SymbolTable::read(&self.elf, &self.segments);
        self.symbols.get_or_init(read).find(address)
    }
}
