//! Any bytes as a core: headers, notes, mapped files, compressed streams.
#![no_main]

use std::io::Write;
use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use pmdb::session::stack::{StackOptions, Target, stacks};

fuzz_target!(|bytes: &[u8]| {
    let path = PathBuf::from(format!("/dev/shm/pmdb-fuzz-core-{}", std::process::id()));
    let mut file = std::fs::File::create(&path).expect("/dev/shm can be written");
    file.write_all(bytes).expect("it fits");
    let target = Target::Core {
        path,
        executable: None,
    };
    stacks(&[target], &StackOptions::default());
});
