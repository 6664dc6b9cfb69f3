//! The statistics of a view's numbers, in one pass: `docs/internals/shared-memory.md`.

mod distinct;
mod distribution;
mod format;
mod gathered;
mod kernel;
mod key;
mod selection;
mod sweep;

use serde_json::Number;

use self::distribution::Distribution;
pub(super) use self::format::Format;
use self::gathered::{Gathered, Gathering};
use self::kernel::Partial;
use super::bytes::SegmentBytes;
use super::walk::{BLOCK, Block, Progress, Walk, WalkError};
use crate::array::{ElementType, Kind, View, Width, dtype_text};
use crate::model::{FieldStatistics, Statistics};

/// Parts of an element that are looked at: a record may have thousands.
const MOST_PARTS: usize = 64;

/// How exact quantiles and the like are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Depth {
    /// Exact of few numbers, and from a sample of many, which is taken on the way.
    #[default]
    OnePass,
    /// Exact of all, also if that takes several passes.
    Exact,
}

/// Of elements that are one number each; nothing of others. Without quantiles, different numbers and histogram.
pub fn statistics(
    bytes: &SegmentBytes,
    view: &View,
    progress: &Progress,
) -> Result<Option<Statistics>, WalkError> {
    let found = swept(bytes, view, Gathering::Nothing, progress)?;
    Ok(found.map(|(partial, _, format)| told(&partial, format, view)))
}

/// The same with these.
pub fn spread_statistics(
    bytes: &SegmentBytes,
    view: &View,
    depth: Depth,
    progress: &Progress,
) -> Result<Option<Statistics>, WalkError> {
    let gathering = Gathering::of(view.size());
    let in_passes = depth == Depth::Exact && gathering != Gathering::All;
    let while_sweeping = match in_passes {
        true => Gathering::Nothing,
        false => gathering,
    };
    let Some((partial, gathered, format)) = swept(bytes, view, while_sweeping, progress)? else {
        return Ok(None);
    };
    let distribution = match in_passes {
        false => Distribution::of(gathered, gathering, format),
        // Of what was not looked through there is none.
        true if progress.is_cancelled() => Distribution::default(),
        true => {
            let walk = Walk::in_memory(bytes, view);
            match Distribution::in_passes(&walk, format, &partial, progress) {
                Err(WalkError::Cancelled) => Distribution::default(),
                found => found?,
            }
        }
    };
    Ok(Some(Statistics {
        quantiles: distribution.quantiles,
        distinct: distribution.distinct,
        histogram: distribution.histogram,
        ..told(&partial, format, view)
    }))
}

/// One pass through all elements, and what was kept of them on the way.
fn swept(
    bytes: &SegmentBytes,
    view: &View,
    gathering: Gathering,
    progress: &Progress,
) -> Result<Option<(Partial, Gathered, Format)>, WalkError> {
    let Some(format) = Format::of(&view.element) else {
        return Ok(None);
    };
    let by_index = Walk::by_index(bytes, view);
    let in_memory = Walk::in_memory(bytes, view);
    let (mut partial, gathered) = sweep_all(&in_memory, format, gathering, progress)?;
    if !in_memory.has_order_of(&by_index) && partial.zero < partial.count {
        let ends = ends(&by_index, format, progress)?;
        (partial.first_nonzero, partial.last_nonzero) = ends;
    }
    Ok(Some((partial, gathered, format)))
}

/// Of each part of elements that consist of several, as far as it is a number.
pub fn of_parts(
    bytes: &SegmentBytes,
    view: &View,
    progress: &Progress,
) -> Result<Vec<FieldStatistics>, WalkError> {
    let mut parts = Vec::new();
    parts_of(view, "", &mut parts);
    let mut found = Vec::new();
    for (name, part) in parts {
        if let Some(statistics) = statistics(bytes, &part, progress)? {
            found.push(FieldStatistics {
                name,
                dtype: dtype_text::name(&part.element),
                statistics,
            });
        }
    }
    Ok(found)
}

fn parts_of(view: &View, prefix: &str, parts: &mut Vec<(String, View)>) {
    let named = |name: &str| match prefix {
        "" => name.to_string(),
        _ => format!("{prefix}.{name}"),
    };
    match &view.element.kind {
        Kind::Record(fields) => {
            for field in fields {
                if let Some(part) = view.field(&field.name)
                    && parts.len() < MOST_PARTS
                {
                    parts_of(&part, &named(&field.name), parts);
                }
            }
        }
        Kind::Complex(width) => {
            for (number, name) in ["real", "imag"].into_iter().enumerate() {
                parts.push((named(name), half_of(view, *width, number as u64)));
            }
        }
        _ if prefix.is_empty() => {}
        _ => parts.push((prefix.to_string(), view.clone())),
    }
}

/// The real or the imaginary parts.
fn half_of(view: &View, width: Width, number: u64) -> View {
    let element = ElementType::new(Kind::Real(width), width.bytes(), view.element.order);
    View {
        element: std::sync::Arc::new(element),
        offset: view.offset + number * width.bytes(),
        ..view.clone()
    }
}

fn sweep_all(
    walk: &Walk<'_>,
    format: Format,
    gathering: Gathering,
    progress: &Progress,
) -> Result<(Partial, Gathered), WalkError> {
    let least_normal = format.least_normal();
    let are_wide = format.exact_extremes(&[0; 16]).is_some();
    // Tasks are whole blocks, which follow each other, so that the same numbers are always added in the same order.
    let partials = walk.fold(
        progress,
        || (Partial::EMPTY, Gathered::default(), Vec::new()),
        |(partial, gathered, numbers), block| {
            let (first, bytes) = match block {
                Block::Zeros { first, count } => {
                    gathered.take_zeros(gathering, first, count);
                    *partial = partial.with(&Partial::zeros(count, are_wide));
                    return;
                }
                Block::Bytes { first, bytes } => (first, bytes),
            };
            let numbers: &[f64] = match doubles(format, bytes) {
                Some(doubles) => doubles,
                None => {
                    numbers.clear();
                    format.decode(bytes, numbers);
                    numbers
                }
            };
            let mut made = kernel::block(numbers, first, least_normal);
            gathered.take(gathering, format, first, numbers, bytes);
            made.exact = format.exact_extremes(bytes);
            *partial = partial.with(&made);
        },
    )?;
    let mut all = Gathered::default();
    let mut sums = Vec::with_capacity(partials.len());
    for (partial, mut gathered, _) in partials {
        sums.push(partial);
        all.append(&mut gathered);
    }
    Ok((pairwise(&sums), all))
}

/// What lies there as doubles of the machine.
fn doubles(format: Format, bytes: &[u8]) -> Option<&[f64]> {
    if !format.is_double() {
        return None;
    }
    // SAFETY: every pattern of bits is a double.
    let (before, doubles, after) = unsafe { bytes.align_to::<f64>() };
    (before.is_empty() && after.is_empty() && doubles.len() <= kernel::BLOCK).then_some(doubles)
}

/// The sums of halves, so that errors grow with the logarithm of how many there are.
fn pairwise(partials: &[Partial]) -> Partial {
    match partials {
        [] => Partial::EMPTY,
        [one] => *one,
        _ => {
            let (left, right) = partials.split_at(partials.len() / 2);
            pairwise(left).with(&pairwise(right))
        }
    }
}

/// The first and the last element, by index, that is not zero.
fn ends(
    walk: &Walk<'_>,
    format: Format,
    progress: &Progress,
) -> Result<(Option<u64>, Option<u64>), WalkError> {
    let found = walk.fold(
        progress,
        || (None, None),
        |(earliest, latest), block| {
            let Block::Bytes { first, bytes } = block else {
                return;
            };
            let mut numbers = Vec::with_capacity(BLOCK as usize);
            format.decode(bytes, &mut numbers);
            let is_set = |&number: &f64| number != 0.0;
            if let Some(index) = numbers.iter().position(is_set) {
                earliest.get_or_insert(first + index as u64);
            }
            if let Some(index) = numbers.iter().rposition(is_set) {
                *latest = Some(first + index as u64);
            }
        },
    )?;
    let earliest = found.iter().find_map(|(earliest, _)| *earliest);
    let latest = found.iter().rev().find_map(|(_, latest)| *latest);
    Ok((earliest, latest))
}

fn told(partial: &Partial, format: Format, view: &View) -> Statistics {
    let is_any = partial.finite > 0;
    let wide = |value: i128| Number::from_i128(value).or_else(|| Number::from_f64(value as f64));
    let number = |value: f64| match format.is_integer() {
        true => wide(value as i128),
        false => Number::from_f64(value),
    };
    let finite = |value: f64| value.is_finite().then_some(value);
    let (min, max) = match partial.exact {
        Some((min, max)) => (wide(min), wide(max)),
        None => (number(partial.min), number(partial.max)),
    };
    let place = |number: Option<u64>| number.map(|number| view.indices(number));
    Statistics {
        count: partial.count,
        min: min.filter(|_| is_any),
        max: max.filter(|_| is_any),
        mean: finite(partial.mean()).filter(|_| is_any),
        std: finite((partial.m2 / partial.finite as f64).sqrt()).filter(|_| is_any),
        nan: partial.nan,
        inf: partial.positive_inf + partial.negative_inf,
        positive_inf: partial.positive_inf,
        negative_inf: partial.negative_inf,
        zero: partial.zero,
        subnormal: partial.subnormal,
        first_nonzero: place(partial.first_nonzero),
        last_nonzero: place(partial.last_nonzero),
        ..Statistics::default()
    }
}
