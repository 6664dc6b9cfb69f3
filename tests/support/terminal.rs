//! A program in a terminal of its own: what a person would see and type.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{SigHandler, Signal};
use nix::sys::stat::Mode;
use nix::unistd::Pid;

use super::{Fixture, PATIENCE};

pub struct Terminal {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    /// Reads what is printed until the other end of `plug` is dropped.
    reader: Option<JoinHandle<()>>,
    plug: Option<UnixStream>,
    /// What was printed and not waited for yet.
    unread: String,
    /// Everything that was printed.
    pub seen: String,
}

/// pmdb in a terminal with colours, none of which are wanted, so that texts can be compared; with the state of its user in `home`.
pub fn pmdb_of_user<A: AsRef<OsStr>>(
    arguments: impl IntoIterator<Item = A>,
    home: &Path,
) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmdb"));
    command
        .args(arguments)
        .env("HOME", home)
        .env_remove("XDG_STATE_HOME")
        .env("TERM", "xterm-256color")
        .env("NO_COLOR", "1");
    command
}

impl Terminal {
    /// `pmdb attach` of a fixture, at its first prompt.
    pub fn attach(fixture: &Fixture) -> Terminal {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pmdb"));
        command
            .args(["attach", &fixture.pid().to_string()])
            .env("NO_COLOR", "1");
        let mut terminal = Terminal::start(command);
        terminal.wait_for("(pmdb) ");
        terminal
    }

    /// Starts a command in a pseudo-terminal of 40 lines of 120 columns, which is its controlling one.
    pub fn start(mut command: Command) -> Terminal {
        let size = Winsize {
            ws_row: 40,
            ws_col: 120,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let (master, slave) = pseudo_terminal(&size).expect("a pseudo-terminal");
        let end = || slave.try_clone().expect("a file descriptor");
        command.stdin(end()).stdout(end()).stderr(end());
        let terminal = slave.as_raw_fd();
        with_usual_signals(&mut command);
        // SAFETY: between fork and exec only setsid(2) and ioctl(2) are called, which are async-signal-safe.
        unsafe {
            command.pre_exec(move || {
                nix::unistd::setsid()?;
                nix::errno::Errno::result(nix::libc::ioctl(terminal, nix::libc::TIOCSCTTY, 0))?;
                Ok(())
            });
        }
        let child = command.spawn().expect("the command starts");
        // It keeps what it is to give the child.
        drop((slave, command));
        let keyboard = File::from(master);
        let mut output = keyboard.try_clone().expect("a file descriptor");
        let (plug, plugged) = UnixStream::pair().expect("a pair of sockets");
        let (sender, screen) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                let mut waiting = [
                    PollFd::new(output.as_fd(), PollFlags::POLLIN),
                    PollFd::new(plugged.as_fd(), PollFlags::POLLIN),
                ];
                let _ = poll(&mut waiting, PollTimeout::NONE);
                if waiting[1].any() == Some(true) {
                    break;
                }
                // The kernel says EIO once nobody has the other end open.
                let Ok(count @ 1..) = output.read(&mut bytes) else {
                    break;
                };
                if sender.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Terminal {
            child,
            keyboard,
            screen,
            reader: Some(reader),
            plug: Some(plug),
            unread: String::new(),
            seen: String::new(),
        }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Closes the terminal, as with the window that it is in.
    pub fn hang_up(&mut self) {
        self.plug = None;
        if let Some(reader) = self.reader.take() {
            reader.join().expect("it does not fail");
        }
        self.keyboard = File::open("/dev/null").expect("it is always there");
    }

    pub fn type_keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("typed");
    }

    /// Waits until the program has printed a text, and gives what it printed up to there.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = self.take(text) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.print(&bytes),
                Err(error) => panic!("no {text:?} ({error}); it printed {:?}", self.seen),
            }
        }
    }

    /// Presses keys until the program has printed a text.
    #[track_caller]
    pub fn press_until(&mut self, keys: &str, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            self.type_keys(keys);
            match self.screen.recv_timeout(Duration::from_millis(50)) {
                Ok(bytes) => self.print(&bytes),
                Err(RecvTimeoutError::Timeout) => {}
                Err(error) => panic!("no {text:?} ({error}); it printed {:?}", self.seen),
            }
            if let Some(found) = self.take(text) {
                return found;
            }
        }
        panic!("no {text:?}; it printed {:?}", self.seen);
    }

    fn print(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        self.unread += &text;
        self.seen += &text;
    }

    fn take(&mut self, text: &str) -> Option<String> {
        let end = self.unread.find(text)? + text.len();
        Some(self.unread.drain(..end).collect())
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it is our child")
    }
}

/// Both ends of a new one. Nobody who is started meanwhile gets them: a terminal that somebody has open is not closed.
fn pseudo_terminal(size: &Winsize) -> nix::Result<(OwnedFd, OwnedFd)> {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = posix_openpt(flags)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let slave = open(ptsname_r(&master)?.as_str(), flags, Mode::empty())?;
    let size = std::ptr::from_ref(size);
    // SAFETY: the kernel reads a `winsize` of a terminal that is open.
    Errno::result(unsafe { nix::libc::ioctl(slave.as_raw_fd(), nix::libc::TIOCSWINSZ, size) })?;
    Ok((master.into(), slave))
}

/// Tests that run in the background of a shell or under `nohup` have them ignored, and whoever they start inherits that.
pub fn with_usual_signals(command: &mut Command) {
    // SAFETY: between fork and exec only signal(2) is called, which is async-signal-safe.
    unsafe {
        command.pre_exec(|| {
            for one in [Signal::SIGINT, Signal::SIGHUP, Signal::SIGTERM] {
                nix::sys::signal::signal(one, SigHandler::SigDfl)?;
            }
            Ok(())
        });
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
