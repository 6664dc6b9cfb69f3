//! What the kernel tells of a file that memory is kept in.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::time::SystemTime;

use nix::libc;
use nix::sys::statfs::{
    CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC, FsType, HUGETLBFS_MAGIC,
    PROC_SUPER_MAGIC, SYSFS_MAGIC, TMPFS_MAGIC, TRACEFS_MAGIC, fstatfs,
};
use nix::sys::sysinfo::sysinfo;

/// `st_blocks` counts these, whatever the file system's own blocks are: stat(2). Bytes.
const BLOCK: u64 = 512;
/// Bytes.
const PAGE: u64 = 4096;

/// A file as it was at one moment. Sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// As stat(2) gives it, which is not what `/proc/PID/maps` shows on overlayfs and btrfs.
    pub device: u64,
    pub inode: u64,
    pub size: u64,
    /// What it takes of its file system. Of a file that is memory: in memory and in swap space.
    pub allocated: u64,
    /// Names that it has.
    pub links: u64,
    pub owner: u32,
    pub created: Option<SystemTime>,
    pub file_system: FileSystem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSystem {
    pub kind: FileSystemKind,
    /// The unit in which files are mapped.
    pub page: u64,
    /// What those without privileges can still write to it; nothing if it has no limit of its own.
    pub free: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystemKind {
    /// Memory.
    Tmpfs,
    /// Memory in huge pages.
    Hugetlbfs,
    Other,
}

impl FileFacts {
    pub fn of(metadata: &Metadata, file_system: FileSystem) -> FileFacts {
        FileFacts {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            allocated: metadata.blocks().saturating_mul(BLOCK),
            links: metadata.nlink(),
            owner: metadata.uid(),
            created: metadata.created().ok(),
            file_system,
        }
    }

    /// The end of its last page, up to which a mapping may be touched.
    pub fn end_of_pages(&self) -> u64 {
        let page = self.file_system.page.max(1);
        self.size.checked_next_multiple_of(page).unwrap_or(u64::MAX)
    }
}

impl FileSystem {
    /// That of an open file or folder; one that has not been opened but named (`O_PATH`) will do.
    pub fn of(file: &File) -> FileSystem {
        let Ok(told) = fstatfs(file) else {
            return FileSystem {
                kind: FileSystemKind::Other,
                page: PAGE,
                free: None,
            };
        };
        let kind = kind_of(told.filesystem_type());
        let block = u64::try_from(told.block_size()).unwrap_or(0);
        // hugetlbfs and the kernel's own tmpfs have no blocks unless they were given a limit: statfs(2), `simple_statfs`.
        let has_limit = told.blocks() > 0 && told.blocks() != u64::MAX;
        FileSystem {
            kind,
            page: match kind {
                FileSystemKind::Hugetlbfs => block.max(PAGE),
                _ => PAGE,
            },
            free: has_limit.then(|| told.blocks_available().saturating_mul(block)),
        }
    }
}

/// Whether the kernel makes a file up when it is read, for who reads it: `/proc/self/environ`.
pub fn is_of_the_kernel(file: &File) -> bool {
    let kinds = [
        PROC_SUPER_MAGIC,
        SYSFS_MAGIC,
        DEBUGFS_MAGIC,
        TRACEFS_MAGIC,
        CGROUP_SUPER_MAGIC,
        CGROUP2_SUPER_MAGIC,
    ];
    fstatfs(file).is_ok_and(|told| kinds.contains(&told.filesystem_type()))
}

fn kind_of(told: FsType) -> FileSystemKind {
    match told {
        TMPFS_MAGIC => FileSystemKind::Tmpfs,
        HUGETLBFS_MAGIC => FileSystemKind::Hugetlbfs,
        _ => FileSystemKind::Other,
    }
}

/// Whether anything of this machine's memory is in swap space.
pub fn swap_is_used() -> bool {
    sysinfo().is_ok_and(|told| told.swap_free() < told.swap_total())
}

/// `struct cachestat_range` and `struct cachestat`, `include/uapi/linux/mman.h`.
#[repr(C)]
struct Range {
    offset: u64,
    length: u64,
}

#[repr(C)]
#[derive(Default)]
struct Counted {
    cached: u64,
    dirty: u64,
    writeback: u64,
    evicted: u64,
    recently_evicted: u64,
}

/// `include/uapi/asm-generic/unistd.h`: Linux 6.5.
const CACHESTAT: libc::c_long = 451;

/// How much of an open file is in memory and, if it lives in memory, in swap space: bytes. Nothing if the kernel does not know
/// the question or does not answer it to this user.
pub fn in_memory(file: &File) -> Option<(u64, u64)> {
    use std::os::fd::AsRawFd;
    // To the end of the file.
    let range = Range {
        offset: 0,
        length: 0,
    };
    let mut counted = Counted::default();
    // SAFETY: the kernel reads `range` and writes `counted`, both of the sizes that it knows them by.
    let told = unsafe {
        libc::syscall(
            CACHESTAT,
            file.as_raw_fd(),
            &raw const range,
            &raw mut counted,
            0,
        )
    };
    (told == 0).then(|| {
        (
            counted.cached.saturating_mul(PAGE),
            counted.evicted.saturating_mul(PAGE),
        )
    })
}
