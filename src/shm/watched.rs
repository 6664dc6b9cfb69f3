//! A segment that is to be watched, or changed.

use std::path::PathBuf;

use super::census::Census;
use super::{ShmError, size};
use crate::model::{Mapper, SegmentKind};

/// What there is to know of it.
#[derive(Debug, Clone)]
pub struct Watched {
    pub name: String,
    pub kind: SegmentKind,
    pub device: u64,
    pub inode: u64,
    /// Bytes; at least as far as it is mapped, if nobody knows.
    pub size: u64,
    pub mappers: Vec<Mapper>,
    /// Its file in a folder of shared memory, as pmdb can open it.
    pub path: Option<PathBuf>,
}

impl Census<'_> {
    /// The one that is meant, by whatever [`find`](Census::find) takes.
    pub fn watched(&self, text: &str) -> Result<Watched, ShmError> {
        let found = self.find(text)?;
        let known = size::sizes(found, false).size;
        let mapped = found.farthest().map(|(end, _)| end);
        Ok(Watched {
            name: found.label.name.clone(),
            kind: found.kind(),
            device: found.identity.device(),
            inode: found.identity.inode(),
            size: known.or(mapped).unwrap_or(0),
            mappers: found.mappers.clone(),
            path: found.named.clone(),
        })
    }
}
