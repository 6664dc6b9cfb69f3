//! One prompt at a time in a terminal: several workers of a program may each have asked for a pmdb of their own.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::libc;
use nix::unistd::getuid;

/// How often it is tried.
const GLANCE: Duration = Duration::from_millis(50);

/// Whoever has it has the terminal. It ends with the process at the latest.
pub(super) struct Turn {
    _lock: Flock<File>,
}

impl Turn {
    /// Waits until nobody else has it. Nothing without a terminal, if the lock cannot be made, or when `is_given_up`.
    pub fn wait(mut is_given_up: impl FnMut() -> bool) -> Option<Turn> {
        let path = lock_file()?;
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(path)
            .ok()?;
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Some(Turn { _lock: lock }),
                Err((same, Errno::EWOULDBLOCK | Errno::EINTR)) if !is_given_up() => file = same,
                Err(_) => return None,
            }
            std::thread::sleep(GLANCE);
        }
    }
}

/// One for each terminal and user.
fn lock_file() -> Option<PathBuf> {
    let terminal = controlling_terminal()?;
    let folder = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let folder = folder.filter(|folder| folder.is_absolute() && folder.is_dir());
    let folder = folder.unwrap_or_else(std::env::temp_dir);
    Some(folder.join(format!("pmdb-{}-terminal-{terminal}.lock", getuid())))
}

/// Its device number: proc(5), `tty_nr`, the fifth field behind the name, which may have brackets and spaces in it.
fn controlling_terminal() -> Option<i32> {
    let stat = fs::read("/proc/self/stat").ok()?;
    let stat = String::from_utf8_lossy(&stat);
    let (_, behind_name) = stat.rsplit_once(')')?;
    let number = behind_name.split_whitespace().nth(4)?.parse().ok()?;
    (number != 0).then_some(number)
}
