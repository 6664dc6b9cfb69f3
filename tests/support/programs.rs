//! Files that are made to be executed.
//!
//! A file that this process has open for writing must not be executed (ETXTBSY), and a child that another test's thread forks in
//! that moment has it open too, until it executes something itself. So others write them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

pub fn copy_program(from: &Path, to: &Path) {
    let status = Command::new("cp").args([from, to]).status();
    let status = status.expect("every Linux has cp");
    assert!(status.success(), "{status}");
}

/// A script that everybody may execute.
pub fn write_script(path: &Path, text: &str) {
    let draft = path.with_extension("draft");
    fs::write(&draft, text).expect("the test's own folder");
    copy_program(&draft, path);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("the test's own file");
}
