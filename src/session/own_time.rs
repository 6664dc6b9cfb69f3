//! Time as it passes for a process: on a machine that has much to do, one that wants to run gets little of it.

use std::time::{Duration, Instant};

use crate::model::{Pid, ThreadState};
use crate::process::{Process, ThreadStatus, live};

/// How long a process has had to do something. While one of its threads wants to run, that is the processor time that they
/// got; while all of them wait, the time of the clock.
pub(super) struct OwnTime {
    pid: Pid,
    passed: Duration,
    /// When it was looked last, and what processor time the process had used by then.
    looked: (Instant, Option<Duration>),
}

impl OwnTime {
    pub fn begin(pid: Pid) -> OwnTime {
        OwnTime {
            pid,
            passed: Duration::ZERO,
            looked: (Instant::now(), live::processor_time(pid)),
        }
    }

    /// What has passed since the beginning. To be asked every few hundredths of a second: between two questions the process is taken to
    /// have been as it is found at the second.
    pub fn passed(&mut self, process: &dyn Process) -> Duration {
        let now = (Instant::now(), live::processor_time(self.pid));
        let by_clock = now.0.duration_since(self.looked.0);
        let is_running = |thread: &ThreadStatus| thread.state == ThreadState::Running;
        let wants_to_run = process
            .threads()
            .is_ok_and(|threads| threads.iter().any(is_running));
        self.passed += match (now.1, self.looked.1) {
            (Some(used), Some(before)) if wants_to_run => used.saturating_sub(before).min(by_clock),
            _ => by_clock,
        };
        self.looked = now;
        self.passed
    }
}
