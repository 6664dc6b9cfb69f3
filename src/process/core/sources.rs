//! The sources of what a process ran, kept in its snapshot: for whoever opens that elsewhere, or after they were changed.
//!
//! Packed with zstd. In it, one after the other: the length of the path, when the file was written in milliseconds since the epoch
//! (0: not known), and its length, of 64 bits each; then the path and the bytes. A snapshot of one process has them in a note, a bundle
//! in a member; what a process has otherwise than the bundle is in its note.

use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::compressed::{Format, beginning};
use super::field;
use super::headers::Headers;
use super::notes::Notes;
use super::{bundle, open};
use crate::process::mapped::{map, map_part};

/// The member of a bundle that has those of all its processes.
pub const SOURCES_MEMBER: &str = "sources.zst";

/// Bytes: what is unpacked at most, and what a packed one may have.
const LONGEST: u64 = 256 << 20;
const LONGEST_PACKED: usize = 64 << 20;
/// Files that one has.
const MOST_FILES: usize = 65_536;
/// Bytes of a compressed snapshot, from its beginning, among which its notes are looked for.
const BEGINNING: u64 = 96 << 20;
/// As `zstd -3`: sources get a fifth of their length, at hundreds of MiB a second.
const LEVEL: i32 = 3;

/// A file of source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSource {
    /// As the frames of the process have it.
    pub path: String,
    /// When it was written last, in milliseconds since the epoch.
    pub modified_ms: Option<u64>,
    pub bytes: Vec<u8>,
}

pub fn pack<'s>(sources: impl IntoIterator<Item = &'s KeptSource>) -> Vec<u8> {
    let mut text = Vec::new();
    for source in sources {
        let lengths = [
            source.path.len() as u64,
            source.modified_ms.unwrap_or(0),
            source.bytes.len() as u64,
        ];
        text.extend(lengths.into_iter().flat_map(u64::to_le_bytes));
        text.extend(source.path.as_bytes());
        text.extend(&source.bytes);
    }
    if text.is_empty() {
        return Vec::new();
    }
    // It reads from memory, which cannot fail.
    zstd::encode_all(&text[..], LEVEL).unwrap_or_default()
}

/// As far as it makes sense, and `most` bytes of it.
fn unpack(packed: &[u8], most: u64) -> Vec<KeptSource> {
    let mut text = Vec::new();
    let Ok(decoder) = zstd::Decoder::new(packed) else {
        return Vec::new();
    };
    // What was unpacked up to an error is there.
    let _ = decoder.take(most.min(LONGEST)).read_to_end(&mut text);
    let mut sources = Vec::new();
    let mut rest = &text[..];
    while sources.len() < MOST_FILES
        && let Some((source, length)) = first(rest)
    {
        sources.push(source);
        rest = &rest[length..];
    }
    sources
}

fn first(text: &[u8]) -> Option<(KeptSource, usize)> {
    /// Bytes of the three words.
    const HEAD: usize = 24;
    let length = |at| usize::try_from(field::u64(text, at)?).ok();
    let path_end = HEAD.checked_add(length(0)?)?;
    let end = path_end.checked_add(length(16)?)?;
    let bytes = text.get(path_end..end)?.to_vec();
    let path = String::from_utf8(text.get(HEAD..path_end)?.to_vec()).ok()?;
    let modified_ms = field::u64(text, 8).filter(|&modified| modified > 0);
    let source = KeptSource {
        path,
        modified_ms,
        bytes,
    };
    Some((source, end))
}

/// What a dump has of sources.
#[derive(Debug, Default)]
pub struct SourcesOfDump {
    /// Whether pmdb has made it. No other has any.
    pub is_snapshot: bool,
    /// Those that the process had otherwise than the others of its bundle, or all.
    pub own: Vec<KeptSource>,
    /// The bundle that it is a part of, whose are its too.
    pub bundle: Option<PathBuf>,
}

/// `most`: bytes that are unpacked at most.
pub fn sources_of_dump(path: &Path, most: u64) -> SourcesOfDump {
    let Some((file, bundle, member)) = bundle::find(path) else {
        return in_file(path, most).unwrap_or_default();
    };
    let core = map_part(&file, member.offset, member.length).ok();
    SourcesOfDump {
        bundle: Some(bundle),
        ..core.map_or_else(SourcesOfDump::default, |core| in_core(&core, most))
    }
}

/// Those that the processes of a bundle have in common.
pub fn sources_of_bundle(bundle: &Path, most: u64) -> Vec<KeptSource> {
    let packed = bundle::find(&bundle.join(SOURCES_MEMBER)).and_then(|(file, _, member)| {
        let core = map_part(&file, member.offset, member.length).ok()?;
        Some(unpack(&core[..core.len().min(LONGEST_PACKED)], most))
    });
    packed.unwrap_or_default()
}

fn in_file(path: &Path, most: u64) -> Option<SourcesOfDump> {
    let file = open::plain_file(path)?;
    let mut start = [0; 8];
    let count = file.read_at(&mut start, 0).ok()?;
    Some(match Format::recognise(&start[..count]) {
        // The notes are before the memory. To decompress all of it once more would take as long as opening it did.
        Some(format) => in_core(&beginning(file, format, BEGINNING)?, most),
        None => in_core(&map(&file, None).ok()?, most),
    })
}

fn in_core(core: &[u8], most: u64) -> SourcesOfDump {
    let Ok(headers) = Headers::parse(core) else {
        return SourcesOfDump::default();
    };
    let notes = Notes::parse(core, &headers.notes);
    let note = core.get(notes.own_sources).unwrap_or_default();
    SourcesOfDump {
        is_snapshot: !notes.own_facts.is_empty(),
        own: unpack(&note[..note.len().min(LONGEST_PACKED)], most),
        bundle: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_come_out_as_they_went_in_and_garbage_gives_none() {
        let source = |path: &str, modified_ms, bytes: &[u8]| KeptSource {
            path: path.to_owned(),
            modified_ms,
            bytes: bytes.to_vec(),
        };
        let sources = [
            source("/srv/a.py", Some(5), b"x = '\xe4'\n"),
            source("b.py", None, b""),
        ];
        let packed = pack(&sources);
        assert_eq!(unpack(&packed, LONGEST), sources);
        assert!(unpack(&packed[..packed.len() / 2], LONGEST).len() < 2);
        assert!(unpack(b"garbage", LONGEST).is_empty());
        assert!(pack(&[]).is_empty());
        let mut hostile = Vec::new();
        hostile.extend([u64::MAX; 3].into_iter().flat_map(u64::to_le_bytes));
        assert!(unpack(&zstd::encode_all(&hostile[..], 1).unwrap(), LONGEST).is_empty());
    }
}
