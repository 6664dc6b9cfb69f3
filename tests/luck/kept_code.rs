//! The agent's code is compiled once for each interpreter and kept in the user's folder: for that user alone, and from processes of that user alone.

use std::fs::{Permissions, metadata, read, read_dir, set_permissions, write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{command, start};
use crate::support::{Fixture, any_python, run, skip};

/// What a session says in which the agent says something, with the user's folder for what can be made anew.
fn told(pid: u32, caches: &Path) -> String {
    let list = format!("!print(__import__('os').listdir({caches:?}))");
    let mut pmdb = Command::new(env!("CARGO_BIN_EXE_pmdb"));
    pmdb.args(["attach", &pid.to_string()])
        .env("XDG_CACHE_HOME", caches);
    run(pmdb, &format!("stop\n{list}\n!breakpoint()\ndetach\n")).stdout
}

/// What is said without anybody's doing.
const SAID: &str = "[breakpoint() is passed over: ";
/// What somebody has made of it who could write the file.
const FORGED: &str = "[breakpoint() is PASSED OVER: ";

fn files(caches: &Path) -> Vec<PathBuf> {
    let found = read_dir(caches.join("pmdb"));
    let paths = found
        .into_iter()
        .flatten()
        .flatten()
        .map(|file| file.path());
    paths.collect()
}

fn forge(file: &Path) {
    let bytes = read(file).expect("it is ours");
    let (head, code, length) = parts(&bytes);
    let at = code
        .windows(SAID.len())
        .position(|part| part == SAID.as_bytes());
    let at = at.expect("the code has its texts");
    let mut code = code.to_vec();
    code[at..at + FORGED.len()].copy_from_slice(FORGED.as_bytes());
    let sum = md5::compute(&code).0;
    write(file, [&head[..16], &sum, &code, length].concat()).expect("it is ours");
}

/// Two sums, the code, and behind it the length of both.
fn parts(bytes: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (rest, length) = bytes.split_at(bytes.len() - 8);
    let (head, code) = rest.split_at(32);
    (head, code, length)
}

#[test]
fn it_is_kept_at_once_and_used_if_nobody_else_can_have_written_it() {
    let Some(python) = any_python() else { return };
    let fixture = start(python);
    let folder = tempfile::tempdir().expect("a folder");
    let first = told(fixture.pid(), folder.path());
    // It is there while pmdb is still at work, so that the next need not wait for its end.
    assert!(
        first.contains("['pmdb']\n") && first.contains(SAID),
        "{first}"
    );
    let kept = files(folder.path());
    let [file] = &kept[..] else {
        panic!("{kept:?}")
    };
    let mode = |path: &Path| metadata(path).expect("it is ours").permissions().mode() & 0o777;
    assert_eq!(
        (mode(&folder.path().join("pmdb")), mode(file)),
        (0o700, 0o600)
    );
    // Whole, and nobody else's. No two processes write the same bytes.
    let is_genuine = || {
        let bytes = read(file).expect("it is ours");
        let (head, code, _) = parts(&bytes);
        let is_forged = code
            .windows(FORGED.len())
            .any(|part| part == FORGED.as_bytes());
        head[16..] == md5::compute(code).0 && !is_forged
    };
    assert!(is_genuine());

    forge(file);
    assert!(told(fixture.pid(), folder.path()).contains(FORGED));
    // Anybody of the group could have done that.
    set_permissions(file, Permissions::from_mode(0o620)).expect("it is ours");
    assert!(told(fixture.pid(), folder.path()).contains(SAID));
    assert_eq!((mode(file), is_genuine()), (0o600, true));

    let whole = read(file).expect("it is ours");
    for damaged in [&whole[..whole.len() / 2], &[&whole[..], b"x"].concat()] {
        write(file, damaged).expect("it is ours");
        assert!(told(fixture.pid(), folder.path()).contains(SAID));
        assert!(is_genuine());
    }
}

#[test]
fn what_processes_of_others_have_compiled_is_not_kept() {
    let Some(python) = any_python() else { return };
    if !nix::unistd::geteuid().is_root() {
        return skip("processes of others", "only root may look into them");
    }
    let as_nobody = command(python, "os.setgid(65534); os.setuid(65534)");
    let mut elsewhere = Command::new("unshare");
    let inner = command(python, "");
    elsewhere.args(["--mount", "--"]).arg(inner.get_program());
    elsewhere.args(inner.get_args());
    for other in [as_nobody, elsewhere] {
        let name = format!("{other:?}");
        let fixture = Fixture::start(other);
        let folder = tempfile::tempdir().expect("a folder");
        assert!(told(fixture.pid(), folder.path()).contains(SAID), "{name}");
        assert!(files(folder.path()).is_empty(), "{name}");
    }
}
