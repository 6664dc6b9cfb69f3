//! Waiting until an inferior is where it goes next. One that has printed `ready` has not yet made the call that follows: on a loaded
//! machine it may not even have got a processor.

use std::time::Instant;

use nix::libc;

use super::{Fixture, PATIENCE};

/// A system call that a thread waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    pub number: libc::c_long,
    pub arguments: [u64; 6],
}

impl Waiting {
    /// Nothing while the thread runs or may run: the kernel shows a call only of one that sleeps (`fs/proc/base.c`).
    pub fn of(pid: u32, tid: u32) -> Option<Waiting> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/syscall")).ok()?;
        let mut words = text.split_whitespace();
        let number = words.next()?.parse().ok()?;
        let mut arguments = [0; 6];
        for argument in &mut arguments {
            let digits = words.next()?.strip_prefix("0x")?;
            *argument = u64::from_str_radix(digits, 16).ok()?;
        }
        Some(Waiting { number, arguments })
    }

    /// For a lock or semaphore of the program, without a time limit. CPython waits for the interpreter's lock with one, and
    /// for the mutex beside it by another operation (`sysdeps/nptl/futex-internal.h`, `lowlevellock.h`).
    pub fn is_for_a_lock(&self) -> bool {
        let operation = self.arguments[1] as libc::c_int & libc::FUTEX_CMD_MASK;
        self.number == libc::SYS_futex
            && operation == libc::FUTEX_WAIT_BITSET
            && self.arguments[3] == 0
    }
}

impl Fixture {
    /// Waits until the main thread waits in such a call.
    #[track_caller]
    pub fn wait_until_in(&self, is_it: impl Fn(&Waiting) -> bool) {
        let begin = Instant::now();
        loop {
            let waiting = Waiting::of(self.pid(), self.pid());
            if waiting.as_ref().is_some_and(&is_it) {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "it is in {waiting:?}");
            std::thread::yield_now();
        }
    }

    /// Waits until the main thread waits for standard input.
    #[track_caller]
    pub fn wait_until_it_reads(&self) {
        self.wait_until_in(|call| call.number == libc::SYS_read && call.arguments[0] == 0);
    }

    /// Waits until it has had a processor for so many hundredths of a second more, however long that takes.
    #[track_caller]
    pub fn wait_until_it_has_computed(&self, ticks: u64) {
        let (begin, before) = (Instant::now(), self.processor_time());
        while self.processor_time() < before + ticks {
            assert!(begin.elapsed() < PATIENCE, "it does not run");
            std::thread::yield_now();
        }
    }

    /// In hundredths of a second: `utime` and `stime` of proc_pid_stat(5).
    fn processor_time(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid()));
        let stat = stat.expect("it is our child");
        // The name, in parentheses, may have anything in it.
        let (_, fields) = stat.rsplit_once(") ").expect("a name");
        let times = fields.split(' ').skip(11).take(2);
        times
            .map(|time| time.parse::<u64>().expect("a number"))
            .sum()
    }
}
