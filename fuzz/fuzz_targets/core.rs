//! Any bytes as a core: headers, notes, mapped files, compressed streams.
#![no_main]

#[path = "../scratch.rs"]
mod scratch;

use libfuzzer_sys::fuzz_target;
use pmdb::session::stack::{StackOptions, Target, stacks};

fuzz_target!(|bytes: &[u8]| {
    let file = scratch::file_of(bytes);
    let target = Target::Core {
        path: scratch::path_of(&file),
        executable: None,
    };
    stacks(&[target], &StackOptions::default());
});
