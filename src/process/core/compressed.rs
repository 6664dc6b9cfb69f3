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

/// A stream is followed for this many bytes, or for this many times its own length if that is more. Zeros take no room
/// on the disk, but time: some tenth of a second for each GiB, and a few MiB of zstd can hold a thousand GiB of them.
const MOST_OUTPUT: u64 = 32 << 30;
const MOST_RATIO: u64 = 1_000;

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
    /// Why it ends before its end, if it does: a sentence.
    pub cut: Option<String>,
}

/// How many bytes a stream of a length may become.
pub(super) fn allowance(compressed: u64) -> u64 {
    compressed.saturating_mul(MOST_RATIO).max(MOST_OUTPUT)
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

/// The first bytes of what is compressed, in memory, as far as they can be read.
pub(super) fn beginning(file: File, format: Format, most: u64) -> Option<Vec<u8>> {
    let decoder = format.decoder(file).ok()?.ok()?;
    let mut bytes = Vec::new();
    // What was read up to an error is there.
    let _ = decoder.take(most).read_to_end(&mut bytes);
    Some(bytes)
}

/// Decompresses a core as far as it goes, or to `most` bytes. What is no core is refused after its first bytes.
pub(super) fn decompress(
    path: &Path,
    file: File,
    format: Format,
    most: u64,
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
    let mut cut = start.cut.map(|why| damaged(&why));
    let mut buffer = vec![0; 1 << 20];
    while cut.is_none() && output.length() < needed.saturating_add(TRAILER) {
        if output.length() >= most {
            cut = Some(endless(output.length()));
            break;
        }
        match fill(&mut decoder, &mut buffer) {
            (0, None) => break,
            (count, error) => {
                output.write(&buffer[..count]).map_err(write_error)?;
                cut = error.map(|error| damaged(&error.to_string()));
            }
        }
    }
    let file = output.finish().map_err(write_error)?;
    Ok(Decompressed { file, cut })
}

fn damaged(why: &str) -> String {
    format!("the compressed file is damaged or cut off, and was read up to there ({why})")
}

fn endless(length: u64) -> String {
    format!(
        "the compressed file makes more of itself than a core does, and was left after {:.1} GiB; if it can be trusted, \
         decompress it and open that",
        length as f64 / (1_u64 << 30) as f64
    )
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

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    /// A core that says that it is 1 TiB long, and 64 MiB of zeros of it.
    fn bomb() -> File {
        let mut core = vec![0; 64 + 56];
        core[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        let mut put = |at: usize, bytes: &[u8]| core[at..at + bytes.len()].copy_from_slice(bytes);
        // Type, machine, where the program headers are, their size and number.
        put(0x10, &4_u16.to_le_bytes());
        put(0x12, &62_u16.to_le_bytes());
        put(0x20, &64_u64.to_le_bytes());
        put(0x36, &56_u16.to_le_bytes());
        put(0x38, &1_u16.to_le_bytes());
        // `PT_LOAD`, and its length in the file and in memory.
        put(64, &1_u32.to_le_bytes());
        put(64 + 0x20, &(1_u64 << 40).to_le_bytes());
        put(64 + 0x28, &(1_u64 << 40).to_le_bytes());
        let mut encoder = GzEncoder::new(tempfile::tempfile().unwrap(), Compression::fast());
        encoder.write_all(&core).unwrap();
        for _ in 0..64 {
            encoder.write_all(&[0; 1 << 20]).unwrap();
        }
        let mut file = encoder.finish().unwrap();
        file.rewind().unwrap();
        file
    }

    #[test]
    fn a_stream_without_end_is_left() {
        let most = 8 << 20;
        let output = decompress(Path::new("core.gz"), bomb(), Format::Gzip, most).unwrap();
        let length = output.file.metadata().unwrap().len();
        assert!((most..most + (2 << 20)).contains(&length), "{length}");
        assert!(output.cut.unwrap().contains("was left after"));
    }

    #[test]
    fn a_stream_that_ends_early_is_cut_there() {
        let output = decompress(Path::new("core.gz"), bomb(), Format::Gzip, u64::MAX).unwrap();
        assert_eq!(output.file.metadata().unwrap().len(), (64 << 20) + 120);
    }

    #[test]
    fn what_compresses_well_is_allowed_more() {
        assert_eq!(allowance(10), MOST_OUTPUT);
        assert_eq!(allowance(1 << 30), MOST_RATIO << 30);
        assert_eq!(allowance(u64::MAX), u64::MAX);
    }
}
