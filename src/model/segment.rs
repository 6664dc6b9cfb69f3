//! Shared memory: what `pmdb shm` answers. Schema 1, documented in `docs/guide/json.md`.

use serde::{Deserialize, Serialize};

use super::{Addr, Pid, SCHEMA};

/// The shared memory of a machine, or of some processes on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentReport {
    pub schema: u32,
    pub segments: Vec<Segment>,
    /// Named semaphores (sem_overview(7)), which are memory in `/dev/shm` too.
    pub semaphores: Vec<Segment>,
    /// How many processes were looked at.
    pub processes: u64,
    /// Those that may not be looked at, by the reason: what they share is known as far as others share it.
    pub unreadable: Vec<Unreadable>,
    /// Files that are mapped shared by nobody who may write to them, and are left out.
    pub read_only_files: u64,
    /// When the first of these dumps was made, in milliseconds since the epoch, if they tell.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub taken_ms: Option<u64>,
    /// What else there is to be known of dumps: what they do not hold, and why.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<String>,
}

/// Processes that may not be looked at, and what would permit it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    pub why: String,
    pub pids: Vec<Pid>,
}

/// Memory that several processes can have, and who has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    pub name: String,
    pub kind: SegmentKind,
    /// Of the file that the kernel keeps for it; 0 for memory of System V, whose id is `inode`.
    pub device: u64,
    pub inode: u64,
    /// Bytes; `null` if nobody who may be asked knows.
    pub size: Option<u64>,
    /// Bytes that are in memory. Of a file, those that the page cache holds.
    pub resident: Option<u64>,
    /// Bytes that are in swap space.
    pub swapped: Option<u64>,
    pub mappers: Vec<Mapper>,
    /// Processes that have it open, mapped or not.
    pub descriptors: Vec<Opener>,
    /// The user id that it belongs to.
    pub owner: Option<u32>,
    /// The process that made it, which may have ended.
    pub creator: Option<Pid>,
    /// When it was made, in milliseconds since the epoch.
    pub created_ms: Option<u64>,
    /// Resource trackers of Python that will remove its name.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub trackers: Vec<SegmentTracker>,
    pub verdict: SegmentVerdict,
    pub certainty: Certainty,
    /// What the verdict rests on, in words.
    pub evidence: String,
    /// Of a dump: how many bytes of it that holds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kept: Option<u64>,
}

/// One mapping of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapper {
    pub pid: Pid,
    pub address: Addr,
    /// Bytes, as is `offset`: where in the segment the mapping begins.
    pub length: u64,
    pub offset: u64,
    /// `rw-`, as `/proc/PID/maps` has it.
    pub protection: String,
}

/// A process that has a segment open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opener {
    pub pid: Pid,
    pub descriptors: Vec<u32>,
}

/// A resource tracker of `multiprocessing` that has a segment on its list, and will remove its name when its processes have ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentTracker {
    pub pid: Pid,
    /// Those for which it waits.
    pub processes: Vec<Pid>,
}

/// How memory came to be shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentKind {
    /// A file in `/dev/shm`: shm_open(3), `multiprocessing.shared_memory`.
    Posix,
    /// The same without its name: the arenas of `multiprocessing.Array` and `Value`, torch's tensors.
    Unlinked,
    /// memfd_create(2).
    Memfd,
    /// shmget(2).
    Sysv,
    /// `mmap(MAP_SHARED | MAP_ANONYMOUS)`, shared by a process and its children.
    Anonymous,
    /// Another file, mapped with `MAP_SHARED`.
    File,
    /// A file of hugetlbfs, or memory made with `MAP_HUGETLB`.
    Hugetlb,
}

/// What is to be thought of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentVerdict {
    InUse,
    /// Its name is gone and it is in use: it will go with its last user.
    Unlinked,
    /// It is mapped and its end has been cut off, or was never there: touching what is missing raises SIGBUS.
    Truncated,
    /// It is mapped and longer than what its file system can still hold: writing to the rest of it will raise SIGBUS.
    TooBig,
    /// It is in use, and the resource tracker of other processes than its own will remove its name.
    Doomed,
    /// Nobody maps it or has it open, and somebody is alive who may come back to it or remove it.
    Idle,
    /// Nobody maps it, nobody has it open and nobody is known who would remove it.
    Leaked,
}

/// How sure a verdict is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// It was seen.
    Certain,
    /// The evidence speaks for it, and nothing against it.
    Likely,
    Unknown,
}

/// What `pmdb shm rm` and `pmdb shm leaks --remove` answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovalReport {
    pub schema: u32,
    pub removals: Vec<Removal>,
}

/// What became of a segment that was to be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    pub name: String,
    pub kind: SegmentKind,
    pub inode: u64,
    pub removed: bool,
    /// Bytes of memory that came free by that; of one that is in use, none do before its last user goes.
    pub freed: u64,
    /// Why it was not removed.
    pub error: Option<String>,
}

/// What the processes that map a segment say of it: what `pmdb shm where` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentContents {
    pub schema: u32,
    pub name: String,
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// By their places.
    pub objects: Vec<SegmentObject>,
    /// Which processes could not be asked, and why.
    pub notes: Vec<String>,
}

/// Something that lies in a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentObject {
    /// Bytes from the beginning of the segment.
    pub offset: u64,
    /// `float64[1000,64]` of an array, else the type.
    pub what: String,
    pub variables: Vec<SegmentVariable>,
}

/// A variable that is it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentVariable {
    /// `self.w`
    pub expression: String,
    /// The function that has it, or the file of the module.
    pub place: String,
    pub pids: Vec<Pid>,
}

impl RemovalReport {
    pub fn new(removals: Vec<Removal>) -> RemovalReport {
        RemovalReport {
            schema: SCHEMA,
            removals,
        }
    }
}

impl SegmentReport {
    pub fn new(segments: Vec<Segment>, semaphores: Vec<Segment>) -> SegmentReport {
        SegmentReport {
            schema: SCHEMA,
            segments,
            semaphores,
            processes: 0,
            unreadable: Vec::new(),
            read_only_files: 0,
            taken_ms: None,
            notes: Vec::new(),
        }
    }
}
