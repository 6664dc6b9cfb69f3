//! Who writes to a segment. Engines, the best that is permitted and reaches far enough first: the processor's debug registers, write
//! protection, and looking again and again.

mod apart;
mod ledger;
mod plan;
mod polling;
mod protected;
mod races;
mod traced;
mod writer;

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use apart::{WORD, serve, watch};
pub use races::races;

use self::plan::Plan;
pub(in crate::session) use self::plan::{Chunk, chunks};
use self::traced::Means;
pub(in crate::session) use self::traced::places;
use crate::model::{SCHEMA, WatchBegun, WatchEngine, WatchEvent};
use crate::process::family::ProcessTable;
use crate::shm::{Census, ElementType, Part, SegmentBytes, ShmError, Watched};

/// What is to be watched, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchRequest {
    /// `psm_1[100:200]`
    pub part: String,
    /// The type of its elements, by its name.
    pub element: String,
    /// The best that will do, if it is not said.
    pub engine: Option<WatchEngine>,
    /// Until it is ended, without.
    pub duration: Option<Duration>,
    /// Between two looks.
    pub every: Duration,
    /// How many writes have an event of their own in a second; all are counted.
    pub most_per_second: u32,
    /// Also which locks the writer holds.
    pub with_locks: bool,
}

/// Of a range of this length a copy is kept. Bytes.
const LONGEST_COPY: u64 = 1 << 30;

/// What is watched.
struct Range {
    watched: Watched,
    bytes: SegmentBytes,
    element: ElementType,
    /// Elements.
    first: u64,
    end: u64,
}

impl Range {
    /// Bytes from the beginning of the segment.
    fn start(&self) -> u64 {
        self.first * self.element.size()
    }

    fn length(&self) -> u64 {
        (self.end - self.first) * self.element.size()
    }

    /// What lies in it now.
    fn read(&self) -> Result<Vec<u8>, String> {
        let length = self.length();
        if length > LONGEST_COPY {
            return Err(format!(
                "{length} bytes are too many to be compared with what they were before: take a range of at most 1 GiB, NAME[FIRST:END]"
            ));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        match self.bytes.read(self.start(), &mut bytes) {
            Ok(()) => Ok(bytes),
            Err(error) => Err(format!("{}: {error}", self.watched.name)),
        }
    }
}

/// Watches in this process, until it is told to stop.
fn run(request: &WatchRequest, stop: &AtomicBool, tell: &(dyn Fn(WatchEvent) + Sync)) {
    match range(request) {
        Ok(range) => {
            let plan = Plan::of(request, &range);
            match plan {
                Ok(Plan::Hardware(chunks)) => {
                    traced::watch(request, &range, Means::Registers(&chunks), stop, tell)
                }
                Ok(Plan::Protection) => {
                    traced::watch(request, &range, Means::Protection, stop, tell)
                }
                Ok(Plan::Polling(remarks)) => polling::watch(request, &range, remarks, stop, tell),
                Err(why) => tell(WatchEvent::Failed { why }),
            }
        }
        Err(why) => tell(WatchEvent::Failed { why }),
    }
}

fn range(request: &WatchRequest) -> Result<Range, String> {
    let part = Part::new(&request.part)?;
    let element: ElementType = request.element.parse()?;
    let table = ProcessTable::read().map_err(|error| error.to_string())?;
    let census = Census::take(&table, Vec::new());
    let text = |error: ShmError| error.to_string();
    let watched = census.watched(&part.segment).map_err(text)?;
    let bytes = census.reach(&part.segment).map_err(text)?.bytes;
    let (first, end) = part
        .elements(element, watched.size)
        .map_err(|why| format!("{}: {why}", watched.name))?;
    Ok(Range {
        watched,
        bytes,
        element,
        first,
        end,
    })
}

fn begun(
    range: &Range,
    engine: WatchEngine,
    remarks: Vec<String>,
    processes: Vec<crate::model::Pid>,
    armed: Duration,
) -> WatchEvent {
    WatchEvent::Begun(WatchBegun {
        schema: SCHEMA,
        name: range.watched.name.clone(),
        inode: range.watched.inode,
        engine,
        remarks,
        dtype: range.element.name(),
        first: range.first,
        end: range.end,
        processes,
        armed_us: u64::try_from(armed.as_micros()).unwrap_or(u64::MAX),
    })
}
