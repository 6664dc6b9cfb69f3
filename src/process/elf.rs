//! What pmdb needs to know of an ELF file before any debug information: where it is loaded, what it exports,
//! which build it is.

use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;

use memmap2::Mmap;
use object::elf::{PF_R, PF_W, PF_X, PT_GNU_EH_FRAME, PT_LOAD, PT_TLS};
use object::read::elf::{ElfFile64, ProgramHeader, SectionHeader, Sym, VersionTable};
use object::{LittleEndian, Object, ObjectSection, ObjectSymbol, SymbolKind};
use thiserror::Error;

use super::mapped::{map, release};
use super::{Backing, Mapping};
use crate::model::{Addr, BuildId};

#[derive(Debug, Error)]
pub enum ElfError {
    #[error("cannot map it: {0}")]
    Map(#[from] io::Error),
    #[error("not an ELF file that pmdb can read: {0}")]
    Malformed(#[from] object::read::Error),
}

/// What lies behind this many bytes of a file is not read. A sparse file takes no room on the disk, and can hold tables
/// and constants without end; the largest programs that have been linked are below it.
const LARGEST: u64 = 16 << 30;

/// Of this many bytes of a file at a time the memory is given back, when much of it is searched.
const STRETCH: usize = 1 << 20;

/// A hash table with more words in its filter than this is damaged: the largest libraries have a few thousand. `object`
/// counts their bytes in 32 bits, and takes any shift.
const MOST_BLOOM_WORDS: u32 = 1 << 24;

/// An ELF file, mapped; or its image, copied out of a process that maps a file which cannot be opened.
#[derive(Debug)]
pub struct Elf {
    bytes: Bytes,
    identity: Option<FileIdentity>,
}

/// What tells one state of a file from another: device, inode, size, when it was written to, and when it was changed in any way, which
/// nobody can set back; each in seconds and nanoseconds.
pub type FileIdentity = (u64, u64, u64, [i64; 2], [i64; 2]);

pub fn file_identity(metadata: &Metadata) -> FileIdentity {
    (
        metadata.dev(),
        metadata.ino(),
        metadata.size(),
        [metadata.mtime(), metadata.mtime_nsec()],
        [metadata.ctime(), metadata.ctime_nsec()],
    )
}

#[derive(Debug)]
enum Bytes {
    File(Mmap),
    Copy(Vec<u8>),
}

/// The headers of an [`Elf`]. Addresses are as linked, that is without the load bias.
pub struct ElfView<'f> {
    file: &'f Elf,
    bytes: &'f [u8],
    elf: ElfFile64<'f, LittleEndian, &'f [u8]>,
}

/// A section's place: addresses as linked, that is without the load bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionRange {
    pub address: u64,
    pub size: u64,
}

/// A symbol as the file has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElfSymbol<'f> {
    pub name: &'f [u8],
    /// As linked.
    pub address: u64,
    /// In bytes; 0 if it is not told.
    pub size: u64,
    pub kind: SymbolKind,
}

/// A `PT_LOAD` program header: a stretch of the file that is mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadSegment {
    /// In the file, in bytes.
    pub offset: u64,
    pub file_size: u64,
    /// As linked.
    pub address: u64,
    pub executable: bool,
}

/// What each thread gets of a module's thread-local variables (`PT_TLS`). Bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadLocalImage {
    /// As linked.
    pub address: u64,
    pub size: u64,
    pub alignment: u64,
}

impl Elf {
    pub fn open(file: &File) -> Result<Elf, ElfError> {
        let metadata = file.metadata()?;
        let cut = (metadata.len() > LARGEST).then_some(LARGEST as usize);
        Ok(Elf {
            bytes: Bytes::File(map(file, cut)?),
            identity: Some(file_identity(&metadata)),
        })
    }

    pub fn copied(image: Vec<u8>) -> Elf {
        Elf {
            bytes: Bytes::Copy(image),
            identity: None,
        }
    }

    /// Nothing for an image.
    pub fn identity(&self) -> Option<FileIdentity> {
        self.identity
    }

    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::File(bytes) => bytes,
            Bytes::Copy(bytes) => bytes,
        }
    }

    /// Gives back the memory of some of its bytes, which are read from the disk again if they are needed again. Not of a copy.
    pub fn release(&self, part: &[u8]) {
        if let Bytes::File(mapped) = &self.bytes {
            release(mapped, part);
        }
    }

    pub fn view(&self) -> Result<ElfView<'_>, ElfError> {
        Ok(ElfView {
            file: self,
            bytes: self.bytes(),
            elf: ElfFile64::parse(self.bytes())?,
        })
    }
}

impl<'f> ElfView<'f> {
    /// The address of a symbol that the file exports: through the hash table that the dynamic linker uses, which
    /// touches a few cache lines, where reading all of `.dynsym` takes a millisecond for a large library.
    pub fn exported(&self, name: &str) -> Option<u64> {
        let symbols = self.elf.elf_dynamic_symbol_table();
        let (data, sections) = (self.bytes, self.elf.elf_section_table());
        let header = sections.gnu_hash_header(LittleEndian, data).ok()?;
        let is_sound = header.is_some_and(|header| {
            header.bloom_shift.get(LittleEndian) < u32::BITS
                && header.bloom_count.get(LittleEndian) < MOST_BLOOM_WORDS
        });
        match sections.gnu_hash(LittleEndian, data).ok()? {
            Some((table, _)) if is_sound => {
                let name = name.as_bytes();
                let any_version = VersionTable::default();
                let hash = object::elf::gnu_hash(name);
                let (_, symbol) =
                    table.find(LittleEndian, name, hash, None, symbols, &any_version)?;
                let defined = !symbol.is_undefined(LittleEndian);
                defined.then(|| symbol.st_value(LittleEndian))
            }
            // Linked with `--hash-style=sysv`, as long ago, or damaged.
            _ => defined(self.elf.dynamic_symbols(), name),
        }
    }

    /// Whether the file needs one of some symbols from another.
    pub fn imports(&self, names: &[&str]) -> bool {
        let mut undefined = self.elf.dynamic_symbols().filter(|it| it.is_undefined());
        undefined.any(|it| it.name().is_ok_and(|name| names.contains(&name)))
    }

    /// The address of a symbol in `.symtab`, which stripped files lack. Reads all of it.
    pub fn local(&self, name: &str) -> Option<u64> {
        defined(self.elf.symbols(), name)
    }

    /// The names of all symbols in `.symtab`, which stripped files lack, one behind the other: to see at a glance whether it is worth reading.
    pub fn symbol_names(&self) -> Option<&'f [u8]> {
        let table = self.elf.elf_symbol_table();
        let (start, size) = self
            .elf
            .elf_section_table()
            .section(table.string_section())
            .ok()?
            .file_range(LittleEndian)?;
        let start = usize::try_from(start).ok()?;
        self.bytes
            .get(start..start.checked_add(usize::try_from(size).ok()?)?)
    }

    /// All symbols that are defined here, of `.symtab` and of `.dynsym`.
    pub fn all_symbols(&self) -> impl Iterator<Item = ElfSymbol<'f>> {
        let both = self.elf.symbols().chain(self.elf.dynamic_symbols());
        let defined = both.filter(|it| !it.is_undefined());
        defined.filter_map(|it| {
            Some(ElfSymbol {
                name: it.name_bytes().ok()?,
                address: it.address(),
                size: it.size(),
                kind: it.kind(),
            })
        })
    }

    /// The sections, in their order.
    pub fn all_sections(&self) -> impl Iterator<Item = (String, SectionRange)> {
        self.elf.sections().map(|section| {
            let name = section.name_bytes().unwrap_or_default();
            let name = String::from_utf8_lossy(name).into_owned();
            let (address, size) = (section.address(), section.size());
            (name, SectionRange { address, size })
        })
    }

    /// The functions that are in `.symtab`, with their addresses.
    pub fn functions(&self) -> impl Iterator<Item = (&'f [u8], u64)> {
        let symbols = self.elf.symbols();
        let functions = symbols.filter(|it| it.kind() == SymbolKind::Text && !it.is_undefined());
        functions.filter_map(|it| Some((it.name_bytes().ok()?, it.address())))
    }

    pub fn section(&self, name: &str) -> Option<SectionRange> {
        let section = self.elf.section_by_name(name)?;
        Some(SectionRange {
            address: section.address(),
            size: section.size(),
        })
    }

    pub fn bytes(&self) -> &'f [u8] {
        self.bytes
    }

    /// The address of a section, and which bytes of the file it is. Nothing for one that is compressed, or takes no room.
    pub fn section_bytes(&self, name: &str) -> Option<(u64, Range<usize>)> {
        let section = self.elf.section_by_name(name)?;
        let file = section.compressed_file_range().ok()?;
        if file.format != object::CompressionFormat::None {
            return None;
        }
        let start = usize::try_from(file.offset).ok()?;
        let end = start.checked_add(usize::try_from(file.uncompressed_size).ok()?)?;
        self.bytes.get(start..end)?;
        Some((section.address(), start..end))
    }

    /// The same of the linker's table for unwinding, which a program header tells (`PT_GNU_EH_FRAME`).
    pub fn unwind_table(&self) -> Option<(u64, Range<usize>)> {
        let mut headers = self.elf.elf_program_headers().iter();
        let header = headers.find(|header| header.p_type(LittleEndian) == PT_GNU_EH_FRAME)?;
        let start = usize::try_from(header.p_offset(LittleEndian)).ok()?;
        let size = usize::try_from(header.p_filesz(LittleEndian)).ok()?;
        let end = start.checked_add(size)?;
        self.bytes.get(start..end)?;
        Some((header.p_vaddr(LittleEndian), start..end))
    }

    /// Which bytes of the file are mapped at an address and behind it, in the same segment.
    pub fn to_end_of_segment(&self, address: u64) -> Option<Range<usize>> {
        let segments = self.segments();
        let segment = segments.iter().find(|segment| {
            let begin = segment.address;
            (begin..begin.saturating_add(segment.file_size)).contains(&address)
        })?;
        let within = address - segment.address;
        let start = usize::try_from(segment.offset.checked_add(within)?).ok()?;
        let end = usize::try_from(segment.offset.checked_add(segment.file_size)?).ok()?;
        let end = end.min(self.bytes.len());
        (start < end).then_some(start..end)
    }

    pub fn build_id(&self) -> Option<BuildId> {
        BuildId::of(self.elf.build_id().ok()??)
    }

    pub fn segments(&self) -> Vec<LoadSegment> {
        let loaded = self.loaded();
        loaded
            .map(|header| LoadSegment {
                offset: header.p_offset(LittleEndian),
                file_size: header.p_filesz(LittleEndian),
                address: header.p_vaddr(LittleEndian),
                executable: header.p_flags(LittleEndian) & PF_X == PF_X,
            })
            .collect()
    }

    /// Nothing if the module has no thread-local variables.
    pub fn thread_local_image(&self) -> Option<ThreadLocalImage> {
        let mut headers = self.elf.elf_program_headers().iter();
        let header = headers.find(|header| header.p_type(LittleEndian) == PT_TLS)?;
        Some(ThreadLocalImage {
            address: header.p_vaddr(LittleEndian),
            size: header.p_memsz(LittleEndian),
            alignment: header.p_align(LittleEndian),
        })
    }

    fn loaded(
        &self,
    ) -> impl Iterator<Item = &object::elf::ProgramHeader64<LittleEndian>> + use<'_, 'f> {
        let headers = self.elf.elf_program_headers().iter();
        headers.filter(|header| header.p_type(LittleEndian) == PT_LOAD)
    }

    /// The bytes that the file has for an address.
    pub fn bytes_at(&self, address: u64, length: usize) -> Option<&'f [u8]> {
        self.bytes
            .get(self.to_end_of_segment(address)?)?
            .get(..length)
    }

    /// Whether a text stands in what the file loads as constants: segments that are neither written nor, where the
    /// linker keeps the two apart, executed.
    pub fn has_constant(&self, text: &[u8]) -> bool {
        let constant = |header: &&object::elf::ProgramHeader64<LittleEndian>| {
            let flags = header.p_flags(LittleEndian);
            flags & PF_R == PF_R && flags & PF_W != PF_W
        };
        let mut ranges: Vec<(bool, Range<usize>)> = self
            .loaded()
            .filter(constant)
            .filter_map(|header| {
                let start = usize::try_from(header.p_offset(LittleEndian)).ok()?;
                let size = usize::try_from(header.p_filesz(LittleEndian)).ok()?;
                let executed = header.p_flags(LittleEndian) & PF_X == PF_X;
                Some((executed, start..start.checked_add(size)?))
            })
            .collect();
        ranges.sort_by_key(|(executed, _)| *executed);
        let mut pieces = ranges
            .into_iter()
            .filter_map(|(_, range)| self.bytes.get(range));
        pieces.any(|piece| self.has_within(piece, text))
    }

    /// Whether a text stands in some of its bytes, which are not kept in memory for that.
    pub fn has_within(&self, bytes: &[u8], text: &[u8]) -> bool {
        let finder = memchr::memmem::Finder::new(text);
        let mut stretches = (0..bytes.len()).step_by(STRETCH);
        stretches.any(|begin| {
            let rest = &bytes[begin..];
            // It may begin in this stretch and end in the next.
            let end = rest.len().min(STRETCH + text.len());
            let is_there = finder.find(&rest[..end]).is_some();
            self.file.release(&rest[..rest.len().min(STRETCH)]);
            is_there
        })
    }
}

fn defined<'f>(
    mut symbols: impl Iterator<Item = impl ObjectSymbol<'f>>,
    name: &str,
) -> Option<u64> {
    symbols
        .find(|symbol| !symbol.is_undefined() && symbol.name_bytes() == Ok(name.as_bytes()))
        .map(|symbol| symbol.address())
}

/// What must be added to an address as linked to get the address in the process, given a mapping of the file and
/// the file's segments. 0 for an executable that is not position-independent.
pub fn load_bias(segments: &[LoadSegment], mapping: &Mapping) -> Option<Addr> {
    const PAGE: u64 = 4096;
    let Backing::File { offset, .. } = mapping.backing else {
        return None;
    };
    let covering = |segment: &&LoadSegment| {
        let begin = segment.offset & !(PAGE - 1);
        (begin..segment.offset.saturating_add(segment.file_size)).contains(&offset)
    };
    // Two segments may share a page of the file, which is then mapped twice.
    let segment = segments
        .iter()
        .filter(covering)
        .min_by_key(|segment| segment.executable != mapping.protection.execute)?;
    let linked = segment
        .address
        .wrapping_sub(segment.offset)
        .wrapping_add(offset);
    Some(mapping.start.minus(linked))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// The C library that this test runs with.
    fn libc() -> Vec<u8> {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("our own");
        let mut paths = maps
            .lines()
            .filter_map(|line| line.find('/').map(|at| &line[at..]));
        let path = paths.find(|path| path.contains("libc.so"));
        std::fs::read(path.expect("it is linked with libc")).expect("it can be read")
    }

    #[test]
    fn a_hash_table_with_a_garbage_shift_is_not_used() {
        let mut bytes = libc();
        let (start, size) = {
            let file = object::File::parse(&*bytes).expect("ELF");
            let section = file
                .section_by_name(".gnu.hash")
                .expect("it exports by hash");
            section.file_range().expect("in the file")
        };
        let table = &mut bytes[start as usize..(start + size) as usize];
        let words = u32::from_le_bytes(table[8..12].try_into().expect("4 bytes"));
        // `bloom_shift`, and a filter that lets every name pass.
        table[12..16].copy_from_slice(&0xffff_u32.to_le_bytes());
        table[16..16 + 8 * words as usize].fill(0xff);
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(&bytes).expect("it fits");
        let elf = Elf::open(&file).expect("it can be mapped");
        let view = elf.view().expect("ELF");
        assert!(view.exported("malloc").is_some());
        assert!(view.exported("no such symbol").is_none());
    }
}
