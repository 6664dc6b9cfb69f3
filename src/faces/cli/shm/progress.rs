//! How far a long look has come, on standard error.

use std::io::{self, IsTerminal};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::faces::complaint::report_progress;
use crate::session::shm::Progress;

/// What takes no longer says nothing.
const PATIENCE: Duration = Duration::from_millis(500);
const INTERVAL: Duration = Duration::from_millis(200);

/// Does something, and says meanwhile how much of it is done if it takes long and somebody looks at a terminal.
pub(super) fn watched<T: Send>(work: impl FnOnce(&Progress) -> T + Send) -> T {
    let progress = Progress::default();
    if !io::stderr().is_terminal() {
        return work(&progress);
    }
    let (done, waiting) = channel::<()>();
    std::thread::scope(|scope| {
        let watch = &progress;
        scope.spawn(move || {
            let mut wait = PATIENCE;
            let mut has_said = false;
            while waiting.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                wait = INTERVAL;
                if let Some(percent) = (watch.done() * 100).checked_div(watch.expected()) {
                    report_progress(&format!(
                        "{}% of {} elements",
                        percent.min(100),
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
