//! `/proc/PID/maps`, proc_pid_maps(5).
//!
//! Our own parser, because the question is asked for every worker of a tree: see the measurement in
//! `docs/internals/reading-memory.md`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use nix::sys::stat::makedev;

use crate::model::Addr;
use crate::process::{Backing, Mapping, Protection};

/// The text is cut here: room for half a million mappings, and `vm.max_map_count` is 65530 by default. Bytes.
pub(in crate::process) const LONGEST: usize = 64 << 20;

/// What the kernel appends to the path of a file that has no name any more (`d_path` in `fs/d_path.c`).
pub(super) const DELETED: &[u8] = b" (deleted)";

/// Every line that can be understood, in the kernel's order.
pub(in crate::process) fn parse(text: &[u8]) -> Vec<Mapping> {
    text.split(|&byte| byte == b'\n').filter_map(line).collect()
}

/// `55d0-55e0 r-xp 00001000 fd:01 1234    /usr/bin/python3.12`
fn line(text: &[u8]) -> Option<Mapping> {
    let mut rest = text;
    let start = hex(until(&mut rest, b'-')?)?;
    let end = hex(until(&mut rest, b' ')?)?;
    let &[read, write, execute, sharing] = until(&mut rest, b' ')? else {
        return None;
    };
    let offset = hex(until(&mut rest, b' ')?)?;
    let major = hex(until(&mut rest, b':')?)?;
    let minor = hex(until(&mut rest, b' ')?)?;
    let (inode, name) = match rest.iter().position(|&byte| byte == b' ') {
        Some(space) => (&rest[..space], rest[space..].trim_ascii_start()),
        None => (rest, &[][..]),
    };
    let inode = std::str::from_utf8(inode).ok()?.parse().ok()?;
    Some(Mapping {
        start: Addr(start),
        end: Addr(end),
        protection: Protection {
            read: read == b'r',
            write: write == b'w',
            execute: execute == b'x',
        },
        shared: sharing == b's',
        backing: backing(&newlines(name), offset, makedev(major, minor), inode),
    })
}

/// What a mapping's name says of it: empty, `/a/path`, `/a/path (deleted)`, `[heap]`, `anon_inode:…`.
pub(super) fn backing(name: &[u8], offset: u64, device: u64, inode: u64) -> Backing {
    if name.is_empty() {
        return Backing::Anonymous;
    }
    if name[0] != b'/' {
        return Backing::Special(String::from_utf8_lossy(name).into_owned());
    }
    let (path, deleted) = match name.strip_suffix(DELETED) {
        Some(path) => (path, true),
        None => (name, false),
    };
    Backing::File {
        path: PathBuf::from(OsString::from_vec(path.to_vec())),
        offset,
        device,
        inode,
        deleted,
    }
}

/// The kernel writes a newline in a path as `\012`, and nothing else specially.
fn newlines(path: &[u8]) -> Vec<u8> {
    const ESCAPED: &[u8] = b"\\012";
    let mut plain = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&byte, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(ESCAPED) {
            plain.push(b'\n');
            rest = after;
        } else {
            plain.push(byte);
            rest = after;
        }
    }
    plain
}

/// Takes what stands before `end`, and `end`, off the front.
fn until<'t>(text: &mut &'t [u8], end: u8) -> Option<&'t [u8]> {
    let at = text.iter().position(|&byte| byte == end)?;
    let piece = &text[..at];
    *text = &text[at + 1..];
    Some(piece)
}

fn hex(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0, |value: u64, &digit| {
        let digit = (digit as char).to_digit(16)?;
        Some(value << 4 | u64::from(digit))
    })
}

/// Whether a mapping may be read. A device may block, count the read as an access, or move memory between a GPU and
/// the machine (`/dev/nvidia-uvm`); `[vvar]` and the like are not for others.
pub(super) fn is_plain_memory(backing: &Backing) -> bool {
    /// Directories of `/dev` that hold memory, not devices, and the name of shared anonymous memory.
    const MEMORY_IN_DEV: [&str; 3] = ["/dev/shm", "/dev/hugepages", "/dev/zero"];
    const MEMORY_NAMES: [&str; 6] = [
        "[heap]",
        "[stack",
        "[vdso]",
        "[anon",
        "[sigpage]",
        "[uprobes]",
    ];
    match backing {
        Backing::Anonymous => true,
        Backing::Special(name) => MEMORY_NAMES.iter().any(|known| name.starts_with(known)),
        Backing::File { path, .. } if path.starts_with("/dev") => {
            MEMORY_IN_DEV.iter().any(|memory| path.starts_with(memory))
        }
        // A buffer that devices share; the "path" is a name, `/dmabuf:NAME`.
        Backing::File { path, .. } => !path.as_os_str().as_encoded_bytes().starts_with(b"/dmabuf"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Mapping {
        line(text.as_bytes()).unwrap()
    }

    fn file(mapping: &Mapping) -> (&str, u64, u64, u64, bool) {
        let Backing::File {
            path,
            offset,
            device,
            inode,
            deleted,
        } = &mapping.backing
        else {
            panic!("{mapping:?}");
        };
        (path.to_str().unwrap(), *offset, *device, *inode, *deleted)
    }

    #[test]
    fn a_file_with_spaces_newline_and_deletion() {
        let mapping = one(
            "7f1c4a000000-7f1c4a021000 rw-s 0001f000 fd:01 3670017                    /tmp/a  b\\012c (deleted)",
        );
        assert_eq!(
            (mapping.start, mapping.end),
            (Addr(0x7f1c4a000000), Addr(0x7f1c4a021000))
        );
        assert!(mapping.shared && mapping.protection.write && !mapping.protection.execute);
        assert_eq!(
            file(&mapping),
            ("/tmp/a  b\nc", 0x1f000, makedev(0xfd, 1), 3670017, true)
        );
    }

    #[test]
    fn memory_without_a_file() {
        assert_eq!(
            one("1000-2000 rw-p 00000000 00:00 0 ").backing,
            Backing::Anonymous
        );
        assert_eq!(
            one("1000-2000 rw-p 00000000 00:00 0          [anon:a b]").backing,
            Backing::Special("[anon:a b]".to_owned())
        );
    }

    #[test]
    fn devices_are_off_limits_and_shared_memory_is_not() {
        let readable = |name: &str| {
            let mapping = one(&format!("1000-2000 rw-s 00000000 00:06 77    {name}"));
            is_plain_memory(&mapping.backing)
        };
        for name in [
            "/dev/nvidia-uvm",
            "/dev/dri/card0",
            "[vvar]",
            "[vvar_vclock]",
            "anon_inode:[io_uring]",
            "/dmabuf:x",
        ] {
            assert!(!readable(name), "{name}");
        }
        for name in [
            "/dev/shm/psm_1",
            "/dev/zero (deleted)",
            "/SYSV00000000 (deleted)",
            "/memfd:x (deleted)",
            "[heap]",
            "[stack]",
            "/devel/x",
        ] {
            assert!(readable(name), "{name}");
        }
    }

    #[test]
    fn nonsense_is_left_out() {
        let text = b"\n-\nzz-10 r--p 0 0:0 0\n1000-2000 r--p\n11111111111111111-2 r--p 0 0:0 0\n1000-2000 r--p 0 0:0 0";
        assert_eq!(parse(text).len(), 1);
    }
}
