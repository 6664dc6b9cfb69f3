//! What is in a segment: a typed view of it, or its bytes.

use std::path::PathBuf;

use serde::Serialize;
use thiserror::Error;

use super::dumps::dumps;
use super::element_texts::InSegment;
use super::moment::read_at_one_moment;
use super::{hexdump, values};
use crate::array::array_text::array_text;
use crate::array::dtype::{self, DtypeError};
use crate::array::slice::{Slice, SliceError};
use crate::array::text::TextError;
use crate::array::view::{Order, ViewError};
use crate::array::{Release, View, dtype_text};
use crate::model::{FieldStatistics, SCHEMA, SegmentDump, SegmentView, Statistics};
use crate::process::ProcessError;
use crate::process::family::ProcessTable;
use crate::shm::{
    BytesError, Census, Depth, Progress, Reached, SegmentBytes, ShmError, SoughtError, WalkError,
    of_parts, spread_statistics,
};

/// Values that are given where a program asks.
const MOST_VALUES: u64 = 10_000;

/// What is to be shown of which segment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShowOptions {
    pub name: String,
    /// The dumps that it is read from; of this machine, if empty.
    pub from: Vec<PathBuf>,
    /// Bytes without it.
    pub dtype: Option<String>,
    pub shape: Option<Vec<i64>>,
    pub strides: Option<Vec<i64>>,
    pub order: Order,
    /// Where the first element lies. Bytes.
    pub at: u64,
    pub slice: Option<String>,
    /// Values that are given; [`MOST_VALUES`] without it.
    pub values: Option<u64>,
    /// Those who map it are held while it is read.
    pub consistent: bool,
    /// Only as far as they are needed to be shown.
    pub without_statistics: bool,
    pub depth: Depth,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Shown {
    /// With the text that numpy has for it.
    View {
        #[serde(flatten)]
        view: Box<SegmentView>,
        #[serde(skip)]
        text: String,
    },
    Bytes(Box<SegmentDump>),
}

#[derive(Debug, Error)]
pub enum ShowError {
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Segment(#[from] ShmError),
    #[error(transparent)]
    Dtype(#[from] DtypeError),
    #[error(transparent)]
    View(#[from] ViewError),
    #[error(transparent)]
    Slice(#[from] SliceError),
    #[error(transparent)]
    Bytes(#[from] BytesError),
    #[error(transparent)]
    Sought(#[from] SoughtError),
    #[error(transparent)]
    Walk(#[from] WalkError),
    #[error("it has {size} bytes, and byte {at} is beyond its end")]
    Beyond { at: u64, size: u64 },
    #[error(
        "a view with so many axes has too many elements at its edges to be shown: take a slice of it"
    )]
    TooMany,
    #[error(
        "{shape} elements of {dtype} cannot be drawn: numbers along one axis or two can, and a slice chooses some of more axes"
    )]
    Undrawable { dtype: String, shape: String },
}

impl ShowError {
    /// The user's words make no sense, whatever is in the segment.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            ShowError::Dtype(_)
                | ShowError::Sought(_)
                | ShowError::Slice(SliceError::Syntax(_) | SliceError::StepOfZero)
        )
    }
}

/// A segment, and the elements of it that are meant.
pub(super) struct Opened {
    pub reached: Reached,
    /// Without the slice.
    pub whole: View,
    pub view: View,
}

/// Finds a segment and the elements of a type that the options choose.
pub(super) fn open(options: &ShowOptions) -> Result<Opened, ShowError> {
    let element = dtype::parse(options.dtype.as_deref().unwrap_or_default())?;
    let slice = options.slice.as_deref().map(Slice::parse).transpose()?;
    let reached = reach(&options.name, &options.from)?;
    let whole = View::new(
        element,
        options.at,
        options.shape.as_deref(),
        options.strides.as_deref(),
        options.order,
        reached.bytes.size(),
    )?;
    let view = match &slice {
        Some(slice) => slice.of(&whole)?,
        None => whole.clone(),
    };
    Ok(Opened {
        reached,
        whole,
        view,
    })
}

pub(super) fn reach(name: &str, from: &[PathBuf]) -> Result<Reached, ShowError> {
    if !from.is_empty() {
        return Ok(dumps(from)?.reach(name)?);
    }
    let table = ProcessTable::read()?;
    Ok(Census::take(&table, Vec::new()).reach(name)?)
}

pub fn show(options: &ShowOptions, progress: &Progress) -> Result<Shown, ShowError> {
    if options.dtype.is_none() {
        let reached = reach(&options.name, &options.from)?;
        let dump = hexdump::dump(&reached, options.at)?;
        return Ok(Shown::Bytes(Box::new(dump)));
    }
    let opened = open(options)?;
    shown(
        options,
        &opened.reached,
        &opened.whole,
        opened.view,
        progress,
    )
}

fn shown(
    options: &ShowOptions,
    reached: &Reached,
    whole: &View,
    view: View,
    progress: &Progress,
) -> Result<Shown, ShowError> {
    let (read, moment) = read_at_one_moment(options, reached, &view, || {
        read(options, &reached.bytes, &view, progress)
    });
    let Read {
        text,
        statistics,
        fields,
        values,
    } = read?;
    let view = SegmentView {
        schema: SCHEMA,
        segment: reached.brief.clone(),
        consistent: moment.consistent,
        dtype: dtype_text::name(&view.element),
        item_size: view.element.size,
        offset: view.offset,
        values_left_out: view.size() - values.len() as u64,
        shape: view.shape,
        strides: view.strides,
        statistics,
        fields,
        values,
        notes: interruption(progress)
            .into_iter()
            .chain(notes(options, reached, whole, moment.note))
            .collect(),
    };
    Ok(Shown::View {
        view: Box::new(view),
        text,
    })
}

/// What is read of the elements.
struct Read {
    text: String,
    statistics: Option<Statistics>,
    fields: Vec<FieldStatistics>,
    values: Vec<serde_json::Value>,
}

fn read(
    options: &ShowOptions,
    bytes: &SegmentBytes,
    view: &View,
    progress: &Progress,
) -> Result<Read, ShowError> {
    let text = array_text(view, Release::of_major(2), &mut InSegment(bytes));
    let text = text.map_err(|error| match error {
        TextError::Elements(error) => ShowError::Bytes(error),
        TextError::TooMany | TextError::Unknown => ShowError::TooMany,
    })?;
    let (statistics, fields) = if options.without_statistics {
        (None, Vec::new())
    } else {
        progress.expect(view.size());
        let own = spread_statistics(bytes, view, options.depth, progress)?;
        let parts = match own {
            Some(_) => Vec::new(),
            None => of_parts(bytes, view, progress)?,
        };
        (own, parts)
    };
    let most = options.values.unwrap_or(MOST_VALUES);
    Ok(Read {
        text,
        statistics,
        fields,
        values: values::values(bytes, view, most)?,
    })
}

/// What may be otherwise than it looks.
fn notes(
    options: &ShowOptions,
    reached: &Reached,
    whole: &View,
    moment: Option<String>,
) -> Vec<String> {
    let mut notes = Vec::new();
    let size = reached.bytes.size();
    if options.shape.is_none() {
        let left = (size - options.at) % whole.element.size;
        if left > 0 {
            notes.push(format!("the last {left} bytes are less than an element"));
        }
    }
    notes.extend(changes(&reached.bytes, size));
    if let Some(pid) = reached.brief.through {
        notes.push(format!("it was read through the memory of process {pid}"));
    }
    notes.extend(reached.notes.iter().cloned());
    notes.extend(moment);
    notes
}

/// What an answer leaves out that the user did not wait for.
pub(super) fn interruption(progress: &Progress) -> Option<String> {
    let percent = progress.percent().filter(|_| progress.is_cancelled())?;
    Some(format!(
        "interrupted: {percent}% of it was looked through, and nothing is said of the rest"
    ))
}

pub(super) fn changes(bytes: &SegmentBytes, size: u64) -> Vec<String> {
    let mut notes = Vec::new();
    match bytes.lost() {
        0 => {}
        lost => notes.push(format!(
            "{lost} bytes of it were cut off while it was read, and were taken for zeros"
        )),
    }
    if let Some(now) = bytes.other_size() {
        notes.push(format!(
            "it had {size} bytes when it was opened, and has {now} now"
        ));
    }
    notes
}
