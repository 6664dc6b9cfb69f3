//! What an expression gives.

use super::primitive::Primitive;
use crate::model::Addr;
use crate::native::dwarf::EntryRef;
use crate::native::values::{Elements, Storage};

/// A type: one that the debug information describes, or one that is put together without it.
#[derive(Clone)]
pub enum Target<'s, 'a> {
    Described(EntryRef<'s, 'a>),
    Primitive(Primitive),
    Pointer(Box<Target<'s, 'a>>),
    Array(Box<Target<'s, 'a>>, u64),
}

#[derive(Clone)]
pub enum Datum<'s, 'a> {
    /// A number, truth value or letter that was computed; a number that was typed has no type.
    Integer(i128, Option<Primitive>),
    Float(f64, Primitive),
    /// Something of the program, where it is.
    Place(Target<'s, 'a>, Storage),
    /// A pointer that was computed.
    Address(Target<'s, 'a>, Addr),
    Row(Row<'s, 'a>),
    Text(Vec<u8>),
    /// What the debug information does not describe, and a symbol does.
    Symbol {
        name: String,
        address: Addr,
        is_function: bool,
    },
}

/// Values of one type, one behind the other.
#[derive(Clone)]
pub enum Row<'s, 'a> {
    Described(Elements<'s, 'a>),
    Other {
        element: Target<'s, 'a>,
        /// Of one, in bytes.
        size: u64,
        first: Addr,
        count: u64,
    },
}

impl<'s, 'a> Row<'s, 'a> {
    pub fn count(&self) -> u64 {
        match self {
            Row::Described(elements) => elements.count,
            Row::Other { count, .. } => *count,
        }
    }

    pub fn at(&self, index: u64) -> Datum<'s, 'a> {
        match self {
            Row::Described(elements) => {
                Datum::Place(Target::Described(elements.element), elements.at(index))
            }
            Row::Other {
                element,
                size,
                first,
                ..
            } => {
                let at = first.plus(index.wrapping_mul(*size));
                Datum::Place(element.clone(), Storage::Memory(at))
            }
        }
    }

    /// The part from an index on. Both have been compared with the count.
    pub fn part(&self, from: u64, count: u64) -> Row<'s, 'a> {
        match self {
            Row::Described(elements) => {
                let mut part = elements.clone();
                match &mut part.ring {
                    Some((room, begin)) => {
                        *begin = begin.wrapping_add(from).checked_rem(*room).unwrap_or(0);
                    }
                    None => part.first = part.first.at(from.wrapping_mul(part.size)),
                }
                part.count = count;
                Row::Described(part)
            }
            Row::Other {
                element,
                size,
                first,
                ..
            } => Row::Other {
                element: element.clone(),
                size: *size,
                first: first.plus(from.wrapping_mul(*size)),
                count,
            },
        }
    }
}
