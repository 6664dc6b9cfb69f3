//! The memory that processes share.

mod contents;
mod dumps;
mod edit;
mod element_texts;
mod find;
mod hexdump;
mod in_expressions;
mod moment;
mod plot;
mod removal;
mod show;
mod trackers;
mod values;
pub mod watch;

use std::collections::BTreeSet;

pub use self::contents::{contents, dumped_contents};
pub use self::dumps::dumped_segments;
pub use self::edit::Edit;
pub use self::find::find;
pub(super) use self::in_expressions::OpenedSegments;
pub use self::plot::{Plot, plot};
pub use self::removal::{leaks, remove, remove_leaks};
pub use self::show::{ShowError, ShowOptions, Shown, show};
pub use crate::array::view::Order;
pub use crate::shm::{Canvas, Caution, Depth, Designation, GridCell, Picture, Progress, ShmError};

use self::trackers::trackers;
use crate::model::{Pid, SegmentReport};
use crate::process::ProcessError;
use crate::process::family::ProcessTable;
use crate::process::live::LiveProcess;
use crate::shm::{Census, Wanted};

/// Which segments are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShmOptions {
    /// Those of these processes; of everybody, if empty.
    pub pids: Vec<Pid>,
    /// Also those of their descendants.
    pub tree: bool,
    /// Also files that are mapped shared by nobody who may write to them.
    pub all: bool,
}

/// The segments of this machine, or of some processes, and who else has them. Fails if the process table cannot be read, or a
/// process that was asked for cannot be looked at.
pub fn segments(options: &ShmOptions) -> Result<SegmentReport, ProcessError> {
    let table = ProcessTable::read()?;
    for &pid in &options.pids {
        // Says which it is: ended, hidden, a thread, another user's.
        LiveProcess::open(pid)?;
    }
    let processes: BTreeSet<Pid> = match options.tree {
        true => options
            .pids
            .iter()
            .flat_map(|&pid| table.family(pid))
            .collect(),
        false => options.pids.iter().copied().collect(),
    };
    let wanted = Wanted {
        processes: (!processes.is_empty()).then_some(processes),
        read_only_files: options.all,
    };
    Ok(Census::take(&table, trackers(&table)).report(&wanted))
}
