//! The ELF header and the program headers of a core, of which any may be missing or garbage.

use std::ops::Range;

use object::elf::{self, FileClass, FileType, Machine, ProgramType};

use super::field;
use super::image::protection;
use crate::process::Protection;

/// The size of `Elf64_Ehdr` and `Elf64_Phdr`, in bytes.
const HEADER: usize = 64;
const PROGRAM_HEADER: u64 = 56;

/// Program headers beyond this many are not read: four times the number of mappings that a process may have
/// (`vm.max_map_count`, 65,530 unless raised). It keeps what a garbage count costs below 32 MiB.
pub(super) const MOST_SEGMENTS: usize = 1 << 18;

/// A `PT_LOAD`: a stretch of the process's memory, and where in the core its first `dumped` bytes are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub address: u64,
    /// Bytes in memory.
    pub length: u64,
    /// Where in the core.
    pub offset: u64,
    /// Bytes in the core, at most `length`.
    pub dumped: u64,
    pub protection: Protection,
}

#[derive(Debug, Default)]
pub(super) struct Headers {
    pub segments: Vec<Segment>,
    /// The stretches of the core that hold notes, clipped to what is there.
    pub notes: Vec<Range<usize>>,
    /// How long the core must be to hold all that the headers speak of, in bytes.
    pub expected_length: u64,
    /// Program headers that the ELF header counts and that were not read.
    pub unread: u64,
}

/// Why bytes are not a core that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unusable {
    NotACore(String),
    OtherArchitecture(String),
    Damaged(String),
}

impl Headers {
    /// Reads the headers from the beginning of a core, which may end anywhere.
    pub(super) fn parse(core: &[u8]) -> Result<Headers, Unusable> {
        check_kind(core)?;
        let damaged = |why: &str| Unusable::Damaged(why.to_owned());
        let table = field::u64(core, 0x20).ok_or_else(|| damaged("it ends in its ELF header"))?;
        if field::u16(core, 0x36) != Some(PROGRAM_HEADER as u16) {
            return Err(damaged(
                "its ELF header gives program headers a size that they do not have",
            ));
        }
        let count = program_header_count(core, table);
        let mut headers = Headers::default();
        headers.read_table(core, table, count);
        if headers.segments.is_empty() && headers.notes.is_empty() {
            return Err(damaged(&format!(
                "only {} bytes of it are there, and no memory or notes among them",
                core.len()
            )));
        }
        Ok(headers)
    }

    fn read_table(&mut self, core: &[u8], table: u64, count: u64) {
        let bytes = core
            .get(field::clip(
                core,
                table,
                count.saturating_mul(PROGRAM_HEADER),
            ))
            .unwrap_or_default();
        let present = bytes.chunks_exact(PROGRAM_HEADER as usize);
        for header in present.take(MOST_SEGMENTS) {
            self.read_program_header(core, header);
        }
        let read = (bytes.len() as u64 / PROGRAM_HEADER).min(MOST_SEGMENTS as u64);
        self.unread = count.saturating_sub(read);
        self.expected_length = self
            .expected_length
            .max(table.saturating_add(count.saturating_mul(PROGRAM_HEADER)));
    }

    fn read_program_header(&mut self, core: &[u8], header: &[u8]) {
        let at = |place| field::u64(header, place).unwrap_or(0);
        let kind = ProgramType(field::u32(header, 0).unwrap_or(0));
        let flags = field::u32(header, 4).unwrap_or(0);
        let (offset, in_file) = (at(0x08), at(0x20));
        if kind != elf::PT_LOAD && kind != elf::PT_NOTE {
            return;
        }
        self.expected_length = self.expected_length.max(offset.saturating_add(in_file));
        if kind == elf::PT_NOTE {
            let range = field::clip(core, offset, in_file);
            if !range.is_empty() {
                self.notes.push(range);
            }
            return;
        }
        let (address, length) = (at(0x10), at(0x28));
        // A length that passes the end of the address space is cut there.
        let length = length.min(u64::MAX - address);
        self.segments.push(Segment {
            address,
            length,
            offset,
            dumped: in_file.min(length),
            protection: protection(flags),
        });
    }
}

fn check_kind(core: &[u8]) -> Result<(), Unusable> {
    if core.is_empty() {
        return Err(Unusable::NotACore(
            "it is empty; the disk was full, or the limit on cores (`ulimit -c`) was 0".to_owned(),
        ));
    }
    let magic = &core[..core.len().min(4)];
    if magic != &elf::ELFMAG[..magic.len()] {
        return Err(Unusable::NotACore(
            "it does not begin like an ELF file, nor like one compressed with zstd, gzip, xz or lz4"
                .to_owned(),
        ));
    }
    if core.len() < HEADER {
        return Err(Unusable::Damaged(format!(
            "only its first {} bytes are there",
            core.len()
        )));
    }
    // `EI_CLASS` and `EI_DATA`.
    let (class, order) = (FileClass(core[4]), core[5]);
    let big_endian = order == elf::ELFDATA2MSB.0;
    let half_word = |at| {
        let value = field::u16(core, at).unwrap_or(0);
        if big_endian {
            value.swap_bytes()
        } else {
            value
        }
    };
    let (kind, machine) = (FileType(half_word(0x10)), Machine(half_word(0x12)));
    if kind != elf::ET_CORE {
        return Err(Unusable::NotACore(not_core(kind)));
    }
    if class != elf::ELFCLASS64 || big_endian || machine != elf::EM_X86_64 {
        return Err(Unusable::OtherArchitecture(architecture(
            machine, class, big_endian,
        )));
    }
    Ok(())
}

fn not_core(kind: FileType) -> String {
    let what = match kind {
        elf::ET_EXEC => "an executable",
        elf::ET_DYN => "an executable or a shared library",
        elf::ET_REL => "an object file",
        _ => return format!("it is an ELF file of the unknown type {}", kind.0),
    };
    format!("it is {what}; give the core that the program left, and this file with --exe")
}

fn architecture(machine: Machine, class: FileClass, big_endian: bool) -> String {
    let name = match machine {
        elf::EM_386 => "i386",
        elf::EM_X86_64 => "x86-64",
        elf::EM_ARM => "arm",
        elf::EM_AARCH64 => "aarch64",
        elf::EM_RISCV => "riscv",
        elf::EM_PPC => "powerpc",
        elf::EM_PPC64 => "powerpc64",
        elf::EM_S390 => "s390x",
        elf::EM_MIPS => "mips",
        elf::EM_LOONGARCH => "loongarch",
        elf::EM_SPARC | elf::EM_SPARCV9 => "sparc",
        _ => return format!("a machine that ELF numbers {}", machine.0),
    };
    let width = match class {
        elf::ELFCLASS32 if machine == elf::EM_X86_64 => ", 32-bit (the x32 ABI)",
        elf::ELFCLASS32 => ", 32-bit",
        _ => "",
    };
    let order = if big_endian { ", big-endian" } else { "" };
    format!("{name}{width}{order}")
}

/// The number of program headers. One of 65,535 means that it did not fit (`PN_XNUM`, elf(5)): the first section
/// header's `sh_info` then has it. Linux writes that header at the very end, so that a truncated core has lost it;
/// but its first program header is that of the notes, and these follow the table.
fn program_header_count(core: &[u8], table: u64) -> u64 {
    let count = field::u16(core, 0x38).unwrap_or(0);
    if count != elf::PN_XNUM {
        return count.into();
    }
    let from_section = || {
        let section = usize::try_from(field::u64(core, 0x28)?).ok()?;
        field::u32(core, section.checked_add(0x2c)?).filter(|&count| count >= elf::PN_XNUM.into())
    };
    let from_notes = || {
        let first = usize::try_from(table).ok()?;
        let offset = field::u64(core, first.checked_add(8)?)?;
        Some(offset.checked_sub(table)? / PROGRAM_HEADER)
    };
    match from_section() {
        Some(count) => count.into(),
        None => from_notes().unwrap_or(count.into()),
    }
}
