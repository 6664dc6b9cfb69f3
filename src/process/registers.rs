//! The general registers of a thread that stands still.

/// `struct user_regs_struct` of x86-64.
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

/// All registers of a thread that stands still, as the kernel hands them out and a core holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterSets {
    /// `struct user_regs_struct`, word by word.
    pub general: [u64; 27],
    /// The area that XSAVE writes, which begins with the 512 bytes of FXSAVE; empty where the processor or a sandbox has none.
    pub extended: Vec<u8>,
}
