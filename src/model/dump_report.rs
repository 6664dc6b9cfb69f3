//! Everything that dumps tell, in one piece: what `pmdb open --report` answers. Schema 1, documented in `docs/guide/open.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ProcessReport, SnapshotFacts};

/// The version of [`DumpReport`]. It grows when a field changes its meaning or goes away.
pub const DUMP_REPORT_SCHEMA: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpReport {
    pub schema: u32,
    /// `pmdb 0.1.0`.
    pub made_by: String,
    /// Those in which something went wrong first, the earliest first; then the others as they are in the files.
    pub processes: Vec<DumpedProcess>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpedProcess {
    /// What went wrong in it, in a sentence; nothing if that is not known.
    pub failure: Option<String>,
    /// When it was written down, in milliseconds since the epoch; `null` in a core that does not tell.
    pub taken_ms: Option<u64>,
    /// With the values of its variables, and its tasks.
    pub report: ProcessReport,
    /// What a snapshot notes beside memory.
    pub facts: Option<SnapshotFacts>,
    /// Lines of source around those that frames are at: by file and number.
    pub lines: BTreeMap<String, BTreeMap<u32, String>>,
    pub segments: Vec<SegmentOutline>,
}

/// What is in a segment of shared memory, cut into parts of the same length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentOutline {
    pub path: String,
    /// Bytes, as `part`: the length of one.
    pub size: u64,
    pub part: u64,
    /// Of each part, how many of 255 bytes are not zero at the places that were looked at; `null` if it is not kept.
    pub parts: Vec<Option<u8>>,
}
