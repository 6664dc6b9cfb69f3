//! System calls made in the name of a stopped thread.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc::user_regs_struct;

use super::hold::Hold;
use super::kernel::{self, Resume, Status};
use super::registers::{Registers, set_general};
use super::{TraceError, registers};
use crate::model::{Addr, Tid};

/// The `syscall` instruction.
const INSTRUCTION: [u8; 2] = [0x0f, 0x05];
/// A call made for pmdb waits for nothing.
const PATIENCE: Duration = Duration::from_secs(2);

/// A system call by its number and arguments (`arch/x86/entry/syscalls/syscall_64.tbl`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    pub number: i64,
    pub arguments: [u64; 6],
}

impl Hold {
    /// A stopped thread that sits in a system call, so that its program counter stands behind a `syscall` instruction.
    pub fn thread_in_system_call(&self) -> Result<Tid, TraceError> {
        self.stopped()
            .find(|&tid| self.instruction(tid).is_ok_and(|place| place.is_some()))
            .ok_or(TraceError::NoPlaceForACall { pid: self.pid })
    }

    /// Where the `syscall` instruction lies that a thread is in.
    fn instruction(&self, tid: Tid) -> Result<Option<Addr>, TraceError> {
        let general = registers::general(tid)?;
        let place = Addr(general.rip).minus(INSTRUCTION.len() as u64);
        let is_in_call = general.orig_rax.cast_signed() >= 0;
        Ok((is_in_call && self.read(place) == Some(INSTRUCTION)).then_some(place))
    }

    fn read(&self, address: Addr) -> Option<[u8; 2]> {
        let mut bytes = [0; 2];
        let memory = OpenOptions::new()
            .read(true)
            .open(self.memory_file())
            .ok()?;
        memory.read_exact_at(&mut bytes, address.0).ok()?;
        Some(bytes)
    }

    fn memory_file(&self) -> String {
        format!("/proc/{}/mem", self.pid)
    }

    /// Writes into the process, also where it may not write itself.
    pub fn write(&self, address: Addr, bytes: &[u8]) -> Result<(), TraceError> {
        let file = OpenOptions::new().write(true).open(self.memory_file());
        file.and_then(|file| file.write_all_at(bytes, address.0))
            .map_err(|error| TraceError::Write {
                pid: self.pid,
                address,
                length: bytes.len(),
                errno: error.raw_os_error().map_or(Errno::EIO, Errno::from_raw),
            })
    }

    /// Makes system calls, one after the other, in a thread that [`Hold::thread_in_system_call`] found; what each returns
    /// comes back, a negative errno included. The thread then stands where it stood, in the call that it was in.
    ///
    /// The kernel looks whether an interrupted call must be started again only on the way out of a stop that was asked for, not
    /// after the end of a call; so the thread is brought into such a stop at the end.
    pub fn system_calls(&mut self, tid: Tid, calls: &[Call]) -> Result<Vec<i64>, TraceError> {
        let place = self
            .instruction(tid)?
            .ok_or(TraceError::NoPlaceForACall { pid: self.pid })?;
        let before = Registers::of(tid)?;
        let results = calls
            .iter()
            .map(|call| make(tid, place, &before.general, call))
            .collect();
        before.restore(tid)?;
        self.stop_again(tid)?;
        results
    }
}

/// One call, from the instruction to its end.
fn make(tid: Tid, place: Addr, before: &user_regs_struct, call: &Call) -> Result<i64, TraceError> {
    let [rdi, rsi, rdx, r10, r8, r9] = call.arguments;
    set_general(
        tid,
        user_regs_struct {
            rip: place.0,
            rax: call.number.cast_unsigned(),
            // Not in a call: the kernel is not to start the interrupted one again before the instruction runs.
            orig_rax: u64::MAX,
            rdi,
            rsi,
            rdx,
            r10,
            r8,
            r9,
            ..*before
        },
    )?;
    // To its beginning and to its end.
    for _ in 0..2 {
        to_system_call(tid)?;
    }
    Ok(registers::general(tid)?.rax.cast_signed())
}

fn to_system_call(tid: Tid) -> Result<(), TraceError> {
    let deadline = Instant::now() + PATIENCE;
    let go_on = || {
        let resumed = kernel::resume(tid, Resume::ToSystemCall, None);
        resumed.map_err(|errno| TraceError::Thread {
            tid,
            action: "resumed",
            errno,
        })
    };
    go_on()?;
    loop {
        match kernel::status(tid) {
            Status::SystemCall => return Ok(()),
            // The kernel tells again that the whole process is stopped.
            Status::Interrupted => go_on()?,
            Status::Unchanged if Instant::now() < deadline => std::thread::yield_now(),
            _ => return Err(TraceError::Disturbed { tid }),
        }
    }
}
