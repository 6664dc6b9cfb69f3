//! The general registers of a thread when it was dumped.

use super::field;
use crate::process::Registers;

impl Registers {
    /// `struct user_regs_struct`, as `NT_PRSTATUS` holds it.
    pub(in crate::process) fn parse(bytes: &[u8]) -> Option<Registers> {
        let at = |index: usize| field::u64(bytes, index * 8);
        Some(Registers {
            r15: at(0)?,
            r14: at(1)?,
            r13: at(2)?,
            r12: at(3)?,
            rbp: at(4)?,
            rbx: at(5)?,
            r11: at(6)?,
            r10: at(7)?,
            r9: at(8)?,
            r8: at(9)?,
            rax: at(10)?,
            rcx: at(11)?,
            rdx: at(12)?,
            rsi: at(13)?,
            rdi: at(14)?,
            orig_rax: at(15)?.cast_signed(),
            rip: at(16)?,
            eflags: at(18)?,
            rsp: at(19)?,
            fs_base: at(21)?,
            gs_base: at(22)?,
        })
    }
}
