//! The shared memory of System V: `/proc/sysvipc/shm`, proc_sysvipc(5).
//!
//! The kernel shows the table of the reader's own IPC namespace only (`sysvipc_proc_open` in `ipc/util.c`). Our own parser: that of
//! `procfs` 0.18 takes a user id above 65535 for damage and gives up the table.

use std::fs::File;
use std::io;
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::libc;

use super::live::proc_file;
use crate::model::Pid;

/// The text is cut here: room for 300000 segments, and `kernel.shmmni` is 4096 by default. Bytes.
const LONGEST: usize = 64 << 20;
/// Bytes.
const PAGE: usize = 4096;
/// `SHM_DEST`, `include/uapi/linux/shm.h`: it goes when the last process has detached it.
const DESTROYED: u32 = 0o1000;

/// One segment. Sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SysvSegment {
    pub id: u64,
    /// 0 for `IPC_PRIVATE`, and for one that is removed.
    pub key: u32,
    pub is_removed: bool,
    pub size: u64,
    /// Nothing if it lives outside of pmdb's pid namespace.
    pub creator: Option<Pid>,
    /// How often it is attached, by whomever.
    pub attached: u64,
    pub owner: u32,
    /// When it was made, or its owner or mode changed.
    pub changed: Option<SystemTime>,
    pub resident: u64,
    pub swapped: u64,
}

/// Those of pmdb's IPC namespace; none where the kernel has no System V memory.
pub fn segments() -> Vec<SysvSegment> {
    parse(&proc_file::read("/proc/sysvipc/shm", LONGEST).unwrap_or_default())
}

/// How often a segment of pmdb's IPC namespace is attached at this moment.
pub fn attached(id: u64) -> Result<u64, Errno> {
    // SAFETY: all bytes zero are a valid shmid_ds, and shmctl(2) writes one.
    unsafe {
        let mut told: libc::shmid_ds = std::mem::zeroed();
        let result = libc::shmctl(number(id)?, libc::IPC_STAT, &raw mut told);
        Errno::result(result).map(|_| told.shm_nattch)
    }
}

/// A segment of pmdb's IPC namespace that pmdb itself has attached, to be read.
#[derive(Debug)]
pub struct Attached {
    start: *const u8,
    /// Bytes.
    length: usize,
}

// SAFETY: the memory stays attached as long as this lives, and is only read.
unsafe impl Send for Attached {}
// SAFETY: as above; reads by several threads do not disturb each other.
unsafe impl Sync for Attached {}

impl Attached {
    pub fn new(id: u64, length: u64) -> Result<Attached, Errno> {
        let length = usize::try_from(length).map_err(|_| Errno::EINVAL)?;
        let id = number(id)?;
        // SAFETY: the kernel chooses the place, and nothing of pmdb lies there.
        let start = unsafe { libc::shmat(id, std::ptr::null(), libc::SHM_RDONLY) };
        if start.addr() == usize::MAX {
            return Err(Errno::last());
        }
        Ok(Attached {
            start: start.cast_const().cast(),
            length,
        })
    }

    /// Its file, through the link that the kernel keeps for each mapping (root's to open): it tells holes from zeros.
    pub fn file(&self) -> io::Result<File> {
        let start = self.start.addr();
        let end = (start + self.length).next_multiple_of(PAGE);
        File::open(format!("/proc/self/map_files/{start:x}-{end:x}"))
    }

    /// Fills the buffer; false if it reaches beyond the end.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> bool {
        let Ok(offset) = usize::try_from(offset) else {
            return false;
        };
        let end = offset.checked_add(buffer.len());
        if end.is_none_or(|end| end > self.length) {
            return false;
        }
        // SAFETY: the range lies within the attached memory, which cannot shrink, and not in the buffer. Others may write to it
        // meanwhile: bytes are copied, and no reference to them is made.
        unsafe { std::ptr::copy(self.start.add(offset), buffer.as_mut_ptr(), buffer.len()) };
        true
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // SAFETY: it was attached there, and nobody else of pmdb knows of it.
        unsafe { libc::shmdt(self.start.cast()) };
    }
}

/// Removes a segment of pmdb's IPC namespace, or marks it to go with the last that has it attached.
pub fn remove(id: u64) -> Result<(), Errno> {
    // SAFETY: the request takes no structure.
    let result = unsafe { libc::shmctl(number(id)?, libc::IPC_RMID, std::ptr::null_mut()) };
    Errno::result(result).map(drop)
}

fn number(id: u64) -> Result<libc::c_int, Errno> {
    id.try_into().map_err(|_| Errno::EINVAL)
}

fn parse(text: &[u8]) -> Vec<SysvSegment> {
    let text = String::from_utf8_lossy(text);
    text.lines().skip(1).filter_map(line).collect()
}

/// `key shmid perms size cpid lpid nattch uid gid cuid cgid atime dtime ctime rss swap`
fn line(text: &str) -> Option<SysvSegment> {
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let number = |index: usize| -> Option<u64> { fields.get(index)?.parse().ok() };
    let key: i32 = fields.first()?.parse().ok()?;
    let mode = u32::from_str_radix(fields.get(2)?, 8).ok()?;
    let creator = u32::try_from(number(4)?).ok()?;
    Some(SysvSegment {
        id: number(1)?,
        key: key.cast_unsigned(),
        is_removed: mode & DESTROYED != 0,
        size: number(3)?,
        creator: (creator != 0).then_some(Pid(creator)),
        attached: number(6)?,
        owner: u32::try_from(number(7)?).ok()?,
        changed: SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(number(13)?)),
        resident: number(14)?,
        swapped: number(15)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap
-559038737      32769  1600                 12288  4242     0      2 4000000000     0     0     0 1796005294          0 1796005290                  8192                  4096
";

    #[test]
    fn a_line_tells_of_a_segment() {
        let [segment] = &parse(TEXT.as_bytes())[..] else {
            panic!("one line");
        };
        assert_eq!((segment.id, segment.key), (32769, 0xdead_beef));
        assert!(segment.is_removed);
        assert_eq!(segment.creator, Some(Pid(4242)));
        assert_eq!((segment.size, segment.attached), (12288, 2));
        assert_eq!(segment.owner, 4_000_000_000);
        assert_eq!((segment.resident, segment.swapped), (8192, 4096));
    }

    #[test]
    fn a_text_cut_anywhere_is_no_panic() {
        for length in 0..TEXT.len() {
            assert!(parse(&TEXT.as_bytes()[..length]).len() <= 1);
        }
    }
}
