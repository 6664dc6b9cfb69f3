//! Taking a snapshot of a live process.

mod bundle;
mod facts;
mod of_focus;
mod subject;
mod whole;

use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::statvfs::statvfs;

pub use self::bundle::{Bundled, take_together};
use self::subject::Subject;
use self::whole::take_all;
use super::kept_sources::KeptSources;
use super::shared_memory::SharedRoom;
use crate::model::{CauseFacts, Pid, SharedFacts};
use crate::native::ParsedModules;
use crate::process::live::spare_memory::{Shortage, has_filter, shortage_for_copy};
use crate::process::trace::Custody;
pub use crate::snapshot::SnapshotError;
use crate::snapshot::secrets::Secrets;
use crate::snapshot::{Contents, Written, write, write_new};

/// Who makes them.
const MAKER: &str = concat!("pmdb ", env!("CARGO_PKG_VERSION"));

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotOptions {
    /// Steps from the variables of each frame to what they lead to.
    pub depth: usize,
    /// All memory, however much that is. The process stands still while it is written.
    pub full: bool,
    /// Also the values of variables of the environment that look like secrets.
    pub secrets: bool,
    /// It is copied by a fork of it, so that it stands still for no longer than that takes.
    pub fork: bool,
    /// How much of the memory that is shared with others goes into one file beside what the frames lead to, in bytes.
    pub shared: u64,
}

impl SnapshotOptions {
    pub const DEPTH: usize = 3;
    /// Copying it takes some 5 ms, for which the process stands still.
    pub const SHARED: u64 = 16 << 20;

    /// What is masked in a file of these processes; nothing if it keeps all.
    fn secrets_of(&self, pids: &[Pid]) -> Option<Secrets> {
        (!self.secrets && !self.full).then(|| Secrets::of_processes(pids))
    }

    fn room(&self, pids: &[Pid]) -> SharedRoom {
        SharedRoom::new(if self.full { u64::MAX } else { self.shared }, pids)
    }
}

/// A snapshot that was written.
#[derive(Debug)]
pub struct Taken {
    pub written: Written,
    pub name: String,
    /// How long the process stood still.
    pub pause: Duration,
    /// All that was looked at is kept.
    pub is_whole: bool,
    /// It could not be stopped, and was asked for by itself.
    pub from_inside: bool,
    pub shared: Vec<SharedFacts>,
}

/// Where a snapshot goes.
#[derive(Debug, Clone, Copy)]
pub enum Destination<'d> {
    /// A file, which is replaced if there is one.
    File(&'d Path),
    /// A new file in a folder, which is made if it is not there: `PID-1.pmdb`.
    New(&'d Path),
}

/// Why a snapshot is taken, and what the process itself has done for it.
#[derive(Debug, Default)]
pub struct Occasion {
    pub cause: Option<CauseFacts>,
    /// Its memory as it has opened it itself, for where nobody else may look at it: the number that pmdb has it by.
    pub memory: Option<RawFd>,
}

/// Writes a snapshot of a process. It goes on as it was.
pub fn take(
    pid: Pid,
    destination: Destination<'_>,
    options: SnapshotOptions,
    occasion: Occasion,
) -> Result<Taken, SnapshotError> {
    match destination {
        Destination::File(path) => {
            let write = |contents: &Contents<'_>| write(path, contents);
            take_in(&Custody::Nobody, pid, options, occasion, write)
        }
        Destination::New(folder) => {
            let names = new_names(folder, pid)?;
            let write = |contents: &Contents<'_>| write_new(names, contents);
            take_in(&Custody::Nobody, pid, options, occasion, write)
        }
    }
}

/// The names that no file in a folder has, which is made if it is not there. Not if its disk is nearly full.
fn new_names(
    folder: &Path,
    pid: Pid,
) -> Result<impl Iterator<Item = PathBuf> + Send + use<>, SnapshotError> {
    let made = std::fs::create_dir_all(folder);
    made.map_err(|error| SnapshotError::NoFolder {
        folder: folder.to_owned(),
        error,
    })?;
    if is_nearly_full(folder) {
        return Err(SnapshotError::NearlyFull {
            folder: folder.to_owned(),
        });
    }
    let folder = folder.to_owned();
    let names = (1..MOST_NAMES).map(move |number| folder.join(format!("{pid}-{number}.pmdb")));
    Ok(names.filter(|path| path.symlink_metadata().is_err()))
}

/// The same of a process that somebody may trace already.
fn take_in(
    custody: &Custody,
    pid: Pid,
    options: SnapshotOptions,
    occasion: Occasion,
    write: impl FnOnce(&Contents<'_>) -> Result<Written, SnapshotError> + Send,
) -> Result<Taken, SnapshotError> {
    if options.fork {
        may_be_forked(pid)?;
    }
    let mut room = options.room(&[pid]);
    if options.full {
        let mut sources = KeptSources::default();
        return take_all(
            custody,
            pid,
            (&options, occasion.cause),
            &mut room,
            (&mut sources, true),
            write,
        );
    }
    let parsed = ParsedModules::default();
    let secrets = options.secrets_of(&[pid]);
    let is_handed = occasion.memory.is_some();
    let subject = Subject::prepare(pid, &options, occasion, &mut room)?;
    let captured = subject.look(custody, &parsed);
    let (captured, from_inside) = match captured {
        Err(_) if is_handed => (subject.look(&Custody::Itself, &parsed), true),
        captured => (captured, false),
    };
    let mut snapshot = subject.finish(captured?, secrets.as_ref());
    snapshot.facts.from_inside = from_inside;
    if from_inside {
        snapshot.facts.pause_us = None;
    }
    snapshot.facts.by_fork = options.fork;
    let mut sources = KeptSources::without(secrets.unwrap_or_default());
    snapshot.note_sources(&mut sources);
    snapshot.sources = sources.packed();
    let written = write(&snapshot.contents(&room))?;
    Ok(snapshot.taken(written))
}

/// Whether a process can be copied without harm to it or to the machine.
fn may_be_forked(pid: Pid) -> Result<(), SnapshotError> {
    if has_filter(pid) {
        return Err(SnapshotError::Filtered { pid });
    }
    match shortage_for_copy(pid) {
        Some(Shortage { needed, free, of }) => {
            Err(SnapshotError::NoMemoryForCopy { needed, free, of })
        }
        None => Ok(()),
    }
}

/// Snapshots of one process in a folder.
const MOST_NAMES: usize = 100_000;

fn is_nearly_full(folder: &Path) -> bool {
    /// What has to stay free on a disk that nobody watches: one part of so many.
    const PART: u64 = 20;
    statvfs(folder).is_ok_and(|disk| disk.blocks_available() < disk.blocks() / PART)
}
