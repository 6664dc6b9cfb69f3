//! A source file as the compiler saw it, and whether the one at hand is still the same.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the line table says of a source file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceFile {
    /// As the compiler named it, made absolute by the folder that it ran in where that is known.
    pub path: String,
    /// Of its content (`DW_LNCT_MD5`).
    pub md5: Option<[u8; 16]>,
    /// `DW_LNCT_timestamp`, in seconds since 1970.
    pub modified: Option<u64>,
    /// `DW_LNCT_size`, in bytes.
    pub size: Option<u64>,
    /// The content itself (`DW_LNCT_LLVM_source`; `clang -gembed-source`, `rustc -Z embed-source`).
    pub embedded: Option<Arc<str>>,
}

/// How the text at hand relates to the one that was compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sameness {
    Same,
    Changed,
    /// The debug information keeps no checksum, size or time of it.
    Unknown,
}

impl SourceFile {
    /// Compares with the content that is there now, and when that was last written.
    pub fn sameness(&self, content: &[u8], modified: Option<SystemTime>) -> Sameness {
        if let Some(embedded) = &self.embedded {
            return Sameness::of(embedded.as_bytes() == content);
        }
        if let Some(md5) = self.md5 {
            return Sameness::of(md5::compute(content).0 == md5);
        }
        if self.size.is_some_and(|size| size != content.len() as u64) {
            return Sameness::Changed;
        }
        let seconds = |time: SystemTime| {
            time.duration_since(UNIX_EPOCH)
                .ok()
                .map(|since| since.as_secs())
        };
        match (self.modified, modified.and_then(seconds)) {
            (Some(then), Some(now)) => Sameness::of(then == now),
            _ => Sameness::Unknown,
        }
    }
}

impl Sameness {
    fn of(same: bool) -> Sameness {
        if same {
            Sameness::Same
        } else {
            Sameness::Changed
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn changed_source_is_told_from_the_one_that_was_compiled() {
        let with_md5 = SourceFile {
            md5: Some(md5::compute(b"fn main() {}\n").0),
            ..SourceFile::default()
        };
        assert_eq!(with_md5.sameness(b"fn main() {}\n", None), Sameness::Same);
        assert_eq!(
            with_md5.sameness(b"fn main() { }\n", None),
            Sameness::Changed
        );
        let with_time = SourceFile {
            modified: Some(1000),
            size: Some(3),
            ..SourceFile::default()
        };
        let at = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(with_time.sameness(b"abc", at(1000)), Sameness::Same);
        assert_eq!(with_time.sameness(b"abc", at(1001)), Sameness::Changed);
        assert_eq!(with_time.sameness(b"abcd", at(1000)), Sameness::Changed);
        assert_eq!(
            SourceFile::default().sameness(b"abc", at(5)),
            Sameness::Unknown
        );
    }
}
