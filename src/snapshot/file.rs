//! The file of a snapshot: made under another name and renamed when all of it is on the disk, so that there is never half of one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::statvfs::statvfs;

use super::elf::{Head, head};
use super::notes::notes;
use super::segments::{Segment, segments};
use super::{Contents, SnapshotError};
use crate::model::Addr;

/// Memory is copied in pieces of this many bytes.
const PIECE: usize = 1 << 20;
/// Bytes.
const PAGE: usize = 4096;

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub path: PathBuf,
    /// Of the file, in bytes. What is zero takes no room on the disk.
    pub length: u64,
    /// Memory in it, and memory that the process had, in bytes.
    pub kept: u64,
    pub memory: u64,
    /// Memory that could not be read any more when it was copied, in bytes.
    pub lost: u64,
}

/// Writes a snapshot. Only its owner can read it.
pub fn write(path: &Path, contents: &Contents<'_>) -> Result<Written, SnapshotError> {
    let failed = |error: io::Error| SnapshotError::Write {
        path: path.to_path_buf(),
        error,
    };
    if path.is_dir() {
        return Err(SnapshotError::IsFolder {
            path: path.to_path_buf(),
        });
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let segments = segments(contents.mappings, &contents.kept);
    let head = head(&segments, &notes(contents));
    let kept: u64 = segments
        .iter()
        .filter(|one| one.is_kept)
        .map(Segment::length)
        .sum();
    let memory = segments.iter().map(Segment::length).sum();
    check_room(path, folder, head.memory + kept)?;
    let file = tempfile::Builder::new()
        .prefix(".pmdb-")
        .suffix(".part")
        .tempfile_in(folder)
        .map_err(failed)?;
    let written = fill(file.as_file(), &head, &segments, contents)
        .and_then(|lost| file.as_file().sync_all().map(|()| lost));
    let lost = written.map_err(|error| match error.raw_os_error() {
        Some(number) if number == Errno::ENOSPC as i32 => SnapshotError::NoRoom {
            path: path.to_path_buf(),
            needed: head.memory + kept,
            free: free(folder).unwrap_or(0),
        },
        _ => failed(error),
    })?;
    file.persist(path).map_err(|error| failed(error.error))?;
    // The name is on the disk once its folder is; where that cannot be had, it comes there by itself.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(Written {
        path: path.to_path_buf(),
        length: head.memory + kept,
        kept,
        memory,
        lost,
    })
}

fn free(folder: &Path) -> Option<u64> {
    let disk = statvfs(folder).ok()?;
    Some(disk.blocks_available().saturating_mul(disk.fragment_size()))
}

fn check_room(path: &Path, folder: &Path, needed: u64) -> Result<(), SnapshotError> {
    match free(folder) {
        Some(free) if free < needed => Err(SnapshotError::NoRoom {
            path: path.to_path_buf(),
            needed,
            free,
        }),
        _ => Ok(()),
    }
}

/// Fills the file, and says how many bytes could not be read.
fn fill(
    file: &File,
    head: &Head,
    segments: &[Segment],
    contents: &Contents<'_>,
) -> io::Result<u64> {
    file.write_all_at(&head.bytes, 0)?;
    let mut offset = head.memory;
    let mut buffer = vec![0; PIECE];
    let mut lost = 0;
    for segment in segments.iter().filter(|segment| segment.is_kept) {
        let mut at = segment.start;
        while at < segment.end {
            let length = usize::try_from(segment.end - at)
                .unwrap_or(PIECE)
                .min(PIECE);
            let bytes = &mut buffer[..length];
            lost += read(contents, Addr(at), bytes);
            write_sparse(file, bytes, offset)?;
            offset += length as u64;
            at += length as u64;
        }
    }
    // What was zero at the end is not there yet.
    file.set_len(offset)?;
    Ok(lost)
}

/// Reads what can be read, page by page where not all of it can; says how many bytes could not, which are zeros.
fn read(contents: &Contents<'_>, address: Addr, bytes: &mut [u8]) -> u64 {
    if contents.memory.read(address, bytes).is_ok() {
        return 0;
    }
    let mut lost = 0;
    for (number, page) in (0..).zip(bytes.chunks_mut(PAGE)) {
        let at = address.plus(number * PAGE as u64);
        if contents.memory.read(at, page).is_err() {
            page.fill(0);
            lost += page.len() as u64;
        }
    }
    lost
}

/// Writes all but pages of zeros, which are holes.
fn write_sparse(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let is_zero = |page: &[u8]| page.iter().all(|&byte| byte == 0);
    let mut at = 0;
    let runs = bytes.chunks(PAGE).collect::<Vec<_>>();
    for run in runs.chunk_by(|page, next| is_zero(page) == is_zero(next)) {
        let length: usize = run.iter().map(|page| page.len()).sum();
        if run.first().is_some_and(|page| !is_zero(page)) {
            file.write_all_at(&bytes[at..at + length], offset + at as u64)?;
        }
        at += length;
    }
    Ok(())
}
