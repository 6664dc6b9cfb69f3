//! Sections as earlier commands have decompressed them: to decompress the debug information of the C library takes longer than all the
//! rest of a Python worker's native stack. They are mapped, and only what is looked at is read.

use memmap2::Mmap;

use crate::process::elf::{Elf, FileIdentity};
use crate::process::user_cache::{self, Known};

/// Shorter ones are as quickly decompressed as opened. Bytes.
const SHORTEST: u64 = 32 << 10;
/// Longer ones are not kept. Bytes.
const LONGEST: u64 = 256 << 20;
/// Of all that are kept, in bytes.
const MOST: u64 = 1 << 30;
const PREFIX: &str = "section-";
/// Of the end of what is compressed, where zlib has a checksum of the whole (RFC 1950, section 2.2). Bytes.
const END: usize = 16;

/// What tells the contents of one section from those of all others.
pub(super) struct Key {
    name: String,
    length: u64,
}

impl Key {
    /// Nothing for a section that is not worth keeping, and of an image that is no file.
    pub(super) fn of(file: &Elf, name: &str, compressed: &[u8], length: u64) -> Option<Key> {
        let identity: FileIdentity = file.identity()?;
        if !(SHORTEST..=LONGEST).contains(&length) {
            return None;
        }
        let begin = compressed
            .as_ptr()
            .addr()
            .wrapping_sub(file.bytes().as_ptr().addr());
        let end = &compressed[compressed.len().saturating_sub(END)..];
        let from = format!(
            "{identity:?} {name} {begin} {} {length} {end:?}",
            compressed.len()
        );
        Some(Key {
            name: format!("{PREFIX}{:x}", md5::compute(from)),
            length,
        })
    }
}

pub(super) fn read(key: &Key) -> Option<Mmap> {
    user_cache::map(&key.name, key.length)
}

pub(super) fn write(key: &Key, bytes: &[u8]) {
    user_cache::write(&key.name, &[bytes], Known::ByLength);
    user_cache::remove_oldest(PREFIX, MOST);
}
