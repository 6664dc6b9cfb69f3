//! What a signal does to a process: `/proc/PID/status`, proc_pid_status(5).

use super::{proc_file, threads};
use crate::model::Pid;

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
        let bit = u32::try_from(signal - 1).unwrap_or(u32::MAX);
        let bit = 1_u64.checked_shl(bit).unwrap_or(0);
        (self.ignored | self.caught) & bit == 0
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
