//! What `rt_sigreturn` reads: a signal frame as the kernel lays it out (`arch/x86/include/asm/sigframe.h`,
//! `arch/x86/include/uapi/asm/sigcontext.h`), with the registers that a thread is to have.

use std::arch::x86_64::__cpuid_count;

use nix::libc::{self, user_regs_struct};

use super::registers::Registers;
use crate::model::Addr;

/// Where the general registers begin in `struct ucontext` (`struct sigcontext_64`), the segments, the pointer to the vector
/// registers, and the signal mask.
const REGISTERS_AT: usize = 40;
const SEGMENTS_AT: usize = 184;
const VECTORS_POINTER_AT: usize = 224;
const MASK_AT: usize = 296;
/// `UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS`.
const CONTEXT_FLAGS: u64 = 7;
/// No valid state of an alternate stack: the kernel then leaves the thread's as it is (`restore_altstack`).
const KEEP_ALTERNATE_STACK: u64 = 0x40;
/// Where the vector registers lie, behind all that: they are aligned to 64 bytes.
const VECTORS_AT: usize = 320;
const ALIGNMENT: u64 = 64;

/// Where `struct _fpx_sw_bytes` lies in the vector registers, and the words of the XSAVE header that says which are in use.
const SOFTWARE_AT: usize = 464;
const IN_USE_AT: usize = 512;
/// `FP_XSTATE_MAGIC1`, and `FP_XSTATE_MAGIC2`, which follows the registers.
const MAGIC_1: u32 = 0x4650_5853;
const MAGIC_2: u32 = 0x4650_5845;
/// Bytes of the part that every XSAVE has.
const SMALLEST: usize = 576;
/// The tiles of AMX: threads that have not asked for them have no room for them in a signal frame.
const TILES: u64 = 3 << 17;

/// The kernel's marks for a call that is to be started again (`include/linux/errno.h`).
const RESTARTED: std::ops::RangeInclusive<i64> = -514..=-512;
const RESTART_BLOCK: i64 = -516;

/// Whether a thread is in a system call that is over when it takes the way back, since only the kernel knows how to go on with it.
pub(super) fn is_lost_by_a_detour(at: &user_regs_struct) -> bool {
    at.orig_rax.cast_signed() >= 0 && at.rax.cast_signed() == RESTART_BLOCK
}

/// A frame, to be written below `under`: its bytes, and where they go.
pub(super) struct Sigframe {
    /// Where `struct ucontext` lies: what the stack pointer must be at the call of `rt_sigreturn`.
    pub(super) context: Addr,
    pub(super) bytes: Vec<u8>,
}

impl Sigframe {
    /// The frame that gives a thread these registers and this mask.
    ///
    /// A system call that was interrupted is begun once more, except one that only the kernel knows how to go on with: that
    /// is over with EINTR.
    pub(super) fn of(registers: &Registers, mask: u64, under: Addr) -> Sigframe {
        let vectors = vectors(&registers.extended);
        let length = VECTORS_AT + vectors.len();
        let context = under.0.wrapping_sub(length as u64) & !(ALIGNMENT - 1);
        let mut bytes = vec![0; length];
        let mut put = |at: usize, part: &[u8]| bytes[at..at + part.len()].copy_from_slice(part);
        put(0, &CONTEXT_FLAGS.to_le_bytes());
        put(24, &KEEP_ALTERNATE_STACK.to_le_bytes());
        for (index, word) in general(&registers.general).iter().enumerate() {
            put(REGISTERS_AT + 8 * index, &word.to_le_bytes());
        }
        let at = &registers.general;
        for (index, segment) in [at.cs, at.gs, at.fs, at.ss].iter().enumerate() {
            put(SEGMENTS_AT + 2 * index, &(*segment as u16).to_le_bytes());
        }
        if !vectors.is_empty() {
            let pointer = context.wrapping_add(VECTORS_AT as u64);
            put(VECTORS_POINTER_AT, &pointer.to_le_bytes());
        }
        put(MASK_AT, &mask.to_le_bytes());
        put(VECTORS_AT, &vectors);
        Sigframe {
            context: Addr(context),
            bytes,
        }
    }
}

/// In the order of `struct sigcontext_64`.
fn general(at: &user_regs_struct) -> [u64; 18] {
    let (rax, rip) = match at.rax.cast_signed() {
        // No system call has been interrupted.
        _ if at.orig_rax.cast_signed() < 0 => (at.rax, at.rip),
        restarted if RESTARTED.contains(&restarted) => (at.orig_rax, at.rip.wrapping_sub(2)),
        _ if is_lost_by_a_detour(at) => (i64::from(-libc::EINTR).cast_unsigned(), at.rip),
        _ => (at.rax, at.rip),
    };
    [
        at.r8, at.r9, at.r10, at.r11, at.r12, at.r13, at.r14, at.r15, at.rdi, at.rsi, at.rbp,
        at.rbx, at.rdx, rax, at.rcx, at.rsp, rip, at.eflags,
    ]
}

/// The vector registers with the marks that the kernel looks for (`check_xstate_in_sigframe`), or nothing if there are none.
fn vectors(extended: &[u8]) -> Vec<u8> {
    let Some([offered, in_use]) = word(extended, SOFTWARE_AT)
        .zip(word(extended, IN_USE_AT))
        .map(|(offered, in_use)| [offered, in_use])
    else {
        return Vec::new();
    };
    let features = offered & !(TILES & !in_use);
    let end = (2..63)
        .filter(|bit| features & (1 << bit) != 0)
        .map(end_of)
        .fold(SMALLEST, usize::max);
    let length = end.min(extended.len());
    let mut bytes = extended[..length].to_vec();
    let mut software = [0; 48];
    software[0..4].copy_from_slice(&MAGIC_1.to_le_bytes());
    software[4..8].copy_from_slice(&(length as u32 + 4).to_le_bytes());
    software[8..16].copy_from_slice(&features.to_le_bytes());
    software[16..20].copy_from_slice(&(length as u32).to_le_bytes());
    bytes[SOFTWARE_AT..SOFTWARE_AT + software.len()].copy_from_slice(&software);
    bytes.extend(MAGIC_2.to_le_bytes());
    bytes
}

/// Where the registers of an extension end in the form that XSAVE writes, in bytes: CPUID, leaf 0xd.
fn end_of(bit: u32) -> usize {
    let answer = __cpuid_count(0xd, bit);
    (answer.ebx as usize).saturating_add(answer.eax as usize)
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..at + 8)?;
    word.try_into().ok().map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_vector_registers_gets_none() {
        assert_eq!(vectors(&[]), Vec::<u8>::new());
        assert_eq!(vectors(&[0; 511]), Vec::<u8>::new());
    }

    #[test]
    fn the_marks_of_the_kernel_are_around_the_registers() {
        let mut extended = vec![7; 1024];
        extended[SOFTWARE_AT..SOFTWARE_AT + 8].copy_from_slice(&3_u64.to_le_bytes());
        extended[IN_USE_AT..IN_USE_AT + 8].copy_from_slice(&3_u64.to_le_bytes());
        let bytes = vectors(&extended);
        assert_eq!(bytes.len(), SMALLEST + 4);
        assert_eq!(bytes[SOFTWARE_AT..SOFTWARE_AT + 4], MAGIC_1.to_le_bytes());
        assert_eq!(bytes[SMALLEST..], MAGIC_2.to_le_bytes());
    }
}
