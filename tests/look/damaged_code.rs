//! Native stacks of programs whose tables for unwinding, registers and stacks are garbage: whatever they are, the walk ends, and nothing
//! panics.

use std::ops::Range;

use pmdb::native::{LoadedModules, ParsedModules, unwind};
use pmdb::process::{Memory, Registers};

use crate::support::garbage::{CODE, Garbage, STACK};
use crate::support::mutate::Random;
use crate::support::{c_program_with, rounds};

const STACK_LENGTH: usize = 64 * 1024;

/// The file as it lies in memory: position-independent, and so small that its segments are where they are in the file but for the
/// last, which has no code.
fn image() -> Vec<u8> {
    let options = ["-O2", "-fomit-frame-pointer", "-fPIE", "-pie"];
    let mut bytes = std::fs::read(c_program_with("native_stacks", &options)).expect("it was built");
    bytes.resize(bytes.len().next_multiple_of(4096), 0);
    bytes
}

/// Where the tables for unwinding are in the file.
fn tables(image: &[u8]) -> Range<usize> {
    use object::{Object, ObjectSection};
    let file = object::File::parse(image).expect("ELF");
    let range = |name| {
        let section = file
            .section_by_name(name)
            .expect("it is linked for exceptions");
        let (offset, size) = section.file_range().expect("it is in the file");
        offset as usize..(offset + size) as usize
    };
    range(".eh_frame_hdr").start..range(".eh_frame").end
}

/// Something that a pointer, or a register, may be.
fn word(random: &mut Random) -> u64 {
    match random.below(4) {
        0 => CODE + 0x1000 + random.below(0x1000),
        1 => STACK + random.below(STACK_LENGTH as u64 / 8) * 8,
        2 => random.hostile(),
        _ => random.next(),
    }
}

fn registers(random: &mut Random) -> Registers {
    let mut word = || word(random);
    Registers {
        rbx: word(),
        rbp: word(),
        r12: word(),
        r13: word(),
        r14: word(),
        r15: word(),
        rip: word(),
        rsp: STACK + word() % STACK_LENGTH as u64,
        ..Registers::default()
    }
}

#[test]
fn walks_through_damaged_tables_and_stacks_end() {
    let image = image();
    let tables = tables(&image);
    let mut random = Random::new(0x5eed);
    let mut walked = 0;
    for round in 0..rounds(40) {
        let mut code = image.clone();
        // The first are whole.
        for _ in 0..round % 40 {
            let at = tables.start + random.below(tables.len() as u64) as usize;
            code[at] = random.next() as u8;
        }
        let stack = (0..STACK_LENGTH / 8).flat_map(|_| word(&mut random).to_le_bytes());
        let process = Garbage::new(code, stack.collect(), None);
        let parsed = ParsedModules::default();
        let modules = LoadedModules::new(&process, &parsed);
        let memory = Memory::new(&process);
        for _ in 0..20 {
            let stack = unwind(&registers(&mut random), &modules, &memory);
            walked += stack.frames.len();
            for frame in &stack.frames {
                pmdb::native::describe(frame, &modules);
            }
        }
    }
    assert!(
        walked > rounds(40) * 20 * 2,
        "only {walked} frames were walked"
    );
}
