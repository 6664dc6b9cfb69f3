//! Fixtures in Rust and C++, built below `target/` in several ways.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use super::{fixture_path, skip, target_folder};

/// What this test binary has built: its tests are threads.
static BUILT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The program made from `fixtures/NAME.rs` with arguments to rustc, built once by each test binary that asks for this `variant`. It lies
/// in a folder of its own.
pub fn rust_program(name: &str, variant: &str, arguments: &[&str]) -> PathBuf {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    command
        .args(["--edition=2024", "--crate-name", name])
        .args(arguments);
    let source = fixture_path(&format!("{name}.rs"));
    built(command, name, variant, source).expect("rustc made this test")
}

/// The program made from `fixtures/NAME.cc`; none, which is said, where there is no C++ compiler.
pub fn cpp_program(name: &str, variant: &str, arguments: &[&str]) -> Option<PathBuf> {
    let mut command = Command::new("c++");
    command.args(["-std=c++17"]).args(arguments);
    let program = built(command, name, variant, fixture_path(&format!("{name}.cc")));
    if program.is_none() {
        skip("C++", "there is no C++ compiler (c++)");
    }
    program
}

/// The same made by clang++ with LLVM's C++ library; none, which is said, where they are not.
pub fn llvm_program(name: &str, variant: &str, arguments: &[&str]) -> Option<PathBuf> {
    let library = ["-std=c++17", "-stdlib=libc++"];
    let mut check = Command::new("clang++");
    check.args(library).args([
        "-fsyntax-only",
        "-x",
        "c++",
        "-include",
        "vector",
        "/dev/null",
    ]);
    if !check.output().is_ok_and(|output| output.status.success()) {
        skip("LLVM's C++ library", "there is no clang++ with libc++");
        return None;
    }
    let mut command = Command::new("clang++");
    command.args(library).args(arguments);
    built(command, name, variant, fixture_path(&format!("{name}.cc")))
}

/// `None` if the compiler cannot be started.
fn built(mut command: Command, name: &str, variant: &str, source: PathBuf) -> Option<PathBuf> {
    let mut built = BUILT
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    // Its own in each process: the files of split debug information are beside it, and are named in it.
    let folder = target_folder()
        .join("test-fixtures")
        .join(format!("{variant}-{}", std::process::id()));
    let program = folder.join(name);
    if built.insert(format!("{variant}/{name}")) {
        std::fs::create_dir_all(&folder).expect("target/ can be written");
        let output = command
            .arg("-o")
            .arg(&program)
            .arg(source)
            .current_dir(&folder)
            .output()
            .ok()?;
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    program.exists().then_some(program)
}

/// Runs a tool of the binutils or the like; `false`, which is said, if it is not there or cannot do it.
pub fn tool(name: &str, arguments: &[&str]) -> bool {
    match Command::new(name).args(arguments).output() {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr);
            skip(
                &format!("{name} {}", arguments.first().unwrap_or(&"")),
                why.trim(),
            );
            false
        }
        Err(error) => {
            skip(name, &error.to_string());
            false
        }
    }
}
