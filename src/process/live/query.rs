//! Asking the kernel for one mapping instead of reading them all: `PROCMAP_QUERY` (Linux 6.11), an ioctl on
//! `/proc/PID/maps` described in `include/uapi/linux/fs.h`.

use std::fs::File;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::stat::makedev;

use super::maps;
use crate::model::Addr;
use crate::process::{Mapping, Protection};

/// `struct procmap_query`.
#[repr(C)]
#[derive(Default)]
struct ProcmapQuery {
    size: u64,
    query_flags: u64,
    query_addr: u64,
    vma_start: u64,
    vma_end: u64,
    vma_flags: u64,
    vma_page_size: u64,
    vma_offset: u64,
    inode: u64,
    dev_major: u32,
    dev_minor: u32,
    vma_name_size: u32,
    build_id_size: u32,
    vma_name_addr: u64,
    build_id_addr: u64,
}

const READABLE: u64 = 1;
const WRITABLE: u64 = 2;
const EXECUTABLE: u64 = 4;
const SHARED: u64 = 8;
/// The mapping at the address or, if there is none, the next one.
const COVERING_OR_NEXT: u64 = 16;
const FILE_BACKED: u64 = 32;

/// Longer than any path that the kernel prints (`PATH_MAX`), with ` (deleted)`.
const LONGEST_NAME: usize = 4096 + 16;

nix::ioctl_readwrite!(procmap_query, b'f', 17, ProcmapQuery);

/// Which mapping is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which {
    Covering,
    /// The first readable one that does not end at or below the address.
    NextReadable,
    /// The first executable one with a file behind it that does not end at or below the address.
    NextCode,
    /// The first one with `MAP_SHARED` that does not end at or below the address.
    NextShared,
}

/// The mapping at an address; `None` if there is none. Fails where the kernel does not know the question.
pub(super) fn mapping(maps: &File, address: Addr, which: Which) -> Result<Option<Mapping>, Errno> {
    let mut name = [0u8; LONGEST_NAME];
    let mut query = ProcmapQuery {
        size: size_of::<ProcmapQuery>() as u64,
        query_flags: match which {
            Which::Covering => 0,
            Which::NextReadable => COVERING_OR_NEXT | READABLE,
            Which::NextCode => COVERING_OR_NEXT | EXECUTABLE | FILE_BACKED,
            Which::NextShared => COVERING_OR_NEXT | SHARED,
        },
        query_addr: address.0,
        vma_name_size: LONGEST_NAME as u32,
        vma_name_addr: name.as_mut_ptr() as u64,
        ..ProcmapQuery::default()
    };
    // SAFETY: the kernel writes `query`, whose size it is told, and at most `vma_name_size` bytes of `name`; both
    // live until the call returns.
    match unsafe { procmap_query(maps.as_raw_fd(), &raw mut query) } {
        Ok(_) => {}
        Err(Errno::ENOENT) => return Ok(None),
        Err(errno) => return Err(errno),
    }
    // The size counts the NUL, and is 0 for memory without a name.
    let length = (query.vma_name_size as usize).saturating_sub(1);
    let name = name.get(..length).unwrap_or_default();
    Ok(Some(Mapping {
        start: Addr(query.vma_start),
        end: Addr(query.vma_end),
        protection: Protection {
            read: query.vma_flags & READABLE != 0,
            write: query.vma_flags & WRITABLE != 0,
            execute: query.vma_flags & EXECUTABLE != 0,
        },
        shared: query.vma_flags & SHARED != 0,
        backing: maps::backing(
            name,
            query.vma_offset,
            makedev(u64::from(query.dev_major), u64::from(query.dev_minor)),
            query.inode,
        ),
    }))
}
