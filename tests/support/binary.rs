//! The real `pmdb`, run as a user would.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;

use nix::sys::resource::{Resource, setrlimit};

use super::PATIENCE;

/// What a run of pmdb printed and how it ended.
#[derive(Debug)]
pub struct Answer {
    /// The exit code; `None` if a signal ended it, which is never right.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    /// Fails the test unless pmdb succeeded and complained of nothing.
    #[track_caller]
    pub fn succeeded(&self) -> &Answer {
        assert!(
            self.code == Some(0) && self.stderr.is_empty(),
            "pmdb failed: {self:#?}"
        );
        self
    }

    /// Fails the test unless pmdb ended with exit code 1 and one sentence that begins with `pmdb: `.
    #[track_caller]
    pub fn failed_with(&self, part: &str) -> &Answer {
        assert!(
            self.code == Some(1) && self.stderr.starts_with("pmdb: ") && self.stderr.contains(part),
            "expected exit code 1 and a complaint with {part:?}: {self:#?}"
        );
        self
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not JSON: {error}: {self:#?}"))
    }
}

/// Runs `pmdb` with arguments and an empty standard input.
pub fn pmdb<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Answer {
    pmdb_with_input(arguments, "")
}

/// The same in a folder.
pub fn pmdb_in<A: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = A>) -> Answer {
    let mut command = command(arguments);
    command.current_dir(folder);
    run(command, "")
}

/// The same with text on standard input.
pub fn pmdb_with_input<A: AsRef<OsStr>>(
    arguments: impl IntoIterator<Item = A>,
    input: &str,
) -> Answer {
    run(command(arguments), input)
}

/// The same without a terminal, which `pmdb run` would take before its standard input.
pub fn pmdb_alone<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>, input: &str) -> Answer {
    let mut command = command(arguments);
    // SAFETY: between fork and exec only setsid(2) is called, which is async-signal-safe.
    unsafe {
        command.pre_exec(|| Ok(nix::unistd::setsid().map(drop)?));
    }
    run(command, input)
}

/// The same with a limit on its address space, in bytes: more than that, and it fails as on a full machine.
pub fn pmdb_within<A: AsRef<OsStr>>(
    address_space: u64,
    arguments: impl IntoIterator<Item = A>,
) -> Answer {
    pmdb_within_memory(address_space, address_space, arguments)
}

/// The same with another limit on what it may write to of that: its heap, its stacks and private mappings, but no files that it maps
/// (`RLIMIT_DATA` in getrlimit(2)). Bytes.
pub fn pmdb_within_memory<A: AsRef<OsStr>>(
    address_space: u64,
    memory: u64,
    arguments: impl IntoIterator<Item = A>,
) -> Answer {
    let mut command = command(arguments);
    let limit = move || {
        setrlimit(Resource::RLIMIT_AS, address_space, address_space)?;
        Ok(setrlimit(Resource::RLIMIT_DATA, memory, memory)?)
    };
    // SAFETY: between fork and exec only setrlimit(2) is called, which is async-signal-safe.
    unsafe {
        command.pre_exec(limit);
    }
    run(command, "")
}

fn command<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmdb"));
    command
        .args(arguments)
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .env("COLUMNS", "120");
    command
}

/// Runs any command with text on standard input. One that does not end is killed, and the test fails.
pub fn run(mut command: Command, input: &str) -> Answer {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("piped above");
    let input = input.to_string();
    std::thread::spawn(move || {
        // pmdb may end without reading it all.
        let _ = stdin.write_all(input.as_bytes());
    });
    let pid = child.id();
    let output = wait(child).unwrap_or_else(|| {
        let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        panic!("this hangs: {command:?}")
    });
    Answer {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Its output, or nothing if it does not end.
fn wait(child: Child) -> Option<Output> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let output = receiver.recv_timeout(PATIENCE).ok()?;
    Some(output.expect("its pipes are ours"))
}
