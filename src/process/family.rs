//! The process table of this machine, and the families in it.
//!
//! One pass over `/proc/*/stat`, which everybody may read. Asking `/proc/PID/task/TID/children` of each member instead
//! would need a file per thread, and proc(5) says that it is reliable only while the children are stopped.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use super::ProcessError;
use super::live::stat::{Stat, ticks};
use crate::model::{Pid, ThreadState, Tid};

/// What everybody may know of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableEntry {
    pub pid: Pid,
    /// Nothing if the parent lives outside of pmdb's pid namespace.
    pub parent: Option<Pid>,
    /// The kernel's name (`comm`), at most 15 bytes.
    pub name: String,
    pub state: ThreadState,
    pub is_kernel_thread: bool,
    pub threads: u64,
    /// How much processor time its threads have used, and when it was started, counted from boot.
    pub cpu: Duration,
    pub started: Duration,
}

/// All processes that `/proc` shows, as they were within the few milliseconds that reading them took.
#[derive(Debug, Clone, Default)]
pub struct ProcessTable(BTreeMap<Pid, TableEntry>);

impl ProcessTable {
    /// A process that ends meanwhile is left out, one that begins meanwhile may be.
    pub fn read() -> Result<ProcessTable, ProcessError> {
        let folder = fs::read_dir("/proc").map_err(|error| ProcessError::Io {
            action: "list",
            path: PathBuf::from("/proc"),
            error,
        })?;
        let entries = folder.flatten().filter_map(|entry| {
            let pid = Pid(entry.file_name().to_str()?.parse().ok()?);
            let stat = Stat::of_process(pid).ok()?;
            Some(TableEntry {
                pid,
                parent: (stat.parent.0 != 0).then_some(stat.parent),
                is_kernel_thread: stat.is_kernel_thread(),
                threads: stat.threads,
                cpu: ticks(stat.cpu),
                started: ticks(stat.started),
                name: stat.name,
                state: stat.state,
            })
        });
        Ok(entries.collect())
    }

    pub fn get(&self, pid: Pid) -> Option<&TableEntry> {
        self.0.get(&pid)
    }

    /// By pid.
    pub fn iter(&self) -> impl Iterator<Item = &TableEntry> {
        self.0.values()
    }

    /// A process and its descendants, each after its parent and brothers by pid. The process alone if it has none, or
    /// is not there.
    pub fn family(&self, pid: Pid) -> Vec<Pid> {
        let children = self.children();
        let mut family = Vec::new();
        let mut waiting = vec![pid];
        // The entries are not of one moment, and a pid may have been given anew between two of them: parents can
        // then form a circle, in which each process is counted once.
        let mut seen = std::collections::BTreeSet::new();
        while let Some(next) = waiting.pop() {
            if seen.insert(next) {
                family.push(next);
                waiting.extend(children.get(&next).into_iter().flatten().rev());
            }
        }
        family
    }

    /// The parents of a process up to the first, the nearest first.
    pub fn ancestors(&self, pid: Pid) -> Vec<Pid> {
        let parent_of = |pid: &Pid| self.get(*pid).and_then(|entry| entry.parent);
        let mut ancestors: Vec<Pid> = Vec::new();
        let mut next = parent_of(&pid);
        while let Some(parent) = next.filter(|parent| !ancestors.contains(parent) && *parent != pid)
        {
            ancestors.push(parent);
            next = parent_of(&parent);
        }
        ancestors
    }

    fn children(&self) -> BTreeMap<Pid, Vec<Pid>> {
        let mut children: BTreeMap<Pid, Vec<Pid>> = BTreeMap::new();
        for entry in self.iter() {
            if let Some(parent) = entry.parent {
                children.entry(parent).or_default().push(entry.pid);
            }
        }
        children
    }
}

impl FromIterator<TableEntry> for ProcessTable {
    fn from_iter<I: IntoIterator<Item = TableEntry>>(entries: I) -> ProcessTable {
        ProcessTable(
            entries
                .into_iter()
                .map(|entry| (entry.pid, entry))
                .collect(),
        )
    }
}

/// The time since boot, as [`TableEntry::started`] counts it.
pub fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

/// The command line of any process, which everybody may read. Empty for a zombie or a kernel thread.
pub fn command_of(pid: Pid) -> Vec<String> {
    super::live::command(Tid(pid.0))
}

/// A process and all of its descendants.
pub fn family_of(pid: Pid) -> Result<Vec<Pid>, ProcessError> {
    Ok(ProcessTable::read()?.family(pid))
}

/// Every process of user space.
pub fn all_processes() -> Result<Vec<Pid>, ProcessError> {
    let table = ProcessTable::read()?;
    let of_user_space = table.iter().filter(|entry| !entry.is_kernel_thread);
    Ok(of_user_space.map(|entry| entry.pid).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(parents: &[(u32, u32)]) -> ProcessTable {
        let entry = |&(pid, parent): &(u32, u32)| TableEntry {
            pid: Pid(pid),
            parent: (parent != 0).then_some(Pid(parent)),
            name: String::new(),
            state: ThreadState::Sleeping,
            is_kernel_thread: false,
            threads: 1,
            cpu: Duration::ZERO,
            started: Duration::ZERO,
        };
        parents.iter().map(entry).collect()
    }

    #[test]
    fn a_family_is_listed_parents_first() {
        let table = table(&[(1, 0), (5, 1), (2, 5), (9, 5), (3, 2), (7, 1)]);
        assert_eq!(table.family(Pid(5)), [5, 2, 3, 9].map(Pid));
        assert_eq!(table.family(Pid(7)), [Pid(7)]);
        assert_eq!(table.family(Pid(99)), [Pid(99)]);
        assert_eq!(table.ancestors(Pid(3)), [2, 5, 1].map(Pid));
        assert!(table.ancestors(Pid(1)).is_empty());
    }

    #[test]
    fn parents_in_a_circle_end() {
        let table = table(&[(5, 6), (6, 5), (8, 8), (9, 6)]);
        assert_eq!(table.family(Pid(5)), [5, 6, 9].map(Pid));
        assert_eq!(table.ancestors(Pid(5)), [Pid(6)]);
        assert_eq!(table.ancestors(Pid(9)), [6, 5].map(Pid));
        assert_eq!(table.family(Pid(8)), [Pid(8)]);
        assert!(table.ancestors(Pid(8)).is_empty());
    }
}
