//! What goes on while somebody is at the prompt: processes that are not to stop, or not any more, go on at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::run::Repl;

/// How often it is looked whether something has stopped.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(20);

/// What a prompt remembers, for whoever has it for a moment: a command that runs, the completion of a line, or the attendant in between.
#[derive(Clone)]
pub(super) struct SharedRepl(Arc<Mutex<Repl>>);

impl SharedRepl {
    pub fn new(repl: Repl) -> SharedRepl {
        SharedRepl(Arc::new(Mutex::new(repl)))
    }

    pub fn lock(&self) -> MutexGuard<'_, Repl> {
        // Somebody panics while he has it only if pmdb is about to end for that.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads lines and runs them, which `talk` does. While none is run, the processes of a command are attended to.
    pub fn attended<T>(&self, talk: impl FnOnce() -> T) -> T {
        if !self.lock().session.is_about_a_command() {
            return talk();
        }
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let attendant = scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    if let Ok(mut repl) = self.0.try_lock() {
                        repl.session.attend();
                    }
                    thread::park_timeout(BETWEEN_ROUNDS);
                }
            });
            // The scope waits for the attendant, also where `talk` panics.
            let over = Over(&is_over);
            let answer = talk();
            drop(over);
            attendant.thread().unpark();
            answer
        })
    }
}

struct Over<'o>(&'o AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
