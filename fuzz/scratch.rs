//! A file in memory, for readers that map what they read.

use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

/// Without a name, so that it goes away with the fuzzer.
pub fn file_of(bytes: &[u8]) -> File {
    let name = format!("/dev/shm/pmdb-fuzz-{}", std::process::id());
    let file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&name);
    let mut file = file.expect("/dev/shm can be written");
    std::fs::remove_file(&name).expect("it was made");
    file.write_all(bytes).expect("it fits");
    file.rewind().expect("it is a file");
    file
}

/// Under which it can be opened while `file` is open.
pub fn path_of(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}
