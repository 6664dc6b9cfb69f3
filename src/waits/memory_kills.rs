//! Processes that the kernel has killed for want of memory, told from others by the counters of their cgroups.

use std::collections::BTreeMap;

use crate::process::live::memory_group::MemoryGroup;

/// What is known of the cgroups of the processes that are followed.
#[derive(Debug, Default)]
pub struct MemoryKills(BTreeMap<MemoryGroup, Known>);

#[derive(Debug, Clone, Copy)]
struct Known {
    before: u64,
    /// Those of which it is known who they were.
    accounted: u64,
}

impl MemoryKills {
    /// A process is in that cgroup: what is counted from now on may be about it.
    pub fn begin(&mut self, group: &MemoryGroup) {
        if let Some(before) = group.kills().filter(|_| !self.0.contains_key(group)) {
            let accounted = 0;
            self.0.insert(group.clone(), Known { before, accounted });
        }
    }

    /// A process of that cgroup was killed with SIGKILL: the counter at the beginning and now, if it has counted more than those that
    /// were [seen](MemoryKills::seen) before. The kernel counts before it kills.
    pub fn seen(&mut self, group: &MemoryGroup) -> Option<(u64, u64)> {
        let now = group.kills()?;
        let known = self.0.get_mut(group)?;
        known.account(now).then_some((known.before, now))
    }
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
        };
        assert!(!known.account(4));
        // Two were killed before anybody looked; then one by somebody else.
        assert!(known.account(6));
        assert!(known.account(6));
        assert!(!known.account(6));
        assert!(known.account(7));
    }
}
