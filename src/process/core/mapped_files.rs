//! `NT_FILE`: which file lies behind which addresses. `fill_files_note` in the kernel's `fs/binfmt_elf.c`.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::field;
use super::headers::MOST_SEGMENTS;

/// What of the note is read: the kernel's own largest size for it (`CORE_FILE_NOTE_SIZE_MAX`), in bytes.
const MOST_BYTES: usize = 16 << 20;

/// The longest path that is believed, in bytes: `PATH_MAX`.
const LONGEST_PATH: usize = 4096;

/// The kernel appends this to the path of a file that has no name any more (`d_path`).
const DELETED: &[u8] = b" (deleted)";

/// A stretch of memory with a file behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileRange {
    pub start: u64,
    /// Exclusive.
    pub end: u64,
    /// Of `start` in the file, in bytes.
    pub offset: u64,
    /// Which of [`MappedFiles::files`].
    pub file: u32,
}

/// A file by the name that the process knew it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileName {
    pub path: PathBuf,
    pub deleted: bool,
}

/// Files beyond this many are not told apart from memory without a file: each may be opened and mapped, and a process
/// may have 65,530 mappings (`vm.max_map_count`).
const MOST_FILES: usize = 1 << 14;

#[derive(Debug, Default)]
pub(super) struct MappedFiles {
    /// Sorted by address, without overlap.
    pub ranges: Vec<FileRange>,
    pub files: Vec<FileName>,
}

impl MappedFiles {
    /// Reads the descriptor: a count, the size of a page, for each range its start, end and offset in pages, and
    /// then the names in the same order, NUL after each. (gdb writes a page size of 1, and offsets in bytes.)
    pub(super) fn parse(descriptor: &[u8]) -> MappedFiles {
        Self::read(&descriptor[..descriptor.len().min(MOST_BYTES)]).unwrap_or_default()
    }

    fn read(descriptor: &[u8]) -> Option<MappedFiles> {
        let count = usize::try_from(field::u64(descriptor, 0)?).ok()?;
        let page = field::u64(descriptor, 8)?;
        let table_end = count.checked_mul(24)?.checked_add(16)?;
        let table = descriptor.get(16..table_end)?;
        let names = descriptor[table_end..].split(|&byte| byte == 0);
        let mut mapped = MappedFiles::default();
        let mut known = HashMap::new();
        for (entry, name) in table.chunks_exact(24).zip(names).take(MOST_SEGMENTS) {
            let (start, end) = (field::u64(entry, 0)?, field::u64(entry, 8)?);
            let offset = field::u64(entry, 16)?.checked_mul(page);
            let (Some(offset), true) = (offset, start < end) else {
                continue;
            };
            if name.is_empty() || name.len() > LONGEST_PATH {
                continue;
            }
            if mapped.files.len() >= MOST_FILES && !known.contains_key(name) {
                continue;
            }
            let file = *known.entry(name).or_insert_with(|| {
                mapped.files.push(FileName::parse(name));
                mapped.files.len() as u32 - 1
            });
            mapped.ranges.push(FileRange {
                start,
                end,
                offset,
                file,
            });
        }
        mapped.order();
        Some(mapped)
    }

    /// Sorts the ranges; one that overlaps an earlier one is garbage and goes.
    fn order(&mut self) {
        self.ranges.sort_by_key(|range| range.start);
        let mut end = 0;
        self.ranges.retain(|range| {
            let apart = range.start >= end;
            end = end.max(range.end);
            apart
        });
    }

    /// The range that holds an address.
    pub(super) fn find(&self, address: u64) -> Option<&FileRange> {
        let after = self.ranges.partition_point(|range| range.start <= address);
        let range = self.ranges.get(after.checked_sub(1)?)?;
        (address < range.end).then_some(range)
    }
}

impl FileName {
    fn parse(name: &[u8]) -> FileName {
        let (path, deleted) = match name.strip_suffix(DELETED) {
            Some(path) => (path, true),
            None => (name, false),
        };
        FileName {
            path: PathBuf::from(OsStr::from_bytes(path)),
            deleted,
        }
    }

    /// Whether it is memory that several processes share, which has a name and no disk behind it. A core does not
    /// tell how such a file was mapped, but mapping it privately would defeat its purpose.
    pub(super) fn is_shared_memory(&self) -> bool {
        let path = self.path.as_os_str().as_bytes();
        path.starts_with(b"/dev/shm/")
            || path.starts_with(b"/memfd:")
            || (self.deleted && (path.starts_with(b"/SYSV") || path == b"/dev/zero"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(count: u64, page: u64, ranges: &[[u64; 3]], names: &[u8]) -> Vec<u8> {
        let words = [count, page]
            .into_iter()
            .chain(ranges.iter().copied().flatten());
        let mut bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        bytes.extend(names);
        bytes
    }

    #[test]
    fn names_need_not_be_utf_8_and_may_be_deleted() {
        let bytes = descriptor(
            2,
            4096,
            &[[0x3000, 0x4000, 1], [0x1000, 0x2000, 2]],
            b"/tmp/\xff\xfe\0/lib/x.so (deleted)\0",
        );
        let mapped = MappedFiles::parse(&bytes);
        assert_eq!(mapped.ranges[0].start, 0x1000);
        assert_eq!(mapped.ranges[0].offset, 0x2000);
        assert_eq!(
            mapped.files[0].path.as_os_str().as_bytes(),
            b"/tmp/\xff\xfe"
        );
        assert!(!mapped.files[0].deleted);
        assert_eq!(mapped.files[1].path, PathBuf::from("/lib/x.so"));
        assert!(mapped.files[1].deleted);
        assert_eq!(mapped.find(0x3fff).map(|range| range.file), Some(0));
        assert_eq!(mapped.find(0x4000), None);
    }

    #[test]
    fn garbage_counts_offsets_and_overlaps_give_what_can_be_believed() {
        assert!(
            MappedFiles::parse(&descriptor(1 << 63, 4096, &[], b"/a\0"))
                .files
                .is_empty()
        );
        assert!(MappedFiles::parse(&[1; 7]).files.is_empty());
        let bytes = descriptor(
            4,
            4096,
            &[
                [0x1000, 0x9000, 0],
                [0x2000, 0x3000, 0],
                [0x9000, 0xa000, u64::MAX],
                [5, 5, 0],
            ],
            b"/a\0/b\0/c\0/d\0",
        );
        let mapped = MappedFiles::parse(&bytes);
        assert_eq!(mapped.ranges.len(), 1);
        assert_eq!(mapped.ranges[0].end, 0x9000);
    }

    #[test]
    fn a_name_that_is_cut_off_leaves_the_others() {
        let bytes = descriptor(2, 1, &[[0x1000, 0x2000, 0], [0x3000, 0x4000, 9]], b"/a\0/b");
        let mapped = MappedFiles::parse(&bytes);
        assert_eq!(mapped.ranges.len(), 2);
        assert_eq!(mapped.ranges[1].offset, 9);
    }
}
