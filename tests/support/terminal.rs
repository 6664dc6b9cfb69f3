//! A program in a terminal of its own: what a person would see and type.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{SigHandler, Signal};

use super::PATIENCE;

pub struct Terminal {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    /// What was printed and not waited for yet.
    unread: String,
    /// Everything that was printed.
    pub seen: String,
}

impl Terminal {
    /// Starts a command in a pseudo-terminal of 40 lines of 120 columns, which is its controlling one.
    pub fn start(mut command: Command) -> Terminal {
        let size = Winsize {
            ws_row: 40,
            ws_col: 120,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(&size, None).expect("a pseudo-terminal");
        let slave = |fd: &OwnedFd| fd.try_clone().expect("a file descriptor");
        command
            .stdin(slave(&pty.slave))
            .stdout(slave(&pty.slave))
            .stderr(slave(&pty.slave));
        let terminal = pty.slave.as_raw_fd();
        // SAFETY: between fork and exec only setsid(2), signal(2) and ioctl(2) are called, which are async-signal-safe.
        unsafe {
            command.pre_exec(move || {
                nix::unistd::setsid()?;
                // Tests that run in the background of a shell have it ignored, and whoever they start inherits that.
                nix::sys::signal::signal(Signal::SIGINT, SigHandler::SigDfl)?;
                nix::errno::Errno::result(nix::libc::ioctl(terminal, nix::libc::TIOCSCTTY, 0))?;
                Ok(())
            });
        }
        let child = command.spawn().expect("the command starts");
        drop(pty.slave);
        let keyboard = File::from(pty.master);
        let mut output = keyboard.try_clone().expect("a file descriptor");
        let (sender, screen) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The kernel says EIO once nobody has the other end open.
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Terminal {
            child,
            keyboard,
            screen,
            unread: String::new(),
            seen: String::new(),
        }
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

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
