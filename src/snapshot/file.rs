//! The file of a snapshot: made under another name and renamed when all of it is on the disk, so that there is never half of one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::statvfs::statvfs;
use tempfile::NamedTempFile;

use super::elf::{Head, head};
use super::notes::notes;
use super::places::{Stored, place_in};
use super::segments::{Segment, segments};
use super::{Contents, SnapshotError};
use crate::model::Addr;
use crate::process::core::bundle::{self, BLOCK};
use crate::process::core::own_notes::{Place, places_note};

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

/// Writes a snapshot of one process: the file is a core.
pub fn write(path: &Path, contents: &Contents<'_>) -> Result<Written, SnapshotError> {
    let mut draft = Draft::begin(path)?;
    let written = draft.put(contents)?;
    draft.finish()?;
    Ok(written)
}

/// The same under the first of the names that no file has. Another pmdb may take one meanwhile: of containers that write into one folder each
/// has a process 7.
pub fn write_new(
    mut names: impl Iterator<Item = PathBuf>,
    contents: &Contents<'_>,
) -> Result<Written, SnapshotError> {
    let first = names.next().unwrap_or_default();
    let mut draft = Draft::begin(&first)?;
    let mut written = draft.put(contents)?;
    written.path = draft.finish_as(std::iter::once(first).chain(names))?;
    Ok(written)
}

/// A file that is not there yet under its own name. Only its owner can read it; dropping it leaves nothing behind.
pub struct Draft {
    path: PathBuf,
    folder: PathBuf,
    file: NamedTempFile,
    /// Where the next thing goes.
    end: u64,
    is_bundle: bool,
    /// The shared memory that is in it already.
    stored: Stored,
}

impl Draft {
    pub fn begin(path: &Path) -> Result<Draft, SnapshotError> {
        if path.is_dir() {
            return Err(SnapshotError::IsFolder {
                path: path.to_path_buf(),
            });
        }
        // The draft would take its place.
        let is_replaceable = |it: std::fs::Metadata| it.is_file() || it.is_symlink();
        if !path.symlink_metadata().map_or(true, is_replaceable) {
            return Err(SnapshotError::NotAFile {
                path: path.to_path_buf(),
            });
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let made = tempfile::Builder::new()
            .prefix(".pmdb-")
            .suffix(".part")
            .tempfile_in(folder);
        let file = made.map_err(|error| SnapshotError::Write {
            path: path.to_path_buf(),
            error,
        })?;
        Ok(Draft {
            path: path.to_path_buf(),
            folder: folder.to_path_buf(),
            file,
            end: 0,
            is_bundle: false,
            stored: Stored::default(),
        })
    }

    /// Adds a core as a member of a bundle.
    pub fn add(&mut self, name: &str, contents: &Contents<'_>) -> Result<Written, SnapshotError> {
        let at = self.end;
        self.end += BLOCK;
        let written = self.put(contents)?;
        self.close_member(at, name, written.length, contents.facts.taken_ms)?;
        Ok(written)
    }

    /// Adds a text as a member of a bundle.
    pub fn add_text(&mut self, name: &str, text: &[u8]) -> Result<(), SnapshotError> {
        let at = self.end;
        let written = self.file.as_file().write_all_at(text, at + BLOCK);
        written.map_err(|error| self.failed(error, text.len() as u64))?;
        self.end += BLOCK + text.len() as u64;
        self.close_member(at, name, text.len() as u64, 0)
    }

    fn close_member(
        &mut self,
        at: u64,
        name: &str,
        length: u64,
        taken_ms: u64,
    ) -> Result<(), SnapshotError> {
        let header = bundle::header(name, length, taken_ms / 1000);
        let written = self.file.as_file().write_all_at(&header, at);
        written.map_err(|error| self.failed(error, BLOCK))?;
        self.end = self.end.next_multiple_of(BLOCK);
        self.is_bundle = true;
        Ok(())
    }

    /// Writes a core at the end of what is there.
    fn put(&mut self, contents: &Contents<'_>) -> Result<Written, SnapshotError> {
        let base = self.end;
        let division = self.stored.divide(&contents.kept, contents.shared);
        let segments = segments(contents.mappings, &division.kept);
        let head_with = |places: &[Place]| {
            let places = places_note(base, places);
            head(&segments, &notes(contents, &places))
        };
        // How long the head is depends on how many places there are alone.
        let unplaced = head_with(&division.places(|_| None));
        let place = place_in(&segments, base + unplaced.memory);
        let head = head_with(&division.places(&place));
        let is_kept = |segment: &&Segment| segment.is_kept;
        let kept: u64 = segments.iter().filter(is_kept).map(Segment::length).sum();
        let memory = segments.iter().map(Segment::length).sum();
        let length = head.memory + kept;
        if let Some(free) = free(&self.folder).filter(|free| *free < length) {
            return Err(self.no_room(length, free));
        }
        let filled = fill(self.file.as_file(), base, &head, &segments, contents);
        let lost = filled.map_err(|error| self.failed(error, length))?;
        self.stored.add(&division, &place);
        self.end += length;
        Ok(Written {
            path: self.path.clone(),
            length,
            kept,
            memory,
            lost,
        })
    }

    /// Gives the file its name, once it is on the disk.
    pub fn finish(self) -> Result<(), SnapshotError> {
        self.seal()?;
        let Draft {
            path, folder, file, ..
        } = self;
        file.persist(&path).map_err(|error| SnapshotError::Write {
            path: path.clone(),
            error: error.error,
        })?;
        sync_folder(&folder);
        Ok(())
    }

    /// The same with the first name that no file has, which it gives.
    fn finish_as(self, names: impl Iterator<Item = PathBuf>) -> Result<PathBuf, SnapshotError> {
        self.seal()?;
        let (folder, mut file, mut path) = (self.folder, self.file, self.path);
        let mut refusal = io::ErrorKind::AlreadyExists.into();
        for name in names {
            path = name;
            match file.persist_noclobber(&path) {
                Ok(_) => {
                    sync_folder(&folder);
                    return Ok(path);
                }
                Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {
                    (file, refusal) = (refused.file, refused.error);
                }
                Err(refused) => {
                    refusal = refused.error;
                    break;
                }
            }
        }
        Err(SnapshotError::Write {
            path,
            error: refusal,
        })
    }

    fn seal(&self) -> Result<(), SnapshotError> {
        // Behind a bundle are two empty blocks; a core ends where it ends.
        let sealed = match self.is_bundle {
            true => self.file.as_file().set_len(self.end + 2 * BLOCK),
            false => Ok(()),
        };
        let synced = sealed.and_then(|()| self.file.as_file().sync_all());
        synced.map_err(|error| self.failed(error, self.end))
    }

    fn failed(&self, error: io::Error, needed: u64) -> SnapshotError {
        if error.raw_os_error() == Some(Errno::ENOSPC as i32) {
            return self.no_room(needed, free(&self.folder).unwrap_or(0));
        }
        SnapshotError::Write {
            path: self.path.clone(),
            error,
        }
    }

    fn no_room(&self, needed: u64, free: u64) -> SnapshotError {
        SnapshotError::NoRoom {
            path: self.path.clone(),
            needed,
            free,
        }
    }
}

/// A name is on the disk once its folder is; where that cannot be had, it comes there by itself.
fn sync_folder(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

fn free(folder: &Path) -> Option<u64> {
    let disk = statvfs(folder).ok()?;
    Some(disk.blocks_available().saturating_mul(disk.fragment_size()))
}

/// Writes a core that begins at `base`, and says how many bytes could not be read.
fn fill(
    file: &File,
    base: u64,
    head: &Head,
    segments: &[Segment],
    contents: &Contents<'_>,
) -> io::Result<u64> {
    file.write_all_at(&head.bytes, base)?;
    let mut offset = base + head.memory;
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
