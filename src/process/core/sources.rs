//! The sources of what a process ran, kept in its snapshot: for whoever opens that elsewhere, or after they were changed.
//!
//! Packed with zstd. In it, one after the other: the length of the path, when the file was written in milliseconds since the epoch
//! (0: not known), and its length, of 64 bits each; then the path and the bytes. A snapshot of one process has them in a note, a bundle
//! in a member; what a process has otherwise than the bundle is in its note.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::field;
use super::headers::Headers;
use super::notes::Notes;
use super::{bundle, open};
use crate::process::mapped::map_part;

/// The member of a bundle that has those of all its processes.
pub const SOURCES_MEMBER: &str = "sources.zst";

/// Bytes: what is unpacked at most, and what a packed one may have.
const LONGEST: u64 = 256 << 20;
const LONGEST_PACKED: usize = 64 << 20;
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

/// As far as it makes sense.
fn unpack(packed: &[u8]) -> Vec<KeptSource> {
    let mut text = Vec::new();
    let Ok(decoder) = zstd::Decoder::new(packed) else {
        return Vec::new();
    };
    // What was unpacked up to an error is there.
    let _ = decoder.take(LONGEST).read_to_end(&mut text);
    let mut sources = Vec::new();
    let mut rest = &text[..];
    while let Some((source, length)) = first(rest) {
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

/// Those that are in a snapshot, or in the bundle that it is a part of. The first of a path is the one that the process had.
pub fn kept_sources(path: &Path) -> Vec<KeptSource> {
    let (own, common) = match bundle::find(path) {
        Some((file, bundle, member)) => {
            let own = note_in(&file, member.offset, member.length);
            let common = bundle::find(&bundle.join(SOURCES_MEMBER));
            let common = common.and_then(|(file, _, member)| {
                let length = usize::try_from(member.length).ok()?.min(LONGEST_PACKED);
                let mut packed = vec![0; length];
                file.read_exact_at(&mut packed, member.offset).ok()?;
                Some(packed)
            });
            (own, common)
        }
        None => {
            let length = path.metadata().map_or(0, |metadata| metadata.len());
            let own = open::plain_file(path).and_then(|file| note_in(&file, 0, length));
            (own, None)
        }
    };
    let packed = own.into_iter().chain(common);
    packed.flat_map(|packed| unpack(&packed)).collect()
}

fn note_in(file: &File, offset: u64, length: u64) -> Option<Vec<u8>> {
    let core = map_part(file, offset, length).ok()?;
    let headers = Headers::parse(&core).ok()?;
    let notes = Notes::parse(&core, &headers.notes);
    let note = core.get(notes.own_sources)?;
    Some(note[..note.len().min(LONGEST_PACKED)].to_vec())
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
        assert_eq!(unpack(&packed), sources);
        assert!(unpack(&packed[..packed.len() / 2]).len() < 2);
        assert!(unpack(b"garbage").is_empty());
        assert!(pack(&[]).is_empty());
        let mut hostile = Vec::new();
        hostile.extend([u64::MAX; 3].into_iter().flat_map(u64::to_le_bytes));
        assert!(unpack(&zstd::encode_all(&hostile[..], 1).unwrap()).is_empty());
    }
}
