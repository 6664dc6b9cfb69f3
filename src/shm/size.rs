//! How long a segment is, and how much of it is in memory. Bytes.

use super::found::Found;
use crate::model::SegmentKind;
use crate::process::file_facts::FileSystemKind;
use crate::process::live::sharing;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sizes {
    pub(super) size: Option<u64>,
    pub(super) resident: Option<u64>,
    pub(super) swapped: Option<u64>,
}

pub(super) fn sizes(found: &Found, has_swap: bool) -> Sizes {
    if let Some(sysv) = &found.sysv {
        return Sizes {
            size: Some(sysv.size),
            resident: Some(sysv.resident),
            swapped: Some(sysv.swapped),
        };
    }
    let size = found.facts.as_ref().map(|facts| facts.size);
    let (resident, swapped) = match (&found.facts, found.in_memory) {
        (_, Some((resident, swapped))) => (
            Some(resident),
            Some(if lives_in_memory(found) { swapped } else { 0 }),
        ),
        // What a file in memory takes of its file system is in memory, or in swap space.
        (Some(facts), None) if lives_in_memory(found) && !has_swap => {
            (Some(facts.allocated), Some(0))
        }
        _ => (None, None),
    };
    Sizes {
        size,
        resident,
        swapped,
    }
}

/// Asks the kernel for what is in memory, where the file itself does not tell. That goes through the file page by page.
pub(super) fn ask(found: &mut Found, has_swap: bool) {
    let is_told = found.sysv.is_some() || (lives_in_memory(found) && !has_swap);
    if !is_told && let Some((pid, mapping)) = &found.mapping {
        found.in_memory = sharing::in_memory(*pid, mapping);
    }
}

fn lives_in_memory(found: &Found) -> bool {
    let by_kind = !matches!(found.label.kind, SegmentKind::File);
    let file_system = found.facts.as_ref().map(|facts| facts.file_system.kind);
    by_kind
        || matches!(
            file_system,
            Some(FileSystemKind::Tmpfs | FileSystemKind::Hugetlbfs)
        )
}
