//! A function of the process, called by one of its threads that waits in the kernel.
//!
//! The thread comes back by itself: under its call lies a signal frame as the kernel lays it out
//! (`arch/x86/include/asm/sigframe.h`), and the code that the function returns to makes the system call `rt_sigreturn`. pmdb
//! intercepts that call and puts back every register itself. If pmdb dies in between, the frame brings the thread back to its wait.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc::{self, user_regs_struct};

use super::hold::Hold;
use super::kernel::{self, Resume, Status};
use super::registers::{self, Registers, set_general};
use super::system_call::to_system_call;
use super::waiting;
use super::{TraceError, WAY_BACK};
use crate::model::{Addr, Tid};

/// Bytes below the stack pointer that a function without calls may use (System V ABI for x86-64, 3.2.2).
const RED_ZONE: u64 = 128;
/// Bytes of `struct ucontext` up to and with its signal mask.
const CONTEXT: usize = 304;
/// Where the general registers begin in it (`struct sigcontext_64`), and the mask.
const REGISTERS_AT: usize = 40;
const SEGMENTS_AT: usize = 184;
const MASK_AT: usize = 296;
/// `UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS`.
const CONTEXT_FLAGS: u64 = 6;
/// No valid state of an alternate stack: the kernel then leaves the thread's as it is (`restore_altstack`).
const KEEP_ALTERNATE_STACK: u64 = 0x40;
/// How long the function may take before the thread is left to come back by itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// The kernel's marks for a call that is to be started again (`include/linux/errno.h`).
const RESTARTED: std::ops::RangeInclusive<i64> = -514..=-512;
const RESTART_BLOCK: i64 = -516;

impl Hold {
    /// Makes a thread that waits in a system call call a function with four arguments, while all others run, since one of them may
    /// have a lock that the function needs. They are not held any more after that.
    ///
    /// `way_back` is where [`WAY_BACK`] lies. False if the thread does not wait where it may be borrowed;
    /// a function that takes long goes on by itself.
    pub fn call_from_wait(
        &mut self,
        tid: Tid,
        way_back: Addr,
        function: Addr,
        arguments: [u64; 4],
    ) -> Result<bool, TraceError> {
        if !self.stopped().any(|stopped| stopped == tid) {
            return Ok(false);
        }
        let before = Registers::of(tid)?;
        if !waiting::may_be_borrowed(&before.general) {
            return Ok(false);
        }
        let mask = signal_mask(tid)?;
        let context = before.general.rsp.wrapping_sub(RED_ZONE + CONTEXT as u64) & !15;
        self.write(Addr(context), &sigframe(&before.general, mask))?;
        let [rdi, rsi, rdx, rcx] = arguments;
        let entry = user_regs_struct {
            rip: way_back.0,
            rsp: context,
            rax: function.0,
            orig_rax: u64::MAX,
            rdi,
            rsi,
            rdx,
            rcx,
            ..before.general
        };
        self.keep_only(tid);
        // What the function makes, such as a thread, gets no signals of the program.
        set_signal_mask(tid, u64::MAX)?;
        set_general(tid, entry)?;
        if !came_back(tid, way_back.plus(WAY_BACK.len() as u64))? {
            self.stop_running(tid);
            return Ok(true);
        }
        // The call of rt_sigreturn is not made.
        let mut skipped = registers::general(tid)?;
        skipped.orig_rax = u64::MAX;
        set_general(tid, skipped)?;
        to_system_call(tid)?;
        set_signal_mask(tid, mask)?;
        before.restore(tid)?;
        self.stop_again(tid)?;
        Ok(true)
    }
}

/// Runs a thread until it is about to make the system call that ends at `end`.
fn came_back(tid: Tid, end: Addr) -> Result<bool, TraceError> {
    let deadline = Instant::now() + PATIENCE;
    let go_on = |signal| {
        kernel::resume(tid, Resume::ToSystemCall, signal).map_err(|errno| TraceError::Thread {
            tid,
            action: "resumed",
            errno,
        })
    };
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

/// What brings the thread back without pmdb: where it stood, about to make its call once more.
fn sigframe(at: &user_regs_struct, mask: u64) -> [u8; CONTEXT] {
    let (rax, rip) = match at.rax.cast_signed() {
        restarted if RESTARTED.contains(&restarted) => (at.orig_rax, at.rip.wrapping_sub(2)),
        RESTART_BLOCK => (i64::from(-libc::EINTR).cast_unsigned(), at.rip),
        _ => (at.rax, at.rip),
    };
    let words = [
        at.r8, at.r9, at.r10, at.r11, at.r12, at.r13, at.r14, at.r15, at.rdi, at.rsi, at.rbp,
        at.rbx, at.rdx, rax, at.rcx, at.rsp, rip, at.eflags,
    ];
    let segments = [at.cs, at.gs, at.fs, at.ss];
    let mut frame = [0; CONTEXT];
    let mut put = |at: usize, bytes: &[u8]| frame[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &CONTEXT_FLAGS.to_le_bytes());
    put(24, &KEEP_ALTERNATE_STACK.to_le_bytes());
    for (index, word) in words.iter().enumerate() {
        put(REGISTERS_AT + 8 * index, &word.to_le_bytes());
    }
    for (index, segment) in segments.iter().enumerate() {
        put(SEGMENTS_AT + 2 * index, &(*segment as u16).to_le_bytes());
    }
    put(MASK_AT, &mask.to_le_bytes());
    frame
}

/// Bytes of a signal mask.
const MASK: usize = 8;

fn signal_mask(tid: Tid) -> Result<u64, TraceError> {
    let mut mask = 0_u64;
    mask_request(libc::PTRACE_GETSIGMASK, tid, &mut mask)?;
    Ok(mask)
}

fn set_signal_mask(tid: Tid, mut mask: u64) -> Result<(), TraceError> {
    mask_request(libc::PTRACE_SETSIGMASK, tid, &mut mask)
}

fn mask_request(request: libc::c_uint, tid: Tid, mask: &mut u64) -> Result<(), TraceError> {
    // SAFETY: the kernel reads or writes the eight bytes of `mask`, which is borrowed for the call.
    let result =
        unsafe { libc::ptrace(request, tid.0.cast_signed(), MASK, std::ptr::from_mut(mask)) };
    let action = "asked for its signal mask, or given another";
    Errno::result(result)
        .map(drop)
        .map_err(|errno| TraceError::Thread { tid, action, errno })
}
