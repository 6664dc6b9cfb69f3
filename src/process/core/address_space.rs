//! Where each byte of the dead process is to be found: in the core, in a file that it mapped, or nowhere.

use std::ops::Range;
use std::path::Path;

use super::headers::Segment;
use super::image;
use super::mapped_files::{FileRange, MappedFiles};
use super::own_notes::{Place, Whereabouts};
use crate::model::Addr;
use crate::process::{Backing, Mapping, Mappings, Protection};

/// The paths of all mappings together are at most this long, in bytes; a garbage core could repeat one without end.
const MOST_PATH_BYTES: usize = 16 << 20;

/// Mappings between the beginning of a file and a part of it: one for each of its segments, and what `mprotect` has cut them into.
const MOST_PARTS: usize = 64;

/// A stretch of memory whose bytes all come from one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region {
    pub start: u64,
    /// Exclusive.
    pub end: u64,
    pub content: Content,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// In the core, from this offset. All of it is there.
    Held {
        offset: usize,
    },
    /// The core left it out because the file has the same: its index in [`MappedFiles::files`], and the offset.
    File {
        file: u32,
        offset: u64,
    },
    Absent(Absent),
    /// Nobody has written to it: `own_notes`.
    Zeros,
    /// In the file of which the core is a part, from this byte on. It may be cut off.
    Elsewhere {
        offset: u64,
    },
}

/// Why bytes that were mapped are nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// The process itself could not touch them.
    Inaccessible,
    /// Left out of the core, and no file has the same.
    NotDumped,
    /// The core is cut off before them.
    CutOff,
}

#[derive(Debug, Default)]
pub(super) struct AddressSpace {
    /// Sorted by address, without overlap.
    pub regions: Vec<Region>,
    pub mappings: Mappings,
}

impl AddressSpace {
    /// Lays the segments and the mapped files over each other. `core` is what there is of it.
    pub(super) fn new(
        mut segments: Vec<Segment>,
        files: &MappedFiles,
        core: &[u8],
    ) -> AddressSpace {
        part(&mut segments);
        let keeps_private = segments.iter().any(|segment| {
            segment.protection.write
                && segment.dumped == segment.length
                && files.find(segment.address).is_none()
        });
        let mut builder = Builder {
            files,
            core,
            images: images(files, &segments),
            keeps_private,
            path_bytes: 0,
            regions: Vec::with_capacity(segments.len()),
            mappings: Vec::with_capacity(segments.len()),
        };
        builder.lay(&segments);
        AddressSpace {
            regions: builder.regions,
            mappings: Mappings::new(builder.mappings),
        }
    }

    /// Takes the mappings as they were noted, which tell more than a core does. What was not kept of shared memory no file has:
    /// it may have been written to since.
    pub(super) fn name(&mut self, mappings: Mappings) {
        if mappings.is_empty() {
            return;
        }
        for region in &mut self.regions {
            let is_shared = |mapping: &Mapping| mapping.shared;
            if matches!(region.content, Content::File { .. })
                && mappings.find(Addr(region.start)).is_none_or(is_shared)
            {
                region.content = Content::Absent(Absent::NotDumped);
            }
        }
        self.mappings = mappings;
    }

    /// Says where memory is that the core does not have in a segment. `places` are in order and without overlap.
    pub(super) fn place(&mut self, places: &[Place]) {
        let mut regions = Vec::with_capacity(self.regions.len() + 2 * places.len());
        let mut places = places.iter().peekable();
        let content = |place: &Place, start: u64| match place.at {
            Whereabouts::Zeros => Content::Zeros,
            Whereabouts::File(at) => Content::Elsewhere {
                offset: at.saturating_add(start - place.start),
            },
        };
        for region in std::mem::take(&mut self.regions) {
            let is_held = matches!(region.content, Content::Held { .. });
            let mut at = region.start;
            while places.next_if(|place| place.end <= at).is_some() {}
            while let Some(&&place) = places
                .peek()
                .filter(|place| place.start < region.end && !is_held)
            {
                let (from, to) = (place.start.max(at), place.end.min(region.end));
                let before = Region {
                    start: at,
                    end: from,
                    content: region.content.from(at - region.start),
                };
                let within = Region {
                    start: from,
                    end: to,
                    content: content(&place, from),
                };
                regions.extend([before, within].into_iter().filter(|it| it.start < it.end));
                at = to;
                if place.end > region.end {
                    break;
                }
                places.next();
            }
            regions.push(Region {
                start: at,
                end: region.end,
                content: region.content.from(at - region.start),
            });
        }
        regions.retain(|region| region.start < region.end);
        self.regions = regions;
    }

    /// The region that holds an address.
    pub(super) fn find(&self, address: u64) -> Option<&Region> {
        let after = self
            .regions
            .partition_point(|region| region.start <= address);
        let region = self.regions.get(after.checked_sub(1)?)?;
        (address < region.end).then_some(region)
    }

    /// Where in the core the bytes from `address` on are, as far as they are there in one piece.
    pub(super) fn held(&self, address: u64) -> Option<Range<usize>> {
        let region = self.find(address)?;
        let Content::Held { offset } = region.content else {
            return None;
        };
        let length = |from: u64| usize::try_from(region.end - from).ok();
        let end = offset.checked_add(length(region.start)?)?;
        Some(end - length(address)?..end)
    }
}

impl Content {
    /// What is `bytes` further on.
    fn from(self, bytes: u64) -> Content {
        match self {
            Content::Held { offset } => Content::Held {
                offset: offset.saturating_add(usize::try_from(bytes).unwrap_or(usize::MAX)),
            },
            Content::File { file, offset } => Content::File {
                file,
                offset: offset.saturating_add(bytes),
            },
            Content::Elsewhere { offset } => Content::Elsewhere {
                offset: offset.saturating_add(bytes),
            },
            content @ (Content::Absent(_) | Content::Zeros) => content,
        }
    }
}

/// Sorts segments, drops the empty and cuts off what overlaps an earlier one.
fn part(segments: &mut Vec<Segment>) {
    segments.sort_by_key(|segment| segment.address);
    let mut end = 0;
    segments.retain_mut(|segment| {
        let overlap = u64::saturating_sub(end, segment.address).min(segment.length);
        segment.address += overlap;
        segment.length -= overlap;
        segment.dumped = segment.dumped.saturating_sub(overlap);
        segment.offset = segment.offset.saturating_add(overlap);
        end = end.max(segment.address + segment.length);
        segment.length > 0
    });
}

/// For each file, where in the core its beginning is, as far as it is there; else an empty place.
fn images(files: &MappedFiles, segments: &[Segment]) -> Vec<Range<usize>> {
    let mut images = vec![0..0; files.files.len()];
    for range in files.ranges.iter().filter(|range| range.offset == 0) {
        let index = segments.partition_point(|segment| segment.address < range.start);
        let segment = segments
            .get(index)
            .filter(|segment| segment.address == range.start);
        if let (Some(segment), Some(image)) = (segment, images.get_mut(range.file as usize)) {
            let end = segment.offset.saturating_add(segment.dumped);
            *image = segment.offset as usize..end as usize;
        }
    }
    images
}

struct Builder<'a> {
    files: &'a MappedFiles,
    core: &'a [u8],
    /// For each of `files`, where in the core its beginning is: its offset and length there.
    images: Vec<Range<usize>>,
    /// The core holds private memory that was written to (coredump_filter bit 0, core(5)). What such a core leaves
    /// out of a private mapping of a file was therefore never written to, and is as in the file.
    keeps_private: bool,
    path_bytes: usize,
    regions: Vec<Region>,
    mappings: Vec<Mapping>,
}

impl Builder<'_> {
    /// Cuts the address space wherever a segment or a mapped file begins or ends.
    fn lay(&mut self, segments: &[Segment]) {
        let ranges = &self.files.ranges;
        let of_segments = segments
            .iter()
            .flat_map(|segment| [segment.address, segment.address + segment.length]);
        let of_files = ranges.iter().flat_map(|range| [range.start, range.end]);
        let mut cuts: Vec<u64> = of_segments.chain(of_files).collect();
        cuts.sort_unstable();
        cuts.dedup();

        let (mut segment, mut file) = (segments.iter().peekable(), ranges.iter().peekable());
        for pair in cuts.windows(2) {
            let (start, end) = (pair[0], pair[1]);
            while segment
                .next_if(|segment| segment.address + segment.length <= start)
                .is_some()
            {}
            while file.next_if(|file| file.end <= start).is_some() {}
            let over = segment.peek().filter(|segment| segment.address <= start);
            let behind = file.peek().filter(|file| file.start <= start);
            if over.is_some() || behind.is_some() {
                self.map(start..end, over.copied(), behind.copied());
            }
        }
    }

    fn map(&mut self, range: Range<u64>, segment: Option<&Segment>, file: Option<&FileRange>) {
        let protection = match (segment, file) {
            (Some(segment), _) => segment.protection,
            (None, Some(file)) => self.protection_of(file),
            (None, None) => Protection::default(),
        };
        self.add_mapping(range.clone(), protection, file);

        let (dumped, held) = match segment {
            Some(segment) => self.extents(segment, &range),
            None => (range.start, range.start),
        };
        if let Some(segment) = segment.filter(|_| held > range.start) {
            let offset = segment.offset + (range.start - segment.address);
            self.add_region(
                range.start,
                held,
                Content::Held {
                    offset: offset as usize,
                },
            );
        }
        self.add_region(held, dumped, self.lost(held, protection, file));
        let content = self.left_out(dumped, protection, file);
        self.add_region(dumped, range.end, content);
    }

    /// The protection of memory that the core names in `NT_FILE` only, as gdb does with what it leaves out: what the
    /// program headers of the file ask for. A file that is not ELF is mapped to be read.
    fn protection_of(&self, range: &FileRange) -> Protection {
        let place = self.images.get(range.file as usize).cloned();
        let image = place.and_then(|place| self.core.get(place));
        let distance = self.begin_of_file(range).map(|begin| range.start - begin);
        let protection = image::protection_at(image.unwrap_or_default(), range.offset, distance);
        protection.unwrap_or(Protection {
            read: true,
            ..Protection::default()
        })
    }

    /// Where the beginning of the file is mapped that a later part of follows.
    fn begin_of_file(&self, range: &FileRange) -> Option<u64> {
        let ranges = &self.files.ranges;
        let after = ranges.partition_point(|other| other.start <= range.start);
        let mut before = ranges[..after].iter().rev().take(MOST_PARTS);
        let begin = before.find(|other| other.file == range.file && other.offset == 0)?;
        Some(begin.start)
    }

    /// Up to which address the core speaks of the bytes of `range`, and up to which it has them.
    fn extents(&self, segment: &Segment, range: &Range<u64>) -> (u64, u64) {
        let limit = |length: u64| {
            segment
                .address
                .saturating_add(length)
                .clamp(range.start, range.end)
        };
        let present = (self.core.len() as u64).saturating_sub(segment.offset);
        let dumped = limit(segment.dumped);
        (dumped, limit(present).min(dumped))
    }

    /// What stands for bytes that the core should have, and which it is cut off before. It had them because they
    /// may have differed from the file's, unless they are code, which only a debugger changes.
    fn lost(&self, start: u64, protection: Protection, file: Option<&FileRange>) -> Content {
        match file {
            Some(file) if is_code(protection) && self.has_disk(file) => in_file(file, start),
            _ => Content::Absent(Absent::CutOff),
        }
    }

    /// What stands for bytes that the core left out.
    fn left_out(&self, start: u64, protection: Protection, file: Option<&FileRange>) -> Content {
        if protection == Protection::default() {
            return Content::Absent(Absent::Inaccessible);
        }
        match file {
            Some(file) if (is_code(protection) || self.keeps_private) && self.has_disk(file) => {
                in_file(file, start)
            }
            _ => Content::Absent(Absent::NotDumped),
        }
    }

    fn has_disk(&self, range: &FileRange) -> bool {
        !self.files.files[range.file as usize].is_shared_memory()
    }

    fn add_region(&mut self, start: u64, end: u64, content: Content) {
        if start < end {
            self.regions.push(Region {
                start,
                end,
                content,
            });
        }
    }

    fn add_mapping(&mut self, range: Range<u64>, protection: Protection, file: Option<&FileRange>) {
        let name = file.map(|file| &self.files.files[file.file as usize]);
        let backing = match (file, name) {
            (Some(file), Some(name)) if self.can_hold(&name.path) => Backing::File {
                path: name.path.clone(),
                offset: file.offset.saturating_add(range.start - file.start),
                device: 0,
                inode: 0,
                deleted: name.deleted,
            },
            _ => Backing::Anonymous,
        };
        self.mappings.push(Mapping {
            start: Addr(range.start),
            end: Addr(range.end),
            protection,
            shared: name.is_some_and(|name| name.is_shared_memory() && !protection.execute),
            backing,
        });
    }

    fn can_hold(&mut self, path: &Path) -> bool {
        self.path_bytes += path.as_os_str().len();
        self.path_bytes <= MOST_PATH_BYTES
    }
}

fn is_code(protection: Protection) -> bool {
    protection.execute && !protection.write
}

fn in_file(file: &FileRange, start: u64) -> Content {
    Content::File {
        file: file.file,
        offset: file.offset.saturating_add(start.saturating_sub(file.start)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::core::mapped_files::FileName;

    const READ: Protection = Protection {
        read: true,
        write: false,
        execute: false,
    };
    const WRITE: Protection = Protection {
        write: true,
        ..READ
    };

    fn segment(address: u64, length: u64, offset: u64, dumped: u64) -> Segment {
        Segment {
            address,
            length,
            offset,
            dumped,
            protection: WRITE,
        }
    }

    fn contents(space: &AddressSpace) -> Vec<(u64, u64, Content)> {
        let of = |region: &Region| (region.start, region.end, region.content);
        space.regions.iter().map(of).collect()
    }

    #[test]
    fn overlapping_and_unsorted_segments_are_parted() {
        let space = AddressSpace::new(
            vec![
                segment(0x2000, 0x2000, 0x9000, 0x2000),
                segment(0x1000, 0x1800, 0x100, 0x1800),
                segment(0x1400, 0x100, 0, 0x100),
            ],
            &MappedFiles::default(),
            &[0; 0x10000],
        );
        assert_eq!(
            contents(&space),
            [
                (0x1000, 0x2800, Content::Held { offset: 0x100 }),
                (0x2800, 0x4000, Content::Held { offset: 0x9800 }),
            ]
        );
        assert_eq!(space.held(0x2801), Some(0x9801..0xb000));
        assert_eq!(space.mappings.iter().count(), 2);
    }

    #[test]
    fn what_lies_past_the_end_of_the_core_is_cut_off() {
        let space = AddressSpace::new(
            vec![
                segment(0x1000, 0x1000, 0x800, 0x1000),
                segment(0x5000, 0x1000, u64::MAX, 0x1000),
            ],
            &MappedFiles::default(),
            &[0; 0x900],
        );
        assert_eq!(
            contents(&space),
            [
                (0x1000, 0x1100, Content::Held { offset: 0x800 }),
                (0x1100, 0x2000, Content::Absent(Absent::CutOff)),
                (0x5000, 0x6000, Content::Absent(Absent::CutOff)),
            ]
        );
    }

    #[test]
    fn a_segment_at_the_end_of_the_address_space_does_not_wrap() {
        let last = u64::MAX - 0xfff;
        let space = AddressSpace::new(
            vec![segment(last, 0xfff, 0, 0x800)],
            &MappedFiles::default(),
            &[0; 0x1000],
        );
        assert_eq!(space.find(u64::MAX), None);
        assert!(space.held(last + 0x7ff).is_some());
        assert_eq!(space.held(last + 0x800), None);
    }

    fn files(path: &str) -> MappedFiles {
        MappedFiles {
            ranges: vec![FileRange {
                start: 0x1000,
                end: 0x4000,
                offset: 0x2000,
                file: 0,
            }],
            files: vec![FileName {
                path: path.into(),
                deleted: false,
            }],
        }
    }

    fn file_and_stack(protection: Protection, stack_dumped: u64) -> Vec<Segment> {
        vec![
            Segment {
                protection,
                ..segment(0x1000, 0x3000, 0x1000, 0x1000)
            },
            segment(0x9000, 0x1000, 0x2000, stack_dumped),
        ]
    }

    #[test]
    fn what_the_core_left_out_of_a_file_is_in_the_file() {
        let space = AddressSpace::new(
            file_and_stack(READ, 0x1000),
            &files("/lib/x.so"),
            &[0; 0x10000],
        );
        assert_eq!(
            contents(&space)[1],
            (
                0x2000,
                0x4000,
                Content::File {
                    file: 0,
                    offset: 0x3000
                }
            )
        );
    }

    #[test]
    fn a_core_without_private_memory_does_not_tell_that_a_file_was_unchanged() {
        let space = AddressSpace::new(file_and_stack(READ, 0), &files("/lib/x.so"), &[0; 0x10000]);
        assert_eq!(contents(&space)[1].2, Content::Absent(Absent::NotDumped));
    }

    #[test]
    fn a_shared_segment_that_was_not_dumped_is_not_taken_from_the_file() {
        let space = AddressSpace::new(
            file_and_stack(WRITE, 0x1000),
            &files("/dev/shm/x"),
            &[0; 0x10000],
        );
        assert_eq!(contents(&space)[1].2, Content::Absent(Absent::NotDumped));
        assert!(
            space
                .mappings
                .find(Addr(0x1000))
                .is_some_and(|mapping| mapping.shared)
        );
    }
}
