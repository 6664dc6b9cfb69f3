//! Shared memory in files: cores, snapshots and bundles of them.

use std::path::PathBuf;

use super::super::stack::{Target, core_options, in_files};
use crate::model::SegmentReport;
use crate::process::ProcessError;
use crate::process::core::CoreProcess;
use crate::shm::{Dump, Dumps};

/// What `pmdb shm` tells of the processes in these files; `all` as of [`ShmOptions`](super::ShmOptions).
pub fn dumped_segments(files: &[PathBuf], all: bool) -> Result<SegmentReport, ProcessError> {
    Ok(dumps(files)?.report(all))
}

pub(super) fn dumps(files: &[PathBuf]) -> Result<Dumps, ProcessError> {
    let open = |target: Target| match target {
        Target::Core { path, executable } => Some(
            CoreProcess::open(&path, core_options(&executable)).map(|process| Dump {
                file: path.display().to_string(),
                process,
            }),
        ),
        Target::Live(_) => None,
    };
    let targets = in_files(files, None).into_iter();
    let dumps: Vec<Dump> = targets.filter_map(open).collect::<Result<_, _>>()?;
    Ok(Dumps::new(dumps))
}
