//! What the methods of `str` make of its characters: without objects.

use crate::python::eval::sequence;
use crate::python::eval::text::is_space;

pub(super) fn recased(text: &str, name: &str) -> String {
    match name {
        "upper" => text.to_uppercase(),
        "lower" => text.to_lowercase(),
        "casefold" => text.to_lowercase().replace('ß', "ss"),
        "swapcase" => {
            let swap = |character: char| {
                if character.is_uppercase() {
                    character.to_lowercase().collect::<String>()
                } else {
                    character.to_uppercase().collect()
                }
            };
            text.chars().map(swap).collect()
        }
        _ => {
            let mut result = String::new();
            let mut inside = false;
            for character in text.chars() {
                if inside {
                    result.extend(character.to_lowercase());
                } else {
                    result.extend(character.to_uppercase());
                }
                inside = name == "capitalize" || character.is_alphabetic();
            }
            result
        }
    }
}

pub(super) fn is(text: &str, name: &str) -> bool {
    let all = |test: fn(char) -> bool| !text.is_empty() && text.chars().all(test);
    match name {
        "isascii" => text.is_ascii(),
        "isspace" => !text.is_empty() && text.chars().all(|character| is_space(character.into())),
        "isdigit" | "isdecimal" => all(|character| character.is_ascii_digit()),
        "isnumeric" => all(char::is_numeric),
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isidentifier" => {
            let start = |character: char| character == '_' || character.is_alphabetic();
            text.starts_with(start)
                && text
                    .chars()
                    .all(|character| character == '_' || character.is_alphanumeric())
        }
        "isupper" => text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase),
        _ => text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase),
    }
}

pub(super) fn split(points: &[u32], separator: Option<&[u32]>, limit: usize) -> Vec<Vec<u32>> {
    let mut parts = Vec::new();
    let mut rest = points;
    match separator {
        Some(separator) => {
            while parts.len() < limit
                && let Some(at) = sequence::find(rest, separator)
            {
                parts.push(rest[..at].to_vec());
                rest = &rest[at + separator.len()..];
            }
            parts.push(rest.to_vec());
        }
        None => loop {
            let start = rest.iter().position(|&point| !is_space(point));
            let Some(start) = start else { break };
            rest = &rest[start..];
            if parts.len() >= limit {
                let end = rest
                    .iter()
                    .rposition(|&point| !is_space(point))
                    .map_or(0, |at| at + 1);
                parts.push(rest[..end].to_vec());
                break;
            }
            let end = rest
                .iter()
                .position(|&point| is_space(point))
                .unwrap_or(rest.len());
            parts.push(rest[..end].to_vec());
            rest = &rest[end..];
        },
    }
    parts
}

/// The same from the right: by splitting the reverse.
pub(super) fn rsplit(points: &[u32], separator: Option<&[u32]>, limit: usize) -> Vec<Vec<u32>> {
    let reversed = |points: &[u32]| points.iter().rev().copied().collect::<Vec<_>>();
    let separator = separator.map(reversed);
    let mut parts = split(&reversed(points), separator.as_deref(), limit);
    parts.iter_mut().for_each(|part| part.reverse());
    parts.reverse();
    parts
}

pub(super) fn lines(points: &[u32]) -> Vec<Vec<u32>> {
    let ends = |point: u32| matches!(point, 0xa..=0xd | 0x1c..=0x1e | 0x85 | 0x2028 | 0x2029);
    let mut parts = Vec::new();
    let mut rest = points;
    while !rest.is_empty() {
        let end = rest
            .iter()
            .position(|&point| ends(point))
            .unwrap_or(rest.len());
        parts.push(rest[..end].to_vec());
        let both = rest.get(end..end + 2) == Some(&[0xd, 0xa]);
        rest = rest.get(end + 1 + usize::from(both)..).unwrap_or(&[]);
    }
    parts
}

pub(super) fn padded(points: &[u32], width: usize, fill: u32, name: &str) -> Vec<u32> {
    let missing = width.saturating_sub(points.len());
    let filled = |fill, count| std::iter::repeat_n(fill, count).collect::<Vec<u32>>();
    match name {
        "zfill" => {
            let signs = [u32::from('-'), u32::from('+')];
            let signed = points.first().is_some_and(|first| signs.contains(first));
            let (sign, digits) = points.split_at(usize::from(signed));
            [sign, &filled('0'.into(), missing), digits].concat()
        }
        "ljust" => [points, &filled(fill, missing)].concat(),
        "rjust" => [&filled(fill, missing), points].concat(),
        _ => {
            // `unicode_center_impl`: the odd blank goes left if the width is odd.
            let left = missing / 2 + (missing & width & 1);
            [&filled(fill, left), points, &filled(fill, missing - left)].concat()
        }
    }
}

pub(super) fn expanded(points: &[u32]) -> Vec<u32> {
    let mut result = Vec::new();
    let mut column = 0;
    for &point in points {
        match char::from_u32(point) {
            Some('\t') => {
                let count = 8 - column % 8;
                result.extend(std::iter::repeat_n(u32::from(' '), count));
                column += count;
            }
            Some('\n' | '\r') => {
                result.push(point);
                column = 0;
            }
            _ => {
                result.push(point);
                column += 1;
            }
        }
    }
    result
}
