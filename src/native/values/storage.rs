//! Where the bytes of a value are: in memory, or put together from registers and constants.

use std::ops::Range;
use std::sync::Arc;

use crate::model::{Absence, Addr};
use crate::process::Memory;

/// More than this is not read of one value at once. Bytes.
const MOST: u64 = 1 << 20;

/// A value's bytes, or those from some offset on. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Storage {
    Memory(Addr),
    Pieces { pieces: Arc<Pieces>, offset: u64 },
}

/// Bytes that lie in registers, in constants or in several places, of which some may be lost.
#[derive(Debug, Default)]
pub struct Pieces {
    pub bytes: Vec<u8>,
    pub lost: Vec<(Range<u64>, Absence)>,
}

impl Storage {
    pub fn of(pieces: Pieces) -> Storage {
        Storage::Pieces {
            pieces: Arc::new(pieces),
            offset: 0,
        }
    }

    pub fn at(&self, bytes: u64) -> Storage {
        match self {
            Storage::Memory(address) => Storage::Memory(address.plus(bytes)),
            Storage::Pieces { pieces, offset } => Storage::Pieces {
                pieces: pieces.clone(),
                offset: offset.saturating_add(bytes),
            },
        }
    }

    pub fn address(&self) -> Option<Addr> {
        match self {
            Storage::Memory(address) => Some(*address),
            Storage::Pieces { .. } => None,
        }
    }

    pub fn bytes(&self, memory: &Memory<'_>, length: u64) -> Result<Vec<u8>, Absence> {
        if length > MOST {
            let limit = format!("it is {length} bytes long");
            return Err(Absence::LimitReached { limit });
        }
        match self {
            Storage::Memory(address) => memory
                .bytes(*address, length as usize)
                .map_err(|error| error.absence()),
            Storage::Pieces { pieces, offset } => pieces.range(*offset, length),
        }
    }

    /// A number without sign, of at most 16 bytes.
    pub fn unsigned(&self, memory: &Memory<'_>, size: u64) -> Result<u128, Absence> {
        let bytes = self.bytes(memory, size.min(16))?;
        let mut whole = [0; 16];
        whole[..bytes.len()].copy_from_slice(&bytes);
        Ok(u128::from_le_bytes(whole))
    }

    pub fn signed(&self, memory: &Memory<'_>, size: u64) -> Result<i128, Absence> {
        let value = self.unsigned(memory, size)?;
        Ok(sign_extended(value, size.min(16) * 8))
    }

    pub fn pointer(&self, memory: &Memory<'_>) -> Result<Addr, Absence> {
        self.unsigned(memory, 8).map(|value| Addr(value as u64))
    }
}

pub fn sign_extended(value: u128, bits: u64) -> i128 {
    let unused = 128_u64.saturating_sub(bits).min(127) as u32;
    if bits == 0 {
        0
    } else {
        (value << unused).cast_signed() >> unused
    }
}

impl Pieces {
    fn range(&self, offset: u64, length: u64) -> Result<Vec<u8>, Absence> {
        let end = offset.saturating_add(length);
        let lost = self
            .lost
            .iter()
            .find(|(lost, _)| lost.start < end && offset < lost.end);
        if let Some((_, absence)) = lost {
            return Err(absence.clone());
        }
        let bytes = self.bytes.get(offset as usize..end as usize);
        bytes.map(<[u8]>::to_vec).ok_or(Absence::OptimizedOut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_extended() {
        assert_eq!(sign_extended(0xff, 8), -1);
        assert_eq!(sign_extended(0x7f, 8), 127);
        assert_eq!(sign_extended(0b101, 3), -3);
        assert_eq!(sign_extended(1, 0), 0);
        assert_eq!(sign_extended(u128::MAX, 128), -1);
    }

    #[test]
    fn a_lost_piece_hides_only_what_it_touches() {
        let storage = Storage::of(Pieces {
            bytes: vec![1, 2, 3, 4, 5, 6, 7, 8],
            lost: vec![(2..4, Absence::OptimizedOut)],
        });
        let pieces = |storage: Storage, length| match storage {
            Storage::Pieces { pieces, offset } => pieces.range(offset, length),
            Storage::Memory(_) => unreachable!("it was made of pieces"),
        };
        assert_eq!(pieces(storage.clone(), 2), Ok(vec![1, 2]));
        assert_eq!(pieces(storage.clone(), 3), Err(Absence::OptimizedOut));
        assert_eq!(pieces(storage.at(4), 4), Ok(vec![5, 6, 7, 8]));
        assert_eq!(pieces(storage.at(4), 5), Err(Absence::OptimizedOut));
        assert_eq!(pieces(storage.at(u64::MAX), 2), Err(Absence::OptimizedOut));
    }
}
