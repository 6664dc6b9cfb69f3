//! Any bytes as an ELF file: its symbols, sections, segments, notes and constants.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use pmdb::process::elf::Elf;

fuzz_target!(|bytes: &[u8]| {
    let path = format!("/dev/shm/pmdb-fuzz-executable-{}", std::process::id());
    let mut file = std::fs::File::create(&path).expect("/dev/shm can be written");
    file.write_all(bytes).expect("it fits");
    let file = std::fs::File::open(&path).expect("it was written");
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
