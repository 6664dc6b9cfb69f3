//! Which segment a mapping, a descriptor or a file is of: what tells it from others, its kind and its name.

use std::path::Path;

use crate::model::{Pid, SegmentKind};
use crate::process::file_facts::{FileFacts, FileSystemKind};
use crate::process::live::sharing::{in_shm_folder, ipc_namespace};
use crate::process::{Backing, Mapping};

/// What tells a segment from all others, whatever it is called in some mount or pid namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Identity {
    File {
        device: u64,
        inode: u64,
    },
    /// The kernel keeps these as files too, all on one device, with the id of shmget(2) for an inode: in each IPC namespace
    /// anew.
    Sysv {
        namespace: u64,
        id: u64,
    },
}

impl Identity {
    pub(super) fn device(self) -> u64 {
        match self {
            Identity::File { device, .. } => device,
            Identity::Sysv { .. } => 0,
        }
    }

    pub(super) fn inode(self) -> u64 {
        match self {
            Identity::File { inode, .. } => inode,
            Identity::Sysv { id, .. } => id,
        }
    }
}

/// How a segment is to be called, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) kind: SegmentKind,
    pub(super) name: String,
    /// Whether its name has gone, if it had one.
    pub(super) deleted: bool,
    /// A named semaphore of glibc: `sem.NAME`, `__sem_name` in `sysdeps/unix/sysv/linux`.
    pub(super) is_semaphore: bool,
}

/// Of a shared mapping; nothing if no file is behind it.
pub(super) fn of_mapping(pid: Pid, mapping: &Mapping) -> Option<(Identity, Label)> {
    let Backing::File {
        path,
        device,
        inode,
        deleted,
        ..
    } = &mapping.backing
    else {
        return None;
    };
    let label = label(path, *deleted, *inode);
    let identity = match label.kind {
        SegmentKind::Sysv => Identity::Sysv {
            namespace: ipc_namespace(pid).unwrap_or_default(),
            id: *inode,
        },
        _ => Identity::File {
            device: *device,
            inode: *inode,
        },
    };
    Some((identity, label))
}

pub(super) fn of_file(facts: &FileFacts) -> Identity {
    Identity::File {
        device: facts.device,
        inode: facts.inode,
    }
}

/// By its path, as the kernel names what has no path: `mm/shmem.c`, `mm/memfd.c`, `ipc/shm.c`, `fs/hugetlbfs/inode.c`.
pub(super) fn label(path: &Path, deleted: bool, inode: u64) -> Label {
    let text = path.to_string_lossy();
    let (kind, name) = if let Some(name) = text.strip_prefix("/memfd:") {
        (SegmentKind::Memfd, format!("memfd:{name}"))
    } else if deleted && text.starts_with("/SYSV") {
        (SegmentKind::Sysv, format!("sysv:{inode}"))
    } else if deleted && text == "/dev/zero" {
        (SegmentKind::Anonymous, format!("anonymous:{inode}"))
    } else if deleted && text == "/anon_hugepage" {
        (SegmentKind::Hugetlb, format!("anonymous:{inode}"))
    } else if let Some(name) = in_shm_folder(path) {
        let kind = if deleted {
            SegmentKind::Unlinked
        } else {
            SegmentKind::Posix
        };
        (kind, name.to_string_lossy().into_owned())
    } else {
        (SegmentKind::File, text.into_owned())
    };
    let in_folder = matches!(kind, SegmentKind::Posix | SegmentKind::Unlinked);
    Label {
        kind,
        is_semaphore: in_folder && name.starts_with("sem."),
        name,
        deleted,
    }
}

impl Label {
    /// Of a file in `/dev/shm`, by what stands behind that.
    pub(super) fn in_folder(name: &Path) -> Label {
        label(&Path::new("/dev/shm").join(name), false, 0)
    }

    /// Of System V memory, by its id.
    pub(super) fn sysv(id: u64) -> Label {
        label(Path::new("/SYSV"), true, id)
    }
}

/// What is known of the file may say more than its path.
pub(super) fn refined(kind: SegmentKind, facts: &FileFacts) -> SegmentKind {
    match (kind, facts.file_system.kind) {
        (SegmentKind::File | SegmentKind::Memfd, FileSystemKind::Hugetlbfs) => SegmentKind::Hugetlb,
        _ => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_kernel_tell_the_kind() {
        let told = |path: &str, deleted| {
            let label = label(Path::new(path), deleted, 7);
            (label.kind, label.name)
        };
        let is = |kind, name: &str| (kind, name.to_string());
        assert_eq!(
            told("/memfd:a b", true),
            is(SegmentKind::Memfd, "memfd:a b")
        );
        assert_eq!(told("/SYSV00001234", true), is(SegmentKind::Sysv, "sysv:7"));
        assert_eq!(
            told("/dev/zero", true),
            is(SegmentKind::Anonymous, "anonymous:7")
        );
        assert_eq!(
            told("/anon_hugepage", true),
            is(SegmentKind::Hugetlb, "anonymous:7")
        );
        assert_eq!(
            told("/dev/shm/psm_1", false),
            is(SegmentKind::Posix, "psm_1")
        );
        assert_eq!(told("/dev/shm/a/b", true), is(SegmentKind::Unlinked, "a/b"));
        assert_eq!(
            told("/srv/jail/dev/shm/psm_1", false),
            is(SegmentKind::Posix, "psm_1")
        );
        assert_eq!(
            told("/SYSV00001234", false),
            is(SegmentKind::File, "/SYSV00001234")
        );
        assert_eq!(told("/var/x", true), is(SegmentKind::File, "/var/x"));
    }

    #[test]
    fn semaphores_are_known_by_their_names() {
        let is_semaphore = |path: &str| label(Path::new(path), false, 7).is_semaphore;
        assert!(is_semaphore("/dev/shm/sem.mp-1"));
        assert!(!is_semaphore("/dev/shm/semantics"));
        assert!(!is_semaphore("/srv/sem.mp-1"));
    }
}
