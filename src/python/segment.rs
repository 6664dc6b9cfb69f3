//! Which shared memory an address lies in.

use super::look::Look;
use crate::model::Addr;
use crate::process::{Backing, Mapping};

impl Look<'_> {
    /// The segment that an address lies in, and how far from its beginning, in bytes: `/dev/shm/psm_1 +4096`. Nothing
    /// if the memory is the process's own.
    pub(super) fn segment_of(&self, address: Addr) -> Option<String> {
        if address.is_null() {
            return None;
        }
        if let Some(text) = self.opened_segment_text(address) {
            return Some(text);
        }
        let mapping = self.process.mapping_at(address)?;
        if !mapping.shared {
            return None;
        }
        let (name, offset) = segment_name(&mapping)?;
        let within = address.0.saturating_sub(mapping.start.0);
        Some(format!("{name} +{}", offset.saturating_add(within)))
    }
}

/// The segment's name, and where in it the mapping begins.
pub fn segment_name(mapping: &Mapping) -> Option<(String, u64)> {
    let Backing::File {
        path,
        offset,
        inode,
        deleted,
        ..
    } = &mapping.backing
    else {
        return Some(("anonymous shared memory".to_string(), 0));
    };
    let path = path.to_string_lossy();
    // The kernel's own names for memory that has none in any folder (`mm/shmem.c`, `mm/memfd.c`, `ipc/shm.c`).
    let name = if path == "/dev/zero" && *deleted {
        format!("anonymous shared memory #{inode}")
    } else if let Some(name) = path.strip_prefix("/memfd:") {
        format!("memfd:{name} #{inode}")
    } else if let Some(key) = path.strip_prefix("/SYSV") {
        // The inode is the id that shmget(2) gave.
        format!("SysV shared memory {inode} (key 0x{key})")
    } else if *deleted {
        format!("{path} (deleted)")
    } else {
        path.into_owned()
    };
    Some((name, *offset))
}
