//! SIGBUS: the page of a mapping that cannot be had.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use nix::sys::statvfs::fstatvfs;

use super::segment::name;
use super::verdict::Verdict;
use crate::model::Addr;
use crate::process::{Backing, Mapping, Process};

/// `si_code`s of sigaction(2).
const BUS_ADRALN: i32 = 1;
const BUS_ADRERR: i32 = 2;
const BUS_MCEERR_AR: i32 = 4;
const BUS_MCEERR_AO: i32 = 5;
/// Bytes.
const PAGE: u64 = 4096;

pub(super) fn explain(process: &dyn Process, code: i32, address: Option<Addr>) -> Verdict {
    match (code, address) {
        (BUS_ADRALN, _) => Verdict::Misaligned { address },
        (BUS_MCEERR_AR | BUS_MCEERR_AO, _) => Verdict::BrokenMemory { address },
        (BUS_ADRERR, Some(address)) => {
            let mapping = process.mappings().find(address);
            let state = mapping.and_then(|mapping| FileState::of(process, mapping));
            no_page(address, mapping, state)
        }
        // The processor's own complaint of an alignment (`AC`), or of a stack segment.
        (_, None) => Verdict::Misaligned { address },
        _ => Verdict::Unknown { code, address },
    }
}

/// What matters of the file behind a mapping.
#[derive(Debug, Clone, Copy)]
struct FileState {
    /// Bytes.
    size: u64,
    /// Whether its file system has no block left.
    is_full: bool,
}

impl FileState {
    fn of(process: &dyn Process, mapping: &Mapping) -> Option<FileState> {
        let file: File = process.open_file(mapping).ok()?;
        let size = file.metadata().ok()?.size();
        let room = fstatvfs(&file).ok()?;
        // A file system without blocks, such as hugetlbfs without a limit, has no end.
        let is_full = room.blocks() > 0 && room.blocks_available() == 0;
        Some(FileState { size, is_full })
    }
}

fn no_page(address: Addr, mapping: Option<&Mapping>, state: Option<FileState>) -> Verdict {
    let Some(mapping) = mapping else {
        let file = None;
        return Verdict::NoPage { address, file };
    };
    let file = name(mapping);
    let (Backing::File { offset, .. }, Some(state)) = (&mapping.backing, state) else {
        let file = mapping.path().map(|_| file);
        return Verdict::NoPage { address, file };
    };
    let offset = offset.saturating_add(address.0 - mapping.start.0);
    // The rest of the page in which a file ends can be touched.
    if offset >= state.size.next_multiple_of(PAGE) {
        let size = state.size;
        return Verdict::BeyondFile {
            address,
            file,
            offset,
            size,
        };
    }
    if state.is_full {
        return Verdict::FileSystemFull { address, file };
    }
    let file = Some(file);
    Verdict::NoPage { address, file }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Protection;

    fn verdict(touched: u64, size: u64, is_full: bool) -> Verdict {
        let mapping = Mapping {
            start: Addr(0x7000_0000),
            end: Addr(0x7001_0000),
            protection: Protection::default(),
            shared: true,
            backing: Backing::File {
                path: "/dev/shm/x".into(),
                offset: 0x1000,
                device: 1,
                inode: 1,
                deleted: false,
            },
        };
        let state = FileState { size, is_full };
        no_page(mapping.start.plus(touched), Some(&mapping), Some(state))
    }

    #[test]
    fn a_file_that_is_too_short_is_told_from_a_full_file_system() {
        let beyond = |touched, size| match verdict(touched, size, true) {
            Verdict::BeyondFile { offset, .. } => Some(offset),
            _ => None,
        };
        assert_eq!(beyond(0x2000, 0x3000), Some(0x3000));
        assert_eq!(beyond(0x1fff, 0x3000), None);
        // Its last page is there whole.
        assert_eq!(beyond(0x1fff, 0x2001), None);
        assert_eq!(beyond(0, 0), Some(0x1000));
        assert!(matches!(
            verdict(0, 0x3000, true),
            Verdict::FileSystemFull { .. }
        ));
        assert!(matches!(verdict(0, 0x3000, false), Verdict::NoPage { .. }));
    }
}
