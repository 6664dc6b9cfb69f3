//! What is given as a core and is none, or none that can be read: one sentence that says what it is.

use std::ffi::OsString;
use std::path::Path;

use crate::support::{Answer, pmdb};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

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

/// The same of any class (`EI_CLASS`) and order (`EI_DATA`).
fn other(class: u8, order: u8, machine: u16) -> Vec<u8> {
    let mut bytes = header(machine);
    (bytes[4], bytes[5]) = (class, order);
    if order == 2 {
        bytes[16..20].copy_from_slice(&[0, 4, 0, machine as u8]);
    }
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
        (
            file("i386", &other(1, 1, 3)),
            "was made on i386, 32-bit; pmdb reads x86-64 only",
        ),
        (
            file("x32", &other(1, 1, 62)),
            "x86-64, 32-bit (the x32 ABI)",
        ),
        (
            file("s390x", &other(2, 2, 22)),
            "was made on s390x, big-endian",
        ),
        (file("ppc", &other(1, 2, 20)), "powerpc, 32-bit, big-endian"),
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
