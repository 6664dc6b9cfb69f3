//! Parts of arrays: basic indexing and transposition, which make no copy (`numpy/_core/src/multiarray/mapping.c`).

use super::dtype::{Dtype, Element};
use super::ndarray::ArrayView;
pub(in crate::python) use crate::array::view::Index;
use crate::array::view::{joined_axes, select};
use crate::model::Addr;
use crate::python::{Look, LookError};

impl ArrayView {
    pub(in crate::python) fn shape(&self) -> &[u64] {
        &self.shape
    }

    pub(in crate::python) fn strides(&self) -> &[i64] {
        &self.strides
    }

    /// Elements.
    pub(in crate::python) fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of one element.
    pub(in crate::python) fn item_size(&self) -> u64 {
        self.dtype.item_size
    }

    pub(in crate::python) fn class(&self) -> Addr {
        self.class
    }

    pub(in crate::python) fn data(&self) -> Addr {
        self.data
    }

    /// Its elements are records.
    pub(in crate::python) fn has_fields(&self) -> bool {
        matches!(self.dtype.element, Element::Record(_))
    }

    /// The dtype object.
    pub(in crate::python) fn dtype_address(&self) -> Addr {
        self.dtype.address
    }

    /// The part that one index for each axis, and new axes, select. Axes without an index stay whole.
    pub(in crate::python) fn select(&self, indices: &[Index]) -> ArrayView {
        let part = select(self.data.0, &self.shape, &self.strides, indices);
        ArrayView {
            dtype: self.dtype.clone(),
            // Of a part it cannot be larger than that of the whole, which has been checked.
            size: part
                .shape
                .iter()
                .fold(1, |size: u64, &length| size.saturating_mul(length)),
            shape: part.shape,
            strides: part.strides,
            data: Addr(part.offset),
            class: self.class,
        }
    }

    pub(in crate::python) fn transposed(&self) -> ArrayView {
        let mut view = self.clone();
        view.shape.reverse();
        view.strides.reverse();
        view
    }

    /// Where element `index` along the first axis begins.
    pub(in crate::python) fn row(&self, index: u64) -> ArrayView {
        self.select(&[Index::At(index as i64)])
    }

    /// Lengths and strides of the axes, those joined that continue each other: as the elements follow in memory, or in
    /// the order of the indices.
    pub(super) fn axes(&self, in_memory: bool) -> Vec<(u64, i64)> {
        joined_axes(&self.shape, &self.strides, in_memory)
    }
}

impl Look<'_> {
    /// The dtype's `str()`.
    pub(in crate::python) fn dtype_text(&self, view: &ArrayView) -> Result<String, LookError> {
        self.dtype_str(&view.dtype)
    }

    /// The field of that name of each record. `None` if there is none.
    pub(in crate::python) fn field_view(
        &self,
        view: &ArrayView,
        name: &str,
    ) -> Result<Option<ArrayView>, LookError> {
        let Some((offset, dtype)) = self.field_named(&view.dtype, name)? else {
            return Ok(None);
        };
        let mut field = view.clone();
        field.data = view.data.plus(offset);
        let mut dtype = dtype;
        // The axes of a subarray follow those of the array.
        while let Element::Subarray { base, shape } = &dtype.element {
            let mut stride = base.item_size as i64;
            let mut strides = Vec::new();
            for &length in shape.iter().rev() {
                strides.push(stride);
                stride = stride.wrapping_mul(length as i64);
            }
            strides.reverse();
            field.strides.extend(strides);
            field.shape.extend(shape);
            let base = base.clone();
            dtype = base;
        }
        let size = field
            .shape
            .iter()
            .try_fold(1_u64, |size, &length| size.checked_mul(length));
        field.size = size.ok_or_else(|| super::dtype::torn(view.dtype.address))?;
        field.dtype = dtype;
        Ok(Some(field))
    }

    pub(super) fn field_named(
        &self,
        dtype: &Dtype,
        name: &str,
    ) -> Result<Option<(u64, std::sync::Arc<Dtype>)>, LookError> {
        let Element::Record(fields) = &dtype.element else {
            return Ok(None);
        };
        for field in fields {
            if self.field_name(field)? == name {
                return Ok(Some((field.offset, field.dtype.clone())));
            }
        }
        Ok(None)
    }
}
