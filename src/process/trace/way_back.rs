//! Two instructions that every program has which handles signals, found in its own code.

use std::fs;

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
        let mut code: Vec<(u64, u64)> = Vec::new();
        let mut libc: Vec<(u64, u64)> = Vec::new();
        for line in maps.split(|&byte| byte == b'\n') {
            if let Some((start, end, name)) = code_of_a_file(line) {
                let file = name.rsplit(|&byte| byte == b'/').next().unwrap_or(name);
                let is_libc = [&b"libc."[..], b"libc-", b"ld-musl"]
                    .iter()
                    .any(|begin| file.starts_with(begin));
                (if is_libc { &mut libc } else { &mut code }).push((start, end));
            }
        }
        let mut search = Search::default();
        let mut left = MOST_CODE;
        for (start, end) in libc.into_iter().chain(code) {
            if self.search_mapping(&mut search, start, end.min(start.saturating_add(left))) {
                break;
            }
            left = left.saturating_sub(end - start);
        }
        let (restorer, length) = search.restorer?;
        Some(WayBack {
            system_call: search.system_call?,
            restorer,
            restorer_end: restorer.plus(length as u64),
        })
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

/// `7f10-7f20 r-xp 00026000 fe:00 326279   /usr/lib/libc.so.6`: code that a file holds, and the file's name.
fn code_of_a_file(line: &[u8]) -> Option<(u64, u64, &[u8])> {
    let mut words = line.splitn(6, |&byte| byte == b' ');
    let range = std::str::from_utf8(words.next()?).ok()?;
    let protection = words.next()?;
    let name = words.nth(3)?.trim_ascii();
    let (start, end) = range.split_once('-')?;
    let start = u64::from_str_radix(start, 16).ok()?;
    let end = u64::from_str_radix(end, 16).ok()?;
    let is_code = protection.starts_with(b"r-x") && name.starts_with(b"/") && start < end;
    is_code.then_some((start, end, name))
}

#[derive(Default)]
struct Search {
    system_call: Option<Addr>,
    /// With its length in bytes.
    restorer: Option<(Addr, usize)>,
}

impl Search {
    fn is_done(&self) -> bool {
        self.system_call.is_some() && self.restorer.is_some()
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
            Some((0x7f10, 0x7f20, &b"/usr/lib/libc.so.6"[..]))
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
