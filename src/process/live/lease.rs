//! Whether anybody has a file open, as the kernel itself counts.
//!
//! A write lease (fcntl(2), "Leases") is granted only while nobody else has the file open, which a mapping and a descriptor on its way
//! through a socket count as. So it also tells of processes that pmdb cannot see.

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;

/// `include/uapi/asm-generic/fcntl.h`: by which signal a process is told that its lease is in the way.
const F_SETSIG: libc::c_int = 10;

/// A file that nobody else has open, for as long as this lives: whoever wants to open it meanwhile waits.
#[derive(Debug)]
pub struct Lease(File);

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoLease {
    /// Somebody has the file open.
    InUse,
    /// The kernel does not say: the file is another user's, or its file system has no leases.
    Unknown(Errno),
}

impl Lease {
    pub fn take(path: &Path) -> Result<Lease, NoLease> {
        // Nothing blocks and nothing is followed if the file is something else by now.
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits())
            .open(path);
        let file = opened.map_err(|error| {
            let errno = error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
            NoLease::Unknown(errno)
        })?;
        let descriptor = file.as_raw_fd();
        // The signal for one who waits would end pmdb (SIGIO); this one does nothing.
        // SAFETY: the calls take numbers and touch no memory.
        let granted = unsafe {
            libc::fcntl(descriptor, F_SETSIG, libc::SIGURG) == 0
                && libc::fcntl(descriptor, libc::F_SETLEASE, libc::F_WRLCK) == 0
        };
        match (granted, Errno::last()) {
            (true, _) => Ok(Lease(file)),
            (false, Errno::EAGAIN) => Err(NoLease::InUse),
            (false, errno) => Err(NoLease::Unknown(errno)),
        }
    }

    pub fn file(&self) -> &File {
        &self.0
    }
}
