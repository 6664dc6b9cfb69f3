//! The text of an array: what `repr()` gives with numpy's default print options.

use super::dtype::{Dtype, Element};
use super::elements::{Elements, WriteObject};
use super::ndarray::ArrayView;
use crate::array::Release;
use crate::array::array_text::{shown_places, with_extras};
use crate::array::page::{self, THRESHOLD, shape_text};
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
        let places = shown_places(array.data.0, &array.shape, &array.strides, summarised);
        let places: Vec<Addr> = match places {
            Some(places) => places.into_iter().map(Addr).collect(),
            None => {
                return Err(LookError::Torn {
                    what: "a numpy array with too many elements to show",
                    address: array.data,
                });
            }
        };
        let texts = elements.texts(&array.dtype, &places)?;
        let prefix = name.chars().count() + 1;
        Ok(page::lay_out(&array.shape, summarised, texts, prefix, 1))
    }
}

/// The elements say what dtype they have: `bool`, `int64`, `float64`, `complex128`, by their type numbers.
fn is_implied(dtype: &Dtype, release: Release) -> bool {
    let foreign_order = dtype.byte_order == b'>' && release.says_byte_order();
    !matches!(dtype.element, Element::Record(_))
        && !foreign_order
        && matches!(dtype.type_number, 0 | 7 | 12 | 15)
}
