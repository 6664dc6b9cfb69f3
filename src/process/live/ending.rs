//! How a process has ended that is not pmdb's child, so that no wait tells it.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::libc;

use super::refusal;
use super::stat::Stat;
use crate::model::Pid;

/// How long it may take from when a process begins to end until its status is there: its memory is given back first.
const PATIENCE: Duration = Duration::from_millis(500);

/// `struct pidfd_info` as it was at first, `include/uapi/linux/pidfd.h`.
#[repr(C)]
#[derive(Default)]
struct Info {
    mask: u64,
    _cgroup: u64,
    /// pid, tgid, ppid, and four pairs of ids.
    _ids: [u32; 11],
    exit_code: i32,
}

/// The exit code is there once the parent has collected it (Linux 6.15).
const HAS_EXIT_CODE: u64 = 1 << 3;

nix::ioctl_readwrite!(pidfd_get_info, 0xFF, 11, Info);

/// A hold on a process by which its end can be asked for when it is no more.
#[derive(Debug)]
pub struct Ending {
    pid: Pid,
    /// None where the kernel has none (before Linux 5.3), or forbids it.
    handle: Option<OwnedFd>,
}

impl Ending {
    pub fn of(pid: Pid) -> Ending {
        // SAFETY: it takes two integers, and makes a file descriptor (pidfd_open(2)).
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.0, 0) };
        let fd = i32::try_from(fd).ok().filter(|&fd| fd >= 0);
        Ending {
            pid,
            // SAFETY: it was made above, and nobody else knows it.
            handle: fd.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }),
        }
    }

    /// `exit code 3`, `signal SIGKILL`, of a process that has ended or is about to; nothing if it cannot be known any more.
    pub fn how(&self) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.collected() {
                return Some(refusal::end_of(status));
            }
            match Stat::of_process(self.pid) {
                Ok(stat) if stat.has_ended() && stat.threads <= 1 => {
                    return Some(refusal::how_it_ended(self.pid, stat.exit_status));
                }
                // It may have been collected between the two.
                Err(_) => return self.collected().map(refusal::end_of),
                Ok(_) if Instant::now() > deadline => return None,
                Ok(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// The status of one that its parent has collected.
    fn collected(&self) -> Option<i32> {
        let handle = self.handle.as_ref()?;
        let mut info = Info {
            mask: HAS_EXIT_CODE,
            ..Info::default()
        };
        // SAFETY: the kernel writes as many bytes as the number of the call names.
        unsafe { pidfd_get_info(handle.as_raw_fd(), &raw mut info) }.ok()?;
        (info.mask & HAS_EXIT_CODE != 0).then_some(info.exit_code)
    }
}
