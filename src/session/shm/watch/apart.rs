//! The watch goes on in a process of its own, which outlives pmdb by a moment.
//!
//! A thread whose debug registers are armed gets a signal for all that it writes as soon as nobody traces it: the kernel then delivers the trap. So
//! who traces should not be killed with pmdb. It is one more pmdb, in a session of its own, at the end of a pipe whose other end pmdb holds: when that is closed,
//! however pmdb has ended, it disarms everything and lets go. If
//! that process itself is killed, pmdb disarms those who were watched.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use super::{WatchRequest, run};
use crate::model::{Pid, WatchBegun, WatchEngine, WatchEvent};
use crate::process::family::ProcessTable;
use crate::process::trace::{TraceError, disarm};
use crate::shm::{Census, Part};

/// The word that makes pmdb one that watches. It is no command of a user.
pub const WORD: &str = "--watcher";
/// What the kernel then calls the process.
const NAME: &std::ffi::CStr = c"pmdb-watcher";
/// How many events may wait to be written. More are left out and counted: those who write do not wait for those who read.
const MOST_WAITING: usize = 4096;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
/// Set when the other process is to disarm everything and end.
static STOP: AtomicBool = AtomicBool::new(false);

extern "C" fn stop(_signal: libc::c_int) {
    STOP.store(true, Ordering::Relaxed);
}

/// Watches until `stop` is set or there is nothing to watch any more, and tells what happens.
pub fn watch(
    request: &WatchRequest,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(WatchEvent),
) -> std::io::Result<()> {
    let mut child = Command::new("/proc/self/exe")
        .arg(WORD)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut orders = child.stdin.take();
    if let Some(orders) = &mut orders {
        let mut text = serde_json::to_string(request)?;
        text.push('\n');
        orders.write_all(text.as_bytes())?;
    }
    let (mut begun, mut is_over) = (None, false);
    let (sender, events) = mpsc::channel();
    if let Some(answers) = child.stdout.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(answers).lines().map_while(Result::ok) {
                let Ok(event) = serde_json::from_str::<WatchEvent>(&line) else {
                    continue;
                };
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
    }
    loop {
        match events.recv_timeout(BETWEEN_LOOKS) {
            Ok(event) => {
                match &event {
                    WatchEvent::Begun(what) => begun = Some(what.clone()),
                    WatchEvent::Ended(_) | WatchEvent::Failed { .. } => is_over = true,
                    _ => {}
                }
                tell(event);
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
        if stop.load(Ordering::Relaxed) {
            orders = None;
        }
    }
    drop(orders);
    let status = child.wait()?;
    // It has not come to its end.
    if !is_over {
        let still_armed = disarm_all(request, begun.as_ref());
        let armed = match still_armed.is_empty() {
            true => "nothing is armed any more".to_string(),
            false => format!(
                "may still be armed, and get a signal for each write: {}",
                still_armed.join("; ")
            ),
        };
        let why = format!(
            "the process that watched ended before the watch did ({status}); {armed}, and who wrote is not summed up"
        );
        tell(WatchEvent::Failed { why });
    }
    Ok(())
}

/// Disarms those who were watched, and those who map the segment: some of them may have been forked meanwhile, and some armed before it was said which.
/// Gives those that could not be disarmed, and why.
fn disarm_all(request: &WatchRequest, begun: Option<&WatchBegun>) -> Vec<String> {
    let mut pids: BTreeSet<Pid> = begun.iter().flat_map(|it| it.processes.clone()).collect();
    let segment = match begun {
        Some(begun) => Ok(format!("{}#{}", begun.name, begun.inode)),
        None => Part::new(&request.part).map(|part| part.segment),
    };
    if let (Ok(table), Ok(segment)) = (ProcessTable::read(), segment) {
        let census = Census::take(&table, Vec::new());
        if let Ok(watched) = census.watched(&segment) {
            pids.extend(watched.mappers.iter().map(|mapper| mapper.pid));
        }
    }
    let failed = pids.into_iter().filter_map(|pid| match disarm(pid) {
        Ok(()) | Err(TraceError::Gone { .. }) => None,
        Err(error) => Some(format!("process {pid} ({error})")),
    });
    failed.collect()
}

/// What the other process does.
pub fn serve() {
    // What ends the others of its terminal is not for it.
    let _ = nix::unistd::setsid();
    // SAFETY: there is one thread, which has opened nothing; the name ends in a zero byte.
    unsafe {
        libc::close_range(3, libc::c_uint::MAX, 0);
        libc::prctl(libc::PR_SET_NAME, NAME.as_ptr());
    }
    // It would leave armed threads behind: whoever asks it to end, a `pkill` or a service that is stopped, is heeded as its pmdb is.
    let action = SigAction::new(
        SigHandler::Handler(stop),
        SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        // SAFETY: the handler only stores to an atomic, which is async-signal-safe.
        let _ = unsafe { sigaction(signal, &action) };
    }
    let mut line = String::new();
    if std::io::stdin().lock().read_line(&mut line).is_err() {
        return;
    }
    let Ok(request) = serde_json::from_str::<WatchRequest>(&line) else {
        return;
    };
    std::thread::spawn(|| {
        // Until its end: pmdb has closed it, or is gone.
        let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
        STOP.store(true, Ordering::Relaxed);
    });
    // Without a bound, since what is always told must not wait either: pmdb may have been stopped with Ctrl-Z.
    let (sender, events) = mpsc::channel::<WatchEvent>();
    let waiting = Arc::new(AtomicUsize::new(0));
    let still_waiting = Arc::clone(&waiting);
    let writer = std::thread::spawn(move || {
        let mut out = std::io::stdout().lock();
        for event in events {
            still_waiting.fetch_sub(1, Ordering::Relaxed);
            let Ok(mut text) = serde_json::to_string(&event) else {
                continue;
            };
            text.push('\n');
            if out
                .write_all(text.as_bytes())
                .and_then(|()| out.flush())
                .is_err()
            {
                STOP.store(true, Ordering::Relaxed);
                break;
            }
        }
    });
    let left_out = AtomicU64::new(0);
    let counts_elements = AtomicBool::new(false);
    let send = |event| {
        waiting.fetch_add(1, Ordering::Relaxed);
        // Nobody reads any more if that fails.
        let _ = sender.send(event);
    };
    run(&request, &STOP, &|mut event| {
        let is_full = waiting.load(Ordering::Relaxed) >= MOST_WAITING;
        // As many as the ledger has counted as shown.
        let writes = match &mut event {
            WatchEvent::Begun(begun) => {
                let counts = begun.engine == WatchEngine::Protection;
                counts_elements.store(counts, Ordering::Relaxed);
                return send(event);
            }
            WatchEvent::Ended(summary) => {
                let missing = left_out.load(Ordering::Relaxed);
                summary.shown = summary.shown.saturating_sub(missing);
                return send(event);
            }
            WatchEvent::Written(write) if counts_elements.load(Ordering::Relaxed) => write.count,
            WatchEvent::Written(_) => 1,
            WatchEvent::Changed(change) => change.elements.len() as u64,
            WatchEvent::Note { .. } | WatchEvent::Failed { .. } => return send(event),
        };
        match is_full {
            true => drop(left_out.fetch_add(writes, Ordering::Relaxed)),
            false => send(event),
        }
    });
    drop(sender);
    let _ = writer.join();
}
