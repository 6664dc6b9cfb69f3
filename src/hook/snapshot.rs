//! Writing the process down: it starts `pmdb snapshot` on itself. Where nobody may stop it or look at its memory, it hands the memory on itself.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use super::json::Object;
use super::report::{self, Report};

/// Where the program is, and the folder that snapshots go to: the working folder if it is not said.
const BINARY: &str = "PMDB_BINARY";
const FOLDER: &str = "PMDB_SNAPSHOTS";

/// Says where the snapshot is, or why there is none.
pub(super) fn write(panic: &Report) {
    super::wait::permit_tracing();
    let cause = cause(panic);
    let mut outcome = run(&cause, None);
    if outcome.is_err()
        && let Ok(memory) = File::open("/proc/self/mem")
    {
        outcome = run(&cause, Some(&memory));
    }
    let said = match outcome {
        Ok(said) => format!("[pmdb] snapshot: {said}"),
        Err(why) => format!("[pmdb] no snapshot: {why}"),
    };
    report::write(said.trim_end().as_bytes());
    report::write(b"\n");
}

/// As `CauseFacts` of `src/model/snapshot.rs` are read.
fn cause(panic: &Report) -> String {
    let message = panic
        .message
        .as_deref()
        .unwrap_or("a value that is no text");
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
        .args(["snapshot", &std::process::id().to_string()])
        .args(["--cause", cause, "--out"])
        .arg(of_environment(FOLDER).unwrap_or_else(|| OsString::from(".")))
        .stdin(Stdio::null());
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
    let output = command
        .output()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}
