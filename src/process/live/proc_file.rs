//! Reading a file of `/proc` whole, in few system calls and bounded.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Most of these files are shorter. The kernel hands out at most a page of text per `read` (`fs/seq_file.c`).
const USUAL: usize = 8 * 1024;

/// Longer than any line of `stat` or `syscall` can be: 52 numbers and a name. Bytes.
const LINE: usize = 2048;

/// The content of a file of `/proc`, cut at `limit` bytes.
///
/// `std::fs::read` asks for the size first, which is 0 here, and then feels its way with 32-byte reads: for
/// `/proc/PID/maps` each of them makes the kernel format the lines anew.
pub(in crate::process) fn read(path: impl AsRef<Path>, limit: usize) -> io::Result<Vec<u8>> {
    read_open(&File::open(path)?, limit)
}

/// The content of a file that the kernel hands out in one piece, as it does with those of a single line: asking whether
/// there is more would cost as much again. Cut at [`LINE`] bytes.
pub(in crate::process) fn read_line(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut line = [0; LINE];
    loop {
        match file.read(&mut line) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            count => return Ok(line[..count?].to_vec()),
        }
    }
}

/// The same of a file that is open, and stands at its beginning.
pub(in crate::process) fn read_open(mut file: &File, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; USUAL];
    let mut filled = 0;
    loop {
        match file.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if filled >= limit {
            filled = limit;
            break;
        }
        if bytes.len() - filled < USUAL / 2 {
            bytes.resize(bytes.len() * 2, 0);
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Whether an error means that the process (or thread) is not there any more.
pub(in crate::process) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(nix::libc::ESRCH)
}
