//! A thread that is made to do something for pmdb, and finds back by itself.
//!
//! Below its stack lies a signal frame with all its registers, and from wherever it is sent the way leads to the program's own call of
//! `rt_sigreturn`, which puts them back. If pmdb is killed at any moment of a detour, the kernel lets go of the thread and it is back
//! after a few instructions, as if a signal handler had returned. Otherwise pmdb puts everything back itself.

use nix::errno::Errno;
use nix::libc::{self, user_regs_struct};

use super::TraceError;
use super::hold::Hold;
use super::registers::{Registers, set_general};
use super::sigframe::Sigframe;
use super::way_back::WayBack;
use crate::model::{Addr, Tid};

/// Bytes below the stack pointer that a function without calls may use (System V ABI for x86-64, 3.2.2).
const RED_ZONE: u64 = 128;
/// Bytes of the address that the way back begins with, as a call leaves it on the stack.
const RETURN_ADDRESS: u64 = 8;

pub(super) struct Detour {
    pub(super) tid: Tid,
    pub(super) way_back: WayBack,
    before: Registers,
    mask: u64,
    /// The stack pointer at the beginning of a function or call. The return address lies there, and above it the frame.
    pub(super) stack: Addr,
    /// What lay there.
    covered: Vec<u8>,
}

impl Detour {
    /// The registers with which a thread goes somewhere: `to` returns to the way back.
    pub(super) fn registers(&self, to: Addr) -> user_regs_struct {
        user_regs_struct {
            rip: to.0,
            rsp: self.stack.0,
            // Not in a call: the kernel is not to start the interrupted one again.
            orig_rax: u64::MAX,
            ..self.before.general
        }
    }

    /// On the way back already.
    fn registers_back(&self) -> user_regs_struct {
        user_regs_struct {
            rsp: self.stack.plus(RETURN_ADDRESS).0,
            ..self.registers(self.way_back.restorer)
        }
    }
}

impl Hold {
    /// Prepares a stopped thread for a detour. It gets no signals until the end of it.
    ///
    /// The order matters: at no moment does the thread have a register or a mask that would not be put back without pmdb.
    pub(super) fn begin_detour(&mut self, tid: Tid) -> Result<Detour, TraceError> {
        let way_back = self.way_back()?;
        let before = Registers::of(tid)?;
        let mask = signal_mask(tid)?;
        let under = Addr(before.general.rsp.wrapping_sub(RED_ZONE));
        let frame = Sigframe::of(&before, mask, under);
        let stack = Addr(frame.context.0.wrapping_sub(RETURN_ADDRESS));
        let bytes = [&way_back.restorer.0.to_le_bytes()[..], &frame.bytes].concat();
        let mut covered = vec![0; bytes.len()];
        self.read(stack, &mut covered)?;
        self.write(stack, &bytes)?;
        let detour = Detour {
            tid,
            way_back,
            before,
            mask,
            stack,
            covered,
        };
        set_general(tid, detour.registers_back())?;
        set_signal_mask(tid, u64::MAX)?;
        Ok(detour)
    }

    /// Puts a thread that is stopped somewhere on its detour back to where it stood, also if it was in the middle of a system call.
    ///
    /// The kernel looks whether an interrupted call must be started again only on the way out of a stop that was asked for, not
    /// after the end of a call; so the thread is brought into such a stop first.
    pub(super) fn end_detour(&mut self, detour: Detour) -> Result<(), TraceError> {
        let tid = detour.tid;
        // A call that it is about to make is not made.
        set_general(tid, detour.registers_back())?;
        self.stop_again(tid)?;
        if !self.stopped().any(|stopped| stopped == tid) {
            return Err(TraceError::Disturbed { tid });
        }
        set_signal_mask(tid, detour.mask)?;
        detour.before.restore(tid)?;
        self.write(detour.stack, &detour.covered)
    }
}

/// Bytes of a signal mask.
const MASK: usize = 8;

pub(super) fn signal_mask(tid: Tid) -> Result<u64, TraceError> {
    let mut mask = 0_u64;
    mask_request(libc::PTRACE_GETSIGMASK, tid, &mut mask)?;
    Ok(mask)
}

pub(super) fn set_signal_mask(tid: Tid, mut mask: u64) -> Result<(), TraceError> {
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
