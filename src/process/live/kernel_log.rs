//! What the kernel's log says of the processes that it has killed for want of memory: `Documentation/ABI/testing/dev-kmsg` of the kernel.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

use nix::libc;

use crate::model::Pid;

/// `PROC_PID_INIT_INO`, `include/linux/proc_ns.h`: the inode of the first pid namespace, whose numbers the log has.
const FIRST_NAMESPACE: u64 = 0xefff_fffc;
/// Bytes. The kernel cuts a record at 2 KiB (`PRINTKRB_RECORD_MAX`) before it escapes it.
const LONGEST_RECORD: usize = 16 << 10;
/// Records that are looked through at one time.
const MOST_RECORDS: usize = 20_000;
const KILLED: &str = ": Killed process ";

/// The log from a moment on.
#[derive(Debug)]
pub struct KernelLog(File);

/// `Memory cgroup out of memory: Killed process 21795 (python3) total-vm:26364kB, anon-rss:16128kB, …` (`__oom_kill_process`, `mm/oom_kill.c`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryKill {
    pub pid: Pid,
    /// `Memory cgroup out of memory`.
    pub why: String,
    /// `anon-rss:16128kB`, what it had of memory of its own.
    pub had: String,
}

impl KernelLog {
    /// From now on. Nothing where it may not be read (`kernel.dmesg_restrict`), or has other numbers for processes than pmdb has.
    pub fn from_now_on() -> Option<KernelLog> {
        if fs::metadata("/proc/self/ns/pid").ok()?.ino() != FIRST_NAMESPACE {
            return None;
        }
        let mut log = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/kmsg")
            .ok()?;
        log.seek(SeekFrom::End(0)).ok()?;
        Some(KernelLog(log))
    }

    /// Those that were killed since it was asked last.
    pub fn kills(&mut self) -> Vec<MemoryKill> {
        let mut record = vec![0; LONGEST_RECORD];
        let mut kills = Vec::new();
        for _ in 0..MOST_RECORDS {
            // Each read(2) gives one record.
            match self.0.read(&mut record) {
                Ok(0) => break,
                Ok(length) => kills.extend(kill_in(&String::from_utf8_lossy(&record[..length]))),
                // Records were overwritten before they were read; the next read goes on behind them.
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        kills
    }
}

/// `3,812,2946227660,-;Memory cgroup out of memory: Killed process …`, and lines with properties.
fn kill_in(record: &str) -> Option<MemoryKill> {
    let (prefix, message) = record.split_once(';')?;
    // Above the three bits of the level is who has written it: 0 is the kernel, and others may write what they like.
    let level: u32 = prefix.split(',').next()?.parse().ok()?;
    let (why, rest) = message.lines().next()?.split_once(KILLED)?;
    if level >= 8 {
        return None;
    }
    let (pid, rest) = rest.split_once(' ')?;
    // Its name comes before that, and may be anything.
    let had = &rest[rest.rfind("anon-rss:")?..];
    Some(MemoryKill {
        pid: Pid(pid.parse().ok()?),
        why: why.to_string(),
        had: had.split(',').next().unwrap_or(had).to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Linux 6.18 has written it, and as somebody else may have.
    #[test]
    fn a_kill_is_read_from_what_the_kernel_itself_has_written() {
        let of_kernel = "3,812,2946227660,-;Memory cgroup out of memory: Killed process 21795 (anon-rss:1, x) \
             total-vm:26364kB, anon-rss:16128kB, file-rss:6648kB, shmem-rss:0kB, UID:0 pgtables:88kB oom_score_adj:0\n \
             SUBSYSTEM=x\n";
        let kill = kill_in(of_kernel).unwrap();
        assert_eq!(kill.pid, Pid(21795));
        assert_eq!(kill.why, "Memory cgroup out of memory");
        assert_eq!(kill.had, "anon-rss:16128kB");
        assert_eq!(kill_in(&of_kernel.replacen('3', "11", 1)), None);
        for damaged in [
            "",
            "3",
            "3,1;",
            "x,1;a: Killed process 1 (a) anon-rss:",
            "3,1;a: Killed process -1 (a) anon-rss:",
        ] {
            assert_eq!(kill_in(damaged), None, "{damaged}");
        }
    }
}
