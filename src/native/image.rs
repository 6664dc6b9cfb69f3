//! The image of an ELF file as it lies in memory, put back into the shape of the file: of the vDSO, which has none, and of a file
//! that was deleted and may not be opened.

use crate::model::Addr;
use crate::process::ReadMemory;

/// Bytes of an `Elf64_Ehdr` and an `Elf64_Phdr`, and where in the first the section headers are told (`e_shoff`, `e_shnum`).
const FILE_HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const SECTIONS_OFFSET_AT: usize = 40;
const SECTIONS_COUNT_AT: usize = 60;
/// Program headers of one file, of which real ones have a dozen.
const MOST_HEADERS: u16 = 64;
/// `PT_LOAD`.
const LOAD: u32 = 1;
/// Larger images are not copied, in bytes.
const LARGEST: u64 = 256 << 20;
/// Where a segment cannot be read as one, it is read in pieces, in bytes.
const PAGE: u64 = 4096;

/// Copies the image whose first byte is at `base`. What cannot be read of it is zeros. Nothing if no ELF file begins there.
pub(super) fn copy(memory: &dyn ReadMemory, base: Addr) -> Option<Vec<u8>> {
    let mut header = [0; FILE_HEADER];
    memory.read(base, &mut header).ok()?;
    let is_elf_64 = header.starts_with(b"\x7fELF\x02\x01");
    let entry_size = u16::from_le_bytes(header[54..56].try_into().ok()?);
    if !is_elf_64 || usize::from(entry_size) != PROGRAM_HEADER {
        return None;
    }
    let word = |bytes: &[u8], at: usize| {
        let bytes = bytes.get(at..at + 8)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    let headers_at = word(&header, 32)?;
    let count = u16::from_le_bytes(header[56..58].try_into().ok()?).min(MOST_HEADERS);
    let mut headers = vec![0; usize::from(count) * PROGRAM_HEADER];
    memory.read(base.plus(headers_at), &mut headers).ok()?;
    let mut image = Vec::new();
    let mut bias = None;
    for segment in headers.chunks_exact(PROGRAM_HEADER) {
        if segment.get(..4) != Some(&LOAD.to_le_bytes()) {
            continue;
        }
        let (offset, address, size) = (word(segment, 8)?, word(segment, 16)?, word(segment, 32)?);
        let bias = *bias.get_or_insert(base.0.wrapping_add(offset).wrapping_sub(address));
        let end = offset.checked_add(size).filter(|end| *end <= LARGEST)?;
        let (start, end) = (usize::try_from(offset).ok()?, usize::try_from(end).ok()?);
        if image.len() < end {
            image.resize(end, 0);
        }
        read_what_is_there(
            memory,
            Addr(address.wrapping_add(bias)),
            &mut image[start..end],
        );
    }
    let sections_end = word(&header, SECTIONS_OFFSET_AT)?.saturating_add(FILE_HEADER as u64);
    if image.len() < FILE_HEADER {
        return None;
    }
    if sections_end > image.len() as u64 {
        image[SECTIONS_OFFSET_AT..][..8].fill(0);
        // `e_shnum` and `e_shstrndx`.
        image[SECTIONS_COUNT_AT..][..4].fill(0);
    }
    Some(image)
}

fn read_what_is_there(memory: &dyn ReadMemory, address: Addr, buffer: &mut [u8]) {
    if memory.read(address, buffer).is_ok() {
        return;
    }
    let mut at = address;
    let mut rest = buffer;
    while !rest.is_empty() {
        let length = (PAGE - at.0 % PAGE).min(rest.len() as u64);
        let (piece, behind) = rest.split_at_mut(length as usize);
        if memory.read(at, piece).is_err() {
            piece.fill(0);
        }
        (at, rest) = (at.plus(length), behind);
    }
}
