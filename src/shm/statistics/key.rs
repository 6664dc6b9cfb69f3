//! Numbers as integers that have their order: for finding those of certain ranks, and for telling them apart.

use super::format::Format;

/// What an element's key is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    /// The double that it is, or that is next to it.
    Double,
    Signed,
    Unsigned,
}

const SIGN: u64 = 1 << 63;

impl KeyKind {
    /// The key of a double; none of one that is not finite.
    #[inline(always)]
    pub(super) fn of_double(number: f64) -> Option<u64> {
        // Of two zeros, which are equal, comes one.
        let bits = (number + 0.0).to_bits();
        number.is_finite().then_some(match bits & SIGN {
            0 => bits | SIGN,
            _ => !bits,
        })
    }

    /// The number of a key, or the double next to it.
    pub(super) fn number(self, key: u64) -> f64 {
        match self {
            KeyKind::Double if key & SIGN != 0 => f64::from_bits(key & !SIGN),
            KeyKind::Double => f64::from_bits(!key),
            KeyKind::Signed => (key ^ SIGN).cast_signed() as f64,
            KeyKind::Unsigned => key as f64,
        }
    }
}

/// Calls for the key of each element of a block that is finite. `numbers` are its doubles, `bytes` what they were made of.
#[inline(always)]
pub(super) fn each_key(format: Format, numbers: &[f64], bytes: &[u8], with: impl FnMut(u64)) {
    match format.key_kind() {
        KeyKind::Double => numbers
            .iter()
            .filter_map(|&number| KeyKind::of_double(number))
            .for_each(with),
        _ => bytes
            .as_chunks::<8>()
            .0
            .iter()
            .filter_map(|element| format.long_key(*element))
            .for_each(with),
    }
}

/// The key of one element of a block.
pub(super) fn key_at(format: Format, numbers: &[f64], bytes: &[u8], index: usize) -> Option<u64> {
    match format.key_kind() {
        KeyKind::Double => numbers.get(index).copied().and_then(KeyKind::of_double),
        _ => format.long_key(*bytes.as_chunks::<8>().0.get(index)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_order_of_the_numbers() {
        let numbers = [-1e300, -2.0, -5e-324, 0.0, 5e-324, 1.0, 1.5, 1e300];
        let keys = numbers.map(|number| KeyKind::of_double(number).unwrap());
        assert!(keys.is_sorted(), "{keys:x?}");
        assert_eq!(keys.map(|key| KeyKind::Double.number(key)), numbers);
        assert_eq!(KeyKind::of_double(-0.0), KeyKind::of_double(0.0));
        assert_eq!(KeyKind::of_double(f64::NAN), None);
        assert_eq!(KeyKind::Signed.number(SIGN - 1), -1.0);
    }
}
