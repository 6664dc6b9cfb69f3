//! Virtual environments with packages from PyPI, made once below `target/`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{Flock, FlockArg};

use super::{Python, pythons, skip, target_folder};

/// The interpreter of a virtual environment that has these packages. Nothing, and said as skipped, if they
/// cannot be had: no network, or no wheel for this version.
pub fn venv(python: &Python, packages: &[&str]) -> Option<Python> {
    let folder = target_folder().join(format!(
        "test-venv-{}-{:?}",
        python.version, python.executable
    ));
    let what = format!("{} on CPython {}", packages.join(" "), python.version);
    // Test binaries and their threads may want it at the same time.
    let lock = File::create(folder.with_extension("lock")).expect("target/ can be written");
    let _held = Flock::lock(lock, FlockArg::LockExclusive).expect("nobody holds it forever");
    let inner = Python {
        path: folder.join("bin/python"),
        ..python.clone()
    };
    if !inner.path.exists()
        && let Err(why) = create(python, &folder)
    {
        skip(&what, &why);
        return None;
    }
    for package in packages {
        let stamp = folder.join(format!("has-{package}"));
        let refused = folder.join(format!("lacks-{package}"));
        if stamp.exists() {
            continue;
        }
        // One attempt an hour at most: without a network each costs a minute.
        if let Ok(age) = refused.metadata().and_then(|data| data.modified())
            && age.elapsed().is_ok_and(|age| age.as_secs() < 3600)
        {
            skip(
                &what,
                &std::fs::read_to_string(&refused).unwrap_or_default(),
            );
            return None;
        }
        match install(&inner.path, package) {
            Ok(()) => File::create(stamp).map(drop).expect("the venv is ours"),
            Err(why) => {
                std::fs::write(refused, &why).expect("the venv is ours");
                skip(&what, &why);
                return None;
            }
        }
    }
    Some(inner)
}

/// Without pip, which some distributions' interpreters lack: another one's installs for it.
fn create(python: &Python, folder: &Path) -> Result<(), String> {
    run(python
        .command()
        .args(["-m", "venv", "--without-pip"])
        .arg(folder))
}

fn install(interpreter: &Path, package: &str) -> Result<(), String> {
    let pip = pip().ok_or("no interpreter on this machine has pip 22.3 or newer")?;
    run(Command::new(pip)
        .args(["-m", "pip", "--disable-pip-version-check", "--python"])
        .arg(interpreter)
        .args([
            "install",
            "--quiet",
            "--only-binary=:all:",
            "--retries=1",
            "--timeout=20",
        ])
        .arg(package))
}

/// An interpreter whose pip can install for another one: `--python` came with pip 22.3.
fn pip() -> Option<PathBuf> {
    let newest_first = pythons().iter().rev();
    newest_first
        .map(|python| &python.path)
        .find(|path| {
            let output = Command::new(path)
                .args(["-m", "pip", "--python", "x", "--version"])
                .output();
            output.is_ok_and(|output| {
                !String::from_utf8_lossy(&output.stderr).contains("no such option")
                    && !String::from_utf8_lossy(&output.stderr).contains("No module named pip")
            })
        })
        .cloned()
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().rfind(|line| !line.trim().is_empty());
    Err(last.unwrap_or("it failed without a word").to_string())
}
