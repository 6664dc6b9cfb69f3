//! The cgroup that limits the memory of a process, and how many processes of it the kernel has killed for want of memory: cgroups(7),
//! `Documentation/admin-guide/cgroup-v2.rst` and `cgroup-v1/memory.rst` of the kernel.

use std::fs;
use std::path::{Path, PathBuf};

use super::proc_file;
use crate::model::Pid;

/// Bytes. A machine with many containers has thousands of mounts.
const MOST_MOUNTS: usize = 4 << 20;
const LONGEST: usize = 64 << 10;

/// Such a cgroup.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemoryGroup {
    /// The file with the counter `oom_kill`.
    counters: PathBuf,
}

impl MemoryGroup {
    /// That of a process; None if there is no such limit, or the file system of cgroups is not mounted.
    pub fn of(pid: Pid) -> Option<MemoryGroup> {
        let groups = proc_file::read(format!("/proc/{pid}/cgroup"), LONGEST).ok()?;
        let mounts = proc_file::read("/proc/self/mountinfo", MOST_MOUNTS).ok()?;
        let groups = String::from_utf8_lossy(&groups);
        let mounts = String::from_utf8_lossy(&mounts);
        let mut files = counters(&groups, &mounts).into_iter();
        let counters = files.find(|file| kills_in(file).is_some())?;
        Some(MemoryGroup { counters })
    }

    /// Those that are in it, by the numbers that pmdb knows them by; others have the number 0.
    pub fn processes(&self) -> Option<Vec<Pid>> {
        let list = proc_file::read(self.counters.with_file_name("cgroup.procs"), LONGEST).ok()?;
        let list = String::from_utf8_lossy(&list);
        list.lines()
            .map(|line| line.parse().ok().map(Pid))
            .collect()
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.counters.parent().unwrap_or(Path::new("/"))
    }

    /// How many processes of it the kernel has killed so far.
    pub fn kills(&self) -> Option<u64> {
        kills_in(&self.counters)
    }
}

/// Where the counters can be, that of version 1 before that of version 2: only one of them has control of the memory.
fn counters(groups: &str, mounts: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        // `4:memory:/path`, and of version 2 `0::/path`.
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (option, name) = match controllers {
            "" => (None, "memory.events"),
            _ if controllers.split(',').any(|one| one == "memory") => {
                (Some("memory"), "memory.oom_control")
            }
            _ => continue,
        };
        if let Some(folder) = mounts.lines().find_map(|line| folder(line, option, path)) {
            files.push(folder.join(name));
        }
    }
    files
}

/// The folder of a cgroup, if it lies below a mount: `35 31 0:32 /root /point rw - cgroup cgroup rw,memory`.
fn folder(mount: &str, option: Option<&str>, path: &str) -> Option<PathBuf> {
    let (place, kind) = mount.split_once(" - ")?;
    let mut kind = kind.split(' ');
    let is_right = match (kind.next()?, option) {
        ("cgroup2", None) => true,
        ("cgroup", Some(option)) => {
            let options = kind.nth(1)?;
            options.split(',').any(|one| one == option)
        }
        _ => false,
    };
    if !is_right {
        return None;
    }
    let mut place = place.split(' ').skip(3);
    let (root, point) = (place.next()?, place.next()?);
    let below = Path::new(path).strip_prefix(root).ok()?;
    Some(Path::new(point).join(below))
}

/// `oom_kill 3` among other lines.
fn kills_in(file: &Path) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    line?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_both_versions_are_found() {
        let mounts = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
35 31 0:32 /docker/a /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:4 - cgroup2 cgroup2 rw
";
        let groups = "5:devices:/\n4:memory:/docker/a/job\n0::/user.slice/x\n";
        assert_eq!(
            counters(groups, mounts),
            [
                Path::new("/sys/fs/cgroup/memory/job/memory.oom_control"),
                Path::new("/sys/fs/cgroup/unified/user.slice/x/memory.events"),
            ]
        );
        assert!(counters("4:memory:/elsewhere\n", mounts).is_empty());
        assert!(counters("nonsense\n4\n", mounts).is_empty());
    }

    #[test]
    fn the_counter_is_the_one_of_processes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("memory.events");
        fs::write(&file, "low 0\noom 9\noom_kill 3\noom_group_kill 1\n").unwrap();
        assert_eq!(kills_in(&file), Some(3));
        fs::write(&file, "oom_kill_disable 0\n").unwrap();
        assert_eq!(kills_in(&file), None);
    }
}
