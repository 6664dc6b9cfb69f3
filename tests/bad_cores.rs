//! What is given as a core and is none, or none that can be read: one sentence that says what it is.

mod support;

use std::ffi::OsString;
use std::path::Path;

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use support::{Answer, any_python, dump_core, pmdb};

fn look(core: &Path) -> Answer {
    let words = ["stack", "--core"].map(OsString::from);
    pmdb(words.into_iter().chain([core.into()]))
}

/// The ELF header of a 64-bit little-endian core of a machine, with nothing behind it.
fn header(machine: u16) -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(16, 0);
    bytes.extend(4_u16.to_le_bytes());
    bytes.extend(machine.to_le_bytes());
    bytes.resize(64, 0);
    bytes
}

#[test]
fn what_is_no_core_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("the folder is ours");
        path
    };
    let fifo = folder.path().join("fifo");
    mkfifo(&fifo, Mode::S_IRWXU).expect("the folder is ours");
    let cases = [
        (file("empty", b""), "ulimit -c"),
        (file("text", b"hello\n"), "does not begin like an ELF file"),
        (file("arm", &header(183)), "was made on aarch64"),
        (file("bare", &header(62)), "is damaged"),
        (file("short", &header(62)[..40]), "only its first 40 bytes"),
        (file("gzip", b"\x1f\x8b\x08"), "can be decompressed"),
        (fifo, "not a regular file"),
        (folder.path().to_path_buf(), "a directory"),
        ("/dev/zero".into(), "not a regular file"),
        ("/bin/true".into(), "an executable"),
        (folder.path().join("none"), "No such file"),
    ];
    for (path, part) in cases {
        let answer = look(&path);
        answer.failed_with(part);
        assert!(
            answer.stderr.contains(&path.display().to_string()),
            "{answer:?}"
        );
        assert_eq!(answer.stderr.lines().count(), 1, "{answer:?}");
    }
}

#[test]
fn a_core_that_is_cut_before_the_runtime_says_that_it_is_cut() {
    let Some(python) = any_python() else { return };
    let mut command = python.command();
    command.args(["-c", "print('ready', flush=True); input()"]);
    let Some(core) = dump_core(&command, Signal::SIGABRT) else {
        return;
    };
    let file = std::fs::OpenOptions::new().write(true).open(&core.path);
    file.and_then(|file| file.set_len(64 << 10))
        .expect("the core is ours");
    look(&core.path).failed_with("truncated");
}
