//! A function of the process, called by one of its threads that waits in the kernel.
//!
//! The thread comes back by itself, since the function returns to the way back of its detour. pmdb intercepts it where it is
//! about to take that way, and puts back every register itself.

use std::time::{Duration, Instant};

use nix::libc::user_regs_struct;

use super::TraceError;
use super::hold::Hold;
use super::kernel::{self, Status};
use super::registers::{self, set_general};
use super::system_call::go_on_to_system_call;
use super::waiting;
use crate::model::{Addr, Tid};

/// How long the function may take before the thread is left to come back by itself.
const PATIENCE: Duration = Duration::from_secs(2);

impl Hold {
    /// Whether a thread waits in a system call from which it can be called away.
    pub fn may_be_borrowed(&self, tid: Tid) -> bool {
        let is_stopped = self.stopped().any(|stopped| stopped == tid);
        is_stopped
            && registers::general(tid)
                .is_ok_and(|at| waiting::may_be_borrowed(&at) && self.is_of_libc(&at))
    }

    /// Whether libc has made a thread, or the kernel with the process: what it keeps of one begins with its own address (glibc's `tcbhead_t`, musl's `struct
    /// pthread`). A thread of clone(2) itself must not call functions that use that.
    fn is_of_libc(&self, at: &user_regs_struct) -> bool {
        let mut word = [0; 8];
        self.read(Addr(at.fs_base), &mut word).is_ok() && u64::from_le_bytes(word) == at.fs_base
    }

    /// Makes a thread that waits in a system call call a function with four arguments, while all others run, since one of them may
    /// have a lock that the function needs. They are not held any more after that. What the function makes, such as a
    /// thread, gets no signals of the program.
    ///
    /// False if the thread does not wait where it may be borrowed; a function that takes long goes on by itself.
    pub fn call_from_wait(
        &mut self,
        tid: Tid,
        function: Addr,
        arguments: [u64; 4],
    ) -> Result<bool, TraceError> {
        if !self.may_be_borrowed(tid) {
            return Ok(false);
        }
        let detour = self.begin_detour(tid)?;
        self.keep_only(tid);
        let [rdi, rsi, rdx, rcx] = arguments;
        set_general(
            tid,
            user_regs_struct {
                rdi,
                rsi,
                rdx,
                rcx,
                ..detour.registers(function)
            },
        )?;
        if came_back(tid, detour.way_back.restorer_end)? {
            self.end_detour(detour)?;
        } else {
            self.stop_running(tid);
        }
        Ok(true)
    }
}

/// Runs a thread until it is about to make the system call that ends at `end`.
fn came_back(tid: Tid, end: Addr) -> Result<bool, TraceError> {
    let deadline = Instant::now() + PATIENCE;
    let go_on = |signal| go_on_to_system_call(tid, signal);
    go_on(None)?;
    loop {
        match kernel::status(tid) {
            Status::SystemCall if registers::general(tid)?.rip == end.0 => return Ok(true),
            Status::SystemCall | Status::Interrupted | Status::Other => go_on(None)?,
            Status::Signal(signal) => go_on(Some(signal))?,
            Status::Unchanged if Instant::now() < deadline => std::thread::yield_now(),
            Status::Unchanged => return Ok(false),
            Status::Ended => return Err(TraceError::Disturbed { tid }),
        }
    }
}
