//! What the agent needs in the process before it runs: a page for the text that starts it, and two pipes.
//!
//! The process makes them itself, by system calls in its name, and pmdb opens its own ends through `/proc/PID/fd`: that works in whatever
//! mount, network and pid namespace the process lives, and leaves nothing in any file system.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::AgentError;
use super::channel::Channel;
use super::compiled::Store;
use super::remains::{PAGE_NAME, Record};
use super::script::Ends;
use crate::model::{Addr, Pid};
use crate::process::live::LiveProcess;
use crate::process::live::circumstances::largest_file;
use crate::process::trace::{Call, Hold, TraceError};

/// What a pipe holds, and what it is made to hold where that is not enough. Anybody may ask for up to 1 MiB (pipe(7)). Bytes.
const USUAL_PIPE: usize = 64 * 1024;
pub(super) const LARGER_PIPE: i32 = 256 * 1024;

/// The least number of a file descriptor that the process keeps. One that closes all files, as daemons do, and opens others then does not
/// give them these numbers, so that the agent can have them again; and a program that counts on the lowest free number gets it.
const LOWEST_END: u64 = 700;

/// Bytes of a mapping. The texts take up to a kilobyte.
pub(super) const PAGE: u64 = 4096;
/// Where the text of a helper thread lies in the page, and the data of its stub (`helper.rs`).
pub(super) const HELPER_TEXT_AT: u64 = 1536;
pub(super) const DATA_AT: u64 = 3072;
/// Where it says whose page this is, and what belongs to it.
pub(super) const RECORD_AT: u64 = 3584;

/// Where it says where the function is that stands before a callback (`unwind_filter.rs`). The process writes that itself.
pub(super) const FILTER_FUNCTION_AT: u64 = RECORD_AT + 8 * Record::LENGTH as u64;

#[derive(Debug, Clone, Copy)]
pub(super) struct Furniture {
    pub(super) text: Addr,
    /// The page with the stub of a helper thread, once there was one.
    pub(super) code: Option<Addr>,
    /// The page with the function that stands before a callback of the agent (`unwind_filter.rs`).
    pub(super) filter: Option<Addr>,
    pub(super) ends: Ends,
}

/// Both ends of both pipes, as pipe2(2) wrote them.
struct Pipes {
    commands: [i32; 2],
    answers: [i32; 2],
}

impl Furniture {
    /// Puts everything into a process that is held. What `source` gives waits in the pipe of commands; the file
    /// beside it is where the agent finds the rest.
    pub(super) fn bring(
        hold: &mut Hold,
        source: impl FnOnce(&mut Hold) -> (String, Option<Store>),
    ) -> Result<(Furniture, Channel), AgentError> {
        let text = make_marked_page(hold)?;
        hold.write(text.plus(RECORD_AT), &Record::default().bytes())?;
        let (source, store) = source(hold);
        let store = store.map(|store| (store.end, store.inode));
        let pipes = Pipes::make(hold, text);
        let opened = pipes.and_then(|pipes| {
            let furniture = |[commands_inode, answers_inode]: [u64; 2]| Furniture {
                text,
                code: None,
                filter: None,
                ends: Ends {
                    commands: pipes.commands[0],
                    answers: pipes.answers[1],
                    kept: pipes.answers[0],
                    commands_inode,
                    answers_inode,
                    store,
                },
            };
            match pipes.open(hold, source.as_bytes()) {
                Ok((channel, inodes)) => Ok((furniture(inodes), channel)),
                Err(error) => {
                    pipes.close(hold);
                    Err(error)
                }
            }
        });
        if opened.is_err() {
            unmap(hold, text);
            close(
                hold,
                &store.map(|(end, _)| end).into_iter().collect::<Vec<_>>(),
            );
        }
        opened
    }

    /// That of a forked child, if the agent in it has put pipes of its own in the place of its parent's (`inferior/forking.py`), or of
    /// a process that has closed them, in the place of those.
    pub(super) fn of_child(&self, pid: Pid) -> Result<Option<(Furniture, Channel)>, AgentError> {
        let failed = |action| {
            move |error: std::io::Error| match LiveProcess::open(pid) {
                // Only root may open files of a process that is not dumpable.
                Err(why) if error.kind() == ErrorKind::PermissionDenied => AgentError::Process(why),
                _ => AgentError::Pipe { pid, action, error },
            }
        };
        let path = |end: i32| format!("/proc/{pid}/fd/{end}");
        let numbers = [self.ends.commands, self.ends.answers];
        for end in numbers {
            let kind = match fs::metadata(path(end)) {
                // The program has closed it.
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                kind => kind.map_err(failed("opened"))?,
            };
            let is_old = [self.ends.commands_inode, self.ends.answers_inode].contains(&kind.ino());
            // If it is no pipe, the program has closed it, and opened something else.
            if is_old || !kind.file_type().is_fifo() {
                return Ok(None);
            }
        }
        let commands = OpenOptions::new()
            .write(true)
            .open(path(self.ends.commands))
            .map_err(failed("opened"))?;
        let answers = File::open(path(self.ends.answers)).map_err(failed("opened"))?;
        let [commands_inode, answers_inode] = inodes(pid, [&commands, &answers])?;
        let ends = Ends {
            commands_inode,
            answers_inode,
            store: None,
            ..self.ends
        };
        let furniture = Furniture { ends, ..*self };
        Ok(Some((furniture, Channel::new(pid, commands, answers))))
    }

    /// A page that can be executed, made if there is none. It cannot be written by the process, which some systems forbid.
    pub(super) fn bring_code(&mut self, hold: &mut Hold) -> Result<Addr, AgentError> {
        if let Some(code) = self.code {
            return Ok(code);
        }
        let code = make_page(
            hold,
            "map a page for code",
            libc::PROT_READ | libc::PROT_EXEC,
        )?;
        self.code = Some(code);
        self.write_record(hold)?;
        Ok(code)
    }

    /// The page of the function that stands before a callback is there.
    pub(super) fn has_filter(&mut self, hold: &Hold, page: Addr) -> Result<(), TraceError> {
        self.filter = Some(page);
        self.write_record(hold)
    }

    fn write_record(&self, hold: &Hold) -> Result<(), TraceError> {
        let record = Record {
            pipes: [self.ends.commands_inode, self.ends.answers_inode],
            code: self.code,
            filter: self.filter,
        };
        hold.write(self.text.plus(RECORD_AT), &record.bytes())
    }

    /// `with_filter`: nothing leads into its page any more.
    pub(super) fn take_away_pages(
        &self,
        hold: &mut Hold,
        with_filter: bool,
    ) -> Result<(), AgentError> {
        let filter = self.filter.filter(|_| with_filter);
        let pages = [Some(self.text), self.code, filter];
        let unmap = |page: Addr| call(libc::SYS_munmap, [page.0, PAGE, 0, 0, 0, 0]);
        let calls: Vec<Call> = pages.into_iter().flatten().map(unmap).collect();
        make(hold, "unmap a page", &calls).map(drop)
    }

    /// The file descriptors alone: for an agent that was never started, while something may still read a page. Those that the process has
    /// closed meanwhile may be others by now.
    pub(super) fn take_away_ends(&self, hold: &mut Hold) {
        let pid = hold.pid();
        let is_there = |&(end, inode): &(i32, u64)| {
            let file = fs::metadata(format!("/proc/{pid}/fd/{end}"));
            file.is_ok_and(|file| file.ino() == inode)
        };
        let ends = self.ends.all().into_iter().filter(is_there);
        close(hold, &ends.map(|(end, _)| end).collect::<Vec<_>>());
    }

    /// For an agent that was never started: the ends that it would have closed itself.
    pub(super) fn take_away_all(&self, hold: &mut Hold) {
        let _ = self.take_away_pages(hold, true);
        self.take_away_ends(hold);
    }
}

impl Pipes {
    fn make(hold: &mut Hold, page: Addr) -> Result<Pipes, AgentError> {
        let cloexec = u64::from(libc::O_CLOEXEC.cast_unsigned());
        let pipe = |at: u64| call(libc::SYS_pipe2, [page.plus(at).0, cloexec, 0, 0, 0, 0]);
        make(hold, "make two pipes", &[pipe(0), pipe(8)])?;
        let mut bytes = [0; 16];
        hold.read(page, &mut bytes)?;
        let end = |at: usize| {
            i32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let mut pipes = Pipes {
            commands: [end(0), end(4)],
            answers: [end(8), end(12)],
        };
        let inode = |end| fs::metadata(format!("/proc/{}/fd/{end}", hold.pid()));
        let inode = |end| inode(end).map_or(0, |about| about.ino());
        let record = Record {
            pipes: [inode(end(0)), inode(end(8))],
            ..Record::default()
        };
        hold.write(page.plus(RECORD_AT), &record.bytes())?;
        pipes.number_high(hold)?;
        Ok(pipes)
    }

    /// Gives those that the process keeps numbers from [`LOWEST_END`] on. Where it may not have so many files they stay as they are.
    fn number_high(&mut self, hold: &mut Hold) -> Result<(), AgentError> {
        let low = [self.commands[0], self.answers[0], self.answers[1]];
        let [commands, kept, answers] = numbered_high(hold, low)?;
        (self.commands[0], self.answers) = (commands, [kept, answers]);
        Ok(())
    }

    /// pmdb's ends, and the inodes of the pipes. The process's copy of the writing end of the commands is closed, so that they end when pmdb does.
    fn open(&self, hold: &mut Hold, source: &[u8]) -> Result<(Channel, [u64; 2]), AgentError> {
        let pid = hold.pid();
        let failed = |action| move |error| AgentError::Pipe { pid, action, error };
        let path = |end: i32| format!("/proc/{pid}/fd/{end}");
        let mut commands = OpenOptions::new()
            .write(true)
            .open(path(self.commands[1]))
            .map_err(failed("opened"))?;
        let answers = File::open(path(self.answers[0])).map_err(failed("opened"))?;
        if source.len() > USUAL_PIPE {
            let larger = FcntlArg::F_SETPIPE_SZ(LARGER_PIPE);
            fcntl(&commands, larger).map_err(|errno| failed("enlarged")(errno.into()))?;
        }
        // It fits: `the_source_fits_into_a_pipe`.
        commands.write_all(source).map_err(failed("written"))?;
        close(hold, &[self.commands[1]]);
        let inodes = inodes(pid, [&commands, &answers])?;
        Ok((Channel::new(pid, commands, answers), inodes))
    }

    fn close(&self, hold: &mut Hold) {
        close(hold, &[self.commands, self.answers].concat());
    }
}

/// File descriptors from [`LOWEST_END`] on in the place of some of a process; these where it may not have so many files.
pub(super) fn numbered_high<const COUNT: usize>(
    hold: &mut Hold,
    low: [i32; COUNT],
) -> Result<[i32; COUNT], TraceError> {
    let how = libc::F_DUPFD_CLOEXEC.cast_unsigned().into();
    let copy = |end: i32| {
        let arguments = [end.cast_unsigned().into(), how, LOWEST_END, 0, 0, 0];
        call(libc::SYS_fcntl, arguments)
    };
    let numbers = hold.system_calls(&low.map(copy))?;
    let high: Vec<i32> = numbers
        .iter()
        .filter_map(|&number| i32::try_from(number).ok().filter(|number| *number >= 0))
        .collect();
    match <[i32; COUNT]>::try_from(high) {
        Ok(high) => {
            close(hold, &low);
            Ok(high)
        }
        Err(high) => {
            close(hold, &high);
            Ok(low)
        }
    }
}

fn inodes(pid: Pid, files: [&File; 2]) -> Result<[u64; 2], AgentError> {
    let action = "looked at";
    let inode = |file: &File| {
        let metadata = file.metadata();
        metadata.map_or_else(
            |error| Err(AgentError::Pipe { pid, action, error }),
            |metadata| Ok(metadata.ino()),
        )
    };
    Ok([inode(files[0])?, inode(files[1])?])
}

pub(super) fn call(number: libc::c_long, arguments: [u64; 6]) -> Call {
    Call { number, arguments }
}

/// Makes system calls that must succeed.
pub(super) fn make(
    hold: &mut Hold,
    action: &'static str,
    calls: &[Call],
) -> Result<Vec<i64>, AgentError> {
    let pid = hold.pid();
    let results = hold.system_calls(calls)?;
    match results.iter().find(|result| (-4095..0).contains(*result)) {
        Some(errno) => Err(AgentError::Refused {
            pid,
            action,
            errno: -errno,
        }),
        None => Ok(results),
    }
}

/// A page of the process's own, for what `protection` allows (mmap(2)).
pub(super) fn make_page(
    hold: &mut Hold,
    action: &'static str,
    protection: i32,
) -> Result<Addr, AgentError> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let (protection, flags) = (protection.cast_unsigned(), flags.cast_unsigned());
    let map = [0, PAGE, protection.into(), flags.into(), u64::MAX, 0];
    let made = make(hold, action, &[call(libc::SYS_mmap, map)])?;
    Ok(Addr(made.first().copied().unwrap_or(0).cast_unsigned()))
}

/// A page of which the list of mappings says that it is pmdb's, a private copy of a file without a place: so it is found if pmdb is killed. One
/// without a name where the process may make no such file.
fn make_marked_page(hold: &mut Hold) -> Result<Addr, AgentError> {
    let action = "map a page";
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE);
    // Where files may not be as large as a page, making one so would end in SIGXFSZ.
    let is_too_large = largest_file(hold.pid()).is_some_and(|most| most < PAGE);
    let file = match is_too_large {
        true => None,
        false => make_named_file(hold, PAGE_NAME)?,
    };
    let Some(file) = file else {
        return make_page(hold, action, protection);
    };
    let file_number = file.cast_unsigned().into();
    let (protection, flags) = (protection.cast_unsigned(), flags.cast_unsigned());
    let map = [0, PAGE, protection.into(), flags.into(), file_number, 0];
    let enlarge = call(libc::SYS_ftruncate, [file_number, PAGE, 0, 0, 0, 0]);
    let made = make(hold, action, &[enlarge, call(libc::SYS_mmap, map)]);
    close(hold, &[file]);
    let page = made?.get(1).copied().unwrap_or(0);
    Ok(Addr(page.cast_unsigned()))
}

/// A file without a place (memfd_create(2)); nothing if the process may not have one. The name ends in a zero byte.
pub(super) fn make_named_file(hold: &mut Hold, name: &[u8]) -> Result<Option<i32>, AgentError> {
    let flags = u64::from(libc::MFD_CLOEXEC);
    let create = |name: Addr| call(libc::SYS_memfd_create, [name.0, flags, 0, 0, 0, 0]);
    let made = hold.system_calls_on(&mut name.to_vec(), |name| vec![create(name)])?;
    let file = made.first().and_then(|made| i32::try_from(*made).ok());
    Ok(file.filter(|file| *file >= 0))
}

/// What fails here fails because the process is ending, and then there is nothing to take away.
pub(super) fn unmap(hold: &mut Hold, page: Addr) {
    let _ = hold.system_calls(&[call(libc::SYS_munmap, [page.0, PAGE, 0, 0, 0, 0])]);
}

pub(super) fn close(hold: &mut Hold, ends: &[i32]) {
    let number = |end: &i32| u64::from(end.cast_unsigned());
    let calls: Vec<Call> = ends
        .iter()
        .map(|end| call(libc::SYS_close, [number(end), 0, 0, 0, 0, 0]))
        .collect();
    let _ = hold.system_calls(&calls);
}
