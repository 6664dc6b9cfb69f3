//! The build-id of an ELF image, whether a file or the first page of one in a core.

use object::elf::{self, ProgramType};

use super::field;
use crate::model::BuildId;

/// More program headers than any executable has, and longer notes, in bytes.
const MOST_PROGRAM_HEADERS: u16 = 512;
const LONGEST_NOTES: u64 = 64 << 10;

/// The build-id of the image that begins with `image`, if it is 64-bit ELF and its notes are there. Offsets are
/// those of the file, which the beginning of its first mapping shares.
pub(super) fn build_id(image: &[u8]) -> Option<BuildId> {
    if !is_elf(image) {
        return None;
    }
    let table = usize::try_from(field::u64(image, 0x20)?).ok()?;
    let count = field::u16(image, 0x38)?.min(MOST_PROGRAM_HEADERS);
    (0..usize::from(count)).find_map(|index| {
        let header = image.get(table.checked_add(index * 56)?..)?;
        if ProgramType(field::u32(header, 0)?) != elf::PT_NOTE {
            return None;
        }
        let length = field::u64(header, 0x20)?.min(LONGEST_NOTES);
        in_notes(&image[field::clip(image, field::u64(header, 8)?, length)])
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
