//! `PyArray_Descr`: what one element is.

use std::sync::Arc;

use super::layout::Layout;
use super::scalar::ScalarKind;
use super::tables::{NUMPY_1, NUMPY_2};
use crate::array::{ByteOrder, ElementType, Field as PlainField, Kind};
pub(in crate::python) use crate::array::{TimeUnit, Width};
use crate::model::Addr;
use crate::python::object::Integer;
use crate::python::{Look, LookError};

/// Records in records that are followed.
const DEEPEST: usize = 16;
/// Fields of one record that are read.
const MOST_FIELDS: u64 = 4_096;
/// `NPY_ALIGNED_STRUCT`, `numpy/ndarraytypes.h`.
const ALIGNED_STRUCT: u8 = 0x80;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Element {
    Bool,
    Integer {
        signed: bool,
    },
    Real(Width),
    Complex(Width),
    Object,
    Bytes,
    Text,
    /// Bytes without meaning.
    Opaque,
    Record(Vec<Field>),
    Subarray {
        base: Arc<Dtype>,
        shape: Vec<u64>,
    },
    Moment(TimeUnit),
    Span(TimeUnit),
    /// A type that numpy does not come with, or a newer one.
    Foreign,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub name: FieldName,
    pub dtype: Arc<Dtype>,
    pub offset: u64,
    pub title: Option<Addr>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FieldName {
    /// A `str`.
    Object(Addr),
    /// Of a type that a user has written.
    Told(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dtype {
    pub element: Element,
    /// Position in `NPY_TYPES`: `long` and `long long` are two types of the same element.
    pub type_number: i32,
    pub item_size: u64,
    pub alignment: u64,
    /// As numpy has it: `<`, `>`, `=` or `|`.
    pub byte_order: u8,
    /// The type of the scalars; NULL where a record is to be named as the plain one, whatever its type.
    pub scalar_type: Addr,
    /// Made with `align=True`.
    pub aligned: bool,
    /// Of numpy.
    pub major: u32,
    /// The dtype object; NULL for the type of a number that pmdb made.
    pub address: Addr,
}

impl Dtype {
    /// Of numbers in the machine's byte order.
    pub(super) fn plain(kind: ScalarKind, unit: TimeUnit, scalar_type: Addr, major: u32) -> Dtype {
        let (element, type_number, item_size) = match kind {
            ScalarKind::Bool => (Element::Bool, 0, 1),
            ScalarKind::Integer { bytes, signed } => {
                let number = 2 * bytes.ilog2() as i32 + 1;
                let number = if signed { number } else { number + 1 };
                (Element::Integer { signed }, number, bytes)
            }
            ScalarKind::Real(width) => {
                let number = match width {
                    Width::Half | Width::Brain => 23,
                    Width::Single => 11,
                    Width::Double => 12,
                    Width::Extended => 13,
                };
                (Element::Real(width), number, width.bytes())
            }
            ScalarKind::Complex(width) => {
                let number = match width {
                    Width::Double => 15,
                    Width::Extended => 16,
                    _ => 14,
                };
                (Element::Complex(width), number, 2 * width.bytes())
            }
            ScalarKind::Moment => (Element::Moment(unit), 21, 8),
            ScalarKind::Span => (Element::Span(unit), 22, 8),
            ScalarKind::Text => (Element::Text, 19, 0),
            ScalarKind::Bytes => (Element::Bytes, 18, 0),
            ScalarKind::Void => (Element::Opaque, 20, 0),
        };
        Dtype {
            element,
            type_number,
            item_size,
            alignment: item_size,
            byte_order: b'=',
            scalar_type,
            aligned: false,
            major,
            address: Addr::NULL,
        }
    }

    /// What its elements are, without what only Python needs to know of them.
    pub(super) fn element_type(&self) -> ElementType {
        let plain = |field: &Field| PlainField {
            // Texts of elements do not name the fields.
            name: String::new(),
            offset: field.offset,
            element: Arc::new(field.dtype.element_type()),
        };
        let mut element = self.shallow_type();
        match &self.element {
            Element::Record(fields) => {
                element.kind = Kind::Record(fields.iter().map(plain).collect());
            }
            Element::Subarray { base, shape } => {
                element.kind = Kind::Subarray {
                    base: Arc::new(base.element_type()),
                    shape: shape.clone(),
                };
            }
            _ => {}
        }
        element
    }

    /// The same of numbers alone: what consists of others is opaque.
    pub(super) fn shallow_type(&self) -> ElementType {
        let kind = match self.element {
            Element::Bool => Kind::Bool,
            Element::Integer { signed } => Kind::Integer { signed },
            Element::Real(width) => Kind::Real(width),
            Element::Complex(width) => Kind::Complex(width),
            Element::Object => Kind::Object,
            Element::Bytes => Kind::Bytes,
            Element::Text => Kind::Text,
            Element::Moment(unit) => Kind::Moment(unit),
            Element::Span(unit) => Kind::Span(unit),
            Element::Opaque | Element::Record(_) | Element::Subarray { .. } => Kind::Opaque,
            Element::Foreign => Kind::Unknown,
        };
        let order = match self.byte_order {
            b'>' => ByteOrder::Big,
            _ => ByteOrder::Little,
        };
        ElementType::new(kind, self.item_size, order)
    }

    /// One whose elements may have any size.
    pub(super) fn is_flexible(&self) -> bool {
        matches!(
            self.element,
            Element::Bytes
                | Element::Text
                | Element::Opaque
                | Element::Record(_)
                | Element::Subarray { .. }
        )
    }
}

impl Look<'_> {
    /// The dtype at an address. What kind of numpy made it is told by the size of its structure.
    pub(super) fn dtype(&self, descr: Addr) -> Result<Arc<Dtype>, LookError> {
        self.nested_dtype(descr, 0)
    }

    pub(super) fn numpy_layout(&self, descr: Addr) -> Result<(&'static Layout, u32), LookError> {
        let kind = self.memory.pointer(descr.plus(self.layout().object.kind))?;
        let size = kind.plus(self.layout().types.basicsize);
        match self.memory.u64(size)? {
            size if size == NUMPY_1.descr_size => Ok((&NUMPY_1, 1)),
            // The new kinds of dtypes (`StringDType`) have the common part, and then their own.
            size if size >= NUMPY_2.descr_subarray => Ok((&NUMPY_2, 2)),
            _ => Err(torn(descr)),
        }
    }

    fn nested_dtype(&self, descr: Addr, depth: usize) -> Result<Arc<Dtype>, LookError> {
        if depth > DEEPEST {
            return Err(torn(descr));
        }
        let (layout, major) = self.numpy_layout(descr)?;
        let number = |at: u64| match layout.descr_wide {
            true => self.memory.i64(descr.plus(at)),
            false => self.memory.i32(descr.plus(at)).map(i64::from),
        };
        let item_size = u64::try_from(number(layout.descr_item_size)?).map_err(|_| torn(descr))?;
        let alignment = u64::try_from(number(layout.descr_alignment)?).map_err(|_| torn(descr))?;
        let type_number = self.memory.i32(descr.plus(layout.descr_type_number))?;
        let element = match simple(type_number, item_size) {
            Some(element) => element,
            None => self.compound(descr, layout, type_number, depth)?,
        };
        let flags = self.memory.u8(descr.plus(layout.descr_flags))?;
        Ok(Arc::new(Dtype {
            element,
            type_number,
            item_size,
            alignment,
            byte_order: self.memory.u8(descr.plus(layout.descr_byteorder))?,
            scalar_type: self.memory.pointer(descr.plus(layout.descr_scalar_type))?,
            aligned: flags & ALIGNED_STRUCT != 0,
            major,
            address: descr,
        }))
    }

    fn compound(
        &self,
        descr: Addr,
        layout: &Layout,
        type_number: i32,
        depth: usize,
    ) -> Result<Element, LookError> {
        Ok(match type_number {
            20 => {
                let subarray = self.memory.pointer(descr.plus(layout.descr_subarray))?;
                let names = self.memory.pointer(descr.plus(layout.descr_names))?;
                if !subarray.is_null() {
                    let base = self.memory.pointer(subarray.plus(layout.subarray_base))?;
                    let shape = self.memory.pointer(subarray.plus(layout.subarray_shape))?;
                    Element::Subarray {
                        base: self.nested_dtype(base, depth + 1)?,
                        shape: self.shape_tuple(shape)?,
                    }
                } else if !names.is_null() && self.type_of(names)?.name == "tuple" {
                    let fields = self.memory.pointer(descr.plus(layout.descr_fields))?;
                    Element::Record(self.fields(names, fields, depth)?)
                } else {
                    Element::Opaque
                }
            }
            21 | 22 => {
                let metadata = self.memory.pointer(descr.plus(layout.descr_metadata))?;
                let unit = TimeUnit {
                    number: self.memory.u32(metadata.plus(layout.datetime_unit))?,
                    multiple: self.memory.i32(metadata.plus(layout.datetime_multiple))?,
                };
                match type_number {
                    21 => Element::Moment(unit),
                    _ => Element::Span(unit),
                }
            }
            _ => Element::Foreign,
        })
    }

    fn shape_tuple(&self, tuple: Addr) -> Result<Vec<u64>, LookError> {
        let sizes = self.sequence(tuple, 64)?;
        let size = |object| match self.integer(object)? {
            Integer::Exact(value) => u64::try_from(value).map_err(|_| torn(tuple)),
            _ => Err(torn(tuple)),
        };
        sizes.into_iter().map(size).collect()
    }

    fn fields(&self, names: Addr, dict: Addr, depth: usize) -> Result<Vec<Field>, LookError> {
        let mut fields = Vec::new();
        for name in self.sequence(names, MOST_FIELDS)? {
            let found = self.dict_get_str(dict, &self.name(name)?)?;
            let parts = self.sequence(found.ok_or_else(|| torn(dict))?, 3)?;
            let &[descr, offset, ref title @ ..] = &parts[..] else {
                return Err(torn(dict));
            };
            let offset = match self.integer(offset)? {
                Integer::Exact(value) => u64::try_from(value).map_err(|_| torn(dict))?,
                _ => return Err(torn(dict)),
            };
            let none = |title: &Addr| {
                self.type_of(*title)
                    .is_ok_and(|kind| kind.name == "NoneType")
            };
            fields.push(Field {
                name: FieldName::Object(name),
                dtype: self.nested_dtype(descr, depth + 1)?,
                offset,
                title: title.first().copied().filter(|title| !none(title)),
            });
        }
        Ok(fields)
    }
}

pub(super) fn torn(address: Addr) -> LookError {
    LookError::Torn {
        what: "a numpy dtype",
        address,
    }
}

/// `NPY_TYPES`, `numpy/ndarraytypes.h`; only with the size that the type has.
fn simple(type_number: i32, size: u64) -> Option<Element> {
    let (element, expected) = match type_number {
        0 => (Element::Bool, 1),
        1..=10 => {
            let size = match type_number {
                1 | 2 => 1,
                3 | 4 => 2,
                5 | 6 => 4,
                _ => 8,
            };
            (
                Element::Integer {
                    signed: type_number % 2 == 1,
                },
                size,
            )
        }
        11 => (Element::Real(Width::Single), 4),
        12 => (Element::Real(Width::Double), 8),
        13 => (Element::Real(Width::Extended), 16),
        14 => (Element::Complex(Width::Single), 8),
        15 => (Element::Complex(Width::Double), 16),
        16 => (Element::Complex(Width::Extended), 32),
        17 => (Element::Object, 8),
        18 => (Element::Bytes, size),
        19 => (Element::Text, size),
        23 => (Element::Real(Width::Half), 2),
        _ => return None,
    };
    (size == expected).then_some(element)
}
