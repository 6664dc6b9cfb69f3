//! What a signal does to a process: `/proc/PID/status`, proc_pid_status(5).

use super::{proc_file, threads};
use crate::model::{Pid, Tid};

/// Longer than a status can be. Bytes.
const LONGEST: usize = 64 * 1024;

/// What a process has set for its signals, and by which numbers it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::process) struct Disposition {
    ignored: u64,
    caught: u64,
    /// Its number in each pid namespace, that of pmdb first.
    numbers: Vec<u32>,
}

impl Disposition {
    pub fn of(pid: Pid) -> Option<Disposition> {
        Disposition::parse(&proc_file::read(format!("/proc/{pid}/status"), LONGEST).ok()?)
    }

    fn parse(status: &[u8]) -> Option<Disposition> {
        let set = |name| u64::from_str_radix(threads::status_field(status, name)?, 16).ok();
        let numbers = threads::status_field(status, "NSpid").unwrap_or_default();
        Some(Disposition {
            ignored: set("SigIgn")?,
            caught: set("SigCgt")?,
            numbers: (numbers.split_ascii_whitespace())
                .filter_map(|number| number.parse().ok())
                .collect(),
        })
    }

    /// Whether it has neither a handler for a signal nor ignores it.
    pub fn is_default(&self, signal: i32) -> bool {
        (self.ignored | self.caught) & bit(signal) == 0
    }

    pub fn is_ignored(&self, signal: i32) -> bool {
        self.ignored & bit(signal) != 0
    }

    /// Its number as it knows it itself.
    pub fn own_number(&self) -> Option<Pid> {
        self.numbers.last().copied().map(Pid)
    }

    /// Whether pmdb numbers processes as this one does.
    pub fn shares_our_numbers(&self) -> bool {
        self.numbers.len() <= 1
    }
}

/// Of a signal, in a set of them.
fn bit(signal: i32) -> u64 {
    let bit = u32::try_from(signal - 1).unwrap_or(u32::MAX);
    1_u64.checked_shl(bit).unwrap_or(0)
}

/// Whether the processor keeps a second stack with the return addresses of a thread (`x86_Thread_features`, `Documentation/arch/x86/shstk.rst`).
pub(in crate::process) fn has_shadow_stack(pid: Pid, tid: Tid) -> bool {
    let status = proc_file::read(format!("/proc/{pid}/task/{tid}/status"), LONGEST);
    status.is_ok_and(|status| {
        let features = threads::status_field(&status, "x86_Thread_features");
        features.is_some_and(|features| features.split_ascii_whitespace().any(|it| it == "shstk"))
    })
}

/// Whether a thread has still to be told of a signal that was sent to it alone.
pub(in crate::process) fn is_pending(pid: Pid, tid: Tid, signal: i32) -> bool {
    let status = proc_file::read(format!("/proc/{pid}/task/{tid}/status"), LONGEST);
    let pending = status
        .ok()
        .and_then(|status| u64::from_str_radix(threads::status_field(&status, "SigPnd")?, 16).ok());
    pending.unwrap_or(0) & bit(signal) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_and_what_is_ignored_are_told_apart_from_the_default() {
        let status =
            b"Name:\tx\nNSpid:\t4242\t17\nSigIgn:\t0000000000001000\nSigCgt:\t0000000000000400\n";
        let disposition = Disposition::parse(status).unwrap();
        assert!(!disposition.is_default(11));
        assert!(!disposition.is_default(13));
        assert!(disposition.is_default(6));
        assert!(disposition.is_default(1));
        assert_eq!(disposition.own_number(), Some(Pid(17)));
        assert!(!disposition.shares_our_numbers());
        assert_eq!(Disposition::parse(b"Name:\tx\n"), None);
    }
}
