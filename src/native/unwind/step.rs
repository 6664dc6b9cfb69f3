//! From a frame to its caller.

use gimli::Register;

use super::registers::{FrameRegisters, RBP};
use super::rules::Caller;
use crate::model::Addr;
use crate::native::loaded::{Code, LoadedModules};
use crate::process::Memory;

/// How a frame was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trust {
    /// From the registers of the thread.
    Registers,
    /// By the call frame information of its callee.
    Information,
    /// Its callee is the frame that the kernel makes for a signal handler: it was interrupted, and called nothing.
    Interrupted,
    /// Its callee is no code, or has just begun: the return address is on top of the stack.
    TopOfStack,
    /// Through the frame pointer of a callee without call frame information.
    FramePointer,
    /// By looking for something like a return address: it may have returned long ago, and frames may be missing.
    Scan,
}

/// Words that are looked at for a return address.
const LONGEST_SCAN: u64 = 1024;
/// Bytes of a word.
const WORD: u64 = 8;
/// The longest encoding of a call that is recognised: `call *disp32(base,index,scale)` with a prefix, in bytes.
const LONGEST_CALL: u64 = 8;

/// `mov $15, %rax; syscall`: what a signal handler returns to, also where the C library (musl) says nothing of it.
const RETURN_FROM_SIGNAL: [u8; 9] = [0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05];
/// Where the general registers are in the `struct ucontext` that lies there on top of the stack, in bytes, and the DWARF numbers
/// of those that follow each other (`arch/x86/include/uapi/asm/sigcontext.h`).
const CONTEXT_REGISTERS_AT: u64 = 40;
const CONTEXT_ORDER: [u16; 17] = [8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16];

/// What a step needs to know of the process.
pub(super) struct Surroundings<'s, 'p> {
    pub(super) modules: &'s LoadedModules<'p>,
    pub(super) memory: &'s Memory<'p>,
}

/// The caller of a frame.
pub(super) struct Step {
    /// Of the callee: where the caller's part of the stack begins.
    pub(super) frame_address: Addr,
    pub(super) registers: FrameRegisters,
    pub(super) trust: Trust,
}

/// Why there is no caller.
pub(super) enum Bottom {
    /// The frame has none: it says so.
    End,
    /// It has one, and nothing tells which.
    Lost,
}

impl Surroundings<'_, '_> {
    /// The caller of a frame with these registers. `is_exact` if its pc is the next instruction, not one that a call returns to.
    pub(super) fn step(&self, registers: &FrameRegisters, is_exact: bool) -> Result<Step, Bottom> {
        let pc = registers.pc();
        // A call may be the last instruction of a function: what it returns to is then in the next one.
        let within = if is_exact { pc } else { pc.minus(1) };
        let code = self.modules.find(within);
        let row = code.as_ref().and_then(|code| {
            let loaded = code.module.as_ref().ok()?;
            loaded.module.row(loaded.svma(within))
        });
        if let Some(row) = row {
            if let Some(caller) = row.caller(registers, self.memory) {
                return self.checked(caller, row.is_signal_frame);
            }
            return self.scan(registers);
        }
        if let Some(step) = self.signal_frame(registers) {
            return Ok(step);
        }
        if is_exact && let Some(step) = self.top_of_stack(registers) {
            return Ok(step);
        }
        if code.is_none() {
            return self.scan(registers);
        }
        match registers.get(RBP) {
            // What starts a thread, or a program, clears it to mark the end (System V ABI for x86-64, section 3.4.1).
            Some(0) if !is_exact => Err(Bottom::End),
            Some(_) => match self.frame_pointer(registers) {
                Some(step) => Ok(step),
                None => self.scan(registers),
            },
            None => self.scan(registers),
        }
    }

    fn checked(&self, caller: Caller, is_signal_frame: bool) -> Result<Step, Bottom> {
        let Caller {
            frame_address,
            registers,
        } = caller;
        if registers.pc().is_null() && !is_signal_frame {
            return Err(Bottom::End);
        }
        let trust = if is_signal_frame {
            Trust::Interrupted
        } else {
            Trust::Information
        };
        // An interrupted thread may have been anywhere; after a call there is code.
        if !is_signal_frame && self.code_of_caller(registers.pc()).is_none() {
            return self.scan(&registers);
        }
        Ok(Step {
            frame_address,
            registers,
            trust,
        })
    }

    /// Returns from a signal handler, where no call frame information says how.
    fn signal_frame(&self, registers: &FrameRegisters) -> Option<Step> {
        let mut code = [0; RETURN_FROM_SIGNAL.len()];
        self.modules.read_code(registers.pc(), &mut code).ok()?;
        if code != RETURN_FROM_SIGNAL {
            return None;
        }
        let frame_address = registers.stack_pointer();
        let mut interrupted = FrameRegisters::default();
        let mut at = frame_address.plus(CONTEXT_REGISTERS_AT);
        for number in CONTEXT_ORDER {
            interrupted.set(Register(number), Some(self.memory.u64(at).ok()?));
            at = at.plus(WORD);
        }
        Some(Step {
            frame_address,
            registers: interrupted,
            trust: Trust::Interrupted,
        })
    }

    /// The caller of what has changed nothing yet: it was called, by mistake, where no code is; or is a function at its beginning.
    fn top_of_stack(&self, registers: &FrameRegisters) -> Option<Step> {
        let stack_pointer = registers.stack_pointer();
        let return_address = self.memory.u64(stack_pointer).ok()?;
        self.follows_call(Addr(return_address)).then(|| {
            let frame_address = stack_pointer.plus(WORD);
            Step {
                frame_address,
                registers: registers.moved(return_address, frame_address),
                trust: Trust::TopOfStack,
            }
        })
    }

    /// The caller, if the frame pointer points to where the caller's is saved, below the return address.
    fn frame_pointer(&self, registers: &FrameRegisters) -> Option<Step> {
        let (pointer, top) = (Addr(registers.get(RBP)?), registers.stack_pointer());
        if pointer < top || pointer.0 % WORD != 0 || !self.is_same_stack(pointer, top) {
            return None;
        }
        let saved = self.memory.u64(pointer).ok()?;
        let return_address = self.memory.u64(pointer.plus(WORD)).ok()?;
        if !self.follows_call(Addr(return_address)) {
            return None;
        }
        let frame_address = pointer.plus(2 * WORD);
        let mut caller = FrameRegisters::default().moved(return_address, frame_address);
        caller.set(RBP, Some(saved));
        Some(Step {
            frame_address,
            registers: caller,
            trust: Trust::FramePointer,
        })
    }

    /// The next word on the stack that may be a return address.
    fn scan(&self, registers: &FrameRegisters) -> Result<Step, Bottom> {
        let begin = registers.stack_pointer().0.next_multiple_of(WORD);
        for word in 0..LONGEST_SCAN {
            let at = Addr(begin).plus(word * WORD);
            let Ok(value) = self.memory.u64(at) else {
                break;
            };
            if self.follows_call(Addr(value)) {
                let frame_address = at.plus(WORD);
                let mut caller = FrameRegisters::default().moved(value, frame_address);
                // It may still be the caller's.
                let pointer = registers.get(RBP);
                caller.set(RBP, pointer.filter(|pointer| *pointer >= frame_address.0));
                return Ok(Step {
                    frame_address,
                    registers: caller,
                    trust: Trust::Scan,
                });
            }
        }
        Err(Bottom::Lost)
    }

    /// Whether two addresses are in the same mapping.
    pub(super) fn is_same_stack(&self, one: Addr, other: Addr) -> bool {
        let extent = self.modules.extent(other);
        extent.is_some_and(|extent| extent.contains(&one))
    }

    fn code_of_caller(&self, return_address: Addr) -> Option<std::sync::Arc<Code>> {
        self.modules.find(return_address.minus(1))
    }

    /// Whether an address is in code and behind a call.
    fn follows_call(&self, address: Addr) -> bool {
        if self.code_of_caller(address).is_none() {
            return false;
        }
        let mut before = [0; LONGEST_CALL as usize];
        let begin = address.minus(LONGEST_CALL);
        self.modules.read_code(begin, &mut before).is_ok() && ends_with_call(&before)
    }
}

/// Whether bytes end with a near call: relative (`e8`), or through a register or memory (`ff /2`), whose length is told by its
/// ModR/M and SIB bytes (Intel SDM, volume 2, section 2.1).
fn ends_with_call(bytes: &[u8; LONGEST_CALL as usize]) -> bool {
    if bytes[3] == 0xe8 {
        return true;
    }
    (2..=7).any(|length| {
        let call = &bytes[bytes.len() - length..];
        call[0] == 0xff && call[1] >> 3 & 7 == 2 && length == length_of_indirect_call(call)
    })
}

fn length_of_indirect_call(call: &[u8]) -> usize {
    let (mode, operand) = (call[1] >> 6, call[1] & 7);
    let has_scale = mode != 3 && operand == 4;
    let base = call.get(2).map_or(0, |byte| byte & 7);
    let displacement = match mode {
        0 if operand == 5 || (has_scale && base == 5) => 4,
        1 => 1,
        2 => 4,
        _ => 0,
    };
    2 + usize::from(has_scale) + displacement
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(call: &[u8], expected: bool) {
        let mut bytes = [0x90; LONGEST_CALL as usize];
        let start = bytes.len() - call.len();
        bytes[start..].copy_from_slice(call);
        assert_eq!(ends_with_call(&bytes), expected, "{call:x?}");
    }

    #[test]
    fn calls_are_told_from_other_instructions() {
        // call rel32; call *%rax; call *%r12; call *0x8(%rax); call *disp32(%rip); call *(%rsp); call *(%rax,%rbx,8);
        // call *0x10(%rsp); call *disp32(,%rax,8)
        check(&[0xe8, 1, 2, 3, 4], true);
        check(&[0xff, 0xd0], true);
        check(&[0x41, 0xff, 0xd4], true);
        check(&[0xff, 0x50, 8], true);
        check(&[0xff, 0x15, 1, 2, 3, 4], true);
        check(&[0xff, 0x14, 0x24], true);
        check(&[0xff, 0x14, 0xd8], true);
        check(&[0xff, 0x54, 0x24, 0x10], true);
        check(&[0xff, 0x14, 0xc5, 1, 2, 3, 4], true);
        // jmp *%rax; push %rbp; ret; nop
        check(&[0xff, 0xe0], false);
        check(&[0x55], false);
        check(&[0xc3], false);
        check(&[0x90], false);
    }
}
