//! Which libraries a process has loaded, as its dynamic linker keeps the list for debuggers: `struct r_debug` of `link.h`.

use std::fs;
use std::path::PathBuf;

use nix::libc;

use crate::model::{Addr, Pid};
use crate::process::Memory;

/// Libraries of a process, at most.
const MOST: usize = 16_384;
/// Bytes of a path.
const LONGEST_PATH: usize = 4096;
/// Entries of tables of a program that are looked at.
const MOST_ENTRIES: u64 = 256;

/// `PT_PHDR`, `PT_DYNAMIC` and `DT_DEBUG` of `elf.h`; bytes of the entries.
const PT_DYNAMIC: u32 = 2;
const PT_PHDR: u32 = 6;
const DT_DEBUG: u64 = 21;
const PROGRAM_HEADER: u64 = 56;
const DYNAMIC: u64 = 16;

/// `struct r_debug`: where its fields lie.
const R_MAP: u64 = 8;
const R_BRK: u64 = 16;
const R_STATE: u64 = 24;
/// `struct link_map`.
const L_NAME: u64 = 8;
const L_NEXT: u64 = 24;

/// What the list is at, when the linker says that it does something with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Consistent,
    Adding,
    Removing,
}

/// The program, or a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// Its entry in the list.
    pub entry: Addr,
    /// What is added to an address as linked.
    pub bias: Addr,
    /// As the process itself would open it; empty for the program.
    pub path: PathBuf,
}

/// The list of a process, as far as it was read.
#[derive(Debug, Clone, Default)]
pub struct Libraries {
    /// Nothing for a program without a dynamic linker.
    list: Option<Addr>,
    known: Vec<Library>,
    /// Some may be gone, so that the last one that is known leads nowhere.
    is_uncertain: bool,
}

impl Libraries {
    /// Of a process whose program is about to begin.
    pub fn of(pid: Pid, memory: &Memory<'_>) -> Libraries {
        let program = Program::of(pid, memory);
        let list = program.as_ref().and_then(|it| it.debug_list(memory));
        let entry = Addr(0);
        let known = match (&program, list) {
            // Nobody keeps a list of one.
            (Some(program), None) => Vec::from([Library {
                entry,
                bias: program.bias,
                path: PathBuf::new(),
            }]),
            _ => Vec::new(),
        };
        Libraries {
            list,
            known,
            is_uncertain: list.is_some(),
        }
    }

    pub fn known(&self) -> &[Library] {
        &self.known
    }

    /// The function that the linker calls before and after each change of the list.
    pub fn linker_calls(&self, memory: &Memory<'_>) -> Option<Addr> {
        let function = memory.pointer(self.list?.plus(R_BRK)).ok()?;
        (!function.is_null()).then_some(function)
    }

    /// What a call of that function is about.
    pub fn change(&self, memory: &Memory<'_>) -> Option<Change> {
        match memory.u32(self.list?.plus(R_STATE)).ok()? {
            0 => Some(Change::Consistent),
            1 => Some(Change::Adding),
            2 => Some(Change::Removing),
            _ => None,
        }
    }

    /// Libraries are about to go.
    pub fn expect_removal(&mut self) {
        self.is_uncertain = true;
    }

    /// Reads what is new. Gives back what has come, and what has gone.
    pub fn read(&mut self, memory: &Memory<'_>) -> (Vec<Library>, Vec<Library>) {
        let Some(list) = self.list else {
            return (Vec::new(), Vec::new());
        };
        let last = self.known.last().filter(|_| !self.is_uncertain);
        let mut next = match last {
            Some(last) => memory.pointer(last.entry.plus(L_NEXT)),
            None => memory.pointer(list.plus(R_MAP)),
        };
        let from_start = last.is_none();
        let mut found = Vec::new();
        while let Ok(entry) = next
            && !entry.is_null()
            && found.len() < MOST
        {
            found.extend(library(memory, entry));
            next = memory.pointer(entry.plus(L_NEXT));
        }
        self.is_uncertain = next.is_err();
        if !from_start {
            self.known.extend(found.iter().cloned());
            return (found, Vec::new());
        }
        let before = std::mem::replace(&mut self.known, found);
        let come = self.known.iter().filter(|one| !before.contains(one));
        let gone = before.iter().filter(|one| !self.known.contains(one));
        (come.cloned().collect(), gone.cloned().collect())
    }
}

fn library(memory: &Memory<'_>, entry: Addr) -> Option<Library> {
    use std::os::unix::ffi::OsStringExt;
    let bias = memory.pointer(entry).ok()?;
    let name = memory.pointer(entry.plus(L_NAME)).ok()?;
    let path = memory.c_string(name, LONGEST_PATH).ok()?;
    let path = PathBuf::from(std::ffi::OsString::from_vec(path));
    Some(Library { entry, bias, path })
}

/// The program's own headers, in memory.
struct Program {
    bias: Addr,
    dynamic: Option<Addr>,
}

impl Program {
    fn of(pid: Pid, memory: &Memory<'_>) -> Option<Program> {
        let vector = fs::read(format!("/proc/{pid}/auxv")).ok()?;
        let word = |bytes: &[u8]| bytes.try_into().map(u64::from_ne_bytes).ok();
        let value = |kind: u64| {
            let mut entries = vector.chunks_exact(16);
            entries.find_map(|entry| (word(&entry[..8])? == kind).then(|| word(&entry[8..]))?)
        };
        let headers = Addr(value(libc::AT_PHDR)?);
        let count = value(libc::AT_PHNUM)?.min(MOST_ENTRIES);
        let (mut bias, mut dynamic) = (Addr(0), None);
        for number in 0..count {
            let header = headers.plus(PROGRAM_HEADER * number);
            // `p_type` and `p_vaddr`.
            let linked = memory.u64(header.plus(16)).ok()?;
            match memory.u32(header).ok()? {
                PT_PHDR => bias = headers.minus(linked),
                PT_DYNAMIC => dynamic = Some(linked),
                _ => {}
            }
        }
        Some(Program {
            bias,
            dynamic: dynamic.map(|linked| bias.plus(linked)),
        })
    }

    /// `DT_DEBUG`, which the linker has filled in.
    fn debug_list(&self, memory: &Memory<'_>) -> Option<Addr> {
        let table = self.dynamic?;
        for number in 0..MOST_ENTRIES {
            let entry = table.plus(DYNAMIC * number);
            match memory.u64(entry).ok()? {
                DT_DEBUG => {
                    let list = memory.pointer(entry.plus(8)).ok()?;
                    return (!list.is_null()).then_some(list);
                }
                0 => return None,
                _ => {}
            }
        }
        None
    }
}
