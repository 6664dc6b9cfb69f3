//! `str.isprintable()` of one character, which differs between versions with their Unicode tables.

use super::printable_table::SINCE;
use crate::python::layout::Minor;

/// Whether `repr()` writes a character as itself.
pub(super) fn is_printable(point: u32, version: Minor) -> bool {
    if point < 0x7f {
        return point >= 0x20;
    }
    let known = SINCE.iter().filter(|(minor, _)| *minor <= version.0);
    known
        .into_iter()
        .any(|(_, ranges)| is_within(point, ranges))
}

/// `ranges` are first and last code points in turns, ascending.
fn is_within(point: u32, ranges: &[u32]) -> bool {
    // The bounds below `point`, or equal to it if it is a first one: an odd number of them lies inside a range.
    let place = ranges.partition_point(|&bound| bound < point);
    let is_bound = ranges.get(place) == Some(&point);
    is_bound || place % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_belong_to_their_ranges() {
        let ranges = [5, 7, 9, 9, 20, 30];
        let within: Vec<u32> = (0..40).filter(|point| is_within(*point, &ranges)).collect();
        let expected: Vec<u32> = (5..=7).chain(9..=9).chain(20..=30).collect();
        assert_eq!(within, expected);
    }

    #[test]
    fn versions_differ() {
        // U+1FAE8 SHAKING FACE came with Unicode 15.0, which CPython 3.12 took.
        assert!(!is_printable(0x1fae8, Minor(11)));
        assert!(is_printable(0x1fae8, Minor(12)));
        assert!(is_printable(0xe9, Minor(8)));
        assert!(!is_printable(0xad, Minor(15)));
        assert!(!is_printable(0x10_ffff, Minor(15)));
    }
}
