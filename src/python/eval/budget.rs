//! How much work one expression may take.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::EvalError;

/// Members visited, digits computed, characters copied: a second or so of work.
const MOST_STEPS: u64 = 10_000_000;
/// Bytes of values that pmdb makes.
const MOST_BYTES: u64 = 256 << 20;
/// Expressions inside expressions; CPython gives up on 200 parentheses.
const DEEPEST: u32 = 100;

pub(super) struct Budget {
    steps: Cell<u64>,
    bytes: Cell<u64>,
    depth: Cell<u32>,
    cancelled: Option<Arc<AtomicBool>>,
}

impl Budget {
    pub(super) fn new(cancelled: Option<Arc<AtomicBool>>) -> Budget {
        Budget {
            steps: Cell::new(MOST_STEPS),
            bytes: Cell::new(MOST_BYTES),
            depth: Cell::new(0),
            cancelled,
        }
    }

    /// Takes steps from what is left.
    pub(super) fn spend(&self, steps: u64) -> Result<(), EvalError> {
        let flag = self.cancelled.as_deref();
        if flag.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(EvalError::Cancelled);
        }
        match self.steps.get().checked_sub(steps) {
            Some(left) => self.steps.set(left),
            None => {
                return Err(EvalError::Limit {
                    limit: "10,000,000 steps".to_string(),
                });
            }
        }
        Ok(())
    }

    /// Takes bytes of memory, and a step for each eight of them.
    pub(super) fn allocate(&self, bytes: u64) -> Result<(), EvalError> {
        match self.bytes.get().checked_sub(bytes) {
            Some(left) => self.bytes.set(left),
            None => {
                return Err(EvalError::Limit {
                    limit: "256 MiB of memory".to_string(),
                });
            }
        }
        self.spend(bytes / 64)
    }

    /// Goes a level deeper for the length of `work`.
    pub(super) fn deeper<T>(
        &self,
        work: impl FnOnce() -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        let depth = self.depth.get();
        if depth >= DEEPEST {
            return Err(EvalError::Limit {
                limit: format!("{DEEPEST} levels of nesting"),
            });
        }
        self.spend(1)?;
        self.depth.set(depth + 1);
        let result = work();
        self.depth.set(depth);
        result
    }
}
