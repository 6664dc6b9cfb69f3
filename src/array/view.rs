//! Which elements are meant: where the first lies, how many there are along each axis and how far apart. Basic indexing makes
//! no copy (`numpy/_core/src/multiarray/mapping.c`).

use std::sync::Arc;

use thiserror::Error;

use super::element::{ElementType, Kind};

/// As `NPY_MAXDIMS` of numpy 2.
pub const MOST_AXES: usize = 64;
/// Elements that a view of given strides may have even if fewer bytes are there.
const MOST_REPEATED: u64 = 1 << 32;

/// What selects along one axis, within its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    At(i64),
    Slice {
        start: i64,
        step: i64,
        count: u64,
    },
    /// An axis of length one (`numpy.newaxis`).
    New,
}

/// A part of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub offset: u64,
    pub shape: Vec<u64>,
    pub strides: Vec<i64>,
}

/// The part that one index for each axis, and new axes, select. Axes without an index stay whole. Arithmetic wraps.
pub fn select(offset: u64, shape: &[u64], strides: &[i64], indices: &[Index]) -> Part {
    let mut axes = shape.iter().copied().zip(strides.iter().copied());
    let mut part = Part {
        offset,
        shape: Vec::new(),
        strides: Vec::new(),
    };
    for index in indices {
        match *index {
            Index::New => {
                part.shape.push(1);
                part.strides.push(0);
            }
            Index::At(position) => {
                if let Some((_, stride)) = axes.next() {
                    let far = position.wrapping_mul(stride) as u64;
                    part.offset = part.offset.wrapping_add(far);
                }
            }
            Index::Slice { start, step, count } => {
                if let Some((_, stride)) = axes.next() {
                    let far = start.wrapping_mul(stride) as u64;
                    part.offset = part.offset.wrapping_add(far);
                    part.shape.push(count);
                    part.strides.push(stride.wrapping_mul(step));
                }
            }
        }
    }
    for (length, stride) in axes {
        part.shape.push(length);
        part.strides.push(stride);
    }
    part
}

/// Lengths and strides of the axes, those joined that continue each other: as the elements follow in memory, or in
/// the order of the indices.
pub fn joined_axes(shape: &[u64], strides: &[i64], in_memory: bool) -> Vec<(u64, i64)> {
    let pairs = shape.iter().copied().zip(strides.iter().copied());
    let mut axes: Vec<(u64, i64)> = pairs.filter(|&(length, _)| length != 1).collect();
    if in_memory {
        axes.sort_by_key(|&(_, stride)| std::cmp::Reverse(stride.unsigned_abs()));
    }
    let mut joined: Vec<(u64, i64)> = Vec::new();
    for (length, stride) in axes {
        match joined.last_mut() {
            Some(outer) if stride.checked_mul(length as i64) == Some(outer.1) => {
                *outer = (outer.0.saturating_mul(length), stride);
            }
            _ => joined.push((length, stride)),
        }
    }
    joined
}

/// In which order a shape goes through memory: the last axis fastest, or the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    #[default]
    C,
    Fortran,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ViewError {
    #[error("it begins at byte {at}, and there are {available}")]
    BeginsBeyond { at: u64, available: u64 },
    #[error(
        "a shape of {shape} {name} elements of {size} bytes needs {needed} bytes from byte {at} on, and there are {left}"
    )]
    TooLarge {
        shape: String,
        name: String,
        size: u64,
        at: u64,
        needed: String,
        left: u64,
    },
    #[error(
        "with these strides an element lies at byte {at}, outside of the {available} bytes that there are"
    )]
    Outside { at: i128, available: u64 },
    #[error("{count} elements cannot be divided into {shape}")]
    Indivisible { count: u64, shape: String },
    #[error("{strides} strides do not go with {axes} axes: there is one for each")]
    Strides { strides: usize, axes: usize },
    #[error(
        "a shape of {shape} has more elements than can be gone over: {most} at most, whatever the strides"
    )]
    TooManyElements { shape: String, most: u64 },
    #[error("an array has at most {MOST_AXES} axes")]
    TooManyAxes,
    #[error("an element of {0} has no size")]
    NoSize(String),
}

/// Elements of one type in a piece of memory that begins at 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    pub element: Arc<ElementType>,
    /// Of the first element. Bytes.
    pub offset: u64,
    pub shape: Vec<u64>,
    /// Bytes from one element to the next along each axis.
    pub strides: Vec<i64>,
}

impl View {
    /// What a user asks for, within `available` bytes. Without a shape as many elements as there is room for; one length of
    /// -1 is what the others leave.
    pub fn new(
        element: Arc<ElementType>,
        at: u64,
        shape: Option<&[i64]>,
        strides: Option<&[i64]>,
        order: Order,
        available: u64,
    ) -> Result<View, ViewError> {
        if element.size == 0 {
            return Err(ViewError::NoSize(super::dtype_text::name(&element)));
        }
        let left = available
            .checked_sub(at)
            .ok_or(ViewError::BeginsBeyond { at, available })?;
        let count = left / element.size;
        let shape = resolved(shape.unwrap_or(&[-1]), count)?;
        if shape.len() > MOST_AXES {
            return Err(ViewError::TooManyAxes);
        }
        let is_empty = shape.contains(&0);
        let needed = shape
            .iter()
            .try_fold(u128::from(element.size), |product, &length| {
                product.checked_mul(length.into())
            });
        // Strides of 0 make any number of elements of one.
        let most = available.max(MOST_REPEATED);
        let size = u128::from(element.size);
        if strides.is_some() && !is_empty && needed.is_none_or(|needed| needed / size > most.into())
        {
            return Err(ViewError::TooManyElements {
                shape: super::page::shape_text(&shape),
                most,
            });
        }
        let strides = match strides {
            Some(strides) if strides.len() == shape.len() => strides.to_vec(),
            Some(strides) => {
                return Err(ViewError::Strides {
                    strides: strides.len(),
                    axes: shape.len(),
                });
            }
            None if !is_empty && needed.is_none_or(|needed| needed > left.into()) => {
                return Err(ViewError::TooLarge {
                    shape: super::page::shape_text(&shape),
                    name: super::dtype_text::name(&element),
                    size: element.size,
                    at,
                    needed: needed.map_or("more than 2^128".to_string(), |bytes| bytes.to_string()),
                    left,
                });
            }
            None => strides_of(&shape, element.size, order),
        };
        let view = View {
            element,
            offset: at,
            shape,
            strides,
        };
        let (first, end) = view.reach();
        if first < 0 || end > available.into() {
            let at = if first < 0 { first } else { end - 1 };
            return Err(ViewError::Outside { at, available });
        }
        Ok(view)
    }

    /// Elements. Strides of 0 allow more of them than there are bytes.
    pub fn size(&self) -> u64 {
        if self.shape.contains(&0) {
            return 0;
        }
        let product = |product: u64, &length: &u64| product.saturating_mul(length);
        self.shape.iter().fold(1, product)
    }

    /// The first byte that belongs to an element, and the end of the last.
    pub fn reach(&self) -> (i128, i128) {
        let (mut first, mut last) = (i128::from(self.offset), i128::from(self.offset));
        if self.size() == 0 {
            return (first, last);
        }
        for (&length, &stride) in self.shape.iter().zip(&self.strides) {
            let far = i128::from(length - 1).saturating_mul(stride.into());
            if far < 0 {
                first = first.saturating_add(far);
            } else {
                last = last.saturating_add(far);
            }
        }
        (first, last.saturating_add(self.element.size.into()))
    }

    pub fn select(&self, indices: &[Index]) -> View {
        let part = select(self.offset, &self.shape, &self.strides, indices);
        View {
            element: self.element.clone(),
            offset: part.offset,
            shape: part.shape,
            strides: part.strides,
        }
    }

    /// The field of that name of each record; the axes of a subarray follow those of the array. Nothing if there is none.
    pub fn field(&self, name: &str) -> Option<View> {
        let Kind::Record(fields) = &self.element.kind else {
            return None;
        };
        let field = fields.iter().find(|field| field.name == name)?;
        let view = View {
            element: field.element.clone(),
            offset: self.offset.wrapping_add(field.offset),
            shape: self.shape.clone(),
            strides: self.strides.clone(),
        };
        Some(view.without_subarrays())
    }

    pub fn without_subarrays(mut self) -> View {
        while let Kind::Subarray { base, shape } = &self.element.kind {
            self.strides.extend(strides_of(shape, base.size, Order::C));
            self.shape.extend(shape);
            self.element = base.clone();
        }
        self
    }

    /// Where the element of these indices lies.
    pub fn place(&self, indices: &[u64]) -> u64 {
        let axes = indices.iter().zip(&self.strides);
        axes.fold(self.offset, |place, (&index, &stride)| {
            place.wrapping_add((stride as u64).wrapping_mul(index))
        })
    }

    /// The indices of the element that is so many after the first, the last axis fastest.
    pub fn indices(&self, mut number: u64) -> Vec<u64> {
        let mut indices: Vec<u64> = Vec::new();
        for &length in self.shape.iter().rev() {
            indices.push(number % length.max(1));
            number /= length.max(1);
        }
        indices.reverse();
        indices
    }
}

fn resolved(shape: &[i64], count: u64) -> Result<Vec<u64>, ViewError> {
    let known = shape.iter().filter(|&&length| length >= 0);
    let product = known.fold(1_u64, |product, &length| {
        product.saturating_mul(length as u64)
    });
    let is_open = shape.len() > 1 && shape.iter().any(|&length| length < 0);
    if is_open && (product == 0 || !count.is_multiple_of(product)) {
        let lengths: Vec<String> = shape.iter().map(i64::to_string).collect();
        return Err(ViewError::Indivisible {
            count,
            shape: format!("({})", lengths.join(", ")),
        });
    }
    let length = |&length: &i64| match u64::try_from(length) {
        Ok(length) => length,
        Err(_) => count / product.max(1),
    };
    Ok(shape.iter().map(length).collect())
}

fn strides_of(shape: &[u64], size: u64, order: Order) -> Vec<i64> {
    let mut stride = size as i64;
    let mut step = |&length: &u64| {
        let own = stride;
        stride = stride.wrapping_mul(length.max(1) as i64);
        own
    };
    match order {
        Order::C => {
            let mut strides: Vec<i64> = shape.iter().rev().map(step).collect();
            strides.reverse();
            strides
        }
        Order::Fortran => shape.iter().map(&mut step).collect(),
    }
}
