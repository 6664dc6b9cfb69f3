//! A compressed core, decompressed to a temporary file without a name: it must be mapped, and goes away with pmdb.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use liblzma::read::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use nix::sys::statvfs::statvfs;

use super::headers::{Headers, Unusable};
use super::open::unusable;
use super::sparse::SparseFile;
use crate::process::ProcessError;

/// What a decoder may allocate, in bytes: what `zstd` without `--long` and `xz -9` need.
const MOST_MEMORY: u64 = 128 << 20;

/// How much is decompressed before the program headers are looked at, and then at most, in bytes.
const FIRST: usize = 64 << 10;
const MOST_HEADERS: usize = 16 << 20;

/// What follows the memory in a core: one section header, of which the headers do not tell.
const TRAILER: u64 = 4096;

/// What is left free on the disk, in bytes.
const RESERVE: u64 = 64 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Zstd,
    Gzip,
    Xz,
    Lz4,
    /// Recognised, so that the user is told what to do.
    Unreadable(&'static str),
}

pub(super) struct Decompressed {
    pub file: File,
    /// Why it ends before its end, if it does.
    pub cut: Option<String>,
}

impl Format {
    /// What the first bytes of a file say.
    pub(super) fn recognise(start: &[u8]) -> Option<Format> {
        Some(match start {
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Format::Zstd,
            // A skippable frame, with which pzstd begins.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Format::Zstd,
            [0x1f, 0x8b, ..] => Format::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Format::Xz,
            [0x04, 0x22, 0x4d, 0x18, ..] => Format::Lz4,
            [b'B', b'Z', b'h', ..] => Format::Unreadable("bzip2"),
            [b'P', b'K', 3, 4, ..] => Format::Unreadable("zip"),
            [b'7', b'z', 0xbc, 0xaf, ..] => Format::Unreadable("7z"),
            [0x02, 0x21, 0x4c, 0x18, ..] => Format::Unreadable("the old lz4"),
            [0x5d, 0, 0, ..] => Format::Unreadable("lzma"),
            _ => return None,
        })
    }

    fn decoder(self, file: File) -> io::Result<Result<Box<dyn Read>, &'static str>> {
        let file = BufReader::with_capacity(FIRST, file);
        Ok(Ok(match self {
            Format::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(file)?;
                decoder.window_log_max(MOST_MEMORY.ilog2())?;
                Box::new(decoder)
            }
            Format::Gzip => Box::new(MultiGzDecoder::new(file)),
            Format::Xz => {
                let stream = Stream::new_stream_decoder(MOST_MEMORY, CONCATENATED)?;
                Box::new(XzDecoder::new_stream(file, stream))
            }
            Format::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(file)),
            Format::Unreadable(name) => return Ok(Err(name)),
        }))
    }
}

/// Decompresses a core as far as it goes. What is no core is refused after its first bytes.
pub(super) fn decompress(
    path: &Path,
    file: File,
    format: Format,
) -> Result<Decompressed, ProcessError> {
    let decoder = format.decoder(file).map_err(|error| ProcessError::Io {
        action: "decompress",
        path: path.to_path_buf(),
        error,
    })?;
    let mut decoder = decoder.map_err(|name| ProcessError::NotACore {
        path: path.to_path_buf(),
        why: format!("it is compressed with {name}, which pmdb does not read; decompress it first"),
    })?;
    let start = Start::read(&mut decoder);
    let needed = start.needed(path)?;
    let folder = folder(needed);
    let free = free_space(&folder).saturating_sub(RESERVE);
    let write_error = |error: io::Error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::FileTooLarge | io::ErrorKind::QuotaExceeded => {
            ProcessError::NoRoom {
                path: path.to_path_buf(),
                needed,
                folder: folder.clone(),
                free: free_space(&folder),
            }
        }
        _ => ProcessError::Io {
            action: "decompress into",
            path: folder.clone(),
            error,
        },
    };

    let file = tempfile::tempfile_in(&folder).map_err(write_error)?;
    let mut output = SparseFile::new(file, free);
    output.write(&start.bytes).map_err(write_error)?;
    let mut cut = start.cut;
    let mut buffer = vec![0; 1 << 20];
    while cut.is_none() && output.length() < needed.saturating_add(TRAILER) {
        match fill(&mut decoder, &mut buffer) {
            (0, None) => break,
            (count, error) => {
                output.write(&buffer[..count]).map_err(write_error)?;
                cut = error.map(|error| error.to_string());
            }
        }
    }
    let file = output.finish().map_err(write_error)?;
    Ok(Decompressed { file, cut })
}

/// The beginning of a core: enough to tell how long it is.
struct Start {
    bytes: Vec<u8>,
    cut: Option<String>,
    headers: Result<Headers, Unusable>,
}

impl Start {
    fn read(decoder: &mut dyn Read) -> Start {
        let mut bytes = Vec::new();
        loop {
            let have = bytes.len();
            bytes.resize((have * 4).clamp(FIRST, MOST_HEADERS), 0);
            let (count, error) = fill(decoder, &mut bytes[have..]);
            bytes.truncate(have + count);
            let headers = Headers::parse(&bytes);
            let complete = match &headers {
                Ok(headers) => headers.unread == 0,
                Err(why) => !matches!(why, Unusable::Damaged(_)),
            };
            if complete || error.is_some() || count == 0 || bytes.len() >= MOST_HEADERS {
                return Start {
                    bytes,
                    cut: error.map(|error| error.to_string()),
                    headers,
                };
            }
        }
    }

    /// How long the core is when it is decompressed, in bytes.
    fn needed(&self, path: &Path) -> Result<u64, ProcessError> {
        match (&self.headers, &self.cut) {
            (Ok(headers), _) => Ok(headers.expected_length),
            (Err(_), Some(error)) if self.bytes.len() < FIRST => Err(ProcessError::DamagedCore {
                path: path.to_path_buf(),
                why: format!(
                    "only {} bytes can be decompressed ({error})",
                    self.bytes.len()
                ),
            }),
            (Err(why), _) => Err(unusable(path, why.clone())),
        }
    }
}

/// Fills as much of `buffer` as comes, and tells why no more did if that is an error.
fn fill(decoder: &mut dyn Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while filled < buffer.len() {
        match decoder.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}

/// `$TMPDIR`; else `/tmp`, or `/var/tmp` if it does not fit there and has more room: `/tmp` may be in memory.
fn folder(needed: u64) -> PathBuf {
    let given = std::env::var_os("TMPDIR").filter(|folder| folder != OsStr::new(""));
    if let Some(given) = given {
        return PathBuf::from(given);
    }
    let (usual, large) = (PathBuf::from("/tmp"), PathBuf::from("/var/tmp"));
    let free = free_space(&usual);
    if free.saturating_sub(RESERVE) < needed && free_space(&large) > free {
        return large;
    }
    usual
}

/// What an unprivileged user may write there, in bytes.
fn free_space(folder: &Path) -> u64 {
    statvfs(folder).map_or(0, |system| {
        system
            .blocks_available()
            .saturating_mul(system.fragment_size())
    })
}
