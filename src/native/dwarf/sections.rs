//! The sections of an ELF file that hold debug information, decompressed where they are compressed.
//!
//! Two ways of compressing are met: `SHF_COMPRESSED` with an `Elf64_Chdr` (System V gABI; zlib or zstd), and the older
//! `.zdebug_…` names of the GNU tools, of which the first bytes are `ZLIB` and the length. `object` tells them apart.

use std::io::Read;
use std::path::PathBuf;

use elsa::sync::FrozenVec;
use gimli::{EndianSlice, LittleEndian, SectionId};
use memmap2::Mmap;
use object::read::elf::ElfFile64;
use object::{CompressionFormat, Object, ObjectSection};

use super::DwarfError;
use super::kept_sections::{self, Key};
use super::other_files::OtherFile;
use super::parallel::for_each;
use crate::process::elf::{Elf, FileIdentity};

/// Bytes of debug information, read in place.
pub type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// A section that claims to be longer than this when it is decompressed is not: the largest that are known
/// (`.debug_info` of a browser's debug build) have some GiB. Bytes.
const LARGEST_SECTION: u64 = 8 << 30;

/// What a byte that was compressed by zlib can stand for at most ("Maximum Compression Factor", zlib's technical details).
const MOST_OF_ZLIB: u64 = 1032;

/// The sections that names, lines, types and locations need.
const WANTED: [SectionId; 16] = [
    SectionId::DebugAbbrev,
    SectionId::DebugAddr,
    SectionId::DebugAranges,
    SectionId::DebugCuIndex,
    SectionId::DebugInfo,
    SectionId::DebugLine,
    SectionId::DebugLineStr,
    SectionId::DebugLoc,
    SectionId::DebugLocLists,
    SectionId::DebugRanges,
    SectionId::DebugRngLists,
    SectionId::DebugStr,
    SectionId::DebugStrOffsets,
    SectionId::DebugTuIndex,
    SectionId::DebugTypes,
    SectionId::DebugNames,
];

/// What the slices of one module's debug information point into. It only grows: files and sections are added when
/// they are first needed.
#[derive(Default)]
pub struct Kept {
    files: FrozenVec<Box<Elf>>,
    others: FrozenVec<Box<OtherFile>>,
    decompressed: FrozenVec<Vec<u8>>,
    mapped: FrozenVec<Box<Mmap>>,
}

/// Which names the sections of a file have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// `.debug_info`
    Main,
    /// `.debug_info.dwo`: in `.dwo` and `.dwp` files (DWARF 5, section 7.3.5).
    Split,
}

/// The debug sections of one file.
pub struct Sections<'a> {
    found: Vec<(SectionId, Slice<'a>)>,
}

impl Kept {
    /// A file beside that of the module.
    pub fn file(&self, path: PathBuf, file: Elf) -> &Elf {
        let identity = file.identity();
        self.others.push(Box::new(OtherFile { path, identity }));
        self.files.push_get(Box::new(file))
    }

    /// What was at a place where one was looked for, and is not it.
    pub fn looked_at(&self, path: PathBuf, identity: Option<FileIdentity>) {
        self.others.push(Box::new(OtherFile { path, identity }));
    }

    /// Those so far.
    pub fn others(&self) -> impl Iterator<Item = &OtherFile> {
        self.others.iter()
    }
}

impl<'a> Sections<'a> {
    /// Of a file that has no debug information.
    pub fn none() -> Sections<'a> {
        Sections { found: Vec::new() }
    }

    /// Finds them, and decompresses those that are compressed, several at a time. A section that cannot be
    /// decompressed is an error: what refers into it would be misread.
    pub fn read(kept: &'a Kept, file: &'a Elf, naming: Naming) -> Result<Sections<'a>, DwarfError> {
        let elf: ElfFile64<'a, object::LittleEndian> = ElfFile64::parse(file.bytes())?;
        let wanted: Vec<_> = WANTED
            .into_iter()
            .filter_map(|id| {
                let name = match naming {
                    Naming::Main => Some(id.name()),
                    Naming::Split => id.dwo_name(),
                }?;
                Some((id, name, find(&elf, name)?))
            })
            .collect();
        let is_compressed = |(_, _, section): &(_, _, _)| {
            let format = ObjectSection::compressed_file_range(section).map(|range| range.format);
            !matches!(format, Ok(CompressionFormat::None))
        };
        let read = |number: usize| {
            let (id, name, section) = &wanted[number];
            let bytes = contents(kept, file, name, section)?;
            Ok((*id, EndianSlice::new(bytes, LittleEndian)))
        };
        let found: Result<Vec<_>, DwarfError> = match wanted.iter().any(is_compressed) {
            true => for_each(wanted.len(), read).into_iter().collect(),
            false => (0..wanted.len()).map(read).collect(),
        };
        Ok(Sections { found: found? })
    }

    /// The bytes of a section; none if the file lacks it.
    pub fn get(&self, id: SectionId) -> Slice<'a> {
        let found = self.found.iter().find(|(found, _)| *found == id);
        found.map_or_else(empty, |(_, bytes)| *bytes)
    }

    pub fn has(&self, id: SectionId) -> bool {
        self.found.iter().any(|(found, _)| *found == id)
    }

    pub fn dwarf(&self) -> gimli::Dwarf<Slice<'a>> {
        let load = |id| Ok::<_, std::convert::Infallible>(self.get(id));
        match gimli::Dwarf::load(load) {
            Ok(dwarf) => dwarf,
            Err(never) => match never {},
        }
    }
}

/// A section that is not there.
pub fn empty<'a>() -> Slice<'a> {
    EndianSlice::new(&[], LittleEndian)
}

/// A section that has bytes in this file, by its name or the older one of compressed sections. Of a file whose debug information
/// was taken out, only the headers of the sections may be left.
pub fn find<'e, 'a>(
    elf: &'e ElfFile64<'a, object::LittleEndian>,
    name: &str,
) -> Option<impl ObjectSection<'a> + use<'e, 'a>> {
    let older = name
        .strip_prefix(".debug_")
        .map(|rest| format!(".zdebug_{rest}"));
    let section = elf
        .section_by_name(name)
        .or_else(|| elf.section_by_name(&older?))?;
    (section.kind() != object::SectionKind::UninitializedData).then_some(section)
}

/// The bytes of a section.
fn contents<'a>(
    kept: &'a Kept,
    file: &Elf,
    name: &'static str,
    section: &impl ObjectSection<'a>,
) -> Result<&'a [u8], DwarfError> {
    let data = section.compressed_data()?;
    let length = data.uncompressed_size;
    let damaged = |why: String| DwarfError::Compressed { name, why };
    if length > LARGEST_SECTION {
        return Err(damaged(format!("it claims to be {length} bytes long")));
    }
    let key = Key::of(file, name, data.data, length);
    if data.format != CompressionFormat::None
        && let Some(bytes) = key.as_ref().and_then(kept_sections::read)
    {
        return Ok(kept.mapped.push_get(Box::new(bytes)));
    }
    let bytes = match data.format {
        CompressionFormat::None => return Ok(data.data),
        CompressionFormat::Zlib => decompressed(
            flate2::bufread::ZlibDecoder::new(data.data),
            length.min(data.data.len() as u64 * MOST_OF_ZLIB),
            length,
        ),
        CompressionFormat::Zstandard => zstd::stream::read::Decoder::with_buffer(data.data)
            .and_then(|decoder| decompressed(decoder, 0, length)),
        other => return Err(damaged(format!("pmdb does not know this kind ({other:?})"))),
    };
    let bytes = bytes.map_err(|error| damaged(error.to_string()))?;
    if bytes.len() as u64 != length {
        return Err(damaged(format!(
            "{} of {length} bytes are there",
            bytes.len()
        )));
    }
    if let Some(key) = key {
        kept_sections::write(&key, &bytes);
    }
    Ok(kept.decompressed.push_get(bytes))
}

/// At most `length` bytes. Beyond `expected` room is made as they come: a length that is a lie costs nothing.
fn decompressed(decoder: impl Read, expected: u64, length: u64) -> std::io::Result<Vec<u8>> {
    // One more than there will be, so that the end is found without more room.
    let room = usize::try_from(expected).unwrap_or(0).saturating_add(1);
    let mut bytes = Vec::new();
    // If it fails, it is made piece by piece.
    let _ = bytes.try_reserve_exact(room);
    decoder.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}
