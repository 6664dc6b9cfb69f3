//! Writing the process down: it starts `pmdb snapshot` on itself. Where nobody may stop it or look at its memory, it hands the memory on itself.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::json::Object;
use super::report::{self, Report};

/// Where the program is, and the folder that snapshots go to: the working folder if it is not said.
const BINARY: &str = "PMDB_BINARY";
const FOLDER: &str = "PMDB_SNAPSHOTS";
/// The variable of pmdb's environment that says why it is taken: other users see the arguments of a program.
const CAUSE: &str = "PMDB_CAUSE";
/// Snapshots that one process writes: a server that goes on after each panic would fill its disk.
const MOST: u32 = 20;
/// Bytes of a message that go into it. A variable of the environment has 128 KiB at most.
const LONGEST: usize = 4096;

/// Says where the snapshot is, or why there is none.
pub(super) fn write(panic: &Report) {
    static BEFORE: AtomicU32 = AtomicU32::new(0);
    match BEFORE.fetch_add(1, Ordering::Relaxed) {
        0..MOST => {}
        MOST => {
            say(&format!(
                "no more snapshots: this process has asked for {MOST}"
            ));
            return;
        }
        _ => {
            // It shall not begin anew.
            BEFORE.store(MOST + 1, Ordering::Relaxed);
            return;
        }
    }
    super::wait::permit_tracing();
    let cause = cause(panic);
    let mut outcome = run(&cause, None);
    if outcome.is_err()
        && let Ok(memory) = File::open("/proc/self/mem")
    {
        outcome = run(&cause, Some(&memory));
    }
    super::wait::forbid_tracing();
    match outcome {
        Ok(said) => say(&format!("snapshot: {said}")),
        Err(why) => say(&format!("no snapshot: {why}")),
    }
}

pub(super) fn say(what: &str) {
    report::write(format!("[pmdb] {what}\n").as_bytes());
}

/// As `CauseFacts` of `src/model/snapshot.rs` are read.
fn cause(panic: &Report) -> String {
    let message = panic
        .message
        .as_deref()
        .unwrap_or("a value that is no text");
    let message = &message[..message.floor_char_boundary(LONGEST)];
    let what = match &panic.location {
        Some((file, line, column)) => format!("panicked at {file}:{line}:{column}: {message}"),
        None => format!("panicked: {message}"),
    };
    let mut cause = Object::begin();
    cause.text("reason", Some("panic"));
    cause.text("what", Some(&what));
    cause.number("thread", panic.tid);
    cause.end()
}

/// What pmdb has said, or complained of.
fn run(cause: &str, memory: Option<&File>) -> Result<String, String> {
    let of_environment = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let program = of_environment(BINARY).unwrap_or_else(|| OsString::from("pmdb"));
    let mut command = Command::new(&program);
    command
        .args(["snapshot", &std::process::id().to_string(), "--out"])
        .arg(of_environment(FOLDER).unwrap_or_else(|| OsString::from(".")))
        .env(CAUSE, cause)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(memory) = memory {
        let number = memory.as_raw_fd();
        command.args(["--memory", &number.to_string()]);
        // SAFETY: fcntl(2) is async-signal-safe, and the file is open until the child has been started.
        unsafe {
            command.pre_exec(move || match libc::fcntl(number, libc::F_SETFD, 0) {
                -1 => Err(std::io::Error::last_os_error()),
                _ => Ok(()),
            });
        }
    }
    let mut child = command
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let [said, complaint] = read_both(&mut child).map(|bytes| {
        let text = String::from_utf8_lossy(&bytes);
        text.trim().to_owned()
    });
    // There is no exit code where the program ignores SIGCHLD or collects all children itself.
    let has_failed = child.wait().is_ok_and(|status| !status.success());
    match said.is_empty() || has_failed {
        false => Ok(said),
        true if complaint.is_empty() => Err("pmdb has ended without a word".to_owned()),
        true => Err(complaint),
    }
}

/// All that it writes to standard output and standard error, until it has closed both.
fn read_both(child: &mut Child) -> [Vec<u8>; 2] {
    let files = [
        child.stdout.take().map(OwnedFd::from),
        child.stderr.take().map(OwnedFd::from),
    ];
    let mut files = files.map(|file| file.map(File::from));
    let mut texts = [Vec::new(), Vec::new()];
    while files.iter().any(Option::is_some) {
        // poll(2) leaves out what is negative.
        let mut asked = files.each_ref().map(|file| libc::pollfd {
            fd: file.as_ref().map_or(-1, AsRawFd::as_raw_fd),
            events: libc::POLLIN,
            revents: 0,
        });
        // SAFETY: there are two of them.
        if unsafe { libc::poll(asked.as_mut_ptr(), 2, -1) } < 0 {
            match std::io::Error::last_os_error().kind() {
                std::io::ErrorKind::Interrupted => continue,
                _ => break,
            }
        }
        for ((file, text), asked) in files.iter_mut().zip(&mut texts).zip(&asked) {
            let Some(open) = file.as_mut().filter(|_| asked.revents != 0) else {
                continue;
            };
            let mut piece = [0; 4096];
            match open.read(&mut piece) {
                Ok(count) if count > 0 => text.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                _ => *file = None,
            }
        }
    }
    texts
}
