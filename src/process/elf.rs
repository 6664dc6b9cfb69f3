//! What pmdb needs to know of an ELF file before any debug information: where it is loaded, what it exports,
//! which build it is.

use std::fs::File;
use std::io;

use memmap2::Mmap;
use object::elf::PT_LOAD;
use object::read::elf::{ElfFile64, ProgramHeader};
use object::{LittleEndian, Object, ObjectSection, ObjectSymbol};
use thiserror::Error;

use super::{Backing, Mapping};
use crate::model::{Addr, BuildId};

#[derive(Debug, Error)]
pub enum ElfError {
    #[error("cannot map it: {0}")]
    Map(#[from] io::Error),
    #[error("not an ELF file that pmdb can read: {0}")]
    Malformed(#[from] object::read::Error),
}

/// An ELF file, mapped. Its tables are read when they are asked for.
pub struct Elf {
    bytes: Mmap,
}

/// A section's place: addresses as linked, that is without the load bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionRange {
    pub address: u64,
    pub size: u64,
}

impl Elf {
    pub fn open(file: &File) -> Result<Elf, ElfError> {
        // SAFETY: the file may be truncated while it is mapped, and a read then raises SIGBUS. Executables and
        // libraries are replaced by rename, not rewritten in place, while something runs them (ETXTBSY).
        let bytes = unsafe { Mmap::map(file)? };
        Ok(Elf { bytes })
    }

    fn parse(&self) -> Result<ElfFile64<'_, LittleEndian, &[u8]>, ElfError> {
        Ok(ElfFile64::parse(&*self.bytes)?)
    }

    /// The address, as linked, of the first of `names` that the file defines, from `.dynsym` or else `.symtab`.
    pub fn symbol(&self, name: &str) -> Result<Option<u64>, ElfError> {
        let elf = self.parse()?;
        let found = elf
            .dynamic_symbols()
            .chain(elf.symbols())
            .find(|symbol| !symbol.is_undefined() && symbol.name_bytes() == Ok(name.as_bytes()));
        Ok(found.map(|symbol| symbol.address()))
    }

    pub fn section(&self, name: &str) -> Result<Option<SectionRange>, ElfError> {
        let elf = self.parse()?;
        Ok(elf.section_by_name(name).map(|section| SectionRange {
            address: section.address(),
            size: section.size(),
        }))
    }

    pub fn build_id(&self) -> Result<Option<BuildId>, ElfError> {
        let elf = self.parse()?;
        Ok(elf.build_id()?.map(|bytes| BuildId(bytes.to_vec())))
    }

    /// What must be added to an address as linked to get the address in the process, given a mapping of this file.
    /// 0 for an executable that is not position-independent.
    pub fn load_bias(&self, mapping: &Mapping) -> Result<Option<Addr>, ElfError> {
        let Backing::File { offset, .. } = mapping.backing else {
            return Ok(None);
        };
        let elf = self.parse()?;
        let segment = elf.elf_program_headers().iter().find(|header| {
            let begin = header.p_offset(LittleEndian) & !0xfff;
            let end = header
                .p_offset(LittleEndian)
                .saturating_add(header.p_filesz(LittleEndian));
            header.p_type(LittleEndian) == PT_LOAD && (begin..end).contains(&offset)
        });
        Ok(segment.map(|header| {
            let linked = header
                .p_vaddr(LittleEndian)
                .wrapping_sub(header.p_offset(LittleEndian))
                .wrapping_add(offset);
            mapping.start.minus(linked)
        }))
    }
}
