//! Which of the deaths in a cgroup the kernel's out-of-memory killer can answer for.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::model::Pid;
use crate::process::live::kernel_log::{KernelLog, MemoryKill};
use crate::process::live::memory_group::MemoryGroup;

/// The kernel counts, then kills, and then writes into its log (`__oom_kill_process`, `mm/oom_kill.c`): how often and how long that is waited for.
const MOST_GLANCES: usize = 10;
const GLANCE: Duration = Duration::from_millis(5);
/// Processes that the log has named and nobody has asked for: most are none of the command's.
const MOST_NAMED: usize = 1000;

/// What tells that the kernel has killed a process for want of memory. Counters are those at the beginning and now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemoryEvidence {
    /// Its log names the process.
    Log(MemoryKill),
    /// It has counted one more in the cgroup, where all processes are of the command.
    CountedOfOurs { before: u64, now: u64 },
    /// It has counted one more in the cgroup.
    Counted { before: u64, now: u64 },
}

/// `its log names the process (Memory cgroup out of memory, anon-rss:16128kB)`.
impl fmt::Display for MemoryEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MemoryEvidence::Log(MemoryKill { why, had, .. }) => {
                write!(f, "its log names the process ({why}, {had})")
            }
            MemoryEvidence::CountedOfOurs { before, now } => write!(
                f,
                "oom_kill of its cgroup, where nothing but this command is, went from {before} to {now}"
            ),
            MemoryEvidence::Counted { before, now } => {
                write!(f, "oom_kill of its cgroup went from {before} to {now}")
            }
        }
    }
}

/// What is known of the cgroups of the processes that are followed.
#[derive(Debug, Default)]
pub struct MemoryKills {
    groups: BTreeMap<MemoryGroup, Known>,
    log: Option<KernelLog>,
    /// In the log, and not asked for yet.
    named: Vec<MemoryKill>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    before: u64,
    /// Those of which it is known who they were.
    accounted: u64,
    /// At the beginning there was nobody else in it.
    is_ours: bool,
}

impl MemoryKills {
    /// From now on.
    pub fn begin() -> MemoryKills {
        MemoryKills {
            log: KernelLog::from_now_on(),
            ..MemoryKills::default()
        }
    }

    /// A process is in that cgroup: what is counted from now on may be about it.
    pub fn enter(&mut self, group: &MemoryGroup, is_followed: impl Fn(Pid) -> bool) {
        if let Some(before) = group.kills().filter(|_| !self.groups.contains_key(group)) {
            let known = Known {
                before,
                accounted: 0,
                is_ours: is_ours(group, is_followed),
            };
            self.groups.insert(group.clone(), known);
        }
    }

    /// A process of that cgroup was killed with SIGKILL: what tells that the kernel did it. Each that it has counted is taken for one
    /// process, and it counts before it kills.
    pub fn evidence(
        &mut self,
        pid: Pid,
        group: Option<&MemoryGroup>,
        is_followed: impl Fn(Pid) -> bool,
    ) -> Option<MemoryEvidence> {
        let counted = group.and_then(|group| {
            let now = group.kills()?;
            let known = self.groups.get_mut(group)?;
            let is_ours = known.is_ours && is_ours(group, is_followed);
            let before = known.before;
            known.account(now).then_some(match is_ours {
                true => MemoryEvidence::CountedOfOurs { before, now },
                false => MemoryEvidence::Counted { before, now },
            })
        });
        let glances = if counted.is_some() { MOST_GLANCES } else { 1 };
        let named = self.named(pid, glances).map(MemoryEvidence::Log);
        named.or(counted)
    }

    /// What the log says of a process.
    fn named(&mut self, pid: Pid, glances: usize) -> Option<MemoryKill> {
        let log = self.log.as_mut()?;
        for glance in 0..glances {
            if glance > 0 {
                std::thread::sleep(GLANCE);
            }
            self.named.extend(log.kills());
            let surplus = self.named.len().saturating_sub(MOST_NAMED);
            self.named.drain(..surplus);
            if let Some(at) = self.named.iter().position(|kill| kill.pid == pid) {
                return Some(self.named.swap_remove(at));
            }
        }
        None
    }
}

/// Whether all processes of a cgroup are followed, or pmdb itself.
fn is_ours(group: &MemoryGroup, is_followed: impl Fn(Pid) -> bool) -> bool {
    let own = Pid(std::process::id());
    let processes = group.processes();
    processes.is_some_and(|all| all.iter().all(|pid| *pid == own || is_followed(*pid)))
}

impl Known {
    fn account(&mut self, now: u64) -> bool {
        let is_more = now.saturating_sub(self.before) > self.accounted;
        self.accounted += u64::from(is_more);
        is_more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_count_is_about_one_process() {
        let mut known = Known {
            before: 4,
            accounted: 0,
            is_ours: true,
        };
        assert!(!known.account(4));
        // Two were killed before anybody looked; then one by somebody else.
        assert!(known.account(6));
        assert!(known.account(6));
        assert!(!known.account(6));
        assert!(known.account(7));
    }
}
