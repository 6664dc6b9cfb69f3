//! Finding the runtime in memory that no symbol leads to: static variables of a stripped program, or of a core whose
//! files are gone.

use std::ops::Range;
use std::path::Path;

use memchr::memmem;

use super::check::{COOKIE, DebugOffsets, Graph, MOST_INTERPRETERS};
use crate::model::Addr;
use crate::process::{Backing, Mapping, Memory, Process};
use crate::python::layout::Layout;

/// What is read of one process at most. The static variables of CPython are 2 MiB. Bytes.
const MOST_BYTES: u64 = 256 << 20;

/// What is read at once, a multiple of 8. Bytes.
const PIECE: usize = 1 << 20;

/// The static variables of the files that `wanted` names: their writable private mappings, and the memory without a
/// file that follows each directly (`.bss`).
pub(super) fn static_variables(
    process: &dyn Process,
    wanted: impl Fn(&Path) -> bool,
) -> Vec<Range<Addr>> {
    let mut found: Vec<Range<Addr>> = Vec::new();
    let writable = |mapping: &&Mapping| mapping.protection.write && !mapping.shared;
    for mapping in process.mappings().iter().filter(writable) {
        let follows = found.last().is_some_and(|last| last.end == mapping.start);
        match &mapping.backing {
            Backing::File { path, .. } if wanted(path) => found.push(mapping.start..mapping.end),
            Backing::Anonymous if follows => {
                if let Some(last) = found.last_mut() {
                    last.end = mapping.end;
                }
            }
            _ => {}
        }
    }
    found
}

/// The pieces of these ranges that can be read, each with its address and some bytes of the next one.
fn pieces(process: &dyn Process, ranges: &[Range<Addr>]) -> impl Iterator<Item = (Addr, Vec<u8>)> {
    /// So that what is looked for is never cut in two.
    const OVERLAP: u64 = 64;
    let mut budget = MOST_BYTES;
    let starts = ranges.iter().flat_map(|range| {
        (range.start.0..range.end.0)
            .step_by(PIECE)
            .map(|start| (Addr(start), range.end))
    });
    starts.filter_map(move |(start, end)| {
        budget = budget.checked_sub(PIECE as u64)?;
        let length = (end.0 - start.0).min(PIECE as u64 + OVERLAP);
        let mut bytes = vec![0; length as usize];
        process.read(start, &mut bytes).ok()?;
        Some((start, bytes))
    })
}

/// The address of `_Py_DebugOffsets`, with which the runtime of 3.13+ begins.
pub(super) fn cookie(process: &dyn Process, ranges: &[Range<Addr>]) -> Option<Addr> {
    let finder = memmem::Finder::new(&COOKIE);
    pieces(process, ranges).find_map(|(start, bytes)| {
        finder.find_iter(&bytes).find_map(|at| {
            let address = start.plus(at as u64);
            let is_one = address.0.is_multiple_of(8)
                && DebugOffsets::read(process, address).is_some_and(|it| it.version().is_some());
            is_one.then_some(address)
        })
    })
}

/// Addresses that could be the runtime's in a layout: where a list of interpreters stands whose newest has a thread
/// that points back at it, and that leads to the main one.
pub(super) fn candidates(
    process: &dyn Process,
    ranges: &[Range<Addr>],
    layout: &Layout,
) -> Vec<Addr> {
    let memory = Memory::new(process);
    let read = |address| memory.u64(address).ok();
    let (head, main) = (
        layout.runtime.interpreters_head,
        layout.runtime.interpreters_main,
    );
    let Some(apart) = main.checked_sub(head) else {
        return Vec::new();
    };
    let leads_to = |newest: u64, main: u64| {
        let mut at = newest;
        for _ in 0..MOST_INTERPRETERS {
            if at == main {
                return true;
            }
            match read(Addr(at).plus(layout.interpreter.next)) {
                Some(next) if could_be_pointer(next) => at = next,
                _ => return false,
            }
        }
        false
    };
    let mut found = Vec::new();
    for (start, bytes) in pieces(process, ranges) {
        let word = |at: usize| {
            let bytes = bytes.get(at..at.checked_add(8)?)?;
            Some(u64::from_le_bytes(bytes.try_into().ok()?))
        };
        for at in (0..bytes.len().min(PIECE)).step_by(8) {
            let (Some(newest), Some(main)) = (word(at), word(at + apart as usize)) else {
                continue;
            };
            if could_be_pointer(newest)
                && could_be_pointer(main)
                && Graph::from(read, layout, Addr(newest)) == Graph::Sound
                && leads_to(newest, main)
            {
                found.push(start.plus(at as u64).minus(head));
            }
        }
    }
    found
}

fn could_be_pointer(word: u64) -> bool {
    word.is_multiple_of(8) && (0x1_0000..1 << 47).contains(&word)
}
