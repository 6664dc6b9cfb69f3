//! How far a long look has come, on standard error, and how a user ends it.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use crate::faces::complaint::report_progress;
use crate::session::shm::Progress;

/// What takes no longer says nothing.
const PATIENCE: Duration = Duration::from_millis(500);
const INTERVAL: Duration = Duration::from_millis(200);
/// How often it is looked whether the user has had enough.
const GLANCE: Duration = Duration::from_millis(20);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// While it lives, Ctrl-C ends what is done and not pmdb.
struct Interruptible {
    before: Option<SigAction>,
}

extern "C" fn note_interrupt(_: i32) {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

impl Interruptible {
    fn begin() -> Interruptible {
        INTERRUPTED.store(false, Ordering::Relaxed);
        let action = SigAction::new(
            SigHandler::Handler(note_interrupt),
            SaFlags::SA_RESTART,
            SigSet::empty(),
        );
        Interruptible {
            // SAFETY: the handler stores to an atomic.
            before: unsafe { sigaction(Signal::SIGINT, &action) }.ok(),
        }
    }
}

impl Drop for Interruptible {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // SAFETY: it is what was there before.
            let _ = unsafe { sigaction(Signal::SIGINT, before) };
        }
    }
}

/// Does something that Ctrl-C ends early, and says meanwhile how much of it is done if it takes long and somebody looks at a terminal.
pub(super) fn watched<T: Send>(work: impl FnOnce(&Progress) -> T + Send) -> T {
    let progress = Progress::default();
    let _interruptible = Interruptible::begin();
    let is_watched = io::stderr().is_terminal();
    let (done, waiting) = channel::<()>();
    std::thread::scope(|scope| {
        let watch = &progress;
        scope.spawn(move || {
            let mut next = Instant::now() + PATIENCE;
            let mut has_said = false;
            while waiting.recv_timeout(GLANCE) == Err(RecvTimeoutError::Timeout) {
                if INTERRUPTED.load(Ordering::Relaxed) {
                    watch.cancel();
                }
                if !is_watched || Instant::now() < next {
                    continue;
                }
                next = Instant::now() + INTERVAL;
                if let Some(percent) = watch.percent() {
                    report_progress(&format!(
                        "{percent}% of {} elements; Ctrl-C ends it",
                        watch.expected()
                    ));
                    has_said = true;
                }
            }
            if has_said {
                report_progress("");
            }
        });
        let answer = work(&progress);
        drop(done);
        answer
    })
}
