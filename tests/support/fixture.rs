//! A running inferior.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{self, SigHandler, Signal, killpg};
use nix::unistd::Pid;

use super::{PATIENCE, Python};

/// A program that printed a line beginning with `ready`. It, and what it started, are killed when this
/// is dropped, and when the test's thread ends in any other way.
pub struct Fixture {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    ready: String,
}

/// The path of a file in `fixtures/`.
pub fn fixture_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

impl Fixture {
    /// Starts `fixtures/NAME` with an interpreter and waits until it is ready.
    pub fn python(python: &Python, name: &str, arguments: &[&str]) -> Fixture {
        let mut command = python.command();
        command.arg(fixture_path(name)).args(arguments);
        Fixture::start(command)
    }

    /// Starts a Python program given as text.
    pub fn python_text(python: &Python, program: &str, arguments: &[&str]) -> Fixture {
        let mut command = python.command();
        command.arg("-c").arg(program).args(arguments);
        Fixture::start(command)
    }

    /// Starts any command and waits for its `ready` line.
    pub fn start(command: Command) -> Fixture {
        let mut fixture = Fixture::start_without_waiting(command);
        loop {
            let line = fixture.read_line();
            if line.starts_with("ready") {
                fixture.ready = line;
                return fixture;
            }
        }
    }

    pub fn start_without_waiting(mut command: Command) -> Fixture {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0);
        // SAFETY: between fork and exec only sigaction(2), close_range(2) and prctl(2) are called, which are async-signal-safe.
        unsafe {
            command.pre_exec(|| {
                // A shell has what it starts in the background ignore it, and that is inherited.
                signal::signal(Signal::SIGINT, SigHandler::SigDfl)?;
                // What another thread of the test had open at this moment, a terminal for one, or whoever started the tests.
                let how = libc::CLOSE_RANGE_CLOEXEC.cast_signed();
                Errno::result(libc::close_range(3, libc::c_uint::MAX, how))?;
                Ok(nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?)
            });
        }
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("piped above");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let Ok(line) = line else { break };
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Fixture {
            child,
            stdin,
            lines,
            ready: String::new(),
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What follows `ready` on its line.
    pub fn ready(&self) -> &str {
        self.ready.strip_prefix("ready").unwrap_or("").trim()
    }

    /// The next line that the inferior prints.
    pub fn read_line(&mut self) -> String {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => {
                panic!("the fixture (pid {}) printed nothing", self.pid())
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.wait();
                panic!("the fixture closed its output; it ended with {status:?}")
            }
        }
    }

    /// Sends a line to the inferior's standard input.
    pub fn write_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("open until `close_stdin`");
        // In one piece: it may end when it has read the first byte.
        let line = format!("{line}\n");
        stdin
            .write_all(line.as_bytes())
            .expect("the fixture reads its input");
    }

    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits for the end of the inferior, which the caller has brought about.
    pub fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().expect("it is our child")
    }

    pub fn signal(&self, signal: Signal) {
        nix::sys::signal::kill(self.group(), signal).expect("it is our child");
    }

    fn group(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = killpg(self.group(), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}
