//! The file that the kernel keeps for a segment, read without changing it.
//!
//! A mapping is the fastest way to read much of it, but touching a hole in it through one makes the kernel put a page there
//! (`shmem_fault`, `mm/shmem.c`). So only what is there is lent out of a mapping; read(2) takes holes for zeros as they are.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::OnceLock;

use memmap2::{Advice, Mmap};
use nix::fcntl::OFlag;
use nix::unistd::{Whence, lseek};

use super::file_facts::{FileSystem, FileSystemKind};
use super::mapped;

/// Stretches of a file that are told apart.
const MOST_STRETCHES: usize = 1 << 16;

/// A part of a file that is there, or is a hole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Bytes from its beginning.
    pub range: Range<u64>,
    pub is_hole: bool,
}

pub struct SharedFile {
    file: File,
    size: u64,
    map: OnceLock<Option<Mmap>>,
}

impl SharedFile {
    pub fn new(file: File) -> io::Result<SharedFile> {
        let metadata = file.metadata()?;
        Ok(SharedFile {
            size: metadata.size(),
            file,
            map: OnceLock::new(),
        })
    }

    /// Opens a regular file. Nothing is followed, and nothing blocks, if it is something else.
    pub fn open(path: &Path, is_link: bool) -> io::Result<File> {
        let mut flags = OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        if !is_link {
            flags |= OFlag::O_NOFOLLOW;
        }
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits())
            .open(path)?;
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is no regular file",
            )),
        }
    }

    /// Bytes, when it was opened.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes, now.
    pub fn size_now(&self) -> Option<u64> {
        self.file.metadata().ok().map(|metadata| metadata.size())
    }

    /// Fills the buffer. Fails if the file ends before that.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    /// What of a range is there, in order and without gaps. Nothing if it is in too many pieces.
    pub fn stretches(&self, range: Range<u64>) -> Option<Vec<Stretch>> {
        let mut stretches: Vec<Stretch> = Vec::new();
        let mut at = range.start;
        let seek = |at: u64, whence| {
            let offset = i64::try_from(at).ok()?;
            lseek(&self.file, offset, whence)
                .ok()
                .and_then(|found| u64::try_from(found).ok())
        };
        while at < range.end {
            // ENXIO: there is nothing up to the end.
            let data = seek(at, Whence::SeekData).unwrap_or(range.end);
            let data = data.clamp(at, range.end);
            if data > at {
                stretches.push(Stretch {
                    range: at..data,
                    is_hole: true,
                });
            }
            if data >= range.end {
                break;
            }
            let hole = seek(data, Whence::SeekHole).unwrap_or(range.end);
            // At least a byte further, whatever a file system says.
            at = hole.clamp(data + 1, range.end);
            stretches.push(Stretch {
                range: data..at,
                is_hole: false,
            });
            if stretches.len() > MOST_STRETCHES {
                return None;
            }
        }
        Some(stretches)
    }

    /// Bytes that are known to be there, without a copy. They may change while they are looked at; what was cut off meanwhile
    /// reads as zeros ([`mapped::lost_pages`]). Nothing where the file cannot be mapped so that this holds.
    pub fn lend(&self, range: Range<u64>) -> Option<&[u8]> {
        let map = self.map.get_or_init(|| self.map()).as_ref()?;
        let start = usize::try_from(range.start).ok()?;
        let end = usize::try_from(range.end).ok()?;
        map.get(start..end)
    }

    /// Has the kernel map a range at once, which is cheaper than page by page. Where it cannot, nothing is lost.
    pub fn populate(&self, range: Range<u64>) {
        if let Some(Some(map)) = self.map.get()
            && let (Ok(start), Ok(length)) = (
                usize::try_from(range.start),
                usize::try_from(range.end - range.start),
            )
        {
            let _ = map.advise_range(Advice::PopulateRead, start, length);
        }
    }

    fn map(&self) -> Option<Mmap> {
        // What replaces a page that is gone is as large as a small one.
        let is_huge = FileSystem::of(&self.file).kind == FileSystemKind::Hugetlbfs;
        if is_huge || self.size == 0 {
            return None;
        }
        let length = usize::try_from(self.size).ok()?;
        mapped::map(&self.file, Some(length)).ok()
    }
}
