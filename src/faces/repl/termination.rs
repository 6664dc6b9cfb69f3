//! SIGTERM and SIGHUP (`kill PID`, a terminal that is closed): pmdb leaves as with `quit`, so that nothing stays in a process.
//!
//! The handler can do no more than leave a note. Whatever takes long looks at the flag that Ctrl-C sets too, and ends; and whoever waits for
//! input or for room for output also waits for the note. The line editor knows nothing of it, so that it is given a Ctrl-C.

use std::fs::File;
use std::io::{self, BufReader, LineWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::pthread::{Pthread, pthread_kill, pthread_self};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::pipe2;

/// How often the line editor is interrupted until it has noticed: a signal that comes just before it waits is not heard.
const BETWEEN_KNOCKS: Duration = Duration::from_millis(20);
/// Bytes that a pipe or a terminal takes at once when it says that it has room: `PIPE_BUF` would do for a pipe, and a terminal says so at
/// 256 (`WAKEUP_CHARS` in the kernel's `drivers/tty/n_tty.c`).
const ROOM: usize = 256;

/// What pmdb was told by; 0 if it was not.
static SIGNAL: AtomicI32 = AtomicI32::new(0);
/// Whether the main thread is in the line editor.
static IS_EDITING: AtomicBool = AtomicBool::new(false);
static NOTICE: OnceLock<Notice> = OnceLock::new();

struct Notice {
    /// Can be read from once pmdb is to leave; nobody does read.
    to_see: OwnedFd,
    to_write: OwnedFd,
    /// Ends what runs on behalf of the prompt.
    interrupted: Arc<AtomicBool>,
}

/// The signal that tells pmdb to leave, if one has come.
pub fn signal() -> Option<i32> {
    match SIGNAL.load(Ordering::Relaxed) {
        0 => None,
        signal => Some(signal),
    }
}

extern "C" fn handler(signal: libc::c_int) {
    let errno = nix::errno::Errno::last_raw();
    let _ = SIGNAL.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed);
    if let Some(notice) = NOTICE.get() {
        notice.interrupted.store(true, Ordering::Relaxed);
        // SAFETY: write(2) is async-signal-safe; the pipe lives as long as the program and does not block.
        unsafe { libc::write(notice.to_write.as_raw_fd(), c"x".as_ptr().cast(), 1) };
    }
    nix::errno::Errno::set_raw(errno);
}

/// From now on pmdb is to leave by itself. Called by the thread that the prompt will be in.
pub fn heed(interrupted: &Arc<AtomicBool>) -> io::Result<()> {
    let (to_see, to_write) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    let notice = Notice {
        to_see,
        to_write,
        interrupted: interrupted.clone(),
    };
    if NOTICE.set(notice).is_err() {
        return Ok(());
    }
    let prompt = pthread_self();
    std::thread::Builder::new()
        .name("termination".to_string())
        .spawn(move || interrupt_editor(prompt))?;
    catch(Signal::SIGTERM);
    catch(Signal::SIGHUP);
    Ok(())
}

/// Where there is no terminal, Ctrl-C tells pmdb to leave too.
pub(super) fn heed_interrupts() {
    catch(Signal::SIGINT);
}

/// One that is ignored stays so: `nohup`, `&` in a script.
fn catch(signal: Signal) {
    let action = SigAction::new(
        SigHandler::Handler(handler),
        SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    // SAFETY: the handler stores into atomics that live as long as the program, and writes to a pipe that does.
    let before = unsafe { sigaction(signal, &action) };
    if let Ok(before) = before
        && matches!(before.handler(), SigHandler::SigIgn)
    {
        // SAFETY: it was in force a moment ago.
        let _ = unsafe { sigaction(signal, &before) };
    }
}

fn interrupt_editor(prompt: Pthread) {
    let Some(notice) = NOTICE.get() else {
        return;
    };
    let mut waiting = [PollFd::new(notice.to_see.as_fd(), PollFlags::POLLIN)];
    while !matches!(poll(&mut waiting, PollTimeout::NONE), Ok(1..)) {}
    loop {
        if IS_EDITING.load(Ordering::Acquire) {
            // The thread is the main one, which lives as long as the program.
            let _ = pthread_kill(prompt, Signal::SIGINT);
        }
        std::thread::sleep(BETWEEN_KNOCKS);
    }
}

/// Reads a line with the line editor, which takes the signal for a Ctrl-C.
pub(super) fn while_editing<T>(edit: impl FnOnce() -> T) -> T {
    IS_EDITING.store(true, Ordering::Release);
    let read = edit();
    IS_EDITING.store(false, Ordering::Release);
    read
}

/// Waits until a file can be read or written. Gives back whether it can; else pmdb is to leave.
pub(super) fn wait_for(file: BorrowedFd<'_>, what: PollFlags) -> bool {
    let Some(notice) = NOTICE.get() else {
        return true;
    };
    loop {
        let mut waiting = [
            PollFd::new(file, what),
            PollFd::new(notice.to_see.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut waiting, PollTimeout::NONE) {
            Ok(_) => {}
            Err(nix::errno::Errno::EINTR) => continue,
            // What cannot be waited for is read or written at once.
            Err(_) => return true,
        }
        // An error or an end is found by whoever reads or writes.
        let happened = |at: &PollFd<'_>| at.revents().is_some_and(|events| !events.is_empty());
        return waiting.first().is_some_and(happened);
    }
}

/// A file that ends, and takes nothing more, once pmdb is to leave and would have to wait.
struct Mortal(File);

impl Read for Mortal {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if signal().is_none() && wait_for(self.0.as_fd(), PollFlags::POLLIN) {
            self.0.read(buffer)
        } else {
            Ok(0)
        }
    }
}

impl Write for Mortal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if wait_for(self.0.as_fd(), PollFlags::POLLOUT) {
            self.0.write(bytes.get(..ROOM).unwrap_or(bytes))
        } else {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lines of standard input. So many bytes of it are read at once.
pub(super) fn input(at_once: usize) -> io::Result<BufReader<impl Read>> {
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    Ok(BufReader::with_capacity(at_once, Mortal(input)))
}

pub(super) fn to_standard_output() -> Box<dyn Write> {
    match io::stdout().as_fd().try_clone_to_owned() {
        Ok(file) => output(File::from(file)),
        Err(_) => Box::new(io::stdout()),
    }
}

pub(super) fn to_standard_error() -> Box<dyn Write> {
    match io::stderr().as_fd().try_clone_to_owned() {
        Ok(file) => output(File::from(file)),
        Err(_) => Box::new(io::stderr()),
    }
}

/// A file for answers, written line by line.
pub(super) fn output(file: File) -> Box<dyn Write> {
    Box::new(LineWriter::new(Mortal(file)))
}
