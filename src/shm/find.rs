//! Finding a segment by what a user calls it.

use super::census::Census;
use super::designation::Designation;
use super::error::ShmError;
use super::found::Found;
use super::identity::Identity;
use crate::model::Pid;

/// Names that are said where several would do.
const MOST_CHOICES: usize = 8;

impl Census<'_> {
    /// What [`among`] finds of all segments.
    pub(super) fn find(&self, text: &str) -> Result<&Found, ShmError> {
        among(self.segments.values(), text)
    }
}

/// By its name or the beginning of one, by an address in a process (`4242:0x7f0012340000`), or by device and inode
/// (`26:1234`).
pub(super) fn among<'f>(
    segments: impl Iterator<Item = &'f Found> + Clone,
    text: &str,
) -> Result<&'f Found, ShmError> {
    if let Some(found) = by_numbers(segments.clone(), text) {
        return Ok(found);
    }
    let exactly = Designation::new(text).one_of(segments.clone());
    if !matches!(exactly, Err(ShmError::NoSuchSegment { .. })) {
        return exactly;
    }
    let start = text.strip_prefix("/dev/shm/").unwrap_or(text);
    let start = start.strip_prefix('/').unwrap_or(start);
    // SharedMemory calls `psm_3f2a` what shm_open(3) calls `/psm_3f2a`.
    let named = Designation::new(start).one_of(segments.clone());
    if start.is_empty() || !matches!(named, Err(ShmError::NoSuchSegment { .. })) {
        return named;
    }
    let begins = |found: &&Found| found.label.name.starts_with(start);
    let mut meant = segments.filter(begins);
    match (meant.next(), meant.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => exactly,
        (Some(one), Some(other)) => {
            let others = meant.take(MOST_CHOICES);
            let choices = [one, other].into_iter().chain(others);
            Err(ShmError::Beginnings {
                name: text.to_string(),
                choices: choices.map(|found| found.label.name.clone()).collect(),
            })
        }
    }
}

fn by_numbers<'f>(mut segments: impl Iterator<Item = &'f Found>, text: &str) -> Option<&'f Found> {
    let (left, right) = text.split_once(':')?;
    let left: u64 = left.parse().ok()?;
    if let Some(digits) = right.strip_prefix("0x") {
        let address = u64::from_str_radix(digits, 16).ok()?;
        let pid = Pid(u32::try_from(left).ok()?);
        return segments.find(|found| {
            found.mappers.iter().any(|mapper| {
                let into = address.checked_sub(mapper.address.0);
                mapper.pid == pid && into.is_some_and(|into| into < mapper.length)
            })
        });
    }
    let inode = right.parse().ok()?;
    let device = left;
    segments.find(|found| found.identity == Identity::File { device, inode })
}
