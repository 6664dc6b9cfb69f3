//! One value of a dict by its key, found as CPython finds it: through the slots that the key's hash leads to. A walk
//! over all keys touches as many pages as there are keys.

use siphasher::sip::{SipHasher13, SipHasher24};

use super::dict::Table;
use crate::model::Addr;
use crate::python::{Look, LookError};

/// Slots that are looked at for one key. In a sound dict a third of them is empty.
const MOST_PROBES: usize = 1_000;
/// Entries among which one is sought that shows how the target hashes.
const MOST_EXAMPLES: u64 = 16;
/// `PERTURB_SHIFT`, `Objects/dictobject.c`.
const PERTURB_SHIFT: u32 = 5;
/// `DKIX_EMPTY` and `DKIX_DUMMY`, `Objects/dict-common.h` and, from 3.11 on, `Include/internal/pycore_dict.h`.
const EMPTY: i64 = -1;
const DUMMY: i64 = -2;

/// How a process hashes bytes and ASCII strings (`Python/pyhash.c`): a function, and the process's own secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::python) enum KeyHash {
    /// From 3.11 on.
    Sip13(u64, u64),
    /// Up to 3.10.
    Sip24(u64, u64),
}

/// What the slots say of a key.
pub(super) enum Lookup {
    Found(Addr),
    Missing,
    /// The slots cannot be used, and all entries have to be looked at.
    Unknown,
}

impl KeyHash {
    fn of(self, bytes: &[u8]) -> u64 {
        let hash = match self {
            _ if bytes.is_empty() => 0,
            KeyHash::Sip13(first, second) => SipHasher13::new_with_keys(first, second).hash(bytes),
            KeyHash::Sip24(first, second) => SipHasher24::new_with_keys(first, second).hash(bytes),
        };
        // -1 means an error, or that there is no hash yet.
        if hash == u64::MAX { hash - 1 } else { hash }
    }
}

impl Look<'_> {
    /// The value under the key with these bytes, ASCII if it is a `str`, for which `is_key` says yes.
    pub(super) fn lookup(
        &self,
        table: &Table,
        bytes: &[u8],
        is_key: &dyn Fn(Addr) -> Result<bool, LookError>,
    ) -> Result<Lookup, LookError> {
        let Some(hash) = self.key_hash(table)?.map(|hash| hash.of(bytes)) else {
            return Ok(Lookup::Unknown);
        };
        let mask = table.slots.wrapping_sub(1);
        let (mut slot, mut perturb) = (hash & mask, hash);
        for _ in 0..MOST_PROBES {
            match self.entry_in_slot(table, slot)? {
                EMPTY => return Ok(Lookup::Missing),
                DUMMY => {}
                index => {
                    let Some(entry) = table.entry_at(index.cast_unsigned()) else {
                        return Ok(Lookup::Unknown);
                    };
                    if table.has_hash() && self.memory.u64(entry)? != hash {
                        // Another key.
                    } else if let Some((key, value)) = self.key_and_value(table, entry)?
                        && is_key(key)?
                    {
                        return Ok(Lookup::Found(value));
                    }
                }
            }
            perturb >>= PERTURB_SHIFT;
            slot = slot.wrapping_mul(5).wrapping_add(perturb).wrapping_add(1) & mask;
        }
        Ok(Lookup::Unknown)
    }

    fn entry_in_slot(&self, table: &Table, slot: u64) -> Result<i64, LookError> {
        let at = table.indices.plus(slot.wrapping_mul(table.index_width));
        Ok(match table.index_width {
            1 => i64::from(self.memory.u8(at)?.cast_signed()),
            2 => i64::from(self.memory.u16(at)?.cast_signed()),
            4 => i64::from(self.memory.i32(at)?),
            _ => self.memory.i64(at)?,
        })
    }

    fn key_and_value(&self, table: &Table, entry: Addr) -> Result<Option<(Addr, Addr)>, LookError> {
        let key = self.memory.pointer(entry.plus(table.key))?;
        let value = self.memory.pointer(entry.plus(table.key).plus(8))?;
        Ok((!key.is_null() && !value.is_null()).then_some((key, value)))
    }

    /// How this process hashes, if its secret is where the file says. Believed once it gives the hash that some key of
    /// a dict has: a Python may be built with another function.
    fn key_hash(&self, table: &Table) -> Result<Option<KeyHash>, LookError> {
        if let Some(known) = self.key_hash.get() {
            return Ok(*known);
        }
        let Some(secret) = self.located.hash_secret else {
            return Ok(None);
        };
        let (first, second) = (self.memory.u64(secret)?, self.memory.u64(secret.plus(8))?);
        for index in 0..table.count.min(MOST_EXAMPLES) {
            let entry = table.entry_at(index).unwrap_or_default();
            let Some((key, _)) = self.key_and_value(table, entry)? else {
                continue;
            };
            let hash = self.memory.u64(key.plus(self.layout().text.hash))?;
            let Some(text) = self.ascii(key)?.filter(|text| !text.is_empty()) else {
                continue;
            };
            let candidates = [KeyHash::Sip13(first, second), KeyHash::Sip24(first, second)];
            let right = candidates
                .into_iter()
                .find(|candidate| candidate.of(&text) == hash);
            return Ok(*self.key_hash.get_or_init(|| right));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `hash(b"abc")` with `PYTHONHASHSEED=0`, whose secret is zeros, on CPython 3.11 and 3.8.
    #[test]
    fn hashes_are_those_of_python() {
        assert_eq!(
            KeyHash::Sip13(0, 0).of(b"abc").cast_signed(),
            -4_594_863_902_769_663_758
        );
        assert_eq!(
            KeyHash::Sip24(0, 0).of(b"abc").cast_signed(),
            4_596_069_200_710_135_518
        );
        assert_eq!(KeyHash::Sip13(0, 0).of(b""), 0);
    }
}
