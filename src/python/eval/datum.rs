//! What an expression evaluates to.

use std::sync::Arc;

use num_bigint::BigInt;

use crate::model::Addr;
use crate::python::numpy::{ArrayView, NumpyScalar};

/// An object of the inferior, or a value that pmdb made itself and that exists nowhere in the inferior. Containers that
/// pmdb made may hold objects of the inferior.
#[derive(Debug, Clone)]
pub enum Datum {
    Object(Addr),
    None,
    Ellipsis,
    NotImplemented,
    Bool(bool),
    Int(BigInt),
    Float(f64),
    Complex(f64, f64),
    /// Code points, since a `str` may hold lone surrogates.
    Str(Arc<Vec<u32>>),
    Bytes(Arc<Vec<u8>>),
    ByteArray(Arc<Vec<u8>>),
    List(Arc<Vec<Datum>>),
    Tuple(Arc<Vec<Datum>>),
    Set(Arc<Vec<Datum>>),
    FrozenSet(Arc<Vec<Datum>>),
    /// In insertion order; no key comes twice.
    Dict(Arc<Vec<(Datum, Datum)>>),
    Range(Arc<Range>),
    Slice(Arc<[Datum; 3]>),
    /// A function of the inferior bound to what it was looked up on.
    Method {
        function: Addr,
        receiver: Arc<Datum>,
    },
    /// A method of a builtin type (`'a b'.split`), or a builtin function of a module.
    BuiltinMethod {
        name: String,
        receiver: Arc<Datum>,
    },
    /// What `dict.keys()` and its like give, read in full.
    View(View, Arc<Vec<Datum>>),
    /// A part of an array of numpy, whose elements lie in the inferior.
    Array(Arc<ArrayView>),
    /// An element of such an array, or what was computed with one.
    Scalar(Arc<NumpyScalar>),
    /// `zip(…)`, `enumerate(…)`, a generator expression: read in full when it was made.
    Iterator(Iterated, Arc<Vec<Datum>>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    pub start: BigInt,
    pub stop: BigInt,
    pub step: BigInt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    Keys,
    Values,
    Items,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Iterated {
    Generator,
    Zip,
    Enumerate,
    Reversed,
}

impl Datum {
    pub fn text(text: &str) -> Datum {
        Datum::Str(Arc::new(text.chars().map(u32::from).collect()))
    }

    pub(super) fn int(value: impl Into<BigInt>) -> Datum {
        Datum::Int(value.into())
    }

    pub(super) fn list(members: Vec<Datum>) -> Datum {
        Datum::List(Arc::new(members))
    }

    pub(super) fn tuple(members: Vec<Datum>) -> Datum {
        Datum::Tuple(Arc::new(members))
    }

    /// The address, if it is an object of the inferior.
    pub fn address(&self) -> Option<Addr> {
        match self {
            Datum::Object(address) => Some(*address),
            _ => None,
        }
    }
}

impl View {
    pub(super) fn type_name(self) -> &'static str {
        match self {
            View::Keys => "dict_keys",
            View::Values => "dict_values",
            View::Items => "dict_items",
        }
    }
}

impl Iterated {
    pub(super) fn type_name(self) -> &'static str {
        match self {
            Iterated::Generator => "generator",
            Iterated::Zip => "zip",
            Iterated::Enumerate => "enumerate",
            Iterated::Reversed => "reversed",
        }
    }
}
