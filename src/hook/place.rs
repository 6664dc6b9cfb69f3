//! Which process and thread this is.

use crate::ranks::RANK_VARIABLES;

/// A longer value of a rank is none. Bytes.
const LONGEST_RANK: usize = 64;

pub(super) fn program() -> Option<String> {
    let name = std::env::args_os().next()?;
    let name = std::path::Path::new(&name).file_name()?;
    Some(name.to_string_lossy().into_owned())
}

/// `/proc/thread-self` leads to `PID/task/TID`, in numbers of the pid namespace that /proc was mounted in.
pub(super) fn tid() -> Option<u32> {
    let link = std::fs::read_link("/proc/thread-self").ok()?;
    link.file_name()?.to_str()?.parse().ok()
}

pub(super) fn ranks() -> Vec<(&'static str, String)> {
    let value = |name: &&'static str| {
        let value = std::env::var(name).ok()?;
        let is_one = !value.is_empty() && value.len() <= LONGEST_RANK;
        is_one.then_some((*name, value))
    };
    RANK_VARIABLES.iter().filter_map(value).collect()
}
