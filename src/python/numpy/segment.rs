//! Segments of shared memory as arrays: what an expression opens by name, whether the process maps it or not.
//!
//! Their bytes are in no memory of the process. So they have addresses that none of its own has: on all machines that pmdb knows the
//! upper half of all addresses belongs to the kernel. Only elements of arrays are read there.

use std::sync::Arc;

use super::dtype::{Dtype, Element, Field, FieldName};
use super::ndarray::ArrayView;
use super::scalar::ScalarKind;
use super::value::NumpyScalar;
use crate::array::{ByteOrder, ElementType, Kind, Release, TimeUnit, View, Width};
use crate::model::Addr;
use crate::python::{Look, LookError};

/// The bytes of a segment.
pub trait SegmentMemory: Send + Sync {
    /// `/dev/shm/psm_1`, or what else tells a user which it is.
    fn name(&self) -> String;

    /// By which a census finds it, and no other one.
    fn designation(&self) -> String;

    /// Bytes.
    fn size(&self) -> u64;

    /// Fills the buffer.
    ///
    /// # Errors
    /// Why it cannot be read, as a sentence.
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), String>;
}

/// The first address that no process has.
const BEYOND: u64 = 1 << 63;
/// Bytes that a segment may have are below this power of two.
const BITS: u32 = 47;
/// Segments that one expression opens.
const MOST: usize = 1 << (63 - BITS);
/// `NPY_USERDEF`: bfloat16 is no type of numpy's own.
const USER_DEFINED: i32 = 256;

impl Look<'_> {
    /// The elements of a segment that a view chooses, as an array of the process's numpy (the newest, if it has none). Nothing if its
    /// type is none that memory alone can have.
    pub(in crate::python) fn segment_array(
        &self,
        memory: Arc<dyn SegmentMemory>,
        view: &View,
    ) -> Option<ArrayView> {
        let dtype = self.dtype_of_element(&view.element)?;
        let mut opened = self.segments.borrow_mut();
        let known = opened.iter().position(|other| Arc::ptr_eq(other, &memory));
        let place = known.unwrap_or(opened.len());
        if place >= MOST || memory.size() >> BITS != 0 {
            return None;
        }
        let start = BEYOND | (place as u64) << BITS;
        if known.is_none() {
            opened.push(memory);
        }
        Some(ArrayView {
            dtype,
            shape: view.shape.clone(),
            strides: view.strides.clone(),
            data: Addr(start | view.offset),
            size: view.size(),
            class: self.numpy_class("ndarray"),
        })
    }

    /// The segment that an address of an element lies in, and the byte of it.
    fn opened_segment(&self, address: Addr) -> Option<(Arc<dyn SegmentMemory>, u64)> {
        let within = address.0.checked_sub(BEYOND)?;
        let opened = self.segments.borrow();
        let memory = opened.get(usize::try_from(within >> BITS).ok()?)?;
        Some((memory.clone(), within & ((1 << BITS) - 1)))
    }

    /// The segment that an expression has opened and that an address lies in: `/dev/shm/psm_1 +4096`.
    pub(in crate::python) fn opened_segment_text(&self, address: Addr) -> Option<String> {
        let (memory, offset) = self.opened_segment(address)?;
        Some(format!("{} +{offset}", memory.name()))
    }

    /// The segment that an array is a part of, and which elements of it.
    pub(in crate::python) fn part_of_segment(&self, view: &ArrayView) -> Option<(String, View)> {
        let (memory, offset) = self.opened_segment(view.data)?;
        let view = View {
            element: Arc::new(view.dtype.element_type()),
            offset,
            shape: view.shape.clone(),
            strides: view.strides.clone(),
        };
        Some((memory.designation(), view))
    }

    /// The same of one element.
    pub(in crate::python) fn element_of_segment(
        &self,
        scalar: &NumpyScalar,
    ) -> Option<(String, View)> {
        let (memory, offset) = self.opened_segment(scalar.place)?;
        let view = View {
            element: Arc::new(scalar.dtype.element_type()),
            offset,
            shape: Vec::new(),
            strides: Vec::new(),
        };
        Some((memory.designation(), view))
    }

    /// Bytes of elements.
    pub(in crate::python) fn element_bytes(
        &self,
        place: Addr,
        length: usize,
    ) -> Result<Vec<u8>, LookError> {
        let Some((memory, offset)) = self.opened_segment(place) else {
            return Ok(self.memory.bytes(place, length)?);
        };
        self.memory.keep(place, length)?;
        let mut bytes = vec![0; length];
        memory
            .read(offset, &mut bytes)
            .map_err(|why| LookError::Segment {
                name: memory.name(),
                why,
            })?;
        Ok(bytes)
    }

    /// NULL if the process has not imported numpy.
    fn numpy_class(&self, name: &str) -> Addr {
        let found = self.numpy_attribute(name).ok().flatten();
        found.unwrap_or_default()
    }

    fn dtype_of_element(&self, element: &ElementType) -> Option<Arc<Dtype>> {
        let release = self.numpy_release().unwrap_or(Release::of_major(2));
        let plain = |kind, unit, name: &str| {
            Some(Dtype::plain(kind, unit, self.numpy_class(name), release.0))
        };
        let bits = element.size.saturating_mul(8);
        let dtype = match &element.kind {
            Kind::Bool => plain(ScalarKind::Bool, TimeUnit::GENERIC, "bool_"),
            Kind::Integer { signed } => {
                let kind = ScalarKind::Integer {
                    bytes: element.size,
                    signed: *signed,
                };
                let unsigned = if *signed { "" } else { "u" };
                plain(kind, TimeUnit::GENERIC, &format!("{unsigned}int{bits}"))
            }
            Kind::Real(Width::Brain) => Some(Dtype {
                type_number: USER_DEFINED,
                ..Dtype::plain(
                    ScalarKind::Real(Width::Brain),
                    TimeUnit::GENERIC,
                    Addr::NULL,
                    release.0,
                )
            }),
            Kind::Real(width) => plain(
                ScalarKind::Real(*width),
                TimeUnit::GENERIC,
                &format!("float{bits}"),
            ),
            Kind::Complex(width) => plain(
                ScalarKind::Complex(*width),
                TimeUnit::GENERIC,
                &format!("complex{bits}"),
            ),
            Kind::Bytes => plain(ScalarKind::Bytes, TimeUnit::GENERIC, "bytes_"),
            Kind::Text => plain(ScalarKind::Text, TimeUnit::GENERIC, "str_"),
            Kind::Opaque => plain(ScalarKind::Void, TimeUnit::GENERIC, "void"),
            Kind::Moment(unit) => plain(ScalarKind::Moment, *unit, "datetime64"),
            Kind::Span(unit) => plain(ScalarKind::Span, *unit, "timedelta64"),
            Kind::Record(fields) => {
                let field = |field: &crate::array::Field| {
                    Some(Field {
                        name: FieldName::Told(field.name.clone()),
                        dtype: self.dtype_of_element(&field.element)?,
                        offset: field.offset,
                        title: None,
                    })
                };
                let fields: Option<Vec<Field>> = fields.iter().map(field).collect();
                let void = plain(ScalarKind::Void, TimeUnit::GENERIC, "void")?;
                Some(Dtype {
                    element: Element::Record(fields?),
                    ..void
                })
            }
            Kind::Subarray { base, shape } => {
                let void = plain(ScalarKind::Void, TimeUnit::GENERIC, "void")?;
                Some(Dtype {
                    element: Element::Subarray {
                        base: self.dtype_of_element(base)?,
                        shape: shape.clone(),
                    },
                    ..void
                })
            }
            Kind::Object | Kind::Unknown => None,
        }?;
        Some(Arc::new(Dtype {
            item_size: element.size,
            alignment: element.size,
            byte_order: match (element.order, &element.kind) {
                _ if element.size == 1 => b'|',
                (_, Kind::Bytes | Kind::Opaque | Kind::Record(_) | Kind::Subarray { .. }) => b'|',
                (ByteOrder::Big, _) => b'>',
                (ByteOrder::Little, Kind::Text) => b'<',
                (ByteOrder::Little, _) => b'=',
            },
            ..dtype
        }))
    }
}
