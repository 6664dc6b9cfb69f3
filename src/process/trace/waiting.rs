//! System calls in which a thread waits for something that is outside of libc.

use nix::libc::{self, c_long, user_regs_struct};

/// Waits that a program asked for. `futex` is one also inside of libc: see below. A wait with a time that was interrupted, by a hold for
/// instance, goes on as `restart_syscall`: `poll`, or a `futex` of which libc never waits for its own locks, since those have no time.
const WAITS: [c_long; 23] = [
    libc::SYS_futex,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_pause,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_connect,
    libc::SYS_write,
    libc::SYS_sendto,
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_select,
    libc::SYS_pselect6,
    libc::SYS_epoll_wait,
    libc::SYS_epoll_pwait,
    libc::SYS_wait4,
    libc::SYS_waitid,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_restart_syscall,
];

/// Whether a stopped thread may call a function of libc on the side: it waits, and not for a lock of libc itself, which the
/// function could need.
pub(super) fn may_be_borrowed(registers: &user_regs_struct) -> bool {
    let waits = WAITS.contains(&registers.orig_rax.cast_signed());
    waits && !waits_for_lock_of_libc(registers)
}

/// glibc's own locks (`lll_lock`, `nptl/lowlevellock.c`) wait with `FUTEX_WAIT` for the value 2; semaphores and conditions, of which
/// Python makes its locks, wait for others.
fn waits_for_lock_of_libc(registers: &user_regs_struct) -> bool {
    let operation = registers.rsi as i32 & libc::FUTEX_CMD_MASK;
    registers.orig_rax.cast_signed() == libc::SYS_futex
        && operation == libc::FUTEX_WAIT
        && registers.rdx as u32 == 2
}
