//! Objects that stand for data in C's form: decimals, arrays, mappings, `ctypes`.

/// Offsets in the objects of `_decimal`, `array`, `mmap` and `_ctypes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataLayout {
    /// The `mpd_t` in a `PyDecObject` (`Modules/_decimal/libmpdec/mpdecimal.h`): a byte of flags; exponent, count of
    /// decimal digits and of words, `Py_ssize_t` each; and the pointer to the words, the lowest first, of 19 digits each.
    pub decimal_flags: u64,
    pub decimal_exponent: u64,
    pub decimal_digits: u64,
    pub decimal_words: u64,
    pub decimal_data: u64,
    /// `arrayobject` (`Modules/arraymodule.c`): the pointers to the items, and to an `arraydescr`, which begins with the
    /// type code in four bytes, padded with zeros, and the size of an item, an `int`.
    pub array_items: u64,
    pub array_description: u64,
    /// `mmap_object` (`Modules/mmapmodule.c`): a pointer, NULL once closed; three words; and an `int`, the `ACCESS_` constant.
    pub mmap_data: u64,
    pub mmap_size: u64,
    pub mmap_position: u64,
    pub mmap_offset: u64,
    pub mmap_access: u64,
    /// `CDataObject` (`Modules/_ctypes/ctypes.h`): where its memory is, and how many bytes that has.
    pub ctypes_data: u64,
    pub ctypes_size: u64,
    /// `CFieldObject`: bytes from the beginning of the structure, and of the field.
    pub ctypes_field_offset: u64,
    pub ctypes_field_size: u64,
    pub ctypes_bits: BitField,
}

/// Where a `CFieldObject` says which bits it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BitField {
    /// In the size: `(count << 16) + first`; below `1 << 16` it is no bit field (up to 3.13).
    InSize,
    /// Each in a byte of its own; the count is 0 if it is no bit field (3.14+).
    Own { count: u64, first: u64 },
}
