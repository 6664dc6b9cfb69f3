//! Any bytes as a program that a process runs, as its registers and as its stack: its tables for unwinding, in a file or in memory.
//!
//! The input: how long the stack is (2 bytes), whether there is a file (1), 17 registers of 8 bytes, the stack, and the program.
#![no_main]
#![allow(dead_code, reason = "not all of `scratch` is used")]

#[path = "../../tests/support/garbage.rs"]
mod garbage;
#[path = "../scratch.rs"]
mod scratch;

use garbage::{CODE, Garbage, STACK};
use libfuzzer_sys::fuzz_target;
use pmdb::native::{LoadedModules, ParsedModules, describe, unwind};
use pmdb::process::{Memory, Registers};

/// Bytes of a page.
const PAGE: usize = 4096;
const REGISTERS: usize = 17;

fuzz_target!(|bytes: &[u8]| {
    let Some(([low, high, has_file], rest)) = bytes.split_first_chunk() else {
        return;
    };
    let Some((registers, rest)) = rest.split_first_chunk::<{ 8 * REGISTERS }>() else {
        return;
    };
    let length = usize::from(u16::from_le_bytes([*low, *high]));
    let (stack, code) = rest.split_at(length.min(rest.len()));
    let (mut stack, mut code) = (stack.to_vec(), code.to_vec());
    let file = (has_file & 1 == 1).then(|| scratch::file_of(&code));
    for part in [&mut stack, &mut code] {
        part.resize((part.len() + 1).next_multiple_of(PAGE), 0);
    }
    let [
        rax,
        rbx,
        rcx,
        rdx,
        rsi,
        rdi,
        rbp,
        rsp,
        r8,
        r9,
        r10,
        r11,
        r12,
        r13,
        r14,
        r15,
        rip,
    ] = std::array::from_fn(|at| {
        let eight = registers[8 * at..].first_chunk().expect("17 of them");
        u64::from_le_bytes(*eight)
    });
    let registers = Registers {
        // Where there is a stack, and where there is code: else it ends at once.
        rsp: STACK + rsp % stack.len() as u64,
        rip: CODE + rip % code.len() as u64,
        rax,
        rbx,
        rcx,
        rdx,
        rsi,
        rdi,
        rbp,
        r8,
        r9,
        r10,
        r11,
        r12,
        r13,
        r14,
        r15,
        ..Registers::default()
    };
    let process = Garbage::new(code, stack, file);
    let parsed = ParsedModules::default();
    let modules = LoadedModules::new(&process, &parsed);
    let stack = unwind(&registers, &modules, &Memory::new(&process));
    for frame in stack.frames.iter().take(100) {
        describe(frame, &modules);
    }
});
