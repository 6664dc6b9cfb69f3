//! By which engine a range can be watched.

use super::{Range, WatchRequest};
use crate::model::{SegmentKind, WatchEngine};
use crate::process::trace::WATCHPOINTS;

/// Bytes of a segment for one debug register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) struct Chunk {
    /// From the beginning of the segment; a multiple of the length.
    pub offset: u64,
    /// 1, 2, 4 or 8.
    pub length: u8,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plan {
    Hardware(Vec<Chunk>),
    Protection,
    /// With what is to be said of it.
    Polling(Vec<String>),
}

const BLIND: &str = "polling sees what has changed and not who has changed it, and misses what is changed back in between";
const HUGE: &str = "its pages are huge ones (hugetlbfs), which cannot be protected from being written to one by one";

impl Plan {
    pub(super) fn of(request: &WatchRequest, range: &Range) -> Result<Plan, String> {
        let chunks = chunks(range.start(), range.length());
        let fits = chunks.len() <= WATCHPOINTS;
        let is_mapped = !range.watched.mappers.is_empty();
        let has_huge_pages = range.watched.kind == SegmentKind::Hugetlb;
        match request.engine {
            Some(WatchEngine::Protection) if has_huge_pages => Err(format!(
                "{}: {HUGE}: take --engine polling, or few elements with --engine hardware",
                range.watched.name
            )),
            Some(WatchEngine::Protection) if is_mapped => Ok(Plan::Protection),
            Some(WatchEngine::Polling) => Ok(Plan::Polling(vec![BLIND.to_string()])),
            None | Some(WatchEngine::Hardware) if fits && is_mapped => Ok(Plan::Hardware(chunks)),
            None if is_mapped && has_huge_pages => {
                Ok(Plan::Polling(vec![HUGE.to_string(), BLIND.to_string()]))
            }
            None if is_mapped => Ok(Plan::Protection),
            Some(WatchEngine::Hardware | WatchEngine::Protection) if !is_mapped => Err(format!(
                "{}: no process that pmdb may look at maps it",
                range.watched.name
            )),
            Some(_) => Err(format!(
                "{} has {} bytes in that range, and the debug registers reach {WATCHPOINTS} times 8 that are aligned: take fewer elements, or \
                 --engine protection",
                range.watched.name,
                range.length()
            )),
            None => {
                let why = "no process that pmdb may look at maps it".to_string();
                Ok(Plan::Polling(vec![why, BLIND.to_string()]))
            }
        }
    }
}

/// The fewest aligned pieces of 1, 2, 4 or 8 bytes; one more than there are registers is enough.
pub(in crate::session) fn chunks(start: u64, length: u64) -> Vec<Chunk> {
    let end = start.saturating_add(length);
    let mut chunks = Vec::new();
    let mut at = start;
    while at < end && chunks.len() <= WATCHPOINTS {
        let fits = |length: &&u8| {
            let length = u64::from(**length);
            at.is_multiple_of(length) && at + length <= end
        };
        let length = [8, 4, 2, 1].iter().find(fits).copied().unwrap_or(1);
        chunks.push(Chunk { offset: at, length });
        at += u64::from(length);
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_covered_by_aligned_pieces() {
        let of = |start, length| -> Vec<(u64, u8)> {
            let all = chunks(start, length).into_iter();
            all.map(|chunk| (chunk.offset, chunk.length)).collect()
        };
        assert_eq!(of(800, 8), [(800, 8)]);
        assert_eq!(of(3, 8), [(3, 1), (4, 4), (8, 2), (10, 1)]);
        assert_eq!(of(16, 32), [(16, 8), (24, 8), (32, 8), (40, 8)]);
        assert_eq!(of(0, 1 << 40).len(), WATCHPOINTS + 1);
    }
}
