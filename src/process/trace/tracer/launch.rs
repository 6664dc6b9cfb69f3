//! Starting a program under the tracer.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::ptrace;
use nix::unistd::{self, AccessFlags, access, pipe2};

use super::super::TraceError;
use super::follower::Follower;
use super::tracees::Doing;
use crate::model::{Pid, Tid};

/// What a shell gives back for a command that it cannot execute.
const NOT_EXECUTED: i32 = 126;
/// How long the thread waits for the program's start before it looks after its other tracees.
const GLANCE: Duration = Duration::from_millis(2);

/// A command as typed; it gets pmdb's own standard streams, environment and folder.
#[derive(Debug, Clone)]
pub struct Program {
    /// Looked for in PATH if it has no slash.
    pub name: OsString,
    pub arguments: Vec<OsString>,
}

impl Program {
    fn failed(&self, why: impl Into<String>) -> TraceError {
        TraceError::NotStarted {
            program: self.name.display().to_string(),
            why: why.into(),
        }
    }

    /// The file that a shell would execute, if PATH has it or it is named with its folder.
    pub fn file(&self) -> Option<PathBuf> {
        let name = Path::new(&self.name);
        if self.name.as_bytes().contains(&b'/') {
            return Some(name.to_path_buf());
        }
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let mut files = std::env::split_paths(&folders).map(|folder| folder.join(name));
        files.find(|file| file.is_file() && access(file, AccessFlags::X_OK).is_ok())
    }

    fn needed_file(&self) -> Result<PathBuf, TraceError> {
        self.file().ok_or_else(|| {
            let name = Path::new(&self.name);
            self.failed(if name.is_file() {
                format!(
                    "there is no such command in PATH; the file here is ./{}",
                    name.display()
                )
            } else if name.extension().is_some() {
                "there is no such file here, and no such command in PATH".to_string()
            } else {
                "there is no such command in PATH".to_string()
            })
        })
    }
}

/// Starts it. It stands still in its first program if that is [wanted](super::Interests::exec).
pub(super) fn launch(follower: &mut Follower, program: &Program) -> Result<Pid, TraceError> {
    let image = Image::of(program)?;
    let pipe = || pipe2(OFlag::O_CLOEXEC).map_err(|errno| program.failed(errno.desc()));
    let ((gate, opener), (complaints, complainer)) = (pipe()?, pipe()?);
    // SAFETY: the child makes nothing but system calls until it executes the program or ends.
    match unsafe { unistd::fork() }.map_err(|errno| program.failed(errno.desc()))? {
        unistd::ForkResult::Child => {
            drop(opener);
            image.execute_behind(&gate, &complainer)
        }
        unistd::ForkResult::Parent { child } => {
            drop((gate, complainer));
            let pid = Pid(child.as_raw().cast_unsigned());
            follower.children.insert(pid);
            follow_to_start(follower, &image, pid, opener, complaints)
                .map_err(|why| program.failed(why))?;
            Ok(pid)
        }
    }
}

/// Seizes the child, lets it execute the program, and gives back why it could not.
fn follow_to_start(
    follower: &mut Follower,
    image: &Image,
    pid: Pid,
    opener: OwnedFd,
    complaints: OwnedFd,
) -> Result<(), String> {
    let tid = Tid(pid.0);
    ptrace::seize(
        unistd::Pid::from_raw(pid.0.cast_signed()),
        follower.options(),
    )
    .map_err(|errno| format!("it may not be traced: {errno}"))?;
    follower.tracees.add(tid, pid, Doing::Running);
    File::from(opener)
        .write_all(b"x")
        .map_err(|error| error.to_string())?;
    // It may be stopped on its way, so that its other events are taken meanwhile.
    let timeout = PollTimeout::try_from(GLANCE).unwrap_or(PollTimeout::ZERO);
    loop {
        let mut waiting = [PollFd::new(
            std::os::fd::AsFd::as_fd(&complaints),
            PollFlags::POLLIN,
        )];
        match poll(&mut waiting, timeout) {
            Ok(0) | Err(Errno::EINTR) => follower.collect(),
            _ => break,
        }
    }
    let mut errno = [0; 4];
    match File::from(complaints).read_exact(&mut errno) {
        // The kernel has closed it in the exec.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
        Err(error) => Err(error.to_string()),
        Ok(()) => {
            let errno = Errno::from_raw(i32::from_ne_bytes(errno));
            Err(not_executed(image, errno))
        }
    }
}

/// Why the kernel does not execute a file, and what to do: `execve(2)`, "ERRORS".
fn not_executed(image: &Image, errno: Errno) -> String {
    let is_there = || Path::new(OsStr::from_bytes(image.file.to_bytes())).exists();
    let remedy = match errno {
        Errno::EACCES => {
            ": it is not executable; if it is a script, put its interpreter before it, such as python3"
        }
        Errno::ENOEXEC => {
            ": it is no program, and no script whose first line names its interpreter; put that before it, such as python3"
        }
        Errno::ENOENT if is_there() => {
            ": the interpreter that its first line or its ELF header names is not there"
        }
        _ => "",
    };
    format!("{}{remedy}", errno.desc())
}

/// What `execve(2)` needs, made before the fork: after it, the child of a process with threads may not even allocate.
struct Image {
    file: CString,
    /// The arrays of pointers end with a null, and point into the texts.
    arguments: Vec<*const libc::c_char>,
    environment: Vec<*const libc::c_char>,
    _texts: [Vec<CString>; 2],
}

impl Image {
    fn of(program: &Program) -> Result<Image, TraceError> {
        let text = |bytes: Vec<u8>| {
            CString::new(bytes).map_err(|_| program.failed("a word of it has a zero byte"))
        };
        let words = std::iter::once(&program.name).chain(&program.arguments);
        let words: Vec<CString> = words
            .map(|word| text(word.clone().into_vec()))
            .collect::<Result<_, _>>()?;
        let entries = std::env::vars_os().map(|(name, value)| {
            let mut entry = name.into_vec();
            entry.push(b'=');
            entry.extend(value.into_vec());
            text(entry)
        });
        let entries: Vec<CString> = entries.collect::<Result<_, _>>()?;
        let pointers = |texts: &[CString]| -> Vec<*const libc::c_char> {
            let texts = texts.iter().map(|text| text.as_ptr());
            texts.chain(std::iter::once(std::ptr::null())).collect()
        };
        Ok(Image {
            file: text(program.needed_file()?.into_os_string().into_vec())?,
            arguments: pointers(&words),
            environment: pointers(&entries),
            _texts: [words, entries],
        })
    }

    /// In the child: waits until it is followed, and executes the program, or says why it cannot.
    fn execute_behind(&self, gate: &OwnedFd, complainer: &OwnedFd) -> ! {
        let mut byte = 0_u8;
        // SAFETY: only system calls (signal-safety(7)) with what lives in this function and in `self`; the arrays end with null.
        unsafe {
            // If pmdb has died meanwhile, nothing comes.
            if libc::read(gate.as_raw_fd(), (&raw mut byte).cast(), 1) != 1 {
                libc::_exit(NOT_EXECUTED);
            }
            // Rust ignores it in pmdb, which a program would inherit.
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
            libc::execve(
                self.file.as_ptr(),
                self.arguments.as_ptr(),
                self.environment.as_ptr(),
            );
            let errno = Errno::last_raw().to_ne_bytes();
            libc::write(complainer.as_raw_fd(), errno.as_ptr().cast(), errno.len());
            libc::_exit(NOT_EXECUTED)
        }
    }
}
