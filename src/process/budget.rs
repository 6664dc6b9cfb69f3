//! What one answer may cost, so that garbage (counts of 2^63, lists in a circle, a million threads that are none) neither
//! holds pmdb up nor fills the memory: `docs/internals/hostile-input.md`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The limits of one answer, shared by the walks that it needs: one for each process.
#[derive(Debug)]
pub struct Budget {
    /// For each walk.
    time: Duration,
    /// For all walks together, in bytes.
    memory: u64,
    /// What of `memory` is left.
    room: AtomicU64,
}

impl Budget {
    /// No real process comes near: a walk with all values takes milliseconds, and what it keeps is read by a person.
    pub const TIME: Duration = Duration::from_secs(30);
    pub const MEMORY: u64 = 256 << 20;

    pub fn new(time: Duration, memory: u64) -> Arc<Budget> {
        Arc::new(Budget {
            time,
            memory,
            room: AtomicU64::new(memory),
        })
    }

    pub fn usual() -> Arc<Budget> {
        Budget::new(Budget::TIME, Budget::MEMORY)
    }

    /// When a walk that begins now has to end.
    pub(super) fn deadline(&self) -> Option<Instant> {
        Instant::now().checked_add(self.time)
    }

    pub(super) fn out_of_time(&self) -> Spent {
        Spent::Time {
            seconds: self.time.as_secs(),
        }
    }

    pub(super) fn room(&self) -> u64 {
        self.room.load(Ordering::Relaxed)
    }

    /// Takes `bytes` of the room, or all that is left of it and fails.
    pub(super) fn take(&self, bytes: u64) -> Result<(), Spent> {
        let taken = |room: u64| Some(room.saturating_sub(bytes));
        let before = self
            .room
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken);
        match before {
            Ok(room) if room > bytes => Ok(()),
            _ => Err(self.out_of_memory()),
        }
    }

    pub(super) fn out_of_memory(&self) -> Spent {
        Spent::Memory {
            mebibytes: self.memory >> 20,
        }
    }
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    Time { seconds: u64 },
    Memory { mebibytes: u64 },
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Spent::Time { seconds } => write!(f, "limit of {seconds} seconds reached"),
            Spent::Memory { mebibytes } => write!(f, "limit of {mebibytes} MiB reached"),
        }
    }
}
