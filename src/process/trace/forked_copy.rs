//! A copy of a process's memory as it is at one moment, which takes the kernel no longer than to copy its page tables: a child that the process is made
//! to have, and which never runs.
//!
//! It is no child that the program could see: it is made by clone(2) without a signal at its end, so that wait(2) does not find it (`eligible_child`,
//! `kernel/exit.c`), no handler of the program is run for it, and it is stopped before its first instruction. If pmdb dies, the kernel ends it
//! (`PTRACE_O_EXITKILL`).

use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};

use super::hold::raw;
use super::kernel::{self, Status};
use super::{Call, Hold, TraceError};
use crate::model::{Pid, Tid};

/// How long the child may take to come to its first stop, or to end. It does as soon as it gets a processor.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the call returns when it is to be made again (`ERESTARTNOINTR`, `include/linux/errno.h`): something came for the thread.
const AGAIN: i64 = -513;
/// How often it is made again.
const MOST_TRIES: usize = 10;

/// The child. Dropping it leaves no trace of it in the process.
#[derive(Debug)]
pub struct ForkedCopy {
    pid: Pid,
    /// Its number for the process itself.
    inner: u64,
    parent: Pid,
}

impl Hold {
    /// Makes a copy of the memory of the process. It may be kept longer than this.
    pub fn fork(&mut self) -> Result<ForkedCopy, TraceError> {
        let parent = self.pid();
        // With the files of its parent instead of its own: of what the program closes meanwhile nothing stays open.
        let flags = libc::CLONE_FILES.cast_unsigned().into();
        let mut tries = 0;
        let (inner, child) = loop {
            let made = self.birth(|stack| Call {
                number: libc::SYS_clone,
                arguments: [flags, stack.0, 0, 0, 0, 0],
            })?;
            tries += 1;
            match made {
                (inner @ 1.., Some(child)) => break (inner.cast_unsigned(), child),
                (AGAIN, _) if tries < MOST_TRIES => {}
                (errno, _) => {
                    let errno = Errno::from_raw(i32::try_from(-errno).unwrap_or(0));
                    return Err(TraceError::NotForked { pid: parent, errno });
                }
            }
        };
        if let Err(errno) = bind(child) {
            end(child);
            let _ = self.collect(inner);
            let action = "bound to pmdb";
            return Err(TraceError::Thread {
                tid: child,
                action,
                errno,
            });
        }
        Ok(ForkedCopy {
            pid: Pid(child.0),
            inner,
            parent,
        })
    }

    /// Nobody but its parent can take away what is left of the child, and only if it is asked to.
    fn collect(&mut self, inner: u64) -> Result<(), TraceError> {
        let options = (libc::__WALL | libc::WNOHANG).cast_unsigned();
        let call = Call {
            number: libc::SYS_wait4,
            arguments: [inner, 0, options.into(), 0, 0, 0],
        };
        self.system_calls(&[call]).map(drop)
    }
}

/// Waits for the first stop of the child, and has the kernel end it with pmdb.
fn bind(child: Tid) -> Result<(), Errno> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match kernel::status(child) {
            Status::Interrupted => break,
            Status::Unchanged if Instant::now() < deadline => std::thread::yield_now(),
            Status::Ended => return Err(Errno::ESRCH),
            _ => return Err(Errno::ETIMEDOUT),
        }
    }
    ptrace::setoptions(raw(child), Options::PTRACE_O_EXITKILL)
}

fn end(child: Tid) {
    // It fails for one that was killed already.
    let _ = kill(raw(child), Signal::SIGKILL);
    let deadline = Instant::now() + PATIENCE;
    while kernel::status(child) != Status::Ended && Instant::now() < deadline {
        std::thread::yield_now();
    }
}

impl ForkedCopy {
    pub fn pid(&self) -> Pid {
        self.pid
    }
}

impl Drop for ForkedCopy {
    fn drop(&mut self) {
        end(Tid(self.pid.0));
        // A parent that has ended meanwhile has taken it along.
        let _ = Hold::seize(self.parent).and_then(|mut hold| hold.collect(self.inner));
    }
}
