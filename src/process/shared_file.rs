//! The file that the kernel keeps for a segment, read without changing it.
//!
//! Touching a hole in it through a mapping makes the kernel put a page there (`shmem_fault`, `mm/shmem.c`), and to map what is there and to
//! unmap it again costs as much as to copy it. read(2) takes holes for zeros as they are.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::unistd::{Whence, lseek};

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
}

impl SharedFile {
    pub fn new(file: File) -> io::Result<SharedFile> {
        let metadata = file.metadata()?;
        Ok(SharedFile {
            size: metadata.size(),
            file,
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
}
