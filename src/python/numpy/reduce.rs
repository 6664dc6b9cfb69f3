//! Sums, means, extremes and their like over all elements of an array, with numpy's rounding: floats are added
//! in the order in which they lie in memory, through buffers of 8,192.

use super::dtype::{Dtype, Element, Width};
use super::elements::in_machine_order;
use super::ndarray::ArrayView;
use super::scalar::ScalarKind;
use super::summation::{pairwise, sum};
use super::value::{ArrayElement, NumpyScalar, Plain};
use crate::array::calendar::NOT_A_TIME;
use crate::array::real::Real;
use crate::array::text::wide;
use crate::python::{Look, LookError};

/// Elements of a buffer (`NPY_BUFSIZE`).
const BUFFER: u64 = 8_192;
/// Elements that are read at once.
const BLOCK: u64 = 16_384;
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::python) enum Reduction {
    Sum,
    Product,
    Mean,
    Min,
    Max,
    /// The variance with this many degrees of freedom taken off.
    Variance(i64),
    Deviation(i64),
    Any,
    All,
    ArgMin,
    ArgMax,
}

/// What a reduction comes to.
#[derive(Debug)]
pub(in crate::python) enum Reduced {
    Scalar(NumpyScalar),
    /// There is no extreme of nothing.
    Empty,
    /// Not of this dtype.
    Unsupported,
}

/// The elements of an array.
enum Numbers {
    Bools(Vec<bool>),
    Integers(Vec<i128>),
    Singles(Vec<f32>),
    Doubles(Vec<f64>),
}

impl Look<'_> {
    /// Reduces all elements to one. The caller has made sure that there are not too many.
    pub(in crate::python) fn reduce(
        &self,
        view: &ArrayView,
        reduction: Reduction,
    ) -> Result<Reduced, LookError> {
        let finds = matches!(reduction, Reduction::ArgMin | Reduction::ArgMax);
        let Some(numbers) = self.numbers(view, !finds)? else {
            return Ok(Reduced::Unsupported);
        };
        let dtype = &view.dtype;
        let made = |kind, value| {
            let scalar = self.numpy_scalar(kind, &value);
            scalar.map_or(Reduced::Unsupported, Reduced::Scalar)
        };
        let is_number = !matches!(dtype.element, Element::Moment(_) | Element::Span(_));
        let own = real_kind(dtype);
        let wide = ScalarKind::Integer {
            bytes: 8,
            signed: !matches!(dtype.element, Element::Integer { signed: false }),
        };
        let chunk = self.buffer_of(view);
        Ok(match reduction {
            Reduction::Any | Reduction::All if is_number => {
                let every = reduction == Reduction::All;
                let is_set = |truth: bool| truth != every;
                let found = match &numbers {
                    Numbers::Bools(all) => all.iter().any(|&truth| is_set(truth)),
                    Numbers::Integers(all) => all.iter().any(|&value| is_set(value != 0)),
                    Numbers::Singles(all) => all.iter().any(|&value| is_set(value != 0.0)),
                    Numbers::Doubles(all) => all.iter().any(|&value| is_set(value != 0.0)),
                };
                made(ScalarKind::Bool, Plain::Bool(found != every))
            }
            Reduction::Sum | Reduction::Product if is_number => {
                let adds = reduction == Reduction::Sum;
                match (&numbers, adds) {
                    (Numbers::Bools(all), _) => {
                        let all: Vec<i128> = all.iter().map(|&truth| truth.into()).collect();
                        made(wide, whole(&all, adds, true))
                    }
                    (Numbers::Integers(all), _) => made(wide, whole(all, adds, is_signed(wide))),
                    (Numbers::Singles(all), true) => match own {
                        Some(kind) => {
                            made(kind, Plain::Float(self.sum_of_singles(all, dtype, chunk)))
                        }
                        None => Reduced::Unsupported,
                    },
                    (Numbers::Doubles(all), true) => made(
                        ScalarKind::Real(Width::Double),
                        Plain::Float(sum(all, chunk)),
                    ),
                    (Numbers::Singles(all), false) if dtype.item_size == 4 => {
                        let product: f32 = all.iter().product();
                        made(
                            ScalarKind::Real(Width::Single),
                            Plain::Float(product.into()),
                        )
                    }
                    (Numbers::Doubles(all), false) => {
                        let product: f64 = all.iter().product();
                        made(ScalarKind::Real(Width::Double), Plain::Float(product))
                    }
                    _ => Reduced::Unsupported,
                }
            }
            Reduction::Mean if is_number => match (&numbers, own) {
                (Numbers::Singles(all), Some(kind)) => {
                    // Halves are added as singles by way of a buffer.
                    let chunk = if dtype.item_size == 2 { BUFFER } else { chunk };
                    made(
                        kind,
                        Plain::Float((sum(all, chunk) / all.len() as f32).into()),
                    )
                }
                _ => {
                    let (all, chunk) = doubles(numbers, chunk);
                    let mean = sum(&all, chunk) / all.len() as f64;
                    made(ScalarKind::Real(Width::Double), Plain::Float(mean))
                }
            },
            Reduction::Variance(taken) | Reduction::Deviation(taken) if is_number => {
                let root = matches!(reduction, Reduction::Deviation(_));
                // Of an array that is made for it, and lies in one piece.
                let again = if self.release_of(dtype).reduces_whole() {
                    u64::MAX
                } else {
                    BUFFER
                };
                match (numbers, own) {
                    (Numbers::Singles(all), Some(kind)) if dtype.item_size == 4 => {
                        let count = (all.len() as i64).saturating_sub(taken).max(0) as f32;
                        let mean = sum(&all, chunk) / all.len() as f32;
                        let squares: Vec<f32> =
                            all.iter().map(|x| (x - mean) * (x - mean)).collect();
                        let variance = sum(&squares, again) / count;
                        let answer = if root { variance.sqrt() } else { variance };
                        made(kind, Plain::Float(answer.into()))
                    }
                    (Numbers::Singles(_), _) => Reduced::Unsupported,
                    (numbers, _) => {
                        let (all, chunk) = doubles(numbers, chunk);
                        let count = (all.len() as i64).saturating_sub(taken).max(0) as f64;
                        let mean = sum(&all, chunk) / all.len() as f64;
                        let squares: Vec<f64> =
                            all.iter().map(|x| (x - mean) * (x - mean)).collect();
                        let variance = sum(&squares, again) / count;
                        let answer = if root { variance.sqrt() } else { variance };
                        made(ScalarKind::Real(Width::Double), Plain::Float(answer))
                    }
                }
            }
            Reduction::Min | Reduction::Max | Reduction::ArgMin | Reduction::ArgMax => {
                let largest = matches!(reduction, Reduction::Max | Reduction::ArgMax);
                let Some(at) = extreme(&numbers, largest, !is_number) else {
                    return Ok(Reduced::Empty);
                };
                if finds {
                    let kind = ScalarKind::Integer {
                        bytes: 8,
                        signed: true,
                    };
                    return Ok(made(kind, Plain::Int(at as i128)));
                }
                let axes = view.axes(true);
                self.element_at(view, &axes, at as u64)?
            }
            _ => Reduced::Unsupported,
        })
    }

    /// How many elements are added before their sum is added to that of those before.
    fn buffer_of(&self, view: &ArrayView) -> u64 {
        let axes = view.axes(true);
        if !self.release_of(&view.dtype).reduces_whole() || view.dtype.byte_order == b'>' {
            return BUFFER;
        }
        // What one stride leads through needs no buffer.
        let [rest @ .., _] = &axes[..] else {
            return u64::MAX;
        };
        if rest.is_empty() {
            return u64::MAX;
        }
        let mut core = 1_u64;
        for (length, _) in axes.iter().rev() {
            match core.checked_mul(*length) {
                Some(larger) if larger <= BUFFER => core = larger,
                _ => break,
            }
        }
        BUFFER / core.max(1) * core.max(1)
    }

    fn sum_of_singles(&self, all: &[f32], dtype: &Dtype, chunk: u64) -> f64 {
        if dtype.item_size == 4 {
            return sum(all, chunk).into();
        }
        // Of halves each buffer's sum is rounded to a half.
        let step = usize::try_from(chunk).unwrap_or(usize::MAX);
        let half = |value: f32| {
            let bytes = crate::array::real::to_half(value.into()).to_le_bytes();
            match Real::from_bytes(Width::Half, &bytes) {
                Some(Real::Half(value, _)) => value as f32,
                _ => f32::NAN,
            }
        };
        let add = |total: f32, part: &[f32]| half(total + pairwise(part));
        all.chunks(step).fold(0.0, add).into()
    }

    fn element_at(
        &self,
        view: &ArrayView,
        axes: &[(u64, i64)],
        mut index: u64,
    ) -> Result<Reduced, LookError> {
        let mut one = view.select(&[]);
        one.shape.clear();
        one.strides.clear();
        for &(length, stride) in axes.iter().rev() {
            let position = index % length.max(1);
            index /= length.max(1);
            one.data = one.data.plus((stride as u64).wrapping_mul(position));
        }
        Ok(match self.element(&one)? {
            ArrayElement::Scalar(scalar) => Reduced::Scalar(scalar),
            ArrayElement::Object(_) => Reduced::Unsupported,
        })
    }

    /// All elements; nothing if they are no numbers that numpy and the machine share.
    fn numbers(&self, view: &ArrayView, in_memory: bool) -> Result<Option<Numbers>, LookError> {
        let axes = view.axes(in_memory);
        Ok(Some(match &view.dtype.element {
            Element::Bool => {
                Numbers::Bools(self.collect(view, &axes, |bytes| bytes.first() != Some(&0))?)
            }
            Element::Integer { signed } => {
                Numbers::Integers(self.collect(view, &axes, |bytes| wide(bytes, *signed))?)
            }
            Element::Moment(_) | Element::Span(_) => {
                Numbers::Integers(self.collect(view, &axes, |bytes| wide(bytes, true))?)
            }
            Element::Real(width @ (Width::Half | Width::Single)) => {
                Numbers::Singles(self.collect(view, &axes, |bytes| {
                    match Real::from_bytes(*width, bytes) {
                        Some(Real::Half(value, _)) => value as f32,
                        Some(Real::Single(value)) => value,
                        _ => f32::NAN,
                    }
                })?)
            }
            Element::Real(Width::Double) => {
                Numbers::Doubles(self.collect(view, &axes, |bytes| {
                    bytes.try_into().map_or(f64::NAN, f64::from_le_bytes)
                })?)
            }
            _ => return Ok(None),
        }))
    }

    /// Every element in the order of the axes.
    fn collect<T>(
        &self,
        view: &ArrayView,
        axes: &[(u64, i64)],
        convert: impl Fn(&[u8]) -> T,
    ) -> Result<Vec<T>, LookError> {
        let mut all = Vec::new();
        if view.size == 0 {
            return Ok(all);
        }
        let size = view.dtype.item_size;
        let mut take = |bytes: &mut [u8]| {
            for bytes in bytes.chunks_exact_mut(size.max(1) as usize) {
                in_machine_order(&view.dtype, bytes);
                all.push(convert(bytes));
            }
        };
        let (outer, &(length, stride)) = match axes.split_last() {
            Some((last, outer)) => (outer, last),
            None => (axes, &(1, size as i64)),
        };
        let rows = outer
            .iter()
            .fold(1_u64, |rows, axis| rows.saturating_mul(axis.0));
        for row in 0..rows {
            let (mut place, mut index) = (view.data, row);
            for &(length, stride) in outer.iter().rev() {
                let position = index % length.max(1);
                index /= length.max(1);
                place = place.plus((stride as u64).wrapping_mul(position));
            }
            let together = if stride == size as i64 { BLOCK } else { 1 };
            let mut at = 0;
            while at < length {
                let count = together.min(length - at);
                let place = place.plus((stride as u64).wrapping_mul(at));
                let mut bytes = self.element_bytes(place, (count * size) as usize)?;
                take(&mut bytes);
                at += count;
            }
        }
        Ok(all)
    }
}

fn real_kind(dtype: &Dtype) -> Option<ScalarKind> {
    match dtype.element {
        Element::Real(width) => Some(ScalarKind::Real(width)),
        _ => None,
    }
}

fn is_signed(kind: ScalarKind) -> bool {
    matches!(kind, ScalarKind::Integer { signed: true, .. })
}

/// Of 64 bits, of which what does not fit is lost.
fn whole(all: &[i128], adds: bool, signed: bool) -> Plain {
    let start = if adds { 0_i64 } else { 1 };
    let total = all.iter().fold(start, |total, &value| match adds {
        true => total.wrapping_add(value as i64),
        false => total.wrapping_mul(value as i64),
    });
    Plain::Int(if signed {
        total.into()
    } else {
        (total as u64).into()
    })
}

/// As doubles, and the size of the buffer through which those that were none go.
fn doubles(numbers: Numbers, chunk: u64) -> (Vec<f64>, u64) {
    match numbers {
        Numbers::Doubles(all) => (all, chunk),
        Numbers::Bools(all) => (all.into_iter().map(f64::from).collect(), BUFFER),
        Numbers::Integers(all) => (all.into_iter().map(|value| value as f64).collect(), BUFFER),
        Numbers::Singles(all) => (all.into_iter().map(f64::from).collect(), BUFFER),
    }
}

/// The position of the first of the largest or smallest; a nan, or a time that is none, wins.
fn extreme(numbers: &Numbers, largest: bool, times: bool) -> Option<usize> {
    fn first<T: Copy + PartialOrd>(
        all: &[T],
        largest: bool,
        wins: impl Fn(T) -> bool,
    ) -> Option<usize> {
        let mut best: Option<(usize, T)> = None;
        for (index, &value) in all.iter().enumerate() {
            if wins(value) {
                return Some(index);
            }
            let better = match best {
                None => true,
                Some((_, best)) => {
                    if largest {
                        value > best
                    } else {
                        value < best
                    }
                }
            };
            if better {
                best = Some((index, value));
            }
        }
        best.map(|(index, _)| index)
    }
    match numbers {
        Numbers::Bools(all) => first(all, largest, |_| false),
        Numbers::Integers(all) => first(all, largest, |value| {
            times && value == i128::from(NOT_A_TIME)
        }),
        Numbers::Singles(all) => first(all, largest, f32::is_nan),
        Numbers::Doubles(all) => first(all, largest, f64::is_nan),
    }
}
