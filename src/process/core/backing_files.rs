//! The files that a core names, opened only if they are what the process had mapped.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

use memmap2::Mmap;
use nix::libc;

use super::image::{build_id, is_elf};
use super::mapped_files::FileName;
use crate::model::BuildId;
use crate::process::mapped::map;

/// Bytes.
const PAGE: u64 = 4096;

/// A file that the process had mapped.
#[derive(Debug)]
pub(super) struct BackingFile {
    pub name: FileName,
    /// Where it is looked for.
    candidate: PathBuf,
    expected: Expected,
    opened: OnceLock<Result<Opened, Refusal>>,
}

/// What the core tells of a file's identity.
#[derive(Debug, Default)]
pub(super) struct Expected {
    /// Of its first page in the core, where that is ELF and tells one. Several if it was replaced while the process
    /// ran, and mapped again.
    pub build_ids: Vec<BuildId>,
    /// Its first page, if the core has it without a build-id: it must be equal.
    pub first_page: Option<Vec<u8>>,
    /// One that was written to later than the core is not what the process had. Not asked of a file with a build-id.
    pub not_after: Option<SystemTime>,
    /// Where the last mapping of it begins in the file, in bytes: it must be longer.
    pub longer_than: u64,
}

#[derive(Debug)]
pub(super) struct Opened {
    pub bytes: Mmap,
    pub proof: Proof,
    device: u64,
    inode: u64,
}

/// What shows that a file is the one that the process had mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    BuildId,
    /// It has no build-id; its headers are those in the core, and it has not been written to since.
    FirstPage,
    /// The core has nothing of it; it is long enough and has not been written to since.
    NotContradicted,
}

/// Why a file is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It cannot be opened.
    Missing(String),
    /// It is not a file on disk, or is empty.
    NotAFile,
    OtherBuild {
        expected: Option<BuildId>,
        found: Option<BuildId>,
    },
    /// Several builds of it were mapped.
    SeveralBuilds,
    TooShort,
    WrittenSince,
}

impl BackingFile {
    pub(super) fn new(name: FileName, candidate: PathBuf, expected: Expected) -> BackingFile {
        BackingFile {
            name,
            candidate,
            expected,
            opened: OnceLock::new(),
        }
    }

    pub(super) fn candidate(&self) -> &Path {
        &self.candidate
    }

    pub(super) fn has_build_id(&self, build_id: &BuildId) -> bool {
        self.expected.build_ids.contains(build_id)
    }

    /// Looks for it elsewhere. The user vouches for the time of what they name.
    pub(super) fn replace_candidate(&mut self, candidate: PathBuf) {
        self.candidate = candidate;
        self.expected.not_after = None;
    }

    /// The file, mapped when it is first asked for.
    pub(super) fn get(&self) -> Result<&Opened, &Refusal> {
        self.opened
            .get_or_init(|| {
                let (file, _) = open_regular(&self.candidate)?;
                self.expected.check(&file)
            })
            .as_ref()
    }

    /// The same file, opened again.
    pub(super) fn reopen(&self) -> Result<File, Refusal> {
        let opened = self.get().map_err(Refusal::clone)?;
        let (file, metadata) = open_regular(&self.candidate)?;
        if (metadata.dev(), metadata.ino()) == (opened.device, opened.inode) {
            Ok(file)
        } else {
            Err(Refusal::WrittenSince)
        }
    }
}

/// Opens a file of which only the name is known, and that a core made up: a device or a pipe must not be touched.
fn open_regular(path: &Path) -> Result<(File, fs::Metadata), Refusal> {
    if !fs::metadata(path).map_err(missing)?.is_file() {
        return Err(Refusal::NotAFile);
    }
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(missing)?;
    let metadata = file.metadata().map_err(missing)?;
    match metadata.is_file() && metadata.len() > 0 {
        true => Ok((file, metadata)),
        false => Err(Refusal::NotAFile),
    }
}

fn missing(error: io::Error) -> Refusal {
    Refusal::Missing(match error.kind() {
        io::ErrorKind::NotFound => "it is not there".to_owned(),
        io::ErrorKind::PermissionDenied => "it may not be read".to_owned(),
        _ => format!("it cannot be opened: {error}"),
    })
}

impl Expected {
    fn check(&self, file: &File) -> Result<Opened, Refusal> {
        let metadata = file.metadata().map_err(missing)?;
        // To the end of its last page, which a mapping fills with zeros (mmap(2)), as it did for the process.
        let length = metadata.len().next_multiple_of(PAGE) as usize;
        let bytes = map(file, Some(length)).map_err(missing)?;
        let proof = self.prove(&bytes, &metadata)?;
        Ok(Opened {
            bytes,
            proof,
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }

    fn prove(&self, bytes: &[u8], metadata: &fs::Metadata) -> Result<Proof, Refusal> {
        match self.build_ids.as_slice() {
            [expected] => {
                let found = build_id(bytes);
                return match found.as_ref() == Some(expected) {
                    true => Ok(Proof::BuildId),
                    false => Err(Refusal::OtherBuild {
                        expected: Some(expected.clone()),
                        found,
                    }),
                };
            }
            [_, _, ..] => return Err(Refusal::SeveralBuilds),
            [] => {}
        }
        if metadata.len() <= self.longer_than {
            return Err(Refusal::TooShort);
        }
        let written = metadata.modified().ok();
        if self
            .not_after
            .is_some_and(|core| written.is_some_and(|written| written > core))
        {
            return Err(Refusal::WrittenSince);
        }
        match &self.first_page {
            Some(page) if bytes.starts_with(page) => Ok(Proof::FirstPage),
            Some(_) => Err(Refusal::OtherBuild {
                expected: None,
                found: build_id(bytes),
            }),
            None => Ok(Proof::NotContradicted),
        }
    }

    /// Adds what the first page of a mapping of the file tells.
    pub(super) fn learn(&mut self, first_page: &[u8]) {
        match build_id(first_page) {
            Some(build_id) if !self.build_ids.contains(&build_id) => self.build_ids.push(build_id),
            Some(_) => {}
            None if is_elf(first_page) && self.first_page.is_none() => {
                self.first_page = Some(first_page.to_vec());
            }
            None => {}
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::Missing(why) => f.write_str(why),
            Refusal::NotAFile => f.write_str("it is not a file on disk"),
            Refusal::OtherBuild {
                expected: Some(expected),
                found: Some(found),
            } => write!(
                f,
                "it is build {found} and the process ran build {expected}"
            ),
            Refusal::OtherBuild {
                expected: Some(expected),
                found: None,
            } => write!(f, "it has no build-id and the process ran build {expected}"),
            Refusal::OtherBuild { expected: None, .. } => {
                f.write_str("its first page differs from the one in the core")
            }
            Refusal::SeveralBuilds => f.write_str("the process had mapped several builds of it"),
            Refusal::TooShort => f.write_str("it is shorter than what the process had mapped"),
            Refusal::WrittenSince => f.write_str("it was written to after the core was made"),
        }
    }
}
