//! Fixtures in C, C++ and Rust, built below `target/`, once by each test binary.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use super::{fixture_path, target_folder};

/// What this test binary has built: its tests are threads.
static BUILT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The program made from `fixtures/NAME.c`.
pub fn c_program(name: &str) -> PathBuf {
    c_program_with(name, &["-O1", "-g"])
}

/// The same, with these options of the compiler.
pub fn c_program_with(name: &str, options: &[&str]) -> PathBuf {
    let options = [options, &["-pthread"]].concat();
    build("cc", &options, &format!("{name}.c"), name).expect("a C compiler")
}

/// `fixtures/NAME.rs`, built by rustc with some options; `variant` tells the result from others of it.
pub fn rust_program(name: &str, variant: &str, options: &[&str]) -> PathBuf {
    let options = [&["--edition=2024", "-Aunexpected_cfgs"], options].concat();
    let result = format!("{name}-{variant}");
    build("rustc", &options, &format!("{name}.rs"), &result).expect("rustc, which has built this")
}

/// `fixtures/NAME.cpp`; nothing if there is no C++ compiler.
pub fn cpp_program(name: &str, variant: &str, options: &[&str]) -> Option<PathBuf> {
    let options = [&["-std=c++17", "-pthread"], options].concat();
    let result = format!("{name}-{variant}");
    build("c++", &options, &format!("{name}.cpp"), &result)
}

/// Nothing if there is no such compiler.
fn build(compiler: &str, options: &[&str], source: &str, result: &str) -> Option<PathBuf> {
    let mut built = BUILT
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let folder = target_folder().join("test-fixtures");
    let program = folder.join(result);
    if !built.contains(result) {
        std::fs::create_dir_all(&folder).expect("target/ can be written");
        // Renamed into place, since a test of another binary may be running the one that is there.
        let made = folder.join(format!("{result}-{}", std::process::id()));
        let mut command = Command::new(compiler);
        command.args(options).arg("-o").arg(&made);
        let status = command.arg(fixture_path(source)).status().ok()?;
        assert!(status.success(), "{command:?}: {status}");
        std::fs::rename(&made, &program).expect("both are ours");
        built.insert(result.to_owned());
    }
    Some(program)
}
