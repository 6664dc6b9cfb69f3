//! The bytes of a segment, whichever way they can be had.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

use crate::model::{Addr, Pid};
use crate::process::Process;
use crate::process::shared_file::{SharedFile, Stretch};
use crate::process::sysv::Attached;

/// How the bytes are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Through its file.
    File,
    /// Through the memory of a process that maps it, or of a core of one.
    Memory { pid: Option<Pid> },
    /// Through pmdb's own: it has attached the segment.
    Attached,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BytesError {
    #[error(
        "byte {offset} of it cannot be read any more: it has {size} bytes now, and had {before}"
    )]
    Shrunk { offset: u64, size: u64, before: u64 },
    #[error("byte {offset} of it cannot be read: {why}")]
    Unreadable { offset: u64, why: String },
    #[error("byte {offset} of it is not mapped by process {pid}, the only way to it")]
    NotMapped { offset: u64, pid: String },
}

/// A part of a segment that a process maps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedPart {
    pub offset: u64,
    pub length: u64,
    pub address: Addr,
}

enum Source {
    File(SharedFile),
    Memory {
        process: Box<dyn Process>,
        parts: Vec<MappedPart>,
    },
    Attached(Attached),
}

pub struct SegmentBytes {
    source: Source,
    size: u64,
    /// Bytes that were cut off when they were to be read.
    lost: AtomicU64,
}

impl SegmentBytes {
    pub fn of_file(file: SharedFile) -> SegmentBytes {
        SegmentBytes {
            size: file.size(),
            source: Source::File(file),
            lost: AtomicU64::new(0),
        }
    }

    pub fn of_memory(
        process: Box<dyn Process>,
        parts: Vec<MappedPart>,
        size: Option<u64>,
    ) -> SegmentBytes {
        let end = parts
            .iter()
            .map(|part| part.offset.saturating_add(part.length))
            .max();
        SegmentBytes {
            size: size.or(end).unwrap_or(0),
            source: Source::Memory { process, parts },
            lost: AtomicU64::new(0),
        }
    }

    pub fn of_attached(attached: Attached, size: u64) -> SegmentBytes {
        SegmentBytes {
            source: Source::Attached(attached),
            size,
            lost: AtomicU64::new(0),
        }
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn way(&self) -> Way {
        match &self.source {
            Source::File(_) => Way::File,
            Source::Memory { process, .. } => Way::Memory {
                pid: process.identity().pid,
            },
            Source::Attached(_) => Way::Attached,
        }
    }

    /// Fills the buffer, all of it.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), BytesError> {
        match &self.source {
            Source::File(file) => file.read(offset, buffer).map_err(|error| {
                match file.size_now().filter(|&size| size < self.size) {
                    Some(size) => BytesError::Shrunk {
                        offset,
                        size,
                        before: self.size,
                    },
                    None => BytesError::Unreadable {
                        offset,
                        why: error.to_string(),
                    },
                }
            }),
            Source::Memory { process, parts } => read_memory(&**process, parts, offset, buffer),
            Source::Attached(attached) => match attached.read(offset, buffer) {
                true => Ok(()),
                false => Err(BytesError::Unreadable {
                    offset,
                    why: format!("it has {} bytes", self.size),
                }),
            },
        }
    }

    /// The same of a file of which somebody may have cut off the end since it was opened: what is not there any more is zeros, and is counted.
    pub fn read_what_is_left(&self, offset: u64, buffer: &mut [u8]) -> Result<(), BytesError> {
        match self.read(offset, buffer) {
            Err(BytesError::Shrunk { size, .. }) => {
                let left = size.saturating_sub(offset).min(buffer.len() as u64);
                let (there, gone) = buffer.split_at_mut(left as usize);
                gone.fill(0);
                self.lost.fetch_add(gone.len() as u64, Ordering::Relaxed);
                self.read(offset, there)
            }
            result => result,
        }
    }

    /// What of a range is there, and what is a hole; nothing if that is not known.
    pub fn stretches(&self, range: Range<u64>) -> Option<Vec<Stretch>> {
        match &self.source {
            Source::File(file) => file.stretches(range),
            Source::Memory { .. } | Source::Attached(_) => None,
        }
    }

    /// Bytes that were cut off before they were read, and count as zeros: of [`Self::read_what_is_left`].
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// How long it is now, if that is not how long it was.
    pub fn other_size(&self) -> Option<u64> {
        match &self.source {
            Source::File(file) => file.size_now().filter(|&size| size != self.size),
            Source::Memory { .. } | Source::Attached(_) => None,
        }
    }
}

fn read_memory(
    process: &dyn Process,
    parts: &[MappedPart],
    mut offset: u64,
    mut buffer: &mut [u8],
) -> Result<(), BytesError> {
    while !buffer.is_empty() {
        let holds = |part: &&MappedPart| {
            offset
                .checked_sub(part.offset)
                .is_some_and(|into| into < part.length)
        };
        let part = parts
            .iter()
            .find(holds)
            .ok_or_else(|| BytesError::NotMapped {
                offset,
                pid: process
                    .identity()
                    .pid
                    .map_or("?".to_string(), |pid| pid.to_string()),
            })?;
        let into = offset - part.offset;
        let count = buffer
            .len()
            .min(usize::try_from(part.length - into).unwrap_or(usize::MAX));
        let (now, later) = buffer.split_at_mut(count);
        process
            .read(part.address.plus(into), now)
            .map_err(|error| BytesError::Unreadable {
                offset,
                why: error.to_string(),
            })?;
        offset += count as u64;
        buffer = later;
    }
    Ok(())
}
