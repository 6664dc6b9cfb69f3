//! A segment's numbers as a picture.

use super::moment::read_at_one_moment;
use super::show::{Opened, ShowError, ShowOptions, changes, open};
use crate::array::dtype_text;
use crate::model::{SegmentBrief, Statistics};
use crate::shm::{Canvas, Picture, Progress, WalkError, picture, statistics};

/// What is to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    pub segment: SegmentBrief,
    pub dtype: String,
    pub shape: Vec<u64>,
    pub statistics: Statistics,
    /// From the least to the largest finite number.
    pub range: (f64, f64),
    pub picture: Picture,
    pub notes: Vec<String>,
}

/// Goes through the elements that the options choose twice: for the range of their numbers, and for the picture. `canvas` says how large
/// a picture of so many axes may be.
pub fn plot(
    options: &ShowOptions,
    canvas: impl Fn(&[u64]) -> Canvas,
    progress: &Progress,
) -> Result<Plot, ShowError> {
    let Opened { reached, view, .. } = open(options)?;
    let undrawable = || ShowError::Undrawable {
        dtype: dtype_text::name(&view.element),
        shape: crate::array::page::shape_text(&view.shape),
    };
    if !matches!(view.shape.len(), 1 | 2) || view.size() == 0 {
        return Err(undrawable());
    }
    progress.expect(view.size().saturating_mul(2));
    let canvas = canvas(&view.shape);
    let draw = || -> Result<_, ShowError> {
        let statistics = statistics(&reached.bytes, &view, progress)?.ok_or_else(undrawable)?;
        if progress.is_cancelled() {
            return Err(WalkError::Cancelled.into());
        }
        let end = |number: &Option<serde_json::Number>| {
            number.as_ref().and_then(serde_json::Number::as_f64)
        };
        let range = (
            end(&statistics.min).unwrap_or(0.0),
            end(&statistics.max).unwrap_or(0.0),
        );
        let picture =
            picture(&reached.bytes, &view, canvas, range, progress)?.ok_or_else(undrawable)?;
        Ok((statistics, range, picture))
    };
    let (drawn, moment) = read_at_one_moment(options, &reached, &view, draw);
    let (statistics, range, picture) = drawn?;
    Ok(Plot {
        dtype: dtype_text::name(&view.element),
        shape: view.shape,
        statistics,
        range,
        picture,
        notes: [
            changes(&reached.bytes, reached.brief.size),
            reached.notes,
            moment.note.into_iter().collect(),
        ]
        .concat(),
        segment: reached.brief,
    })
}
