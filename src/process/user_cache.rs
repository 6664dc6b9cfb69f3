//! What pmdb keeps from one command to the next: files in the user's folder for what can be made anew (`$XDG_CACHE_HOME/pmdb`, else
//! `~/.cache/pmdb`). Nothing rests on them: whatever cannot be read or written is made anew.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use memmap2::Mmap;
use nix::fcntl::OFlag;

use super::mapped;

/// What others may do with a file that is taken for ours: nothing but read it.
const WRITTEN_BY_OTHERS: u32 = 0o022;
/// A link is not followed, and a pipe not waited for.
const FLAGS: i32 = OFlag::O_NOFOLLOW.bits() | OFlag::O_NONBLOCK.bits();
/// What was not finished after this time was left by a command that has ended.
const LONGEST_WRITING: Duration = Duration::from_secs(3600);
/// Behind what is written: its length in 8 bytes.
const TRAILER: usize = 8;

fn folder() -> Option<PathBuf> {
    let absolute = |name| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    Some(caches?.join("pmdb"))
}

/// Whether nobody but this user can write there.
fn is_own(about: &Metadata) -> bool {
    about.uid() == nix::unistd::geteuid().as_raw() && about.mode() & WRITTEN_BY_OTHERS == 0
}

/// The folder, if it is this user's own: under sudo that keeps `HOME` it is another's, who may put there what they like.
fn own_folder() -> Option<PathBuf> {
    let folder = folder()?;
    let about = fs::symlink_metadata(&folder).ok()?;
    (about.is_dir() && is_own(&about)).then_some(folder)
}

/// A file of this name that nobody but this user can have written.
fn open(name: &str) -> Option<File> {
    let folder = own_folder()?;
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .custom_flags(FLAGS)
        .open(folder.join(name));
    let file = file.ok()?;
    let about = file.metadata().ok()?;
    (about.is_file() && is_own(&about)).then_some(file)
}

/// What was written to it, if that is all there.
fn open_whole(name: &str) -> Option<(File, u64)> {
    let file = open(name)?;
    let length = file.metadata().ok()?.len().checked_sub(TRAILER as u64)?;
    let mut trailer = [0; TRAILER];
    file.read_exact_at(&mut trailer, length).ok()?;
    (u64::from_le_bytes(trailer) == length).then_some((file, length))
}

/// The same, mapped, if it has so many bytes.
pub fn map(name: &str, length: u64) -> Option<Mmap> {
    let (file, written) = open_whole(name)?;
    (written == length).then(|| mapped::map_part(&file, 0, length).ok())?
}

/// The same, of whatever length.
pub fn map_any(name: &str) -> Option<Mmap> {
    let (file, length) = open_whole(name)?;
    mapped::map_part(&file, 0, length).ok()
}

/// All of it, if it is no longer than that.
pub fn read(name: &str, most: u64) -> Option<Vec<u8>> {
    let (file, length) = open_whole(name)?;
    let mut bytes = vec![0; usize::try_from(length).ok().filter(|_| length <= most)?];
    file.read_exact_at(&mut bytes, 0).ok()?;
    Some(bytes)
}

/// How its reader knows that the bytes of a file are those that were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// By a sum of its own, which it computes again.
    BySum,
    /// By their length alone: so they are on the disk before the name is, which outlives a power cut.
    ByLength,
}

/// Puts a file there in one step, in the place of one of that name. If that fails, there is none.
pub fn write(name: &str, pieces: &[&[u8]], known: Known) {
    let _ = try_to_write(name, pieces, known);
}

fn try_to_write(name: &str, pieces: &[&[u8]], known: Known) -> Option<()> {
    static WRITTEN: AtomicU32 = AtomicU32::new(0);
    let folder = folder()?;
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(&folder).ok()?;
    let folder = own_folder()?;
    // Other commands, and other threads of this one, may write the same.
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let unfinished = folder.join(format!("{name}.{}.{number}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.custom_flags(FLAGS);
    let mut file = options.open(&unfinished).ok()?;
    let length: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
    let is_whole = pieces.iter().all(|piece| file.write_all(piece).is_ok())
        && file.write_all(&length.to_le_bytes()).is_ok()
        && (known == Known::BySum || file.sync_data().is_ok())
        && fs::rename(&unfinished, folder.join(name)).is_ok();
    if !is_whole {
        let _ = fs::remove_file(unfinished);
    }
    Some(())
}

/// Removes those files whose names begin so that were written first, until the others take at most so many bytes; and what nobody finished.
pub fn remove_oldest(prefix: &str, most: u64) {
    let Some(entries) = own_folder().and_then(|folder| fs::read_dir(folder).ok()) else {
        return;
    };
    let mut files: Vec<_> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let is_of_them = entry.file_name().to_str()?.starts_with(prefix);
            let about = is_of_them.then(|| entry.metadata().ok()).flatten()?;
            let modified = about.modified().ok()?;
            // `names-1-….4242.0`
            let is_unfinished = entry.path().extension().is_some();
            if is_unfinished && modified.elapsed().is_ok_and(|age| age > LONGEST_WRITING) {
                let _ = fs::remove_file(entry.path());
                return None;
            }
            Some((modified, about.len(), entry.path()))
        })
        .collect();
    files.sort();
    let mut left: u64 = files.iter().map(|(_, length, _)| *length).sum();
    for (_, length, path) in files {
        if left <= most {
            break;
        }
        let _ = fs::remove_file(path);
        left -= length;
    }
}
