//! Plain data that every floor speaks: what `--json` prints and the faces render.
//!
//! Nothing here reads a process or formats for a terminal. A Python frame and a native one are the
//! same type, and a value that could not be had is a value with a reason ([`Absence`]), never a guess.

mod absence;
mod dump_diff;
mod dump_report;
mod exception;
mod frame;
mod ids;
mod report;
mod segment;
mod segment_view;
mod snapshot;
mod task;
mod thread;
mod value;
mod watch;

pub use absence::Absence;
pub use dump_diff::{DUMP_DIFF_SCHEMA, DumpDiff, Presence, ProcessDiff, ThreadDiff, ValueChange};
pub use dump_report::{DUMP_REPORT_SCHEMA, DumpReport, DumpedProcess, SegmentOutline};
pub use exception::{Exception, ExceptionState};
pub use frame::{ColumnRange, Frame, Language, Local, LocalKind};
pub use ids::{Addr, BuildId, Pid, Tid};
pub use report::{Phase, ProcessReport, Report, SCHEMA, Usage};
pub use segment::{
    Certainty, Mapper, Opener, Removal, RemovalReport, Segment, SegmentContents, SegmentKind,
    SegmentObject, SegmentReport, SegmentTracker, SegmentVariable, SegmentVerdict, Unreadable,
};
pub use segment_view::{
    DistinctNumbers, FieldStatistics, Guess, Histogram, Quantiles, SegmentBrief, SegmentDump,
    SegmentHit, SegmentHits, SegmentView, Statistics,
};
pub use snapshot::{
    CauseFacts, Limit, Manifest, ManifestEntry, OpenFile, ProcessFacts, SNAPSHOT_SCHEMA,
    SharedFacts, SnapshotFacts, ThreadFacts, Variable,
};
pub use task::{Awaited, AwaitedKind, EventLoop, Task, TaskState};
pub use thread::{GilState, Thread, ThreadState};
pub use value::{LengthUnit, Value};
pub use watch::{
    ElementChange, HeldLock, RaceReport, RaceSide, RacingElements, SegmentChange, SegmentEdit,
    SegmentWrite, WatchBegun, WatchEngine, WatchEvent, WatchSummary, Writer, WritingThread,
};
