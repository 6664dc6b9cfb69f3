//! The CPythons of this machine.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::skip;

/// The minor versions of CPython 3 that pmdb promises to read.
pub const PROMISED: std::ops::RangeInclusive<u8> = 8..=15;

/// Where the interpreter's code lies: in the executable, or in `libpython3.N.so`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Executable {
    Static,
    Shared,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Python {
    pub path: PathBuf,
    /// Of CPython 3.
    pub minor: u8,
    /// What `platform.python_version()` says: `3.12.1`.
    pub version: String,
    pub executable: Executable,
}

impl Python {
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// The oldest or the newest of those that are here: what is read of a snapshot depends on no version more than what is read of a core.
    pub fn is_at_an_end(&self) -> bool {
        let minors = pythons().iter().map(|python| python.minor);
        [minors.clone().min(), minors.max()].contains(&Some(self.minor))
    }

    pub fn is_oldest(&self) -> bool {
        let oldest = pythons().iter().map(|python| python.minor).min();
        oldest == Some(self.minor)
    }

    /// Runs a program given as text and returns what it printed.
    pub fn eval(&self, program: &str) -> String {
        let output = self.command().arg("-c").arg(program).output();
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", self.path.display()));
        assert!(
            output.status.success(),
            "{}: {}",
            self.path.display(),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn probe(path: &Path) -> Option<Python> {
        const QUESTION: &str = "\
import platform, sys, sysconfig
print(platform.python_implementation(), sys.version_info[0], sys.version_info[1], platform.python_version(),
      'shared' if any('/libpython3.' in line for line in open('/proc/self/maps')) else 'static',
      sysconfig.get_config_var('Py_GIL_DISABLED') or 0, int(hasattr(sys, 'gettotalrefcount')))";
        let output = Command::new(path).arg("-c").arg(QUESTION).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let words: Vec<&str> = text.split_whitespace().collect();
        let ["CPython", "3", minor, version, kind, "0", "0"] = words[..] else {
            return None;
        };
        Some(Python {
            path: path.to_path_buf(),
            minor: minor.parse().ok()?,
            version: version.to_string(),
            executable: if kind == "shared" {
                Executable::Shared
            } else {
                Executable::Static
            },
        })
    }
}

/// Every CPython from 3.8 on, once for each version and kind of executable: those that
/// `PMDB_TEST_PYTHONS` (paths with colons between) names, those of pyenv, and `python3.N` on `PATH`.
pub fn pythons() -> &'static [Python] {
    static FOUND: OnceLock<Vec<Python>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let mut seen = BTreeSet::new();
        let mut found: Vec<Python> = candidates()
            .iter()
            .filter_map(|path| Python::probe(path))
            .filter(|python| python.minor >= *PROMISED.start())
            .filter(|python| seen.insert((python.version.clone(), python.executable)))
            .collect();
        found.sort_by_key(|python| (python.minor, python.executable));
        found
    })
}

fn candidates() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::env::var_os("PMDB_TEST_PYTHONS")
        .map(|list| std::env::split_paths(&list).collect())
        .unwrap_or_default();
    if let Some(home) = std::env::var_os("HOME") {
        let versions = Path::new(&home).join(".pyenv/versions");
        for entry in std::fs::read_dir(versions).into_iter().flatten().flatten() {
            paths.push(entry.path().join("bin/python3"));
        }
    }
    let search = std::env::var_os("PATH").unwrap_or_default();
    for folder in std::env::split_paths(&search) {
        // pyenv's shims are scripts that choose a version by the working directory.
        if folder.ends_with(".pyenv/shims") {
            continue;
        }
        paths.extend(PROMISED.map(|minor| folder.join(format!("python3.{minor}"))));
    }
    paths.retain(|path| path.exists());
    paths
}

/// Some interpreter, for a test that does not depend on the version: the newest of the plain releases.
pub fn any_python() -> Option<&'static Python> {
    let found = pythons();
    let plain = found.iter().rfind(|python| python.minor <= 13);
    let some = plain.or_else(|| found.last());
    if some.is_none() {
        skip("everything that needs an interpreter", "no CPython found");
    }
    some
}

/// Runs a test on every interpreter, also after one failed, then fails naming those where it did.
/// A promised version that this machine lacks is said and counted as skipped.
pub fn on_each_python(test: impl Fn(&Python)) {
    on_pythons_from(*PROMISED.start(), test);
}

/// The same, from a minor version on: `on_pythons_from(11, …)` for what came with 3.11.
pub fn on_pythons_from(first: u8, test: impl Fn(&Python)) {
    for minor in first..=*PROMISED.end() {
        if !pythons().iter().any(|python| python.minor == minor) {
            skip(
                &format!("CPython 3.{minor}"),
                "no such interpreter on this machine",
            );
        }
    }
    let mut failed = Vec::new();
    let mut last_panic = None;
    for python in pythons().iter().filter(|python| python.minor >= first) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| test(python))) {
            failed.push(format!(
                "CPython {} ({:?}, {})",
                python.version,
                python.executable,
                python.path.display()
            ));
            eprintln!("^^^ on {}", failed[failed.len() - 1]);
            last_panic = Some(panic);
        }
    }
    if let Some(panic) = last_panic {
        eprintln!("failed on {}", failed.join(", "));
        resume_unwind(panic);
    }
}

/// A program that says when its interpreter is shutting down, and stays there until it is written to.
pub const SHUTTING_DOWN: &str = "\
import os
class Late:
    def __del__(self, write=os.write, read=os.read):
        write(1, b'ready\\n')
        read(0, 1)
late = Late()
";
