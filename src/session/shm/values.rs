//! Elements as JSON has values.

use serde_json::{Number, Value, json};

use super::element_texts::InSegment;
use crate::array::calendar::{NOT_A_TIME, moment};
use crate::array::number_text;
use crate::array::real::{Real, brain};
use crate::array::text::{element_bytes, hexadecimal, trimmed, wide};
use crate::array::{ElementType, Kind, Release, View, Width};
use crate::shm::{BytesError, SegmentBytes};

/// Numbers in all values together: one record may have as many as its segment has bytes.
const MOST_NUMBERS: u64 = 1 << 20;

/// The first values of a view in the order of its indices, at most so many.
pub(super) fn values(
    bytes: &SegmentBytes,
    view: &View,
    most: u64,
) -> Result<Vec<Value>, BytesError> {
    let elements = InSegment(bytes);
    let most = most.min(MOST_NUMBERS / numbers_of(&view.element).max(1));
    (0..view.size().min(most))
        .map(|number| value(&elements, &view.element, view.place(&view.indices(number))))
        .collect()
}

/// In one element.
fn numbers_of(element: &ElementType) -> u64 {
    match &element.kind {
        Kind::Record(fields) => {
            let all = fields.iter().map(|field| numbers_of(&field.element));
            all.fold(0, u64::saturating_add)
        }
        Kind::Subarray { base, shape } => shape
            .iter()
            .fold(numbers_of(base), |all, &length| all.saturating_mul(length)),
        _ => 1,
    }
}

fn value(elements: &InSegment<'_>, element: &ElementType, place: u64) -> Result<Value, BytesError> {
    Ok(match &element.kind {
        Kind::Record(fields) => {
            let mut object = serde_json::Map::new();
            for field in fields {
                let place = place.wrapping_add(field.offset);
                object.insert(field.name.clone(), value(elements, &field.element, place)?);
            }
            Value::Object(object)
        }
        Kind::Subarray { base, shape } => {
            let Some((&length, inner)) = shape.split_first() else {
                return value(elements, base, place);
            };
            let rest = match inner {
                [] => base.as_ref().clone(),
                _ => ElementType {
                    size: element.size / length.max(1),
                    kind: Kind::Subarray {
                        base: base.clone(),
                        shape: inner.to_vec(),
                    },
                    order: element.order,
                },
            };
            let one = |index: u64| value(elements, &rest, place + index * rest.size);
            (0..length).map(one).collect::<Result<_, _>>()?
        }
        _ => plain(element, &element_bytes(element, place, elements)?),
    })
}

/// Of bytes in the machine's order. What JSON has no number for is a text: `NaN`, `Infinity`, `-Infinity`.
fn plain(element: &ElementType, bytes: &[u8]) -> Value {
    let integer = |number: i128| match Number::from_i128(number) {
        Some(number) => Value::Number(number),
        None => json!(number.to_string()),
    };
    match &element.kind {
        Kind::Bool => json!(bytes.first() != Some(&0)),
        Kind::Integer { signed } => integer(wide(bytes, *signed)),
        Kind::Real(width) => real(*width, bytes),
        Kind::Complex(width) => {
            let (left, right) = bytes.split_at(bytes.len() / 2);
            json!([real(*width, left), real(*width, right)])
        }
        Kind::Bytes => {
            let text: String = trimmed(bytes, 1)
                .iter()
                .map(|&byte| char::from(byte))
                .collect();
            json!(text)
        }
        Kind::Text => {
            let units = trimmed(bytes, 4).chunks_exact(4);
            let point = |unit: &[u8]| char::from_u32(wide(unit, false) as u32);
            let text: String = units
                .map(|unit| point(unit).unwrap_or('\u{fffd}'))
                .collect();
            json!(text)
        }
        Kind::Moment(unit) => json!(moment(wide(bytes, true) as i64, *unit)),
        Kind::Span(_) => match wide(bytes, true) as i64 {
            NOT_A_TIME => json!("NaT"),
            count => json!(count),
        },
        _ => json!(hexadecimal(bytes)),
    }
}

fn real(width: Width, bytes: &[u8]) -> Value {
    let Some(real) = Real::from_bytes(width, bytes) else {
        return Value::Null;
    };
    let value = match real {
        Real::Half(value, _) | Real::Double(value) => value,
        Real::Brain(bits) => brain(bits).into(),
        // As it is, not as the nearest double of its digits.
        Real::Single(value) => value.into(),
        // More digits than a double has.
        Real::Extended { .. } => {
            return json!(number_text::plain(real, Release::of_major(2)));
        }
    };
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => json!("NaN"),
        None if value > 0.0 => json!("Infinity"),
        None => json!("-Infinity"),
    }
}
