//! Element types as numpy writes them.

use super::element::{ByteOrder, ElementType, Field, Kind, Width};
use super::page::shape_text;

/// What `str(dtype)` gives: `float64`, `>f8`, `|S8`, `[('a', '<i4')]`.
pub fn name(element: &ElementType) -> String {
    match &element.kind {
        Kind::Record(fields) => record(element, fields),
        Kind::Subarray { base, shape } => format!("({}, {})", quoted(base), shape_text(shape)),
        Kind::Bytes | Kind::Text | Kind::Opaque => array_protocol(element),
        _ if element.order == ByteOrder::Big && element.size > 1 => array_protocol(element),
        Kind::Bool => "bool".to_string(),
        Kind::Integer { signed } => {
            let unsigned = if *signed { "" } else { "u" };
            format!("{unsigned}int{}", element.size * 8)
        }
        Kind::Real(Width::Brain) => "bfloat16".to_string(),
        Kind::Real(_) => format!("float{}", element.size * 8),
        Kind::Complex(_) => format!("complex{}", element.size * 8),
        Kind::Moment(unit) => format!("datetime64{}", unit.bracketed()),
        Kind::Span(unit) => format!("timedelta64{}", unit.bracketed()),
        Kind::Object => "object".to_string(),
        Kind::Unknown => "?".to_string(),
    }
}

/// What an array says of its dtype: `float32`, `'<U5'`.
pub(super) fn short(element: &ElementType) -> String {
    let name = name(element);
    let is_word = name.chars().all(char::is_alphanumeric);
    match &element.kind {
        Kind::Record(_) => name,
        _ if is_word => name,
        _ => format!("'{name}'"),
    }
}

/// The elements say what type they have: `bool`, `int64`, `float64`, `complex128`.
pub(super) fn is_implied(element: &ElementType) -> bool {
    let is_plain = match element.kind {
        Kind::Bool => true,
        Kind::Integer { signed } => signed && element.size == 8,
        Kind::Real(width) | Kind::Complex(width) => width == Width::Double,
        _ => false,
    };
    is_plain && (element.order == ByteOrder::Little || element.size == 1)
}

/// `dtype.str`: `<f8`, `|S3`, `>M8[ns]`.
pub fn array_protocol(element: &ElementType) -> String {
    let order = match element.order {
        ByteOrder::Big => ">",
        ByteOrder::Little if element.size == 1 => "",
        ByteOrder::Little => "<",
    };
    let size = element.size;
    match &element.kind {
        Kind::Bool => "?".to_string(),
        Kind::Object => "O".to_string(),
        Kind::Integer { signed: true } => format!("{order}i{size}"),
        Kind::Integer { signed: false } => format!("{order}u{size}"),
        Kind::Real(Width::Brain) => "bfloat16".to_string(),
        Kind::Real(_) => format!("{order}f{size}"),
        Kind::Complex(_) => format!("{order}c{size}"),
        Kind::Bytes => format!("|S{size}"),
        Kind::Text => format!("{order}U{}", size / 4),
        Kind::Moment(unit) => format!("{order}M8{}", unit.bracketed()),
        Kind::Span(unit) => format!("{order}m8{}", unit.bracketed()),
        _ => format!("|V{size}"),
    }
}

/// As it stands in the list of a record's fields: `'<f4'`, `'S8'`, `[('a', '<i4')]`.
fn quoted(element: &ElementType) -> String {
    match &element.kind {
        Kind::Record(fields) => record(element, fields),
        Kind::Subarray { base, shape } => format!("({}, {})", quoted(base), shape_text(shape)),
        Kind::Opaque => format!("'{}'", array_protocol(element)),
        _ => format!("'{}'", array_protocol(element).trim_start_matches('|')),
    }
}

/// A list where the fields follow each other, else a dict.
fn record(element: &ElementType, fields: &[Field]) -> String {
    let mut end = 0;
    let mut follows = |field: &Field| {
        let is_next = field.offset == end;
        end = field.offset.saturating_add(field.element.size);
        is_next
    };
    if fields.iter().all(&mut follows) && end == element.size {
        let item = |field: &Field| match &field.element.kind {
            Kind::Subarray { base, shape } => {
                format!(
                    "('{}', {}, {})",
                    field.name,
                    quoted(base),
                    shape_text(shape)
                )
            }
            _ => format!("('{}', {})", field.name, quoted(&field.element)),
        };
        let items: Vec<String> = fields.iter().map(item).collect();
        return format!("[{}]", items.join(", "));
    }
    let names: Vec<String> = fields
        .iter()
        .map(|field| format!("'{}'", field.name))
        .collect();
    let formats: Vec<String> = fields.iter().map(|field| quoted(&field.element)).collect();
    let offsets: Vec<String> = fields
        .iter()
        .map(|field| field.offset.to_string())
        .collect();
    format!(
        "{{'names': [{}], 'formats': [{}], 'offsets': [{}], 'itemsize': {}}}",
        names.join(", "),
        formats.join(", "),
        offsets.join(", "),
        element.size
    )
}
