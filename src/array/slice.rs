//! What stands in brackets behind an array: `[10:20]`, `[::2, 3]`, `[..., None]`, `['x']`.

use thiserror::Error;

use super::view::{Index, View};

/// Digits of an index that are read.
const LONGEST_NUMBER: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SliceError {
    #[error("'{0}' is no slice: [10:20], [::2, 3], [..., 0], ['field']")]
    Syntax(String),
    #[error("the step of a slice cannot be 0")]
    StepOfZero,
    #[error("there are {indices} indices for {axes} axes")]
    TooManyIndices { indices: usize, axes: usize },
    #[error("index {index} is out of bounds: axis {axis} has {length} elements")]
    OutOfBounds {
        index: i64,
        axis: usize,
        length: u64,
    },
    #[error("there is only one '...' in an index")]
    TwoEllipses,
    #[error("there is no field '{name}': {fields}")]
    NoField { name: String, fields: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Group {
    Field(String),
    Indices(Vec<Item>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    At(i64),
    Slice(Option<i64>, Option<i64>, Option<i64>),
    Ellipsis,
    New,
}

/// One bracket or several, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    groups: Vec<Group>,
}

impl Slice {
    pub fn parse(text: &str) -> Result<Slice, SliceError> {
        let wrong = || SliceError::Syntax(text.to_string());
        let mut rest = text.trim();
        let mut groups = Vec::new();
        while !rest.is_empty() {
            let inner = rest.strip_prefix('[').ok_or_else(wrong)?.trim_start();
            let quoted = inner.chars().next().filter(|c| matches!(c, '\'' | '"'));
            if let Some(quote) = quoted {
                let (name, behind) = inner[1..].split_once(quote).ok_or_else(wrong)?;
                rest = behind
                    .trim_start()
                    .strip_prefix(']')
                    .ok_or_else(wrong)?
                    .trim_start();
                groups.push(Group::Field(name.to_string()));
                continue;
            }
            let (items, behind) = inner.split_once(']').ok_or_else(wrong)?;
            rest = behind.trim_start();
            let items = items.trim().strip_suffix(',').unwrap_or(items);
            let parsed = items.split(',').map(|word| item(word.trim()));
            let items: Option<Vec<Item>> = parsed.collect();
            groups.push(Group::Indices(items.ok_or_else(wrong)?));
        }
        match groups.is_empty() {
            true => Err(wrong()),
            false => Ok(Slice { groups }),
        }
    }

    /// The part of a view that it selects.
    pub fn of(&self, view: &View) -> Result<View, SliceError> {
        let mut view = view.clone();
        for group in &self.groups {
            view = match group {
                Group::Field(name) => view.field(name).ok_or_else(|| SliceError::NoField {
                    name: name.clone(),
                    fields: fields_of(&view),
                })?,
                Group::Indices(items) => view.select(&indices(items, &view.shape)?),
            };
        }
        Ok(view)
    }
}

fn fields_of(view: &View) -> String {
    match &view.element.kind {
        super::Kind::Record(fields) => {
            let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
            format!("there are {}", names.join(", "))
        }
        _ => "the elements are no records".to_string(),
    }
}

fn item(word: &str) -> Option<Item> {
    let number = |word: &str| match word.trim() {
        "" => Some(None),
        word if word.len() <= LONGEST_NUMBER => word.parse().ok().map(Some),
        _ => None,
    };
    match word {
        "..." => return Some(Item::Ellipsis),
        "None" | "newaxis" | "np.newaxis" => return Some(Item::New),
        _ => {}
    }
    let mut parts = word.split(':');
    let start = number(parts.next()?)?;
    let Some(stop) = parts.next() else {
        return start.map(Item::At);
    };
    let (stop, step) = (number(stop)?, parts.next().map_or(Some(None), number)?);
    parts
        .next()
        .is_none()
        .then_some(Item::Slice(start, stop, step))
}

fn indices(items: &[Item], shape: &[u64]) -> Result<Vec<Index>, SliceError> {
    let used = items
        .iter()
        .filter(|item| matches!(item, Item::At(_) | Item::Slice(..)))
        .count();
    if used > shape.len() {
        return Err(SliceError::TooManyIndices {
            indices: used,
            axes: shape.len(),
        });
    }
    let (mut axis, mut ellipses) = (0, 0);
    let mut found = Vec::new();
    for item in items {
        let length = shape.get(axis).copied().unwrap_or(0);
        match *item {
            Item::New => found.push(Index::New),
            Item::Ellipsis => {
                ellipses += 1;
                if ellipses > 1 {
                    return Err(SliceError::TwoEllipses);
                }
                for _ in 0..shape.len() - used {
                    let count = shape.get(axis).copied().unwrap_or(0);
                    found.push(Index::Slice {
                        start: 0,
                        step: 1,
                        count,
                    });
                    axis += 1;
                }
            }
            Item::At(index) => {
                let position = match index < 0 {
                    true => i128::from(index) + i128::from(length),
                    false => index.into(),
                };
                if !(0..i128::from(length)).contains(&position) {
                    return Err(SliceError::OutOfBounds {
                        index,
                        axis,
                        length,
                    });
                }
                found.push(Index::At(position as i64));
                axis += 1;
            }
            Item::Slice(start, stop, step) => {
                found.push(bounds(start, stop, step.unwrap_or(1), length)?);
                axis += 1;
            }
        }
    }
    Ok(found)
}

/// `PySlice_AdjustIndices`, CPython 3.13 `Objects/sliceobject.c`.
fn bounds(
    start: Option<i64>,
    stop: Option<i64>,
    step: i64,
    length: u64,
) -> Result<Index, SliceError> {
    if step == 0 {
        return Err(SliceError::StepOfZero);
    }
    let length = i128::from(length);
    let (least, most) = if step > 0 {
        (0, length)
    } else {
        (-1, length - 1)
    };
    let within = |given: Option<i64>, default: i128| match given.map(i128::from) {
        None => default,
        Some(index) if index < 0 => (index + length).clamp(least, most),
        Some(index) => index.clamp(least, most),
    };
    let (first, last) = if step > 0 {
        (least, most)
    } else {
        (most, least)
    };
    let (start, stop) = (within(start, first), within(stop, last));
    let span = if step > 0 { stop - start } else { start - stop };
    let count = match span > 0 {
        true => (span - 1) / i128::from(step).abs() + 1,
        false => 0,
    };
    Ok(Index::Slice {
        // Nothing is selected where it begins outside.
        start: if count == 0 { 0 } else { start as i64 },
        step,
        count: count as u64,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::array::{ByteOrder, ElementType, Kind};

    fn part(text: &str) -> Result<(u64, Vec<u64>, Vec<i64>), SliceError> {
        let element = ElementType::new(Kind::Integer { signed: true }, 4, ByteOrder::Little);
        let view = View {
            element: Arc::new(element),
            offset: 0,
            shape: vec![4, 6],
            strides: vec![24, 4],
        };
        let part = Slice::parse(text)?.of(&view)?;
        Ok((part.offset, part.shape, part.strides))
    }

    #[test]
    fn slices_select_as_in_numpy() {
        assert_eq!(part("[1]"), Ok((24, vec![6], vec![4])));
        assert_eq!(part("[-1, 2]"), Ok((80, vec![], vec![])));
        assert_eq!(part("[::2, 3]"), Ok((12, vec![2], vec![48])));
        assert_eq!(part("[::-1]"), Ok((72, vec![4, 6], vec![-24, 4])));
        assert_eq!(
            part("[..., None, 9:1:-3]"),
            Ok((20, vec![4, 1, 2], vec![24, 0, -12]))
        );
        assert_eq!(part("[5:, ]").map(|part| part.1), Ok(vec![0, 6]));
        assert_eq!(part("[1:3][1][4]"), Ok((64, vec![], vec![])));
    }

    #[test]
    fn what_is_no_slice_says_why() {
        for text in [
            "",
            "[",
            "[]",
            "x",
            "[1",
            "[1:2:3:4]",
            "[a]",
            "[1]]",
            "['x'",
            "[99999999999999999999999]",
        ] {
            assert!(matches!(part(text), Err(SliceError::Syntax(_))), "{text}");
        }
        assert_eq!(part("[::0]"), Err(SliceError::StepOfZero));
        assert!(matches!(part("[4]"), Err(SliceError::OutOfBounds { .. })));
        assert!(matches!(
            part("[0,0,0]"),
            Err(SliceError::TooManyIndices { .. })
        ));
        assert_eq!(part("[...,...]"), Err(SliceError::TwoEllipses));
        assert!(matches!(part("['x']"), Err(SliceError::NoField { .. })));
    }
}
