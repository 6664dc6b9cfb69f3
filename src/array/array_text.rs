//! The text of a whole array, as `repr()` gives it with numpy's default print options.

use super::dtype_text;
use super::element::ElementType;
use super::page::{self, THRESHOLD, WIDTH};
use super::release::Release;
use super::text::{Elements, MOST, TextError, Writing};
use super::view::View;

/// numpy writes up to 1,000 elements of an array in a record, all of them on one line.
const LONGEST_SUBARRAY: u64 = 24;

/// `array([…], dtype=float32)`: what a numpy of this release prints of a view.
pub fn array_text<E: Elements>(
    view: &View,
    release: Release,
    elements: &mut E,
) -> Result<String, TextError<E::Error>> {
    const NAME: &str = "array";
    let size = view.size();
    let summarised = size > THRESHOLD;
    let body = if size == 0 {
        "[]".to_string()
    } else {
        let places = shown_places(view.offset, &view.shape, &view.strides, summarised)
            .ok_or(TextError::TooMany)?;
        let writing = Writing {
            release,
            alone: view.shape.is_empty(),
            scalar: false,
            longest_subarray: LONGEST_SUBARRAY,
        };
        let texts = writing.texts(&view.element, &places, elements)?;
        page::lay_out(&view.shape, summarised, texts, NAME.len() + 1, 1)
    };
    let mut extras = Vec::new();
    if (size == 0 && view.shape != [0]) || (summarised && release.says_shape()) {
        extras.push(format!("shape={}", page::shape_text(&view.shape)));
    }
    if size == 0 || !dtype_text::is_implied(&view.element) {
        extras.push(format!("dtype={}", dtype_text::short(&view.element)));
    }
    Ok(with_extras(NAME, &body, &extras.join(", ")))
}

/// One element by itself.
pub fn element_text<E: Elements>(
    element: &ElementType,
    place: u64,
    release: Release,
    elements: &mut E,
) -> Result<String, TextError<E::Error>> {
    let writing = Writing {
        release,
        alone: true,
        scalar: true,
        longest_subarray: LONGEST_SUBARRAY,
    };
    let texts = writing.texts(element, &[place], elements)?;
    Ok(texts.concat().trim().to_string())
}

/// `name(body, extras)`; the extras begin a line of their own if the last one would become too long.
pub fn with_extras(name: &str, body: &str, extras: &str) -> String {
    if extras.is_empty() {
        return format!("{name}({body})");
    }
    let text = format!("{name}({body},");
    let count = |text: &str| text.chars().count();
    let last = text.rsplit('\n').next().map_or(0, count);
    if last + count(extras) + 2 > WIDTH {
        let indent = " ".repeat(count(name) + 1);
        format!("{text}\n{indent}{extras})")
    } else {
        format!("{text} {extras})")
    }
}

/// Where the elements lie that are shown, in order; nothing if they are too many.
pub fn shown_places(
    data: u64,
    shape: &[u64],
    strides: &[i64],
    summarised: bool,
) -> Option<Vec<u64>> {
    let mut places = vec![data];
    for (&length, &stride) in shape.iter().zip(strides) {
        let count = match summarised && length > 2 * page::EDGE {
            true => 2 * page::EDGE,
            false => length,
        };
        if count.saturating_mul(places.len() as u64) > MOST as u64 {
            return None;
        }
        let steps = page::shown(length, summarised);
        let along = |&place: &u64| {
            let step = move |&index: &u64| place.wrapping_add((stride as u64).wrapping_mul(index));
            steps.iter().map(step).collect::<Vec<_>>()
        };
        places = places.iter().flat_map(along).collect();
    }
    Some(places)
}
