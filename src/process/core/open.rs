//! Opening a core: from a path to a [`CoreProcess`].

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use memmap2::Mmap;
use nix::libc;
use nix::unistd::geteuid;

use super::address_space::AddressSpace;
use super::backing_files::{BackingFile, Expected};
use super::bundle;
use super::compressed::{Format, allowance, decompress};
use super::headers::{Headers, Unusable};
use super::image::build_id;
use super::initial_stack::{AuxiliaryVector, InitialStack};
use super::mapped_files::MappedFiles;
use super::notes::Notes;
use super::own_notes;
use super::signal::FatalSignal;
use super::{Condition, CoreOptions, CoreProcess, by_tid};
use crate::model::ThreadState;
use crate::process::mapped::{map, map_part};
use crate::process::user::user;
use crate::process::{Identity, ProcessError, Source};

/// How much of the beginning of a file's first mapping is compared with the file, in bytes: a page.
const FIRST_PAGE: usize = 4096;

impl CoreProcess {
    /// Opens the core at `path`. What is missing of it is told by [`notes`](crate::process::Process::notes); only a
    /// file that is no core of this architecture, or has nothing of one, is refused.
    pub fn open(path: &Path, options: CoreOptions) -> Result<CoreProcess, ProcessError> {
        let Opened {
            core,
            base,
            whole,
            modified,
            cut,
        } = mapped(path)?;
        let headers = Headers::parse(&core).map_err(|why| unusable(path, why))?;
        let condition = Condition {
            expected_length: headers.expected_length,
            unread_headers: headers.unread,
            found: cut.into_iter().collect(),
        };
        let notes = Notes::parse(&core, &headers.notes);
        let mapped = MappedFiles::parse(&core[notes.mapped_files.clone()]);
        let mut space = AddressSpace::new(headers.segments, &mapped, &core);
        let snapshot = own_notes::facts(&core[notes.own_facts.clone()]);
        if snapshot.is_some() {
            space.name(own_notes::mappings(&core[notes.own_maps.clone()]));
            space.place(&own_notes::places(&core[notes.own_places.clone()], base));
        }
        let auxiliary = AuxiliaryVector::parse(&core[notes.auxiliary_vector.clone()]);
        let stack = InitialStack::find(&core, &space, &auxiliary).unwrap_or_default();
        let executable = executable(&mapped, &auxiliary);

        let notes_by_tid = by_tid(notes.threads.iter().map(|thread| thread.tid));
        let noted = snapshot.iter().flat_map(|snapshot| &snapshot.threads);
        let facts_by_tid = by_tid(noted.map(|thread| thread.tid));
        let mut process = CoreProcess {
            identity: Identity {
                source: Source::Core(path.to_path_buf()),
                pid: notes.process.as_ref().map(|process| process.pid),
                parent: notes.process.as_ref().map(|process| process.parent),
                command: command(&core, &space, &stack, &notes),
                executable: executable.map(|index| mapped.files[index].path.clone()),
                state: match (&snapshot, FatalSignal::find(&notes)) {
                    (Some(snapshot), _) => snapshot.process.state,
                    (None, Some(_)) => ThreadState::Dead,
                    (None, None) => ThreadState::Unknown,
                },
            },
            files: backing_files(&core, &space, &mapped, modified, options.sysroot.as_deref()),
            core,
            whole,
            notes,
            space,
            mapped,
            executable,
            stack,
            sysroot: options.sysroot,
            condition,
            notes_by_tid,
            facts_by_tid,
            snapshot,
        };
        if let Some(path) = options.executable {
            process.use_executable(path)?;
        }
        Ok(process)
    }

    /// Looks for the executable where the user says that it is.
    fn use_executable(&mut self, path: PathBuf) -> Result<(), ProcessError> {
        let io_error = |error| ProcessError::Io {
            action: "open",
            path: path.clone(),
            error,
        };
        let (file, _) = open_regular(&path, |what| ProcessError::NotAnExecutable {
            path: path.clone(),
            what,
        })?;
        let id = build_id(&map(&file, None).map_err(io_error)?);
        let of_that_build =
            id.and_then(|id| self.files.iter().position(|file| file.has_build_id(&id)));
        match of_that_build.or(self.executable) {
            Some(index) => self.files[index].replace_candidate(path),
            None => self.condition.found.push(format!(
                "{} is not used: the core does not tell where its executable was mapped",
                path.display()
            )),
        }
        Ok(())
    }
}

/// A file of the process as it is found below `sysroot`.
pub(super) fn below(sysroot: Option<&Path>, path: &Path) -> PathBuf {
    match sysroot {
        Some(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
        None => path.to_path_buf(),
    }
}

/// `other` makes the error for what is no regular file.
fn open_regular(
    path: &Path,
    other: impl Fn(&'static str) -> ProcessError,
) -> Result<(File, Option<SystemTime>), ProcessError> {
    let io_error = |error: io::Error| match error.kind() {
        io::ErrorKind::PermissionDenied => ProcessError::Unreadable {
            path: path.to_path_buf(),
            why: why_unreadable(path),
        },
        _ => ProcessError::Io {
            action: "open",
            path: path.to_path_buf(),
            error,
        },
    };
    // Before it is opened: opening a pipe would wait for its writer.
    let kind = fs::metadata(path).map_err(io_error)?.file_type();
    if !kind.is_file() {
        return Err(other(if kind.is_dir() {
            "a directory"
        } else {
            "not a regular file"
        }));
    }
    let file = File::open(path).map_err(io_error)?;
    let modified = file.metadata().and_then(|metadata| metadata.modified());
    Ok((file, modified.ok()))
}

/// A regular file that can be opened.
pub(super) fn plain_file(path: &Path) -> Option<File> {
    let other = |what| ProcessError::NotACore {
        path: path.to_path_buf(),
        why: format!("it is {what}"),
    };
    open_regular(path, other).ok().map(|(file, _)| file)
}

/// The kernel lets only root read the core of a program that ran with privileges (core(5), `suid_dumpable`).
fn why_unreadable(path: &Path) -> String {
    let Ok(file) = fs::metadata(path) else {
        return format!(
            "a folder on the way to it may not be entered by {}",
            user(Some(geteuid().as_raw()))
        );
    };
    format!(
        "it belongs to {}, its mode is {:o}, and pmdb runs as {}: run pmdb as its owner or as root",
        user(Some(file.uid())),
        file.mode() & 0o7777,
        user(Some(geteuid().as_raw()))
    )
}

/// The bytes of a core. It may be a member of a bundle.
struct Opened {
    core: Mmap,
    /// Where it begins in its file, in bytes.
    base: u64,
    /// The file that it is a part of, if it is one.
    whole: Option<Mmap>,
    /// When it was written.
    modified: Option<SystemTime>,
    /// What is to be said of it.
    cut: Option<String>,
}

fn mapped(path: &Path) -> Result<Opened, ProcessError> {
    let not_mapped = |error| ProcessError::Io {
        action: "map",
        path: path.to_path_buf(),
        error,
    };
    if let Some((file, bundle, member)) = bundle::find(path) {
        let core = map_part(&file, member.offset, member.length).map_err(not_mapped)?;
        let modified = fs::metadata(bundle).and_then(|bundle| bundle.modified());
        return Ok(Opened {
            core,
            base: member.offset,
            whole: Some(map(&file, None).map_err(not_mapped)?),
            modified: modified.ok(),
            cut: None,
        });
    }
    let (file, modified) = open_regular(path, |what| ProcessError::NotACore {
        path: path.to_path_buf(),
        why: format!("it is {what}"),
    })?;
    let (file, cut) = decompressed(path, file)?;
    Ok(Opened {
        core: map(&file, None).map_err(not_mapped)?,
        base: 0,
        whole: None,
        modified,
        cut,
    })
}

/// The core itself, if the file is one that is compressed; and what is to be said of that.
fn decompressed(path: &Path, file: File) -> Result<(File, Option<String>), ProcessError> {
    let mut start = [0; 8];
    let count = file.read_at(&mut start, 0).unwrap_or(0);
    let Some(format) = Format::recognise(&start[..count]) else {
        return Ok((file, None));
    };
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let output = decompress(path, file, format, allowance(length))?;
    Ok((output.file, output.cut))
}

pub(super) fn unusable(path: &Path, why: Unusable) -> ProcessError {
    let path = path.to_path_buf();
    match why {
        Unusable::NotACore(why) => ProcessError::NotACore { path, why },
        Unusable::Damaged(why) => ProcessError::DamagedCore { path, why },
        Unusable::OtherArchitecture(found) => ProcessError::OtherArchitecture { path, found },
    }
}

/// Which file holds the program headers, or the entry point, that the kernel started: `/proc/PID/exe`.
fn executable(mapped: &MappedFiles, auxiliary: &AuxiliaryVector) -> Option<usize> {
    [libc::AT_PHDR, libc::AT_ENTRY]
        .into_iter()
        .filter_map(|kind| mapped.find(auxiliary.get(kind)?))
        .map(|range| range.file as usize)
        .next()
}

fn command(core: &[u8], space: &AddressSpace, stack: &InitialStack, notes: &Notes) -> Vec<String> {
    let arguments = stack.arguments(core, space).unwrap_or_default();
    if !arguments.is_empty() {
        return arguments;
    }
    let joined = notes.process.as_ref().map(|process| &*process.arguments);
    let words = joined.unwrap_or_default().split(' ');
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn backing_files(
    core: &[u8],
    space: &AddressSpace,
    mapped: &MappedFiles,
    modified: Option<SystemTime>,
    sysroot: Option<&Path>,
) -> Vec<BackingFile> {
    let unknown = || Expected {
        not_after: modified,
        ..Expected::default()
    };
    let mut expected: Vec<_> = mapped.files.iter().map(|_| unknown()).collect();
    for range in &mapped.ranges {
        let Some(expected) = expected.get_mut(range.file as usize) else {
            continue;
        };
        expected.longer_than = expected.longer_than.max(range.offset);
        if range.offset == 0
            && let Some(held) = space.held(range.start)
        {
            let in_range = (range.end - range.start).min(FIRST_PAGE as u64) as usize;
            let bytes = &core[held];
            expected.learn(&bytes[..bytes.len().min(in_range)]);
        }
    }
    let names = mapped.files.iter().cloned();
    names
        .zip(expected)
        .map(|(name, expected)| {
            let candidate = below(sysroot, &name.path);
            BackingFile::new(name, candidate, expected)
        })
        .collect()
}
