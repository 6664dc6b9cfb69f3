//! A real core, which `PMDB_FUZZ_CORE` names, with words of its memory replaced: pairs of an offset and a value.
#![no_main]

use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use pmdb::session::stack::{Limits, StackOptions, Target, stacks};

fn core() -> &'static (PathBuf, Vec<u8>) {
    static CORE: OnceLock<(PathBuf, Vec<u8>)> = OnceLock::new();
    CORE.get_or_init(|| {
        let given = std::env::var_os("PMDB_FUZZ_CORE").expect("PMDB_FUZZ_CORE names a core");
        let bytes = std::fs::read(given).expect("the core can be read");
        let path = PathBuf::from(format!("/dev/shm/pmdb-fuzz-objects-{}", std::process::id()));
        std::fs::write(&path, &bytes).expect("/dev/shm can be written");
        (path, bytes)
    })
}

fuzz_target!(|damage: &[u8]| {
    let (path, bytes) = core();
    let file = std::fs::OpenOptions::new().write(true).open(path);
    let file = file.expect("it was written");
    let mut touched = Vec::new();
    for pair in damage.chunks_exact(16) {
        let (at, value) = pair.split_at(8);
        let at = u64::from_le_bytes(at.try_into().expect("8 bytes"));
        let at = at % (bytes.len() as u64 - 8) & !7;
        file.write_all_at(value, at).expect("it is there");
        touched.push(at as usize);
    }
    let target = Target::Core {
        path: path.clone(),
        executable: None,
    };
    let options = StackOptions {
        locals: Some(Limits::default()),
        ..StackOptions::default()
    };
    stacks(&[target], &options);
    for at in touched {
        file.write_all_at(&bytes[at..at + 8], at as u64).expect("it is there");
    }
});
