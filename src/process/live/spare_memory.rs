//! Whether there is memory for a copy of a process: while it goes on, the kernel copies each page that it writes to.

use std::fs;
use std::path::Path;

use super::memory_group::MemoryGroup;
use super::proc_file;
use super::threads::status_field;
use crate::model::Pid;

/// Bytes of a text of /proc.
const LONGEST: usize = 64 << 10;
/// What stays free for everybody else: one part of so many of the machine's memory.
const PART: u64 = 20;

/// What there is not enough of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// Bytes.
    pub needed: u64,
    pub free: u64,
    pub of: &'static str,
}

/// Nothing if a copy may become as large as the process's own memory is.
pub fn shortage_for_copy(pid: Pid) -> Option<Shortage> {
    let status = proc_file::read(format!("/proc/{pid}/status"), LONGEST).ok()?;
    let of_process = |name| kilobytes(status_field(&status, name)?);
    // What is in swap comes back when it is read.
    let needed = of_process("RssAnon").unwrap_or(u64::MAX / 2)
        + of_process("VmSwap").unwrap_or(0)
        + of_process("VmPTE").unwrap_or(0);
    let machine = proc_file::read("/proc/meminfo", LONGEST).unwrap_or_default();
    let of_machine = |name| kilobytes(status_field(&machine, name)?);
    let lacks = |free: u64, of| (free < needed).then_some(Shortage { needed, free, of });
    let spare = of_machine("MemTotal").unwrap_or(0) / PART;
    let available = of_machine("MemAvailable").unwrap_or(0);
    if let Some(shortage) = lacks(available.saturating_sub(spare), "memory of the machine") {
        return Some(shortage);
    }
    if fs::read_to_string("/proc/sys/vm/overcommit_memory").is_ok_and(|text| text.trim() == "2") {
        let limit = of_machine("CommitLimit").unwrap_or(0);
        let committed = of_machine("Committed_AS").unwrap_or(0);
        let free = limit.saturating_sub(committed);
        if let Some(shortage) = lacks(
            free,
            "memory that the kernel promises (vm.overcommit_memory is 2)",
        ) {
            return Some(shortage);
        }
    }
    let group = MemoryGroup::of(pid)?;
    let folders = group.folder().ancestors();
    let rooms = folders.filter_map(room_of_group);
    lacks(rooms.min()?, "memory of its control group")
}

/// Whether a filter looks at the system calls of a thread of a process (seccomp(2)): it may end the process for one that the program itself never
/// makes.
pub fn has_filter(pid: Pid) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task"));
    threads.into_iter().flatten().flatten().any(|thread| {
        let status = proc_file::read(thread.path().join("status"), LONGEST).unwrap_or_default();
        status_field(&status, "Seccomp").is_some_and(|mode| mode != "0")
    })
}

/// `1024 kB`, in bytes.
fn kilobytes(text: &str) -> Option<u64> {
    let number: u64 = text.split_whitespace().next()?.parse().ok()?;
    number.checked_mul(1024)
}

/// How much a control group may still take; nothing of one without a limit.
fn room_of_group(folder: &Path) -> Option<u64> {
    let number = |name: &str| -> Option<u64> {
        fs::read_to_string(folder.join(name))
            .ok()?
            .trim()
            .parse()
            .ok()
    };
    let statistics = fs::read(folder.join("memory.stat")).unwrap_or_default();
    // Files that nobody has used for long count as in use, and make room at once (`total_…` of version 1: with the groups below).
    let idle = |name| statistic(&statistics, name).unwrap_or(0);
    let of = |limit, usage, idle: u64| {
        let used = number(usage)?.saturating_sub(idle);
        Some(number(limit)?.saturating_sub(used))
    };
    let of_2 = |limit| of(limit, "memory.current", idle("inactive_file"));
    // Beyond the lower one of version 2 the kernel holds up whoever asks for more.
    let both = [of_2("memory.max"), of_2("memory.high")];
    let of_1 = || {
        let idle = idle("total_inactive_file");
        of("memory.limit_in_bytes", "memory.usage_in_bytes", idle)
    };
    both.into_iter().flatten().min().or_else(of_1)
}

/// `inactive_file 4096` among other lines.
fn statistic(text: &[u8], name: &str) -> Option<u64> {
    let mut lines = std::str::from_utf8(text).ok()?.lines();
    let number = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    number.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_as_much_room_as_its_limit_leaves() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("memory.max", "max\n");
        write("memory.current", "4096\n");
        assert_eq!(room_of_group(folder.path()), None);
        write("memory.max", "10000\n");
        assert_eq!(room_of_group(folder.path()), Some(5904));
        write("memory.current", "20000\n");
        assert_eq!(room_of_group(folder.path()), Some(0));
        write("memory.stat", "anon 1\ninactive_file 15000\n");
        assert_eq!(room_of_group(folder.path()), Some(5000));
        write("memory.high", "7000\n");
        assert_eq!(room_of_group(folder.path()), Some(2000));
    }

    #[test]
    fn this_process_can_be_copied_and_a_size_is_read() {
        assert_eq!(kilobytes("  12 kB"), Some(12288));
        assert_eq!(shortage_for_copy(Pid(std::process::id())), None);
    }
}
