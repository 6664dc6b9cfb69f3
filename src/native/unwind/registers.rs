//! The registers of a frame, as far as they can be known.

use gimli::Register;

use crate::model::Addr;
use crate::process::Registers;

/// The registers that a frame's callers may need: rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8 to r15 and the return address, as
/// DWARF numbers them (System V ABI for x86-64, figure 3.36).
const COUNT: usize = 17;

pub(super) const RBP: Register = gimli::X86_64::RBP;
pub(super) const RSP: Register = gimli::X86_64::RSP;
pub(super) const RIP: Register = gimli::X86_64::RA;

/// Registers that a function gives back as it found them (System V ABI for x86-64, figure 3.4): rbx, rbp, r12 to r15.
const PRESERVED: [usize; 6] = [3, 6, 12, 13, 14, 15];

/// The general registers of one frame. In a caller those are unknown that its callee may have overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FrameRegisters([Option<u64>; COUNT]);

impl FrameRegisters {
    pub(super) fn of(thread: &Registers) -> FrameRegisters {
        let r = thread;
        let values = [
            r.rax, r.rdx, r.rcx, r.rbx, r.rsi, r.rdi, r.rbp, r.rsp, r.r8, r.r9, r.r10, r.r11,
            r.r12, r.r13, r.r14, r.r15, r.rip,
        ];
        FrameRegisters(values.map(Some))
    }

    /// By DWARF's number; nothing for one that is not known or no general register.
    pub fn get(&self, register: Register) -> Option<u64> {
        *self.0.get(usize::from(register.0))?
    }

    pub(super) fn set(&mut self, register: Register, value: Option<u64>) {
        if let Some(place) = self.0.get_mut(usize::from(register.0)) {
            *place = value;
        }
    }

    pub fn pc(&self) -> Addr {
        Addr(self.get(RIP).unwrap_or_default())
    }

    pub fn stack_pointer(&self) -> Addr {
        Addr(self.get(RSP).unwrap_or_default())
    }

    /// Those that are the same in the caller if nothing else is said.
    pub(super) fn preserved(&self) -> FrameRegisters {
        let mut values = [None; COUNT];
        for index in PRESERVED {
            values[index] = self.0[index];
        }
        FrameRegisters(values)
    }

    /// All but these two are as they were: what is true of an instruction that only moved them.
    pub(super) fn moved(&self, pc: u64, stack_pointer: Addr) -> FrameRegisters {
        let mut moved = *self;
        moved.set(RIP, Some(pc));
        moved.set(RSP, Some(stack_pointer.0));
        moved
    }
}
