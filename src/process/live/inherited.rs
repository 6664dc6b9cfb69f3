//! What a child that was made by fork(2) has of its parent's memory: not all of it, if the parent has asked for that (`MADV_DONTFORK`,
//! `MADV_WIPEONFORK`, madvise(2)).

use std::ops::Range;

use super::{maps, proc_file};
use crate::model::{Addr, Pid};
use crate::process::{Mapping, Mappings};

/// Bytes of `/proc/PID/smaps`, which has some 700 of them for each mapping.
const LONGEST: usize = 256 << 20;

/// Such memory of a child that has not changed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inherited {
    /// By address: as in the parent.
    same: Vec<Range<Addr>>,
    /// By address: zeros, whatever the parent has there.
    wiped: Vec<Range<Addr>>,
}

impl Inherited {
    pub fn of_child(child: Pid) -> Inherited {
        Inherited::parse(&read(child, "smaps", LONGEST))
            .unwrap_or_else(|| Inherited::without_flags(&read(child, "maps", maps::LONGEST)))
    }

    /// Where the kernel does not tell what is wiped.
    fn without_flags(text: &[u8]) -> Inherited {
        let ranges = maps::parse(text).into_iter();
        Inherited {
            same: ranges.map(|mapping| mapping.start..mapping.end).collect(),
            wiped: Vec::new(),
        }
    }

    fn parse(text: &[u8]) -> Option<Inherited> {
        let (mut same, mut wiped) = (Vec::new(), Vec::new());
        let mut latest: Option<Mapping> = None;
        for line in text.split(|&byte| byte == b'\n') {
            let Some(flags) = line.strip_prefix(b"VmFlags:") else {
                latest = maps::parse(line).pop().or(latest);
                continue;
            };
            let mapping = latest.take()?;
            let mut flags = flags.split(u8::is_ascii_whitespace);
            let place = match flags.any(|flag| flag == b"wf") {
                true => &mut wiped,
                false => &mut same,
            };
            place.push(mapping.start..mapping.end);
        }
        (!same.is_empty()).then_some(Inherited { same, wiped })
    }

    /// Whether any byte of a range is wiped.
    pub fn is_wiped(&self, address: Addr, length: usize) -> bool {
        let end = address.0.saturating_add(length as u64);
        let after = self.wiped.partition_point(|range| range.end <= address);
        (self.wiped.get(after)).is_some_and(|range| range.start.0 < end)
    }

    /// The parts of ranges that are as in the parent.
    pub fn parts_of(&self, ranges: &[Range<Addr>]) -> Vec<Range<Addr>> {
        let mut parts = Vec::new();
        for range in ranges {
            let first = self.same.partition_point(|same| same.end <= range.start);
            let near = self.same[first..].iter();
            let near = near.take_while(|same| same.start < range.end);
            parts.extend(near.map(|same| same.start.max(range.start)..same.end.min(range.end)));
        }
        parts
    }
}

/// What a process has mapped now, as the kernel tells it.
pub fn text_of_mappings(pid: Pid) -> Vec<u8> {
    read(pid, "maps", maps::LONGEST)
}

/// That text, understood.
pub fn mappings_in(text: &[u8]) -> Mappings {
    Mappings::new(maps::parse(text))
}

fn read(pid: Pid, name: &str, longest: usize) -> Vec<u8> {
    proc_file::read(format!("/proc/{pid}/{name}"), longest).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wiped_memory_is_told_apart() {
        let text =
            b"1000-3000 rw-p 00000000 00:00 0 \nSize: 8 kB\nVmFlags: rd wr mr mw me ac sd \n\
            3000-5000 rw-p 00000000 00:00 0 \nSize: 8 kB\nVmFlags: rd wr wf ac \n\
            8000-9000 rw-p 00000000 00:00 0    [heap]\nVmFlags: rd wr\n";
        let inherited = Inherited::parse(text).unwrap();
        assert!(inherited.is_wiped(Addr(0x4ff8), 8));
        assert!(inherited.is_wiped(Addr(0x2ff8), 16));
        assert!(!inherited.is_wiped(Addr(0x2ff8), 8));
        assert!(!inherited.is_wiped(Addr(0x8000), 8));
        let parts = inherited.parts_of(&[Addr(0x2000)..Addr(0x4000), Addr(0x6000)..Addr(0xa000)]);
        assert_eq!(
            parts,
            [Addr(0x2000)..Addr(0x3000), Addr(0x8000)..Addr(0x9000)]
        );
        assert_eq!(Inherited::parse(b""), None);
    }
}
