//! Which pages of a process are to be guarded, and whether they are still the same memory.

use crate::model::Addr;
use crate::process::{Backing, Mapping};

/// Whole pages of a process that are to be guarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardedRange {
    pub start: Addr,
    /// Bytes.
    pub length: u64,
    /// Where its first byte lies for whoever has it guarded, from the beginning of the file: the other bytes follow it.
    pub tag: u64,
    pub file: GuardedFile,
}

/// The file whose memory it is, as `/proc/PID/maps` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardedFile {
    /// 0 for memory of System V, which has its id for an inode.
    pub device: u64,
    pub inode: u64,
}

impl GuardedRange {
    /// Where a byte lies for whoever has it guarded.
    pub(super) fn tag_of(&self, address: Addr) -> Option<u64> {
        let into = address.0.checked_sub(self.start.0)?;
        (into < self.length).then(|| self.tag.saturating_add(into))
    }

    /// Whether all of it is still that file's. The program may have unmapped it, and may have memory of its own there now.
    pub(super) fn is_in(&self, mappings: &[Mapping]) -> bool {
        let end = self.start.plus(self.length);
        let mut covered = self.start;
        // By address, as the kernel lists them.
        for mapping in mappings {
            if mapping.contains(covered) && self.has_there(mapping, covered) {
                covered = mapping.end;
            }
        }
        covered >= end
    }

    /// Whether an address of it leads to the same byte of the same file through a mapping.
    fn has_there(&self, mapping: &Mapping, address: Addr) -> bool {
        let Backing::File {
            offset,
            device,
            inode,
            ..
        } = &mapping.backing
        else {
            return false;
        };
        let into = address.0.saturating_sub(mapping.start.0);
        let is_file = *inode == self.file.inode && [0, *device].contains(&self.file.device);
        mapping.shared && is_file && Some(offset.saturating_add(into)) == self.tag_of(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Protection;

    fn mapping(start: u64, end: u64, offset: u64, inode: u64) -> Mapping {
        Mapping {
            start: Addr(start),
            end: Addr(end),
            protection: Protection::default(),
            shared: true,
            backing: Backing::File {
                path: "/dev/shm/psm_1".into(),
                offset,
                device: 3,
                inode,
                deleted: false,
            },
        }
    }

    #[test]
    fn what_is_mapped_anew_is_told_from_what_was_there() {
        let range = |device| GuardedRange {
            start: Addr(0x1000),
            length: 0x3000,
            tag: 0x8000,
            file: GuardedFile { device, inode: 7 },
        };
        let whole = [mapping(0, 0x5000, 0x7000, 7)];
        assert!(range(3).is_in(&whole));
        assert!(range(0).is_in(&whole));
        assert!(!range(4).is_in(&whole));
        let pieces = [
            mapping(0x1000, 0x2000, 0x8000, 7),
            mapping(0x2000, 0x5000, 0x9000, 7),
        ];
        assert!(range(3).is_in(&pieces));
        assert!(!range(3).is_in(&pieces[..1]));
        assert!(!range(3).is_in(&[mapping(0, 0x5000, 0, 7)]));
        assert!(!range(3).is_in(&[mapping(0, 0x5000, 0x7000, 8)]));
        assert!(!range(3).is_in(&[]));
    }
}
