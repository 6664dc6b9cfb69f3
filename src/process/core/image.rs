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

/// With which protection the dynamic linker maps the part of the image that begins at an offset, and `distance` bytes above the
/// beginning of the image in memory. The distance decides where two segments share a page of the file, which is then mapped twice.
pub(super) fn protection_at(
    image: &[u8],
    offset: u64,
    distance: Option<u64>,
) -> Option<Protection> {
    let loads = || program_headers(image).filter(|header| header.kind == elf::PT_LOAD);
    let first = page_of(loads().next()?.address);
    let covering = || {
        loads().filter(|header| {
            let end = header.offset.saturating_add(header.length);
            (page_of(header.offset)..end).contains(&offset)
        })
    };
    let is_there = |header: &ProgramHeader| {
        let within = offset - page_of(header.offset);
        let begin = page_of(header.address).wrapping_sub(first);
        distance == Some(begin.wrapping_add(within))
    };
    let header = covering().find(is_there).or_else(|| covering().next());
    header.map(|header| protection(header.flags))
}

fn page_of(place: u64) -> u64 {
    place & !(PAGE - 1)
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
    /// Where it is linked to.
    address: u64,
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
            address: field::u64(header, 0x10)?,
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
            return BuildId::of(bytes);
        }
        notes = notes.get(descriptor + size.checked_next_multiple_of(4)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image with one `PT_LOAD` for each of (flags, offset, address, length).
    fn image(loads: &[(u32, u64, u64, u64)]) -> Vec<u8> {
        let mut image = vec![0; 64];
        image[..5].copy_from_slice(b"\x7fELF\x02");
        image[0x20] = 64;
        image[0x38] = loads.len() as u8;
        for &(flags, offset, address, length) in loads {
            image.extend(elf::PT_LOAD.0.to_le_bytes());
            image.extend(flags.to_le_bytes());
            for word in [offset, address, address, length, length, PAGE] {
                image.extend(word.to_le_bytes());
            }
        }
        image
    }

    #[test]
    fn a_page_that_two_segments_share_is_told_by_its_place() {
        // As rust-lld lays programs out.
        let image = image(&[(4, 0, 0, 0x17a10), (5, 0x17a10, 0x18a10, 0x44f10)]);
        let is_code = |offset, distance| {
            let protection = protection_at(&image, offset, distance);
            protection.expect("a segment is there").execute
        };
        assert!(is_code(0x17000, Some(0x18000)));
        assert!(!is_code(0x17000, Some(0x17000)));
        assert!(is_code(0x18000, None));
        assert_eq!(protection_at(&image, 0x5d000, Some(0x5d000)), None);
    }
}
