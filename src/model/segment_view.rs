//! What is in a segment: what `pmdb shm show` answers. Schema 1, documented in `docs/guide/json.md`.

use serde::{Deserialize, Serialize};

use super::{Pid, SegmentKind};

/// The segment that was looked into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentBrief {
    pub name: String,
    pub kind: SegmentKind,
    pub device: u64,
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// Processes that map it so that they may write to it.
    pub writers: Vec<Pid>,
    /// And so that they may not.
    pub readers: Vec<Pid>,
    /// The process through whose memory it was read, where its file could not be.
    pub through: Option<Pid>,
    /// The dump that it was read from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
}

/// A typed view of a segment, or of a part of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentView {
    pub schema: u32,
    pub segment: SegmentBrief,
    /// As numpy names it.
    pub dtype: String,
    /// Bytes of an element.
    pub item_size: u64,
    /// Bytes from the beginning of the segment to the first element.
    pub offset: u64,
    pub shape: Vec<u64>,
    /// Bytes from one element to the next along each axis.
    pub strides: Vec<i64>,
    /// Whether all of it is of one moment: nobody could write meanwhile (`true`), somebody was seen to have written (`false`), somebody could
    /// have (`null`).
    pub consistent: Option<bool>,
    /// Of elements that are numbers; `null` of others.
    pub statistics: Option<Statistics>,
    /// Of elements that consist of several: each part of them that is a number.
    pub fields: Vec<FieldStatistics>,
    /// In the order of the indices, the last axis fastest.
    pub values: Vec<serde_json::Value>,
    /// How many are left out of `values` at its end.
    pub values_left_out: u64,
    /// What is to be known of what was read.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldStatistics {
    /// `x`, `position.y`, `real`.
    pub name: String,
    pub dtype: String,
    pub statistics: Statistics,
}

/// Of numbers. NaNs and infinities are counted, and left out of everything else. Of times the numbers are counts of their unit.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Statistics {
    /// All elements.
    pub count: u64,
    pub min: Option<serde_json::Number>,
    pub max: Option<serde_json::Number>,
    pub mean: Option<f64>,
    /// Of the whole, as `numpy.std` has it.
    pub std: Option<f64>,
    /// Or NaT.
    pub nan: u64,
    pub inf: u64,
    pub positive_inf: u64,
    pub negative_inf: u64,
    pub zero: u64,
    /// Below the smallest normal number of their type, and not zero.
    pub subnormal: u64,
    /// Indices; `null` if all are zero. A NaN is not.
    pub first_nonzero: Option<Vec<u64>>,
    pub last_nonzero: Option<Vec<u64>>,
    /// Of those that are finite; `null` of the parts of elements, and if it was not to be found out.
    pub quantiles: Option<Quantiles>,
    pub distinct: Option<DistinctNumbers>,
    pub histogram: Option<Histogram>,
}

/// As `numpy.quantile` has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    pub p1: f64,
    pub p5: f64,
    pub p25: f64,
    pub p50: f64,
    pub p75: f64,
    pub p95: f64,
    pub p99: f64,
    /// By how much of all numbers the rank of one may be off; 0 if they are exact.
    pub rank_error: f64,
    /// From so many numbers.
    pub elements: u64,
}

/// How many different numbers there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DistinctNumbers {
    pub count: u64,
    /// The standard error of an estimate, as a part of the count; 0 if they were counted.
    pub relative_error: f64,
}

/// How many numbers lie between the edges; one that lies on an edge belongs to the part that begins there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    pub edges: Vec<f64>,
    /// Of a sample, if the quantiles are.
    pub counts: Vec<u64>,
}

/// The bytes of a segment, where nobody has said what they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentDump {
    pub schema: u32,
    pub segment: SegmentBrief,
    /// Of the first byte.
    pub offset: u64,
    /// Two hexadecimal digits each.
    pub bytes: String,
    pub guess: Option<Guess>,
    pub notes: Vec<String>,
}

/// What bytes look like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guess {
    pub dtype: String,
    pub why: String,
}

/// What `pmdb shm find` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentHits {
    pub schema: u32,
    pub segment: SegmentBrief,
    pub dtype: String,
    pub shape: Vec<u64>,
    /// As the user wrote it.
    pub sought: String,
    /// That were looked through.
    pub elements: u64,
    /// How many there are.
    pub count: u64,
    /// As [`SegmentView::consistent`].
    pub consistent: Option<bool>,
    /// The first of them.
    pub hits: Vec<SegmentHit>,
    /// The last, if it is not among `hits`.
    pub last: Option<SegmentHit>,
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentHit {
    /// `null` of bytes that may begin anywhere.
    pub index: Option<Vec<u64>>,
    /// Bytes from the beginning of the segment.
    pub offset: u64,
    /// The element as numpy writes it by itself.
    pub text: Option<String>,
}
