//! The shape of `tables.rs`: offsets in bytes in numpy's structures (`numpy/ndarraytypes.h`, `numpy/arrayscalars.h`).

/// One major version of numpy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// `PyArrayObject_fields`.
    pub data: u64,
    /// `int`.
    pub dimensions_count: u64,
    pub dimensions: u64,
    pub strides: u64,
    pub base: u64,
    pub descr: u64,
    /// `int`.
    pub flags: u64,
    /// `PyArray_Descr`: the type of the scalars, one character, an `int`, and bits of which `NPY_ALIGNED_STRUCT` is 0x80.
    pub descr_scalar_type: u64,
    pub descr_byteorder: u64,
    pub descr_type_number: u64,
    pub descr_flags: u64,
    pub descr_item_size: u64,
    pub descr_alignment: u64,
    /// NULL, or a `PyArray_ArrayDescr`.
    pub descr_subarray: u64,
    pub descr_fields: u64,
    pub descr_names: u64,
    /// `c_metadata`: NULL, or for times a `PyArray_DatetimeDTypeMetaData`.
    pub descr_metadata: u64,
    pub subarray_base: u64,
    pub subarray_shape: u64,
    pub datetime_unit: u64,
    pub datetime_multiple: u64,
    /// In a scalar: where its value begins, and of a `long double`, whose alignment is larger.
    pub scalar_value: u64,
    pub scalar_long_double: u64,
    pub scalar_datetime_unit: u64,
    pub scalar_datetime_multiple: u64,
    /// A pointer to the bytes.
    pub scalar_void_data: u64,
    pub scalar_void_descr: u64,
    /// `tp_basicsize` of the type of a dtype. It tells the major versions apart.
    pub descr_size: u64,
    /// Item size and alignment have 8 bytes, else 4.
    pub descr_wide: bool,
}
