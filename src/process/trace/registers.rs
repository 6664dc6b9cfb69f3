//! The registers of a stopped thread, whole: also the vector registers, which a call made in its name would spoil.

use nix::errno::Errno;
use nix::libc::{self, iovec, user_regs_struct};
use nix::sys::ptrace;

use super::TraceError;
use super::hold::raw;
use crate::model::Tid;
use crate::process;

/// `NT_X86_XSTATE`, `include/uapi/linux/elf.h`.
const NT_X86_XSTATE: usize = 0x202;
/// Bytes. AVX-512 with AMX needs 11 KiB.
const MOST_XSTATE: usize = 32 * 1024;

/// All registers of a thread.
#[derive(Clone)]
pub(super) struct Registers {
    pub(super) general: user_regs_struct,
    /// As XSAVE writes it; empty where the processor or a sandbox has none.
    pub(super) extended: Vec<u8>,
}

pub(super) fn general(tid: Tid) -> Result<user_regs_struct, TraceError> {
    ptrace::getregs(raw(tid)).map_err(|errno| failed(tid, errno))
}

pub(super) fn set_general(tid: Tid, registers: user_regs_struct) -> Result<(), TraceError> {
    ptrace::setregs(raw(tid), registers).map_err(|errno| failed(tid, errno))
}

impl From<user_regs_struct> for process::Registers {
    fn from(general: user_regs_struct) -> process::Registers {
        process::Registers {
            rax: general.rax,
            rbx: general.rbx,
            rcx: general.rcx,
            rdx: general.rdx,
            rsi: general.rsi,
            rdi: general.rdi,
            rbp: general.rbp,
            rsp: general.rsp,
            r8: general.r8,
            r9: general.r9,
            r10: general.r10,
            r11: general.r11,
            r12: general.r12,
            r13: general.r13,
            r14: general.r14,
            r15: general.r15,
            rip: general.rip,
            eflags: general.eflags,
            fs_base: general.fs_base,
            gs_base: general.gs_base,
            orig_rax: general.orig_rax.cast_signed(),
        }
    }
}

impl From<Registers> for process::RegisterSets {
    fn from(registers: Registers) -> process::RegisterSets {
        let user_regs_struct {
            r15,
            r14,
            r13,
            r12,
            rbp,
            rbx,
            r11,
            r10,
            r9,
            r8,
            rax,
            rcx,
            rdx,
            rsi,
            rdi,
            orig_rax,
            rip,
            cs,
            eflags,
            rsp,
            ss,
            fs_base,
            gs_base,
            ds,
            es,
            fs,
            gs,
        } = registers.general;
        process::RegisterSets {
            general: [
                r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax,
                rip, cs, eflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs,
            ],
            extended: registers.extended,
        }
    }
}

/// What a function may keep a pointer in.
pub(super) fn words(general: &user_regs_struct) -> [u64; 15] {
    let all = process::Registers::from(*general);
    [
        all.rax, all.rbx, all.rcx, all.rdx, all.rsi, all.rdi, all.rbp, all.r8, all.r9, all.r10,
        all.r11, all.r12, all.r13, all.r14, all.r15,
    ]
}

fn failed(tid: Tid, errno: Errno) -> TraceError {
    TraceError::Thread {
        tid,
        action: "asked for its registers, or given others",
        errno,
    }
}

impl Registers {
    pub(super) fn of(tid: Tid) -> Result<Registers, TraceError> {
        let general = general(tid)?;
        let mut extended = vec![0; MOST_XSTATE];
        let length = transfer(libc::PTRACE_GETREGSET, tid, &mut extended).unwrap_or(0);
        extended.truncate(length);
        Ok(Registers { general, extended })
    }

    /// The vector registers first: the general ones are what takes the thread off its detour.
    pub(super) fn restore(mut self, tid: Tid) -> Result<(), TraceError> {
        if !self.extended.is_empty() {
            transfer(libc::PTRACE_SETREGSET, tid, &mut self.extended)
                .map_err(|errno| failed(tid, errno))?;
        }
        set_general(tid, self.general)
    }
}

/// Reads or writes the extended registers; gives back how many bytes they have.
fn transfer(request: libc::c_uint, tid: Tid, bytes: &mut [u8]) -> Result<usize, Errno> {
    let mut range = iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: the kernel reads or writes at most `iov_len` bytes at `iov_base`, which are borrowed for the call.
    let result =
        unsafe { libc::ptrace(request, tid.0.cast_signed(), NT_X86_XSTATE, &raw mut range) };
    Errno::result(result).map(|_| range.iov_len)
}
