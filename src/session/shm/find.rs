//! Where in a segment something is.

use super::element_texts::InSegment;
use super::moment::read_at_one_moment;
use super::show::{Opened, ShowError, ShowOptions, changes, interruption, open};
use crate::array::Release;
use crate::array::array_text::element_text;
use crate::array::dtype_text;
use crate::model::{SCHEMA, SegmentHit, SegmentHits};
use crate::shm::{Progress, Sought, search};

/// Looks for something among the elements that the options choose (bytes, without a type). At most so many hits are told one by one.
pub fn find(
    options: &ShowOptions,
    sought: &str,
    most: usize,
    progress: &Progress,
) -> Result<SegmentHits, ShowError> {
    let typed = ShowOptions {
        dtype: options.dtype.clone().or(Some("u8".to_string())),
        ..options.clone()
    };
    let Opened { reached, view, .. } = open(&typed)?;
    let wanted = Sought::parse(sought, &view.element)?;
    let is_pattern = matches!(wanted, Sought::Bytes(_));
    let (start, end) = view.reach();
    let start = u64::try_from(start).unwrap_or(0);
    // A pattern is looked for byte by byte.
    progress.expect(match is_pattern {
        true => u64::try_from(end).unwrap_or(0).saturating_sub(start),
        false => view.size(),
    });
    let (found, moment) = read_at_one_moment(options, &reached, &view, || {
        search(&reached.bytes, &view, &wanted, most, progress)
    });
    let found = found?;
    let hit = |number: u64| {
        if is_pattern {
            return SegmentHit {
                index: None,
                offset: start + number,
                text: None,
            };
        }
        let index = view.indices(number);
        let offset = view.place(&index);
        let mut elements = InSegment(&reached.bytes);
        SegmentHit {
            text: element_text(&view.element, offset, Release::of_major(2), &mut elements).ok(),
            index: Some(index),
            offset,
        }
    };
    let hits: Vec<SegmentHit> = found.first.iter().map(|&number| hit(number)).collect();
    let is_last_told = found.first.last() == found.last.as_ref();
    Ok(SegmentHits {
        schema: SCHEMA,
        dtype: dtype_text::name(&view.element),
        shape: view.shape.clone(),
        sought: sought.to_string(),
        elements: view.size(),
        count: found.count,
        consistent: moment.consistent,
        last: found.last.filter(|_| !is_last_told).map(hit),
        hits,
        notes: [
            interruption(progress).into_iter().collect(),
            changes(&reached.bytes, reached.brief.size),
            reached.notes,
            moment.note.into_iter().collect(),
        ]
        .concat(),
        segment: reached.brief,
    })
}
