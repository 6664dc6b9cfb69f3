//! Two instructions that every program has which handles signals, found in its own code.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Mutex, PoisonError};

use memchr::memmem::Finder;

use super::TraceError;
use super::hold::Hold;
use crate::model::Addr;

/// `syscall; ret`, as in `getpid`.
const SYSTEM_CALL: [u8; 3] = [0x0f, 0x05, 0xc3];
/// What a signal handler returns to (`sa_restorer`): `mov rax, 15; syscall`, or the same with `eax`; 15 is `rt_sigreturn`.
const RESTORERS: [&[u8]; 2] = [
    &[0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05],
    &[0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05],
];
/// Code that is searched at most, in bytes.
const MOST_CODE: u64 = 256 << 20;
/// Bytes that are read at once, and by how many two of them overlap.
const PIECE: usize = 64 * 1024;
const OVERLAP: usize = 8;

/// Where they were found before, by the code of which file: processes share their libc.
static FOUND_BEFORE: Mutex<BTreeMap<Vec<u8>, Distances>> = Mutex::new(BTreeMap::new());

/// Where they lie, from the beginning of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Distances {
    system_call: u64,
    restorer: u64,
}

/// Code that a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mapping<'m> {
    start: u64,
    end: u64,
    /// Its place in the file, device and inode, as `/proc/PID/maps` has them.
    identity: &'m [u8],
    name: &'m [u8],
}

/// Where they lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WayBack {
    pub(super) system_call: Addr,
    pub(super) restorer: Addr,
    /// The end of the restorer's `syscall`, where a thread stands while the kernel is about to make the call.
    pub(super) restorer_end: Addr,
}

impl Hold {
    /// Found once for each hold, in libc where there is one.
    pub(super) fn way_back(&mut self) -> Result<WayBack, TraceError> {
        if let Some(known) = self.way_back {
            return Ok(known);
        }
        let found = self.search_way_back();
        let found = found.ok_or(TraceError::NoPlaceForACall { pid: self.pid })?;
        self.way_back = Some(found);
        Ok(found)
    }

    fn search_way_back(&self) -> Option<WayBack> {
        let maps = fs::read(self.proc_path("maps")).ok()?;
        let mut code: Vec<Mapping<'_>> = Vec::new();
        let mut libc: Vec<Mapping<'_>> = Vec::new();
        for line in maps.split(|&byte| byte == b'\n') {
            if let Some(mapping) = code_of_a_file(line) {
                let name = mapping.name;
                let file = name.rsplit(|&byte| byte == b'/').next().unwrap_or(name);
                let is_libc = [&b"libc."[..], b"libc-", b"ld-musl"]
                    .iter()
                    .any(|begin| file.starts_with(begin));
                (if is_libc { &mut libc } else { &mut code }).push(mapping);
            }
        }
        if let Some(known) = libc.iter().find_map(|mapping| self.found_before(*mapping)) {
            return Some(known);
        }
        let mut search = Search::default();
        let mut left = MOST_CODE;
        for mapping in libc.into_iter().chain(code) {
            let Mapping { start, end, .. } = mapping;
            let was_empty = search == Search::default();
            if self.search_mapping(&mut search, start, end.min(start.saturating_add(left))) {
                if was_empty {
                    search.note(mapping);
                }
                break;
            }
            left = left.saturating_sub(end - start);
        }
        search.way_back()
    }

    /// Where another process has them in the same code, if they are there: it may have been written over.
    fn found_before(&self, mapping: Mapping<'_>) -> Option<WayBack> {
        let found = FOUND_BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
        let distances = *found.get(mapping.identity)?;
        drop(found);
        let mut search = Search::default();
        for (distance, length) in [(distances.system_call, 3), (distances.restorer, 9)] {
            let mut bytes = [0; 9];
            let bytes = bytes.get_mut(..length)?;
            let place = Addr(mapping.start.checked_add(distance)?);
            self.read(place, bytes).ok()?;
            search.piece(place, bytes);
        }
        search.way_back()
    }

    /// Whether both are known after a mapping was searched.
    fn search_mapping(&self, search: &mut Search, start: u64, end: u64) -> bool {
        let mut bytes = vec![0; PIECE];
        let mut at = start;
        while at < end {
            let length = PIECE.min((end - at) as usize);
            // A file may be shorter than its mapping.
            if self.read(Addr(at), &mut bytes[..length]).is_err() {
                return false;
            }
            search.piece(Addr(at), &bytes[..length]);
            if search.is_done() {
                return true;
            }
            at += (PIECE - OVERLAP) as u64;
        }
        false
    }
}

/// `7f10-7f20 r-xp 00026000 fe:00 326279   /usr/lib/libc.so.6`: code that a file holds.
fn code_of_a_file(line: &[u8]) -> Option<Mapping<'_>> {
    let mut words = line.splitn(6, |&byte| byte == b' ');
    let range = std::str::from_utf8(words.next()?).ok()?;
    let protection = words.next()?;
    let name = words.nth(3)?.trim_ascii();
    let before = range.len() + protection.len() + 2;
    let identity = line.get(before..)?.strip_suffix(name)?.trim_ascii_end();
    let (start, end) = range.split_once('-')?;
    let start = u64::from_str_radix(start, 16).ok()?;
    let end = u64::from_str_radix(end, 16).ok()?;
    let is_code = protection.starts_with(b"r-x") && name.starts_with(b"/") && start < end;
    is_code.then_some(Mapping {
        start,
        end,
        identity,
        name,
    })
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Search {
    system_call: Option<Addr>,
    /// With its length in bytes.
    restorer: Option<(Addr, usize)>,
}

impl Search {
    fn is_done(&self) -> bool {
        self.system_call.is_some() && self.restorer.is_some()
    }

    fn way_back(&self) -> Option<WayBack> {
        let (restorer, length) = self.restorer?;
        Some(WayBack {
            system_call: self.system_call?,
            restorer,
            restorer_end: restorer.plus(length as u64),
        })
    }

    /// Remembers where both are in a mapping.
    fn note(&self, mapping: Mapping<'_>) {
        let distance = |place: Addr| place.0.checked_sub(mapping.start);
        let Some(way_back) = self.way_back() else {
            return;
        };
        if let (Some(system_call), Some(restorer)) =
            (distance(way_back.system_call), distance(way_back.restorer))
        {
            let mut found = FOUND_BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
            let distances = Distances {
                system_call,
                restorer,
            };
            found.insert(mapping.identity.to_vec(), distances);
        }
    }

    fn piece(&mut self, start: Addr, bytes: &[u8]) {
        let find = |pattern: &[u8]| {
            let at = Finder::new(pattern).find(bytes)?;
            Some(start.plus(at as u64))
        };
        if self.system_call.is_none() {
            self.system_call = find(&SYSTEM_CALL);
        }
        if self.restorer.is_none() {
            self.restorer = RESTORERS
                .iter()
                .find_map(|pattern| Some((find(pattern)?, pattern.len())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_files_is_searched() {
        let line = b"7f10-7f20 r-xp 00026000 fe:00 326279                     /usr/lib/libc.so.6";
        assert_eq!(
            code_of_a_file(line),
            Some(Mapping {
                start: 0x7f10,
                end: 0x7f20,
                identity: b"00026000 fe:00 326279",
                name: b"/usr/lib/libc.so.6",
            })
        );
        for other in [
            &b"7f10-7f20 r--p 00026000 fe:00 326279   /usr/lib/libc.so.6"[..],
            b"7f10-7f20 r-xp 00000000 00:00 0        [vdso]",
            b"7f10-7f20 r-xp 00000000 00:00 0 ",
            b"",
        ] {
            assert_eq!(code_of_a_file(other), None);
        }
    }

    #[test]
    fn both_ways_to_write_it_are_known() {
        for restorer in RESTORERS {
            let code = [&[0x90; 5][..], &SYSTEM_CALL, restorer].concat();
            let mut search = Search::default();
            search.piece(Addr(0x1000), &code);
            assert_eq!(search.system_call, Some(Addr(0x1005)));
            assert_eq!(search.restorer, Some((Addr(0x1008), restorer.len())));
        }
    }
}
