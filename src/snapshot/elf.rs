//! The headers of a core: where in the file which memory is.

use object::elf;

use super::segments::Segment;
use crate::process::Protection;

/// The sizes of `Elf64_Ehdr`, `Elf64_Phdr` and `Elf64_Shdr`, in bytes.
const HEADER: u64 = 64;
const PROGRAM_HEADER: u64 = 56;
const SECTION_HEADER: u64 = 64;
/// Memory begins at a multiple of this in the file, in bytes.
const PAGE: u64 = 4096;

/// A core's file, but for the memory itself.
pub(super) struct Head {
    /// From the beginning of the file on: headers and notes.
    pub bytes: Vec<u8>,
    /// Where the memory of the segments that are kept begins: one after the other.
    pub memory: u64,
}

/// One program header is that of the notes.
pub(super) fn head(segments: &[Segment], notes: &[u8]) -> Head {
    let count = segments.len() as u64 + 1;
    // A number that does not fit stands in the first section header (`PN_XNUM`, elf(5)).
    let fits = count < u64::from(elf::PN_XNUM);
    let section = HEADER + count * PROGRAM_HEADER;
    let notes_at = section + if fits { 0 } else { SECTION_HEADER };
    let memory = (notes_at + notes.len() as u64).next_multiple_of(PAGE);

    let mut bytes = Vec::with_capacity(memory as usize);
    file_header(&mut bytes, count, fits, section);
    program_header(
        &mut bytes,
        elf::PT_NOTE.0,
        Place {
            flags: elf::PF_R.0,
            offset: notes_at,
            in_file: notes.len() as u64,
            align: 4,
            ..Place::default()
        },
    );
    let mut offset = memory;
    for segment in segments {
        let in_file = if segment.is_kept { segment.length() } else { 0 };
        let place = Place {
            flags: flags(segment.protection),
            offset,
            address: segment.start,
            in_file,
            length: segment.length(),
            align: PAGE,
        };
        program_header(&mut bytes, elf::PT_LOAD.0, place);
        offset += in_file;
    }
    if !fits {
        // `sh_info` is at 44.
        let mut header = [0; SECTION_HEADER as usize];
        header[44..48].copy_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(header);
    }
    bytes.extend(notes);
    Head { bytes, memory }
}

fn file_header(bytes: &mut Vec<u8>, count: u64, fits: bool, section: u64) {
    bytes.extend(elf::ELFMAG);
    bytes.extend([
        elf::ELFCLASS64.0,
        elf::ELFDATA2LSB.0,
        elf::EV_CURRENT.0,
        elf::ELFOSABI_SYSV.0,
    ]);
    bytes.extend([0; 8]);
    bytes.extend(elf::ET_CORE.0.to_le_bytes());
    bytes.extend(elf::EM_X86_64.0.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    let section = if fits { 0 } else { section };
    for word in [0, HEADER, section] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(0_u32.to_le_bytes());
    let numbers = match fits {
        true => [count as u16, 0, 0],
        false => [elf::PN_XNUM, SECTION_HEADER as u16, 1],
    };
    let sizes = [HEADER as u16, PROGRAM_HEADER as u16];
    for number in sizes.into_iter().chain(numbers).chain([0]) {
        bytes.extend(number.to_le_bytes());
    }
}

#[derive(Default)]
struct Place {
    flags: u32,
    offset: u64,
    address: u64,
    in_file: u64,
    length: u64,
    align: u64,
}

fn program_header(bytes: &mut Vec<u8>, kind: u32, place: Place) {
    bytes.extend(kind.to_le_bytes());
    bytes.extend(place.flags.to_le_bytes());
    let words = [
        place.offset,
        place.address,
        0,
        place.in_file,
        place.length,
        place.align,
    ];
    for word in words {
        bytes.extend(word.to_le_bytes());
    }
}

fn flags(protection: Protection) -> u32 {
    let flag = |is_set, flag| if is_set { flag } else { 0 };
    flag(protection.read, elf::PF_R.0)
        | flag(protection.write, elf::PF_W.0)
        | flag(protection.execute, elf::PF_X.0)
}
