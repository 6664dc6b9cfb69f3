//! The watch goes on in a process of its own, which outlives pmdb by a moment.
//!
//! A thread whose debug registers are armed gets a signal for all that it writes as soon as nobody traces it: the kernel then delivers the trap. So
//! who traces should not be killed with pmdb. It is one more pmdb, in a session of its own, at the end of a pipe whose other end pmdb holds: when that is closed,
//! however pmdb has ended, it disarms everything and lets go. If
//! that process itself is killed, pmdb disarms those who were watched.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use super::{WatchRequest, run};
use crate::model::{Pid, WatchBegun, WatchEvent};
use crate::process::family::ProcessTable;
use crate::process::trace::disarm;
use crate::shm::Census;

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
    let mut begun = None;
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
                    WatchEvent::Ended(_) | WatchEvent::Failed { .. } => begun = None,
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
    if let Some(begun) = begun {
        disarm_all(&begun);
        let why = format!(
            "the process that watched ended before the watch did ({status}); nothing is armed any more, and who wrote is not summed up"
        );
        tell(WatchEvent::Failed { why });
    }
    Ok(())
}

/// Disarms those who were watched, and those who map the segment: some of them may have been forked meanwhile.
fn disarm_all(begun: &WatchBegun) {
    let mut pids: BTreeSet<Pid> = begun.processes.iter().copied().collect();
    if let Ok(table) = ProcessTable::read() {
        let census = Census::take(&table, Vec::new());
        if let Ok(watched) = census.watched(&format!("{}#{}", begun.name, begun.inode)) {
            pids.extend(watched.mappers.iter().map(|mapper| mapper.pid));
        }
    }
    for pid in pids {
        // It fails for one that has ended.
        let _ = disarm(pid);
    }
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
    let (sender, waiting) = mpsc::sync_channel::<WatchEvent>(MOST_WAITING);
    let writer = std::thread::spawn(move || {
        let mut out = std::io::stdout().lock();
        for event in waiting {
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
    let left_out = Mutex::new(0_u64);
    let count = || {
        left_out
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    };
    run(&request, &STOP, &|event| match event {
        WatchEvent::Ended(mut summary) => {
            let missing = *count();
            summary.shown = summary.shown.saturating_sub(missing);
            // By now nobody who writes waits for it.
            let _ = sender.send(WatchEvent::Ended(summary));
        }
        WatchEvent::Written(_) | WatchEvent::Changed(_) => {
            if let Err(mpsc::TrySendError::Full(_)) = sender.try_send(event) {
                *count() += 1;
            }
        }
        other => drop(sender.send(other)),
    });
    drop(sender);
    let _ = writer.join();
}
