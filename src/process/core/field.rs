//! Little-endian fields of untrusted bytes: what lies past the end is `None`.

use std::ops::Range;

pub(super) fn u16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

pub(super) fn u32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

pub(super) fn i32(bytes: &[u8], at: usize) -> Option<i32> {
    array(bytes, at).map(i32::from_le_bytes)
}

pub(super) fn u64(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// The part of `offset..offset + length` that `bytes` has, which may be none of it.
pub(super) fn clip(bytes: &[u8], offset: u64, length: u64) -> Range<usize> {
    let have = bytes.len() as u64;
    let start = offset.min(have);
    let end = offset.saturating_add(length).min(have);
    start as usize..end as usize
}

/// The text up to the first NUL, or all of it.
pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}
