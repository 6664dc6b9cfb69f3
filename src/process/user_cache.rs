//! What pmdb keeps from one command to the next: files in the user's folder for what can be made anew (`$XDG_CACHE_HOME/pmdb`, else
//! `~/.cache/pmdb`). Nothing rests on them: whatever cannot be read or written is made anew.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use memmap2::Mmap;

use super::mapped;

/// What others may do with a file that is taken for ours: nothing but read it.
const WRITTEN_BY_OTHERS: u32 = 0o022;

fn folder() -> Option<PathBuf> {
    let absolute = |name| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    Some(caches?.join("pmdb"))
}

/// A file of this name that nobody but this user can have written.
pub fn open(name: &str) -> Option<File> {
    let file = File::open(folder()?.join(name)).ok()?;
    let about = file.metadata().ok()?;
    let is_own = about.is_file()
        && about.uid() == nix::unistd::geteuid().as_raw()
        && about.mode() & WRITTEN_BY_OTHERS == 0;
    is_own.then_some(file)
}

/// The same, mapped, if it has so many bytes.
pub fn map(name: &str, length: u64) -> Option<Mmap> {
    let file = open(name)?;
    let is_whole = file.metadata().ok()?.len() == length;
    is_whole.then(|| mapped::map(&file, None).ok()).flatten()
}

/// The same, of whatever length.
pub fn map_any(name: &str) -> Option<Mmap> {
    mapped::map(&open(name)?, None).ok()
}

/// Puts a file there in one step, in the place of one of that name. If that fails, there is none.
pub fn write(name: &str, pieces: &[&[u8]]) {
    let _ = try_to_write(name, pieces);
}

fn try_to_write(name: &str, pieces: &[&[u8]]) -> Option<()> {
    static WRITTEN: AtomicU32 = AtomicU32::new(0);
    let folder = folder()?;
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(&folder).ok()?;
    // Other commands, and other threads of this one, may write the same.
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let unfinished = folder.join(format!("{name}.{}.{number}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(&unfinished).ok()?;
    let is_whole = pieces.iter().all(|piece| file.write_all(piece).is_ok())
        && fs::rename(&unfinished, folder.join(name)).is_ok();
    if !is_whole {
        let _ = fs::remove_file(unfinished);
    }
    Some(())
}

/// Removes those files whose names begin so that were written first, until the others take at most so many bytes.
pub fn remove_oldest(prefix: &str, most: u64) {
    let Some(entries) = folder().and_then(|folder| fs::read_dir(folder).ok()) else {
        return;
    };
    let mut files: Vec<_> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let is_of_them = entry.file_name().to_str()?.starts_with(prefix);
            let about = is_of_them.then(|| entry.metadata().ok()).flatten()?;
            Some((about.modified().ok()?, about.len(), entry.path()))
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
