//! System calls made in the name of a stopped thread.

use std::fs::{self, File, OpenOptions};
use std::io;
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
/// Bytes; it has four pages or so.
const LARGEST_VDSO: usize = 1 << 20;
/// A call made for pmdb waits for nothing.
const PATIENCE: Duration = Duration::from_secs(2);

/// A system call by its number and arguments (`arch/x86/entry/syscalls/syscall_64.tbl`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    pub number: i64,
    pub arguments: [u64; 6],
}

impl Hold {
    /// A `syscall` instruction in the process. Its vDSO has one, for what it cannot answer by itself.
    fn instruction(&self) -> Result<Addr, TraceError> {
        let missing = || TraceError::NoPlaceForACall { pid: self.pid };
        let (start, length) = self.vdso().ok_or_else(missing)?;
        let mut code = vec![0; length];
        self.read(start, &mut code).map_err(|_| missing())?;
        let found = code
            .windows(INSTRUCTION.len())
            .position(|bytes| bytes == INSTRUCTION);
        Ok(start.plus(found.ok_or_else(missing)? as u64))
    }

    /// Where the vDSO lies, and how many bytes it has.
    fn vdso(&self) -> Option<(Addr, usize)> {
        let maps = fs::read_to_string(format!("/proc/{}/maps", self.pid)).ok()?;
        let line = maps.lines().find(|line| line.ends_with("[vdso]"))?;
        let (start, rest) = line.split_once('-')?;
        let (end, _) = rest.split_once(' ')?;
        let start = u64::from_str_radix(start, 16).ok()?;
        let length = u64::from_str_radix(end, 16).ok()?.checked_sub(start)?;
        let length = usize::try_from(length).ok()?;
        (length <= LARGEST_VDSO).then_some((Addr(start), length))
    }

    fn memory(&self, options: &mut OpenOptions) -> io::Result<File> {
        options.open(format!("/proc/{}/mem", self.pid))
    }

    /// Reads memory, also what the process itself may not read.
    pub fn read(&self, address: Addr, bytes: &mut [u8]) -> Result<(), TraceError> {
        let file = self.memory(OpenOptions::new().read(true));
        file.and_then(|file| file.read_exact_at(bytes, address.0))
            .map_err(|error| self.failed("read", address, bytes.len(), &error))
    }

    fn failed(
        &self,
        action: &'static str,
        address: Addr,
        length: usize,
        error: &io::Error,
    ) -> TraceError {
        TraceError::Memory {
            pid: self.pid,
            address,
            length,
            action,
            errno: error.raw_os_error().map_or(Errno::EIO, Errno::from_raw),
        }
    }

    /// Writes into the process, also where it may not write itself.
    pub fn write(&self, address: Addr, bytes: &[u8]) -> Result<(), TraceError> {
        let file = self.memory(OpenOptions::new().write(true));
        file.and_then(|file| file.write_all_at(bytes, address.0))
            .map_err(|error| self.failed("written", address, bytes.len(), &error))
    }

    /// Makes system calls in the name of one of the threads, one after the other; what each returns comes back, a negative
    /// errno included. The thread then stands where it stood, also if it was in the middle of something.
    ///
    /// The kernel looks whether an interrupted call must be started again only on the way out of a stop that was asked for,
    /// not after the end of a call; so the thread is brought into such a stop at the end.
    pub fn system_calls(&mut self, calls: &[Call]) -> Result<Vec<i64>, TraceError> {
        let place = self.instruction()?;
        let tid = self
            .stopped()
            .next()
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

pub(super) fn to_system_call(tid: Tid) -> Result<(), TraceError> {
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
