//! Scalars that pmdb takes out of arrays or computes, and what they are to Python.

use std::sync::Arc;

use super::dtype::{Dtype, Element, TimeUnit, Width};
use super::elements::in_machine_order;
use super::ndarray::ArrayView;
use super::scalar::ScalarKind;
use crate::array::Release;
use crate::array::real::Real;
use crate::array::text::{LONGEST_ITEM, trimmed, wide};
use crate::model::Addr;
use crate::python::{Look, LookError};

/// One value of a numpy dtype.
#[derive(Debug, Clone)]
pub struct NumpyScalar {
    pub(super) dtype: Arc<Dtype>,
    /// In the machine's order.
    pub(super) bytes: Vec<u8>,
    /// Where it was read; NULL if it was computed.
    pub(super) place: Addr,
}

/// An element of an array.
#[derive(Debug)]
pub(in crate::python) enum ArrayElement {
    Object(Addr),
    Scalar(NumpyScalar),
}

/// A scalar without its dtype.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::python) enum Plain {
    Bool(bool),
    /// A time is so many of its unit.
    Int(i128),
    Float(f64),
    Complex(f64, f64),
    Text(Vec<u32>),
    Bytes(Vec<u8>),
    /// A record, or a number wider than Python's.
    Other,
}

impl NumpyScalar {
    pub(super) fn new(dtype: Dtype, bytes: Vec<u8>, place: Addr) -> NumpyScalar {
        NumpyScalar {
            dtype: Arc::new(dtype),
            bytes,
            place,
        }
    }

    pub(in crate::python) fn kind(&self) -> ScalarKind {
        match &self.dtype.element {
            Element::Bool => ScalarKind::Bool,
            Element::Integer { signed } => ScalarKind::Integer {
                bytes: self.dtype.item_size,
                signed: *signed,
            },
            Element::Real(width) => ScalarKind::Real(*width),
            Element::Complex(width) => ScalarKind::Complex(*width),
            Element::Text => ScalarKind::Text,
            Element::Bytes => ScalarKind::Bytes,
            Element::Moment(_) => ScalarKind::Moment,
            Element::Span(_) => ScalarKind::Span,
            _ => ScalarKind::Void,
        }
    }

    pub(in crate::python) fn plain(&self) -> Plain {
        let real = |width, bytes: &[u8]| match Real::from_bytes(width, bytes) {
            Some(Real::Half(value, _) | Real::Double(value)) => Some(value),
            Some(Real::Single(value)) => Some(f64::from(value)),
            _ => None,
        };
        match &self.dtype.element {
            Element::Bool => Plain::Bool(self.bytes.first().is_some_and(|&byte| byte != 0)),
            Element::Integer { signed } => Plain::Int(wide(&self.bytes, *signed)),
            Element::Moment(_) | Element::Span(_) => Plain::Int(wide(&self.bytes, true)),
            Element::Real(width) => real(*width, &self.bytes).map_or(Plain::Other, Plain::Float),
            Element::Complex(width) => {
                let (left, right) = self.bytes.split_at(self.bytes.len() / 2);
                match (real(*width, left), real(*width, right)) {
                    (Some(left), Some(right)) => Plain::Complex(left, right),
                    _ => Plain::Other,
                }
            }
            Element::Text => {
                let units = trimmed(&self.bytes, 4).chunks_exact(4);
                let point = |unit: &[u8]| wide(unit, false) as u32;
                Plain::Text(units.map(point).collect())
            }
            Element::Bytes => Plain::Bytes(trimmed(&self.bytes, 1).to_vec()),
            _ => Plain::Other,
        }
    }

    /// Both are moments or both are spans, of one unit.
    pub(in crate::python) fn is_same_time_unit(&self, other: &NumpyScalar) -> bool {
        matches!(self.dtype.element, Element::Moment(_) | Element::Span(_))
            && self.dtype.element == other.dtype.element
    }

    /// The type; NULL if it is not known.
    pub(in crate::python) fn class(&self) -> Addr {
        self.dtype.scalar_type
    }

    /// The dtype object; NULL for the dtype of a number that was computed.
    pub(in crate::python) fn dtype_address(&self) -> Addr {
        self.dtype.address
    }

    pub(in crate::python) fn item_size(&self) -> u64 {
        self.dtype.item_size
    }
}

impl Look<'_> {
    /// The one element of an array without axes.
    pub(in crate::python) fn element(&self, view: &ArrayView) -> Result<ArrayElement, LookError> {
        let dtype = &view.dtype;
        if dtype.element == Element::Object {
            return Ok(ArrayElement::Object(self.memory.pointer(view.data)?));
        }
        if dtype.element == Element::Foreign {
            return Err(LookError::Torn {
                what: "a numpy dtype that pmdb does not know",
                address: dtype.address,
            });
        }
        let length = dtype.item_size.min(LONGEST_ITEM) as usize;
        let mut bytes = self.element_bytes(view.data, length)?;
        in_machine_order(dtype, &mut bytes);
        Ok(ArrayElement::Scalar(NumpyScalar {
            dtype: dtype.clone(),
            bytes,
            place: view.data,
        }))
    }

    /// The field of a record; nothing if it has none of that name.
    pub(in crate::python) fn scalar_field(
        &self,
        scalar: &NumpyScalar,
        name: &str,
    ) -> Result<Option<ArrayView>, LookError> {
        let record = ArrayView {
            dtype: scalar.dtype.clone(),
            shape: Vec::new(),
            strides: Vec::new(),
            data: scalar.place,
            size: 1,
            class: self.numpy_attribute("ndarray")?.unwrap_or_default(),
        };
        self.field_view(&record, name)
    }

    /// A number of a numpy type. Nothing if the type does not hold it.
    pub(in crate::python) fn numpy_scalar(
        &self,
        kind: ScalarKind,
        value: &Plain,
    ) -> Option<NumpyScalar> {
        let (name, bytes) = match (kind, value) {
            (ScalarKind::Bool, Plain::Bool(truth)) => {
                let name = match self.numpy_attribute("bool_") {
                    Ok(Some(_)) => "bool_",
                    _ => "bool",
                };
                (name.to_string(), vec![u8::from(*truth)])
            }
            (ScalarKind::Integer { bytes, signed }, Plain::Int(value)) => {
                let all = value.to_le_bytes();
                let kept = all.get(..bytes as usize)?;
                if wide(kept, signed) != *value {
                    return None;
                }
                let unsigned = if signed { "" } else { "u" };
                (format!("{unsigned}int{}", bytes * 8), kept.to_vec())
            }
            (ScalarKind::Real(Width::Double), Plain::Float(value)) => {
                ("float64".to_string(), value.to_le_bytes().to_vec())
            }
            (ScalarKind::Real(Width::Single), Plain::Float(value)) => (
                "float32".to_string(),
                (*value as f32).to_le_bytes().to_vec(),
            ),
            (ScalarKind::Real(Width::Half), Plain::Float(value)) => {
                let bits = crate::array::real::to_half(*value);
                ("float16".to_string(), bits.to_le_bytes().to_vec())
            }
            (ScalarKind::Complex(Width::Double), Plain::Complex(real, imaginary)) => {
                let bytes = [real.to_le_bytes(), imaginary.to_le_bytes()].concat();
                ("complex128".to_string(), bytes)
            }
            _ => return None,
        };
        let class = self
            .numpy_attribute(&name)
            .ok()
            .flatten()
            .unwrap_or_default();
        let release = self.numpy_release().unwrap_or(Release::of_major(2));
        let dtype = Dtype::plain(kind, TimeUnit::GENERIC, class, release.0);
        Some(NumpyScalar::new(dtype, bytes, Addr::NULL))
    }

    /// numpy 2 or later: a Python number takes the type of the numpy scalar beside it (NEP 50).
    pub(in crate::python) fn numbers_are_weak(&self) -> bool {
        self.numpy_release()
            .unwrap_or(Release::of_major(2))
            .is_second()
    }
}
