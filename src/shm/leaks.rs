//! Segments that nobody needs, of which the kernel itself is asked whether anybody has them.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::census::{Census, Wanted};
use super::identity::Identity;
use crate::model::{Certainty, Segment, SegmentReport, SegmentVerdict};
use crate::process::live::lease::{Lease, NoLease};

impl Census<'_> {
    /// The segments and semaphores that nobody needs. Others than those that pmdb may look at count too, as far as the kernel tells.
    pub fn leaks(self) -> SegmentReport {
        let named: BTreeMap<(u64, u64), _> = self
            .segments
            .iter()
            .filter_map(|(identity, found)| {
                let path = found.named.clone()?;
                matches!(identity, Identity::File { .. })
                    .then(|| ((identity.device(), identity.inode()), path))
            })
            .collect();
        let mut report = self.report(&Wanted::default());
        let leaks = |segments: Vec<Segment>| -> Vec<Segment> {
            segments
                .into_par_iter()
                .filter(|segment| segment.verdict == SegmentVerdict::Leaked)
                .filter_map(|segment| {
                    match named
                        .get(&(segment.device, segment.inode))
                        .map(|path| Lease::take(path))
                    {
                        Some(Err(NoLease::InUse)) => None,
                        Some(Ok(_)) => Some(known_to_kernel(segment)),
                        None | Some(Err(NoLease::Unknown(_))) => Some(segment),
                    }
                })
                .collect()
        };
        report.segments = leaks(std::mem::take(&mut report.segments));
        report.semaphores = leaks(std::mem::take(&mut report.semaphores));
        report.read_only_files = 0;
        report
    }
}

fn known_to_kernel(segment: Segment) -> Segment {
    if segment.certainty != Certainty::Unknown {
        return segment;
    }
    Segment {
        certainty: Certainty::Likely,
        evidence: format!(
            "{}; but the kernel knows of nobody at all who has it open",
            segment.evidence
        ),
        ..segment
    }
}
