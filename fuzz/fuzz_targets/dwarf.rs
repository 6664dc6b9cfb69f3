//! Any bytes as an ELF file with debug information: the frames at a few addresses of it.
#![no_main]

use std::path::Path;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use pmdb::native::Svma;
use pmdb::native::dwarf::DebugInformation;
use pmdb::process::elf::Elf;

fuzz_target!(|bytes: &[u8]| {
    let elf = Arc::new(Elf::copied(bytes.to_vec()));
    let Ok(view) = elf.view() else { return };
    let segments = view.segments();
    let nowhere = Path::new("/nonexistent");
    let Ok(information) = DebugInformation::open(elf.clone(), Path::new("/fuzzed"), nowhere) else {
        return;
    };
    for segment in segments {
        for step in 0..8 {
            let within = segment.file_size / 8 * step;
            information.frames_at(Svma(segment.address.wrapping_add(within)));
        }
    }
});
