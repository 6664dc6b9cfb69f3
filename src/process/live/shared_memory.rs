//! The memory that a process shares with others, and what of it is there: for those who write it down.
//!
//! Reading a page that nobody has written to through a mapping makes the kernel put one there (`shmem_fault`, `mm/shmem.c`). So it is
//! asked first which are there.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::maps::is_plain_memory;
use super::modified_pages::present_pages;
use super::sharing::{in_shm_folder, ipc_namespace, open_behind};
use crate::model::{Addr, Pid};
use crate::process::file_facts::{FileSystem, FileSystemKind};
use crate::process::shared_file::SharedFile;
use crate::process::{Backing, Mapping, Mappings};

/// What tells a segment from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentIdentity {
    pub device: u64,
    pub inode: u64,
    /// Memory of System V is numbered in each IPC namespace anew; 0 for all other.
    namespace: u64,
}

/// A part of a segment that a process has mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub start: Addr,
    /// Where it begins in the segment, and how long it is: bytes.
    pub offset: u64,
    pub length: u64,
}

/// A segment as one process has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedSegment {
    pub identity: SegmentIdentity,
    /// As the kernel names it: `/dev/shm/psm_1`, `/memfd:x`.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// What of it is there, from its beginning: bytes.
    pub there: Vec<Range<u64>>,
    /// All else of it is zeros. Where the file may not be opened that is not known.
    pub is_complete: bool,
    pub windows: Vec<Window>,
}

impl Window {
    /// Where in the process the part of it lies that is in a range of the segment, and where that begins in the segment.
    pub fn part(&self, range: &Range<u64>) -> Option<(Range<Addr>, u64)> {
        let from = range.start.max(self.offset);
        let to = range.end.min(self.offset.saturating_add(self.length));
        let at = |offset: u64| self.start.plus(offset - self.offset);
        (from < to).then(|| (at(from)..at(to), from))
    }
}

impl SharedSegment {
    /// Stretches that nobody has written to, and which are in no other place.
    pub fn holes(&self) -> Vec<Range<u64>> {
        /// The end of a file is filled with zeros to the end of its page. Bytes.
        const PAGE: u64 = 4096;
        let end = self.size.next_multiple_of(PAGE);
        let mut holes = Vec::new();
        let mut at = 0;
        for there in self.there.iter().filter(|_| self.is_complete) {
            holes.push(at..there.start);
            at = there.end;
        }
        if self.is_complete {
            holes.push(at..end);
        }
        holes.retain(|hole| hole.start < hole.end);
        holes
    }
}

/// Where a process has mapped what nobody has written to, by address.
pub fn blank(segments: &[SharedSegment]) -> Vec<Range<Addr>> {
    let mut blank = Vec::new();
    for segment in segments {
        for hole in segment.holes() {
            let windows = segment.windows.iter();
            blank.extend(windows.filter_map(|window| Some(window.part(&hole)?.0)));
        }
    }
    blank.sort_by_key(|range| range.start);
    blank
}

/// The segments that a process may read, by address of the first window. Files on a disk are none.
pub fn segments_of(pid: Pid, mappings: &Mappings) -> Vec<SharedSegment> {
    let mut segments: Vec<SharedSegment> = Vec::new();
    let mut places: BTreeMap<SegmentIdentity, Option<usize>> = BTreeMap::new();
    let shared = mappings.iter().filter(|mapping| {
        mapping.shared && mapping.protection.read && is_plain_memory(&mapping.backing)
    });
    for mapping in shared {
        let Some((identity, window)) = identify(pid, mapping) else {
            continue;
        };
        let place = *places.entry(identity).or_insert_with(|| {
            let segment = open(pid, identity, mapping, mappings)?;
            segments.push(segment);
            Some(segments.len() - 1)
        });
        if let Some(segment) = place.and_then(|place| segments.get_mut(place)) {
            segment.windows.push(window);
        }
    }
    segments
}

fn identify(pid: Pid, mapping: &Mapping) -> Option<(SegmentIdentity, Window)> {
    let Backing::File {
        path,
        offset,
        device,
        inode,
        ..
    } = &mapping.backing
    else {
        return None;
    };
    let namespace = path.as_os_str().as_encoded_bytes().starts_with(b"/SYSV");
    let namespace = namespace.then(|| ipc_namespace(pid)).flatten();
    let identity = SegmentIdentity {
        device: *device,
        inode: *inode,
        namespace: namespace.unwrap_or(0),
    };
    let window = Window {
        start: mapping.start,
        offset: *offset,
        length: mapping.length(),
    };
    Some((identity, window))
}

/// Nothing if it is no memory.
fn open(
    pid: Pid,
    identity: SegmentIdentity,
    mapping: &Mapping,
    mappings: &Mappings,
) -> Option<SharedSegment> {
    let path = mapping.path()?;
    let segment = |size, there, is_complete| SharedSegment {
        identity,
        path: path.to_path_buf(),
        size,
        there,
        is_complete,
        windows: Vec::new(),
    };
    if let Ok(file) = open_behind(pid, mapping) {
        if FileSystem::of(&file).kind == FileSystemKind::Other {
            return None;
        }
        if let Ok(file) = SharedFile::new(file)
            && let Some(stretches) = file.stretches(0..file.size())
        {
            let there = stretches.into_iter().filter(|stretch| !stretch.is_hole);
            let there = there.map(|stretch| stretch.range).collect();
            return Some(segment(file.size(), there, true));
        }
    }
    if !is_memory(mapping) {
        return None;
    }
    let (mut size, mut there) = (0, Vec::new());
    for mapping in mappings {
        let Some((other, window)) = identify(pid, mapping).filter(|_| mapping.shared) else {
            continue;
        };
        if other != identity {
            continue;
        }
        size = size.max(window.offset.saturating_add(window.length));
        let present = present_pages(pid, mapping).into_iter();
        there.extend(present.map(|pages| {
            let within = |address: Addr| window.offset + (address.0 - window.start.0);
            within(pages.start)..within(pages.end)
        }));
    }
    there.sort_by_key(|range| range.start);
    Some(segment(size, united(there), false))
}

/// By what the kernel calls it: `mm/shmem.c`, `mm/memfd.c`, `ipc/shm.c`.
fn is_memory(mapping: &Mapping) -> bool {
    let Backing::File { path, deleted, .. } = &mapping.backing else {
        return false;
    };
    let starts = |name: &str| {
        path.as_os_str()
            .as_encoded_bytes()
            .starts_with(name.as_bytes())
    };
    let is_nameless = *deleted && (starts("/SYSV") || path == Path::new("/dev/zero"));
    is_nameless || starts("/memfd:") || in_shm_folder(path).is_some()
}

/// Sorted ranges, without overlap.
pub fn united(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut apart: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match apart.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    apart
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Of 0x4800 bytes, of which two stretches are there.
    pub fn segment() -> SharedSegment {
        SharedSegment {
            identity: SegmentIdentity {
                device: 1,
                inode: 2,
                namespace: 0,
            },
            path: PathBuf::from("/dev/shm/x"),
            size: 0x4800,
            there: vec![0x1000..0x2000, 0x4000..0x4800],
            is_complete: true,
            windows: Vec::new(),
        }
    }

    #[test]
    fn what_is_not_there_is_a_hole_and_a_window_shows_a_part() {
        let segment = segment();
        assert_eq!(segment.holes(), [0..0x1000, 0x2000..0x4000, 0x4800..0x5000]);
        let window = Window {
            start: Addr(0x10_0000),
            offset: 0x1000,
            length: 0x2000,
        };
        let part = window.part(&(0..0x1800));
        assert_eq!(part, Some((Addr(0x10_0000)..Addr(0x10_0800), 0x1000)));
        assert_eq!(window.part(&(0x3000..0x4000)), None);
    }
}
