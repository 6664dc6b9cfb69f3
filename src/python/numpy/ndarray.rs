//! `PyArrayObject`: where an array's elements are.

use std::sync::Arc;

use super::dtype::Dtype;
use super::tables::NUMPY_1;
use crate::model::Addr;
use crate::python::object::Builtin;
use crate::python::{Look, LookError};

/// `NPY_MAXDIMS` of numpy 2.
const MOST_DIMENSIONS: i32 = 64;

/// An array as it lies in memory, or a part of one.
#[derive(Debug, Clone)]
pub struct ArrayView {
    pub(super) dtype: Arc<Dtype>,
    pub(super) shape: Vec<u64>,
    /// Bytes from one element to the next along each axis.
    pub(super) strides: Vec<i64>,
    pub(super) data: Addr,
    /// Elements.
    pub(super) size: u64,
    /// `numpy.ndarray`, or a subclass.
    pub(super) class: Addr,
}

/// What there is to know of an array without its elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrayFacts {
    /// As `str(dtype)` has it: `float64`, `[('a', '<i4')]`.
    pub dtype: String,
    pub shape: Vec<u64>,
    /// Bytes from one element to the next along each axis.
    pub strides: Vec<i64>,
    /// Bytes of one element.
    pub item_size: u64,
    /// Where the first element lies.
    pub data: Addr,
    /// `/dev/shm/psm_1 +4096`, if the elements lie in memory that is shared.
    pub segment: Option<String>,
}

impl Look<'_> {
    /// Shape, strides and dtype of a numpy array or of a subclass's instance; `None` if the object is no array.
    pub fn array_facts(&self, object: Addr) -> Result<Option<ArrayFacts>, LookError> {
        if !self.is_array(object)? {
            return Ok(None);
        }
        let array = self.array(object)?;
        Ok(Some(ArrayFacts {
            dtype: self.dtype_str(&array.dtype)?,
            segment: self.segment_of(array.data),
            item_size: array.dtype.item_size,
            shape: array.shape,
            strides: array.strides,
            data: array.data,
        }))
    }

    /// A numpy array, or a subclass's instance; `None` if the object is something else.
    pub(in crate::python) fn array_view(
        &self,
        object: Addr,
    ) -> Result<Option<ArrayView>, LookError> {
        match self.type_of(object)?.builtin == Builtin::Other && self.is_array(object)? {
            true => self.array(object).map(Some),
            false => Ok(None),
        }
    }

    /// What owns the memory of an array's elements, if it is not the array; NULL if it is.
    pub(in crate::python) fn array_base(&self, object: Addr) -> Result<Addr, LookError> {
        Ok(self.memory.pointer(object.plus(NUMPY_1.base))?)
    }

    /// By the classes of its class.
    fn is_array(&self, object: Addr) -> Result<bool, LookError> {
        let classes = self.mro(self.type_of(object)?.address)?;
        Ok(classes.into_iter().any(|class| {
            let kind = self.type_at(class);
            kind.is_ok_and(|kind| {
                !kind.is_heap() && kind.module == "numpy" && kind.name == "ndarray"
            })
        }))
    }

    pub(super) fn array(&self, object: Addr) -> Result<ArrayView, LookError> {
        let torn = || LookError::Torn {
            what: "a numpy array",
            address: object,
        };
        // These fields are where they are in both major versions.
        let layout = &NUMPY_1;
        let dtype = self.dtype(self.memory.pointer(object.plus(layout.descr))?)?;
        let count = self.memory.i32(object.plus(layout.dimensions_count))?;
        if !(0..=MOST_DIMENSIONS).contains(&count) {
            return Err(torn());
        }
        let words = |at: u64| -> Result<Vec<u64>, LookError> {
            let start = self.memory.pointer(object.plus(at))?;
            let word = |axis: i32| Ok(self.memory.u64(start.plus(u64::from(axis as u32) * 8))?);
            (0..count).map(word).collect()
        };
        let shape = words(layout.dimensions)?;
        let strides = words(layout.strides)?;
        let size = match shape.contains(&0) {
            true => Some(0),
            false => shape.iter().try_fold(1_u64, |size, &length| {
                size.checked_mul(length)
                    .filter(|&size| size <= i64::MAX as u64)
            }),
        };
        Ok(ArrayView {
            dtype,
            class: self.type_of(object)?.address,
            size: size.ok_or_else(torn)?,
            shape,
            strides: strides.into_iter().map(|stride| stride as i64).collect(),
            data: self.memory.pointer(object.plus(layout.data))?,
        })
    }
}
