//! The general registers of a thread when it was dumped.

use super::field;

/// `struct user_regs_struct` of x86-64, as `NT_PRSTATUS` holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Registers {
    pub rax: u64,
    pub rbx: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub rbp: u64,
    pub rsp: u64,
    pub r8: u64,
    pub r9: u64,
    pub r10: u64,
    pub r11: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
    pub rip: u64,
    pub eflags: u64,
    /// The number of the system call that the thread is in, or negative.
    pub orig_rax: i64,
    pub fs_base: u64,
    pub gs_base: u64,
}

impl Registers {
    pub(super) fn parse(bytes: &[u8]) -> Option<Registers> {
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
