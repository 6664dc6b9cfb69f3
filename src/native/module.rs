//! A file with code, or a piece of memory with the image of one.

use std::sync::Arc;

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
}

impl Module {
    pub fn new(elf: Elf) -> Result<Module, ElfError> {
        let view = elf.view()?;
        let (segments, build_id) = (view.segments(), view.build_id());
        Ok(Module {
            segments,
            build_id,
            elf: Arc::new(elf),
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
}
