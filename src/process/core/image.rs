//! What the beginning of an ELF image tells, whether of a file or of the first page of one in a core. Offsets are those
//! of the file, which the beginning of its first mapping shares.

use object::elf::{self, ProgramType};

use super::field;
use crate::model::BuildId;
use crate::process::Protection;

/// Bytes.
const PAGE: u64 = 4096;

/// More program headers than any executable has, and longer notes, in bytes.
const MOST_PROGRAM_HEADERS: u16 = 512;
const LONGEST_NOTES: u64 = 64 << 10;

/// The build-id, if the image is 64-bit ELF and its notes are there.
pub(super) fn build_id(image: &[u8]) -> Option<BuildId> {
    program_headers(image)
        .filter(|header| header.kind == elf::PT_NOTE)
        .find_map(|header| {
            let length = header.length.min(LONGEST_NOTES);
            in_notes(&image[field::clip(image, header.offset, length)])
        })
}

/// With which protection the dynamic linker maps the part of the image that begins at an offset.
pub(super) fn protection_at(image: &[u8], offset: u64) -> Option<Protection> {
    program_headers(image)
        .filter(|header| header.kind == elf::PT_LOAD)
        .find(|header| {
            let end = header.offset.saturating_add(header.length);
            (header.offset & !(PAGE - 1)..end).contains(&offset)
        })
        .map(|header| protection(header.flags))
}

/// `PF_R`, `PF_W` and `PF_X`.
pub(super) fn protection(flags: u32) -> Protection {
    Protection {
        read: flags & elf::PF_R.0 != 0,
        write: flags & elf::PF_W.0 != 0,
        execute: flags & elf::PF_X.0 != 0,
    }
}

struct ProgramHeader {
    kind: ProgramType,
    flags: u32,
    offset: u64,
    /// Bytes in the file.
    length: u64,
}

/// Those of a 64-bit ELF image that are there.
fn program_headers(image: &[u8]) -> impl Iterator<Item = ProgramHeader> + '_ {
    let count = match is_elf(image) {
        true => field::u16(image, 0x38).unwrap_or(0),
        false => 0,
    };
    let table = field::u64(image, 0x20).and_then(|table| usize::try_from(table).ok());
    (0..usize::from(count.min(MOST_PROGRAM_HEADERS))).filter_map(move |index| {
        let header = image.get(table?.checked_add(index * 56)?..)?;
        Some(ProgramHeader {
            kind: ProgramType(field::u32(header, 0)?),
            flags: field::u32(header, 4)?,
            offset: field::u64(header, 0x08)?,
            length: field::u64(header, 0x20)?,
        })
    })
}

pub(super) fn is_elf(image: &[u8]) -> bool {
    image.starts_with(&elf::ELFMAG) && image.get(4) == Some(&elf::ELFCLASS64.0)
}

fn in_notes(mut notes: &[u8]) -> Option<BuildId> {
    loop {
        let name_size = field::u32(notes, 0)? as usize;
        let size = field::u32(notes, 4)? as usize;
        let kind = field::u32(notes, 8)?;
        let descriptor = 12 + name_size.checked_next_multiple_of(4)?;
        let name = notes.get(12..12 + name_size)?;
        let bytes = notes.get(descriptor..descriptor.checked_add(size)?)?;
        if name == b"GNU\0" && kind == elf::NT_GNU_BUILD_ID.0 {
            return (!bytes.is_empty()).then(|| BuildId(bytes.to_vec()));
        }
        notes = notes.get(descriptor + size.checked_next_multiple_of(4)?..)?;
    }
}
