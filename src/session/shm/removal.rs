//! Segments that nobody needs, and removing them.

use super::trackers::trackers;
use crate::model::{Certainty, Removal, RemovalReport, SegmentReport};
use crate::process::ProcessError;
use crate::process::family::ProcessTable;
use crate::shm::{Caution, Census, Designation, ShmError};

/// The segments and semaphores that nobody needs.
pub fn leaks() -> Result<SegmentReport, ProcessError> {
    let table = ProcessTable::read()?;
    Ok(Census::take(&table, trackers(&table)).leaks())
}

/// Removes the name of a segment, as far as the caution permits.
pub fn remove(
    which: &[Designation],
    caution: Caution,
) -> Result<Vec<Result<Removal, ShmError>>, ProcessError> {
    let table = ProcessTable::read()?;
    let census = Census::take(&table, trackers(&table));
    Ok(which
        .iter()
        .map(|which| census.remove(which, caution))
        .collect())
}

/// Removes those of the leaks that are leaks still. What only perhaps is one is left alone unless `also_doubtful`.
pub fn remove_leaks(
    leaks: &SegmentReport,
    also_doubtful: bool,
) -> Result<RemovalReport, ProcessError> {
    let table = ProcessTable::read()?;
    let census = Census::take(&table, trackers(&table));
    let all = leaks.segments.iter().chain(&leaks.semaphores);
    let removals = all.map(|segment| {
        let refused = |why: String| Removal {
            name: segment.name.clone(),
            kind: segment.kind,
            inode: segment.inode,
            removed: false,
            freed: 0,
            error: Some(why),
        };
        if segment.certainty == Certainty::Unknown && !also_doubtful {
            return refused("it is only perhaps a leak; --force removes such ones too".to_string());
        }
        let which = Designation::new(&format!("{}#{}", segment.name, segment.inode));
        census
            .remove(&which, Caution::OnlyLeaks)
            .unwrap_or_else(|error| match error {
                ShmError::NoSuchSegment { .. } => refused("it is gone already".to_string()),
                other => refused(other.to_string()),
            })
    });
    Ok(RemovalReport::new(removals.collect()))
}
