//! Which pages of the files that a process has mapped for itself are not as in the file: those that were written to, when the
//! program was linked or later. Everything else of such a mapping the file has.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use crate::model::{Addr, Pid};
use crate::process::{Backing, Mapping, Mappings};

/// Bytes.
const PAGE: u64 = 4096;
/// A page in `/proc/PID/pagemap`: 64 bits (`Documentation/admin-guide/mm/pagemap.rst`).
const ENTRY: u64 = 8;
const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
/// It is a page of the file, or one that is shared.
const OF_FILE: u64 = 1 << 61;
/// Pages that are asked for at once.
const PIECE: u64 = 8192;

/// The pages by address, in stretches.
pub fn modified_pages(pid: Pid, mappings: &Mappings) -> Vec<Range<Addr>> {
    let private = mappings.iter().filter(|mapping| {
        matches!(mapping.backing, Backing::File { .. })
            && !mapping.shared
            && mapping.protection.read
    });
    match File::open(format!("/proc/{pid}/pagemap")) {
        Ok(pagemap) => {
            let is_modified =
                |entry: u64| entry & SWAPPED != 0 || entry & (PRESENT | OF_FILE) == PRESENT;
            private
                .flat_map(|mapping| of_mapping(&pagemap, mapping, is_modified))
                .collect()
        }
        Err(_) => private
            .filter(|mapping| may_be_modified(mapping, mappings))
            .map(|mapping| mapping.start..mapping.end)
            .collect(),
    }
}

/// Where the kernel does not say: what can be written to, and what lies before that in the same file and could be before the
/// linker was done (`PT_GNU_RELRO`).
fn may_be_modified(mapping: &Mapping, mappings: &Mappings) -> bool {
    let next = mappings.find(mapping.end);
    let is_before = next.is_some_and(|next| next.protection.write && next.path() == mapping.path());
    mapping.protection.write || (is_before && !mapping.protection.execute)
}

/// Pages of a mapping that the process has touched itself; none where the kernel does not say.
pub(super) fn present_pages(pid: Pid, mapping: &Mapping) -> Vec<Range<Addr>> {
    let Ok(pagemap) = File::open(format!("/proc/{pid}/pagemap")) else {
        return Vec::new();
    };
    of_mapping(&pagemap, mapping, |entry| entry & (SWAPPED | PRESENT) != 0)
}

fn of_mapping(
    pagemap: &File,
    mapping: &Mapping,
    is_wanted: impl Fn(u64) -> bool,
) -> Vec<Range<Addr>> {
    let (first, end) = (mapping.start.0 / PAGE, mapping.end.0 / PAGE);
    let mut found: Vec<Range<Addr>> = Vec::new();
    let mut bytes = vec![0; (PIECE.min(end - first) * ENTRY) as usize];
    for begin in (first..end).step_by(PIECE as usize) {
        let count = PIECE.min(end - begin);
        let bytes = &mut bytes[..(count * ENTRY) as usize];
        // A process that has ended has none.
        if pagemap.read_exact_at(bytes, begin * ENTRY).is_err() {
            break;
        }
        for (page, entry) in (begin..).zip(bytes.chunks_exact(ENTRY as usize)) {
            let entry = entry
                .iter()
                .rev()
                .fold(0, |word, byte| word << 8 | u64::from(*byte));
            if !is_wanted(entry) {
                continue;
            }
            let start = Addr(page * PAGE);
            match found.last_mut() {
                Some(last) if last.end == start => last.end = start.plus(PAGE),
                _ => found.push(start..start.plus(PAGE)),
            }
        }
    }
    found
}
