//! The instructions with which functions begin: those that can be done in a thread's place.

use nix::libc::{self, user_regs_struct};

/// Bytes of the code that are looked at: the longest instruction has 15 (Intel SDM, volume 2, 2.3.11).
const LONGEST: usize = 15;

/// What stands in the code at a place.
pub(super) type Code = [u8; LONGEST];

/// What an instruction does beside what it does to the registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Registers,
    Push {
        at: u64,
        word: libc::c_long,
    },
    /// The registers are those before.
    Return,
}

impl Effect {
    /// Of an instruction with which functions begin, and what it does to the registers; nothing for others (Intel SDM, volume 2).
    pub fn of(code: &Code, at: &mut user_regs_struct) -> Option<Effect> {
        let (number, length) = match *code {
            // endbr64
            [0xf3, 0x0f, 0x1e, 0xfa, ..] => {
                at.rip += 4;
                return Some(Effect::Registers);
            }
            [0xc3, ..] => return Some(Effect::Return),
            // push r8 … r15
            [0x41, low @ 0x50..=0x57, ..] => (8 + low - 0x50, 2),
            // push rax … rdi
            [low @ 0x50..=0x57, ..] => (low - 0x50, 1),
            _ => return None,
        };
        let word = register(at, number);
        at.rip += length;
        at.rsp = at.rsp.wrapping_sub(8);
        Some(Effect::Push {
            at: at.rsp,
            word: word.cast_signed(),
        })
    }
}

/// By the number that instructions have for it.
fn register(at: &user_regs_struct, number: u8) -> u64 {
    match number {
        0 => at.rax,
        1 => at.rcx,
        2 => at.rdx,
        3 => at.rbx,
        4 => at.rsp,
        5 => at.rbp,
        6 => at.rsi,
        7 => at.rdi,
        8 => at.r8,
        9 => at.r9,
        10 => at.r10,
        11 => at.r11,
        12 => at.r12,
        13 => at.r13,
        14 => at.r14,
        _ => at.r15,
    }
}
