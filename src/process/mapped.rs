//! Mapping files of which somebody may cut off the end meanwhile: a core that is written anew, a library that is
//! replaced in place.
//!
//! Touching what is gone raises SIGBUS (mmap(2)), which would end pmdb. It reads as zeros instead, and is counted.

use std::fs::File;
use std::io;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use memmap2::{Mmap, MmapOptions, UncheckedAdvice};
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// Bytes.
const PAGE: usize = 4096;
/// `BUS_ADRERR`, sigaction(2): the page is not there, or lies behind the end of its file.
const BUS_ADRERR: libc::c_int = 2;

static LOST: AtomicUsize = AtomicUsize::new(0);

/// Maps a file, all of it or `length` bytes, to be read.
pub(super) fn map(file: &File, length: Option<usize>) -> io::Result<Mmap> {
    survive_cut_files();
    let mut options = MmapOptions::new();
    if let Some(length) = length {
        options.len(length);
    }
    // SAFETY: the bytes may change while they are mapped if somebody writes to the file. All that is read of them is
    // checked before it is used and is plain data, of which every value is allowed; a file that is cut reads as zeros.
    unsafe { options.map(file) }
}

/// Maps a part of a file, as far as the file has it.
pub(super) fn map_part(file: &File, offset: u64, length: u64) -> io::Result<Mmap> {
    survive_cut_files();
    let there = file.metadata()?.len().saturating_sub(offset);
    let length = usize::try_from(length.min(there)).unwrap_or(usize::MAX);
    // SAFETY: as above.
    unsafe { MmapOptions::new().offset(offset).len(length).map(file) }
}

/// Gives back the memory of a part of a mapped file: what was gone over once would else count as pmdb's as long as the file is mapped. The
/// bytes are there again when they are next read.
pub(super) fn release(file: &Mmap, part: &[u8]) {
    let offset = part.as_ptr().addr().wrapping_sub(file.as_ptr().addr());
    if offset >= file.len() || part.len() > file.len() - offset {
        return;
    }
    // SAFETY: nothing was written to the mapping, so what comes in the place of its pages is what the file has, as for any page that is read
    // for the first time; that it may change meanwhile is as true of those that stay.
    let _ = unsafe { file.unchecked_advise_range(UncheckedAdvice::DontNeed, offset, part.len()) };
}

/// How many pages of mapped files were gone when they were read, since pmdb started: in their place are zeros.
pub fn lost_pages() -> usize {
    LOST.load(Ordering::Relaxed)
}

fn survive_cut_files() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let flags = SaFlags::SA_SIGINFO | SaFlags::SA_ONSTACK;
        let action = SigAction::new(SigHandler::SigAction(on_bus_error), flags, SigSet::empty());
        // SAFETY: the handler makes two system calls and touches an atomic number, all of which are allowed in it
        // (signal-safety(7)). If it cannot be installed, pmdb dies of SIGBUS as it would without it.
        let _ = unsafe { sigaction(Signal::SIGBUS, &action) };
    });
}

extern "C" fn on_bus_error(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel gives a handler that asked for it (SA_SIGINFO) a `siginfo_t`, with the address for SIGBUS.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr()) };
    let page = (address as usize & !(PAGE - 1)) as *mut libc::c_void;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    // SAFETY: the page was mapped and cannot be read any more, and only mapped files raise BUS_ADRERR, which pmdb
    // never writes to. Zeros in its place are what a reader of a file that ends there would have to assume.
    let replaced = code == BUS_ADRERR
        && unsafe { libc::mmap(page, PAGE, libc::PROT_READ, flags, -1, 0) } == page;
    if replaced {
        LOST.fetch_add(1, Ordering::Relaxed);
    } else {
        // SAFETY: with the default action back, the instruction is tried again and ends pmdb.
        unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) };
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_is_cut_off_a_mapped_file_reads_as_zeros() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[1; 3 * PAGE]).unwrap();
        let bytes = map(&file, None).unwrap();
        file.set_len(100).unwrap();
        let before = lost_pages();
        assert_eq!((bytes[5], bytes[2 * PAGE + 5], bytes[PAGE]), (1, 0, 0));
        assert_eq!(lost_pages() - before, 2);
    }
}
