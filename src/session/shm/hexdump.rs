//! Bytes that nobody has said the type of, and what they look like.

use super::show::ShowError;
use crate::model::{Guess, SCHEMA, SegmentDump};
use crate::shm::{Reached, SegmentBytes};

/// Bytes that are shown.
const SHOWN: u64 = 256;
/// Bytes that a guess rests on.
const SAMPLE: u64 = 16 * 1024;

pub(super) fn dump(reached: &Reached, at: u64) -> Result<SegmentDump, ShowError> {
    let size = reached.bytes.size();
    if at > size {
        return Err(ShowError::Beyond { at, size });
    }
    let mut bytes = vec![0; SHOWN.min(size - at) as usize];
    reached.bytes.read(at, &mut bytes)?;
    let mut notes = reached.notes.clone();
    let sample = sample(&reached.bytes, at)?;
    if sample.is_none() {
        notes.push("every byte that was looked at is 0".to_string());
    }
    Ok(SegmentDump {
        schema: SCHEMA,
        segment: reached.brief.clone(),
        offset: at,
        bytes: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        guess: sample.and_then(|sample| guess(&sample)),
        notes,
    })
}

/// What is there from `at` on, or from the first page on in which something is; nothing if all of it is 0.
fn sample(bytes: &SegmentBytes, at: u64) -> Result<Option<Vec<u8>>, ShowError> {
    let mut starts = vec![at];
    let stretches = bytes.stretches(at..bytes.size()).unwrap_or_default();
    let there = stretches.iter().filter(|stretch| !stretch.is_hole);
    starts.extend(there.map(|stretch| stretch.range.start).take(4));
    for start in starts {
        let mut sample = vec![0; SAMPLE.min(bytes.size() - start) as usize];
        bytes.read(start, &mut sample)?;
        if sample.iter().any(|&byte| byte != 0) {
            return Ok(Some(sample));
        }
    }
    Ok(None)
}

/// By how many elements of each type would be such as programs have. Nothing if none is likely.
fn guess(sample: &[u8]) -> Option<Guess> {
    let told = |dtype: &str, why: String| {
        Some(Guess {
            dtype: dtype.to_string(),
            why,
        })
    };
    let used: Vec<u8> = sample.iter().copied().filter(|&byte| byte != 0).collect();
    let text = used
        .iter()
        .filter(|&&byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t' | b'\r'))
        .count();
    if text * 100 >= used.len() * 95 {
        return told(
            &format!("S{}", sample.len()),
            format!(
                "{} of {} bytes that are not 0 are printable characters",
                text,
                used.len()
            ),
        );
    }
    let usual = |value: f64| value == 0.0 || (1e-9..1e12).contains(&value.abs());
    let share = |likely: usize, all: usize| all > 0 && likely * 100 >= all * 95;
    let doubles: Vec<f64> = sample
        .as_chunks::<8>()
        .0
        .iter()
        .map(|bytes| f64::from_le_bytes(*bytes))
        .filter(|value| value.to_bits() != 0)
        .collect();
    let likely = doubles.iter().filter(|&&value| usual(value)).count();
    if share(likely, doubles.len()) {
        let all = doubles.len();
        return told(
            "f64",
            format!("as float64, {likely} of {all} that are not 0 are between 1e-9 and 1e12"),
        );
    }
    let singles: Vec<f64> = sample
        .as_chunks::<4>()
        .0
        .iter()
        .map(|bytes| f64::from(f32::from_le_bytes(*bytes)))
        .filter(|value| *value != 0.0)
        .collect();
    let likely = singles.iter().filter(|&&value| usual(value)).count();
    if share(likely, singles.len()) {
        let all = singles.len();
        return told(
            "f32",
            format!("as float32, {likely} of {all} that are not 0 are between 1e-9 and 1e12"),
        );
    }
    for (dtype, width) in [("i64", 8), ("i32", 4), ("i16", 2)] {
        let numbers: Vec<i64> = sample
            .chunks_exact(width)
            .map(|bytes| crate::array::text::wide(bytes, true) as i64)
            .filter(|&value| value != 0)
            .collect();
        // The upper half of most is empty.
        let bound = 1_i64 << (width * 4);
        let likely = numbers
            .iter()
            .filter(|value| value.unsigned_abs() < bound as u64)
            .count();
        if share(likely, numbers.len()) {
            let all = numbers.len();
            return told(
                dtype,
                format!("as {dtype}, {likely} of {all} that are not 0 are smaller than {bound}"),
            );
        }
    }
    None
}
