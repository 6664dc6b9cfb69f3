//! What one element of an array is.

use std::sync::Arc;

use super::calendar::GENERIC;

/// The width of a real number, alone or as one half of a complex one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    Half,
    /// bfloat16: the upper half of a single.
    Brain,
    Single,
    Double,
    /// x87's 80 bits, in 16 bytes.
    Extended,
}

impl Width {
    /// In memory.
    pub fn bytes(self) -> u64 {
        match self {
            Width::Half | Width::Brain => 2,
            Width::Single => 4,
            Width::Double => 8,
            Width::Extended => 16,
        }
    }
}

/// What a `datetime64` or `timedelta64` counts: so many of this unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeUnit {
    /// Position in `NPY_DATETIMEUNIT`.
    pub number: u32,
    pub multiple: i32,
}

impl TimeUnit {
    /// None (`NPY_FR_GENERIC`).
    pub const GENERIC: TimeUnit = TimeUnit {
        number: GENERIC,
        multiple: 1,
    };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    Little,
    Big,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Integer {
        signed: bool,
    },
    Real(Width),
    Complex(Width),
    /// A pointer to an object of Python.
    Object,
    /// Bytes up to the NULs at their end.
    Bytes,
    /// The same of characters of four bytes.
    Text,
    /// Bytes without meaning.
    Opaque,
    Record(Vec<Field>),
    Subarray {
        base: Arc<ElementType>,
        shape: Vec<u64>,
    },
    Moment(TimeUnit),
    Span(TimeUnit),
    /// A type that numpy does not come with, or a newer one.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    /// Bytes from the beginning of the record.
    pub offset: u64,
    pub element: Arc<ElementType>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElementType {
    pub kind: Kind,
    /// Bytes.
    pub size: u64,
    pub order: ByteOrder,
}

impl ElementType {
    pub fn new(kind: Kind, size: u64, order: ByteOrder) -> ElementType {
        ElementType { kind, size, order }
    }

    /// Turns the bytes of one element round where they are in the other order.
    pub fn in_machine_order(&self, bytes: &mut [u8]) {
        if self.order == ByteOrder::Little {
            return;
        }
        let unit = match &self.kind {
            Kind::Complex(width) => width.bytes() as usize,
            Kind::Text => 4,
            Kind::Bytes | Kind::Opaque => 1,
            _ => bytes.len().max(1),
        };
        for part in bytes.chunks_exact_mut(unit) {
            part.reverse();
        }
    }
}
