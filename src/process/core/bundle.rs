//! Several cores in one file: a tar archive (POSIX.1-1988 ustar), whose members lie in it one after the other as they are, so that each
//! is opened in place. A member goes by the path of the archive and its name: `stuck.pmdb/4242.core`.
//!
//! Nothing is ever unpacked; names only tell members apart.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The length of a header, and of what everything is a multiple of, in bytes.
pub const BLOCK: u64 = 512;
/// What the name of a member takes at most, in bytes.
pub const LONGEST_NAME: usize = 100;
/// The end of the name of a core in it.
pub const CORE: &str = ".core";

/// Members beyond this many are not read: a process each.
const MOST_MEMBERS: usize = 65_536;
const MAGIC: &[u8] = b"ustar";

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub name: String,
    /// From the beginning of the archive, in bytes.
    pub offset: u64,
    pub length: u64,
}

/// The paths of the cores in a bundle, by which each can be opened; nothing if the file is none.
pub fn cores(path: &Path) -> Option<Vec<PathBuf>> {
    let members = members(&open(path)?)?;
    let cores = members.into_iter().filter(|one| one.name.ends_with(CORE));
    Some(cores.map(|core| path.join(core.name)).collect())
}

/// The bundle that a path leads into, and which of its members.
pub(super) fn find(path: &Path) -> Option<(File, PathBuf, Member)> {
    let (bundle, name) = (path.parent()?, path.file_name()?.to_str()?);
    let file = open(bundle)?;
    let mut members = members(&file)?.into_iter();
    let member = members.find(|member| member.name == name)?;
    Some((file, bundle.to_path_buf(), member))
}

fn open(path: &Path) -> Option<File> {
    // Opening a pipe would wait.
    let is_file = path.metadata().is_ok_and(|metadata| metadata.is_file());
    is_file.then(|| File::open(path).ok()).flatten()
}

/// The members up to the first that makes no sense; nothing if the file does not begin with one.
fn members(file: &File) -> Option<Vec<Member>> {
    let mut members = Vec::new();
    let mut at = 0;
    while members.len() < MOST_MEMBERS
        && let Some(member) = member_at(file, at)
    {
        let end = member.offset.checked_add(member.length)?;
        members.push(member);
        at = end.checked_next_multiple_of(BLOCK)?;
    }
    (!members.is_empty()).then_some(members)
}

fn member_at(file: &File, at: u64) -> Option<Member> {
    let mut header = [0; BLOCK as usize];
    file.read_exact_at(&mut header, at).ok()?;
    if header.get(257..262) != Some(MAGIC) || sum_of(&header) != octal(&header[148..156])? {
        return None;
    }
    let name = header[..LONGEST_NAME].split(|&byte| byte == 0).next()?;
    let name = std::str::from_utf8(name).ok()?.to_owned();
    (!name.is_empty() && !name.contains('/')).then_some(())?;
    Some(Member {
        name,
        offset: at.checked_add(BLOCK)?,
        length: length_of(&header[124..136])?,
    })
}

/// Digits; or after a first byte of 0x80 a binary number, for what is too long for them (as GNU tar has it).
fn length_of(field: &[u8]) -> Option<u64> {
    match field.first()? {
        0x80 => Some(u64::from_be_bytes(field.get(4..12)?.try_into().ok()?)),
        _ => octal(field),
    }
}

fn octal(field: &[u8]) -> Option<u64> {
    let end = field.iter().position(|byte| matches!(byte, 0 | b' '));
    let digits = std::str::from_utf8(&field[..end.unwrap_or(field.len())]).ok()?;
    u64::from_str_radix(digits, 8).ok()
}

/// Of the header, with spaces in place of the sum itself.
fn sum_of(header: &[u8]) -> u64 {
    let bytes = header.iter().enumerate();
    bytes
        .map(|(at, &byte)| match at {
            148..156 => u64::from(b' '),
            _ => u64::from(byte),
        })
        .sum()
}

/// The header of a member, which only its owner may read.
pub fn header(name: &str, length: u64, modified: u64) -> [u8; BLOCK as usize] {
    let mut header = [0; BLOCK as usize];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &name.as_bytes()[..name.len().min(LONGEST_NAME)]);
    put(100, b"0000600\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    match length {
        0..0o100_000_000_000 => put(124, format!("{length:011o}\0").as_bytes()),
        _ => {
            put(124, &[0x80]);
            put(128, &length.to_be_bytes());
        }
    }
    put(
        136,
        format!("{:011o}\0", modified & 0o77_777_777_777).as_bytes(),
    );
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum = sum_of(&header);
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, content) in members {
            bytes.extend(header(name, content.len() as u64, 1));
            bytes.extend(*content);
            bytes.resize(bytes.len().next_multiple_of(BLOCK as usize), 0);
        }
        bytes.extend([0; 1024]);
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Vec<Member>> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        members(&file)
    }

    #[test]
    fn members_are_where_they_were_put() {
        let found = read(&archive(&[("1.core", b"abc"), ("2.core", &[7; 600])])).unwrap();
        let places: Vec<(&str, u64, u64)> = found
            .iter()
            .map(|one| (&*one.name, one.offset, one.length))
            .collect();
        assert_eq!(places, [("1.core", 512, 3), ("2.core", 1536, 600)]);
        let large = header("x", 1 << 40, 0);
        assert_eq!(length_of(&large[124..136]), Some(1 << 40));
    }

    #[test]
    fn damage_ends_the_list_and_names_lead_nowhere() {
        let good = archive(&[("1.core", b"abc"), ("2.core", b"d")]);
        let mut bad = good.clone();
        bad[1024] ^= 1;
        assert_eq!(read(&bad).unwrap().len(), 1);
        assert_eq!(read(&good[..300]), None);
        assert_eq!(read(&archive(&[("../../etc/x.core", b"")])), None);
        let mut endless = header("1.core", u64::MAX, 0).to_vec();
        endless.extend([0; 512]);
        assert_eq!(read(&endless), None);
    }
}
