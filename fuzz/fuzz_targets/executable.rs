//! Any bytes as an ELF file: its symbols, sections, segments, notes and constants.
#![no_main]
#![allow(dead_code, reason = "not all of `scratch` is used")]

#[path = "../scratch.rs"]
mod scratch;

use libfuzzer_sys::fuzz_target;
use pmdb::process::elf::Elf;

fuzz_target!(|bytes: &[u8]| {
    let file = scratch::file_of(bytes);
    let Ok(elf) = Elf::open(&file) else { return };
    if let Ok(view) = elf.view() {
        view.exported("_PyRuntime");
        view.local("_PyRuntime");
        view.section(".PyRuntime");
        view.build_id();
        view.has_constant(b"PYTHONHOME");
        for segment in view.segments() {
            view.bytes_at(segment.address, 100);
        }
    }
});
