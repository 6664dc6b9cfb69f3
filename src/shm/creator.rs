//! Which process made a segment.

use std::time::{Duration, SystemTime};

use super::found::Found;
use crate::model::Pid;
use crate::process::family::{ProcessTable, since_boot};

/// A process is no younger than what it made, but clocks have ticks: proc_pid_stat(5) counts in hundredths of a second.
const TICK: Duration = Duration::from_millis(20);

/// What libraries put before the pid in the names of their segments: `multiprocessing.heap` (CPython, `Lib/multiprocessing/heap.py`),
/// torch's `file_system` and `file_descriptor` strategies, joblib's folders.
const BEFORE_PID: [&str; 3] = ["pym-", "torch_", "joblib_memmapping_folder_"];

/// As the kernel tells, or the name. The number is that of the pid namespace in which it was made.
pub(super) fn creator(found: &Found) -> Option<Pid> {
    match &found.sysv {
        Some(sysv) => sysv.creator,
        None => in_name(&found.label.name),
    }
}

fn in_name(name: &str) -> Option<Pid> {
    let rest = BEFORE_PID
        .iter()
        .find_map(|before| name.strip_prefix(before))?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .map_or(rest, |end| &rest[..end]);
    digits.parse().ok().filter(|&pid| pid != 0).map(Pid)
}

/// When it was made, as far as the kernel tells.
pub(super) fn created(found: &Found) -> Option<SystemTime> {
    match (&found.sysv, &found.facts) {
        (Some(sysv), _) => sysv.changed,
        (None, Some(facts)) => facts.created,
        (None, None) => None,
    }
}

/// Whether the process that made it still lives: one that was started later has only got its pid.
pub(super) fn is_alive(pid: Pid, created: Option<SystemTime>, table: &ProcessTable) -> bool {
    let Some(entry) = table.get(pid).filter(|entry| !entry.state.has_ended()) else {
        return false;
    };
    let age = since_boot().saturating_sub(entry.started);
    let started = SystemTime::now().checked_sub(age);
    match (started, created) {
        // The times of System V are in whole seconds.
        (Some(started), Some(created)) => started <= created + Duration::from_secs(1) + TICK,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_libraries_tell_the_pid() {
        assert_eq!(in_name("pym-4242-x1y2"), Some(Pid(4242)));
        assert_eq!(in_name("torch_17_2893"), Some(Pid(17)));
        assert_eq!(in_name("joblib_memmapping_folder_5_a/b.pkl"), Some(Pid(5)));
        assert_eq!(in_name("psm_3f2a"), None);
        assert_eq!(in_name("pym-x"), None);
        assert_eq!(in_name("pym-99999999999-x"), None);
    }
}
