//! Fixtures in C, built below `target/`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use super::{fixture_path, target_folder};

/// What this test binary has built: its tests are threads.
static BUILT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The program made from `fixtures/NAME.c`, built once by each test binary.
pub fn c_program(name: &str) -> PathBuf {
    c_program_with(name, &["-O1", "-g"])
}

/// The same, with these options of the compiler.
pub fn c_program_with(name: &str, options: &[&str]) -> PathBuf {
    let mut built = BUILT
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let folder = target_folder().join("test-fixtures");
    let program = folder.join(name);
    if built.insert(name.to_owned()) {
        std::fs::create_dir_all(&folder).expect("target/ can be written");
        // Renamed into place, since a test of another binary may be running the one that is there.
        let made = folder.join(format!("{name}-{}", std::process::id()));
        let status = Command::new("cc")
            .args(options)
            .args(["-pthread", "-o"])
            .arg(&made)
            .arg(fixture_path(&format!("{name}.c")))
            .status()
            .expect("a C compiler");
        assert!(status.success(), "{status}");
        std::fs::rename(&made, &program).expect("both are ours");
    }
    program
}
