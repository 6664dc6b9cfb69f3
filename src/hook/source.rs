//! Lines of source around a place.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Lines before and behind the one that a frame is at.
const AROUND: u32 = 2;
/// A longer file is not read. Bytes.
const LONGEST_FILE: u64 = 16 << 20;
/// A longer line is cut. Characters.
const LONGEST_LINE: usize = 200;

/// Lines with their numbers.
pub(super) type Excerpt = Vec<(u32, String)>;

/// Files that were read for a report, or could not be.
#[derive(Default)]
pub(super) struct Sources(BTreeMap<String, Option<String>>);

impl Sources {
    pub fn around(&mut self, file: &str, line: u32) -> Option<Excerpt> {
        if !self.0.contains_key(file) {
            self.0.insert(file.to_string(), read(Path::new(file)));
        }
        let text = self.0.get(file)?.as_deref()?;
        let first = line.saturating_sub(AROUND).max(1);
        let last = line.saturating_add(AROUND);
        let excerpt: Excerpt = (first..=last)
            .zip(text.lines().skip(first as usize - 1))
            .map(|(number, text)| (number, text.chars().take(LONGEST_LINE).collect()))
            .collect();
        let is_there = excerpt.iter().any(|(number, _)| *number == line);
        is_there.then_some(excerpt)
    }
}

/// A regular file: the name comes from debug information, and a pipe there would never end.
fn read(path: &Path) -> Option<String> {
    let metadata = std::fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > LONGEST_FILE {
        return None;
    }
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(LONGEST_FILE).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
