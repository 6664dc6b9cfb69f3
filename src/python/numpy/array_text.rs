//! The text of an array: what `repr()` gives with numpy's default print options.

use super::dtype::{Dtype, Element};
use super::dtype_text::shape_text;
use super::elements::{Elements, MOST, WriteObject};
use super::ndarray::ArrayView;
use super::page::{self, THRESHOLD, WIDTH};
use super::release::Release;
use crate::model::{Absence, Addr};
use crate::python::{Look, LookError};

/// A text, and why it has no elements if it has none.
pub(in crate::python) struct ArrayText {
    pub text: String,
    pub absence: Option<Absence>,
}

impl Look<'_> {
    /// The text of a numpy array. `name` is what stands before its bracket: `array`, or the name of a subclass. One
    /// whose elements cannot be read says why in their place, and its shape and dtype all the same.
    pub(in crate::python) fn array_text(
        &self,
        object: Addr,
        name: &str,
        objects: &mut dyn WriteObject,
    ) -> Result<ArrayText, LookError> {
        let array = self.array(object)?;
        self.view_text(&array, name, objects)
    }

    /// The text of a part of an array.
    pub(in crate::python) fn view_text(
        &self,
        array: &ArrayView,
        name: &str,
        objects: &mut dyn WriteObject,
    ) -> Result<ArrayText, LookError> {
        let release = self.release_of(&array.dtype);
        let mut elements = Elements {
            look: self,
            objects,
            release,
            alone: array.shape.is_empty(),
            scalar: false,
        };
        let body = self.body(array, name, &mut elements);
        let (body, absence) = match body {
            Ok(body) => (body, None),
            Err(error) => {
                let absence = error.absence();
                (absence.to_string(), Some(absence))
            }
        };
        let mut extras = Vec::new();
        let empty = array.size == 0 && array.shape != [0];
        let summarised = array.size > THRESHOLD && release.says_shape();
        if empty || summarised || absence.is_some() {
            extras.push(format!("shape={}", shape_text(&array.shape)));
        }
        if !is_implied(&array.dtype, release) || array.size == 0 || absence.is_some() {
            extras.push(format!(
                "dtype={}",
                self.dtype_short(&array.dtype, release)?
            ));
        }
        Ok(ArrayText {
            text: with_extras(name, &body, &extras.join(", ")),
            absence,
        })
    }

    fn body(
        &self,
        array: &ArrayView,
        name: &str,
        elements: &mut Elements<'_, '_, '_>,
    ) -> Result<String, LookError> {
        if array.size == 0 {
            return Ok("[]".to_string());
        }
        let summarised = array.size > THRESHOLD;
        let places = places(array, summarised)?;
        let texts = elements.texts(&array.dtype, &places)?;
        let prefix = name.chars().count() + 1;
        Ok(page::lay_out(&array.shape, summarised, texts, prefix, 1))
    }
}

/// `name(body, extras)`; the extras begin a line of their own if the last one would become too long.
fn with_extras(name: &str, body: &str, extras: &str) -> String {
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

/// The elements say what dtype they have: `bool`, `int64`, `float64`, `complex128`, by their type numbers.
fn is_implied(dtype: &Dtype, release: Release) -> bool {
    let foreign_order = dtype.byte_order == b'>' && release.says_byte_order();
    !matches!(dtype.element, Element::Record(_))
        && !foreign_order
        && matches!(dtype.type_number, 0 | 7 | 12 | 15)
}

/// Where the elements lie that are shown, in order.
fn places(array: &ArrayView, summarised: bool) -> Result<Vec<Addr>, LookError> {
    let mut places = vec![array.data];
    for (&length, &stride) in array.shape.iter().zip(&array.strides) {
        let count = match summarised && length > 2 * page::EDGE {
            true => 2 * page::EDGE,
            false => length,
        };
        if count.saturating_mul(places.len() as u64) > MOST as u64 {
            return Err(LookError::Torn {
                what: "a numpy array with too many elements to show",
                address: array.data,
            });
        }
        let steps = page::shown(length, summarised);
        let along = |&place: &Addr| {
            let step = move |&index: &u64| place.plus((stride as u64).wrapping_mul(index));
            steps.iter().map(step).collect::<Vec<_>>()
        };
        places = places.iter().flat_map(along).collect();
    }
    Ok(places)
}
