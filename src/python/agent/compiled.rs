//! The agent's code, compiled by the first process that a command of pmdb brings it into, for all that run the same interpreter later.
//!
//! Compiling takes an interpreter more than twice as long as all the rest of its start; to load what was compiled, a fiftieth of that. The first gets
//! the source, and leaves the code in a file that has no name (memfd_create(2)), which it closes before any line of the program runs. The others find
//! the code in such a file. What a command has compiled is kept for the next ([`kept`](super::kept)).

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::furniture::{close, make_named_file, numbered_high};
use super::kept;
use super::remains::CODE_NAME;
use crate::model::Addr;
use crate::process::Process;
use crate::process::live::runs_as_pmdb;
use crate::process::trace::Hold;

/// How the code ends in the file: its length in so many bytes.
const LENGTH: usize = 8;
/// Bytes. It is some 300 KiB.
const MOST: u64 = 8 << 20;
/// Processes whose code is waited for at one time. One that was killed meanwhile leaves none.
const MOST_AWAITED: usize = 16;

/// An interpreter, and what it compiles: the file that it is in, when that was written, and a sum of the agent's source for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interpreter {
    pub(super) device: u64,
    pub(super) inode: u64,
    /// Seconds and nanoseconds.
    pub(super) written: (i64, i64),
    pub(super) source: md5::Digest,
}

impl Interpreter {
    /// That whose code lies at an address.
    pub(super) fn at(
        process: &dyn Process,
        code: Addr,
        source: md5::Digest,
    ) -> Option<Interpreter> {
        let mappings = process.mappings();
        let mapping = mappings.iter().find(|mapping| mapping.contains(code))?;
        let file = process.open_file(mapping).ok()?.metadata().ok()?;
        Some(Interpreter {
            device: file.dev(),
            inode: file.ino(),
            written: (file.mtime(), file.mtime_nsec()),
            source,
        })
    }
}

/// What the processes of one command have compiled.
#[derive(Debug, Clone, Default)]
pub struct Compiled(Arc<Mutex<Shelf>>);

#[derive(Debug, Default)]
struct Shelf {
    known: Vec<(Interpreter, Arc<[u8]>)>,
    awaited: Vec<(Interpreter, File)>,
}

impl Compiled {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // Nothing panics while it has the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn of(&self, interpreter: Interpreter) -> Option<Arc<[u8]>> {
        let mut shelf = self.shelf();
        shelf.take_in();
        if !shelf.known.iter().any(|(known, _)| *known == interpreter) {
            let code = kept::read(&interpreter)?;
            shelf.known.push((interpreter, code.into()));
        }
        let found = shelf.known.iter().find(|(known, _)| *known == interpreter);
        found.map(|(_, code)| code.clone())
    }

    /// What processes have left is kept now, not only when the command has ended.
    pub fn keep(&self) {
        self.shelf().take_in();
    }

    /// A process will leave the code in a file.
    fn expect(&self, interpreter: Interpreter, file: File) {
        let mut shelf = self.shelf();
        if shelf.awaited.len() == MOST_AWAITED {
            shelf.awaited.remove(0);
        }
        shelf.awaited.push((interpreter, file));
    }
}

impl Shelf {
    /// What processes have left meanwhile is known, and kept.
    fn take_in(&mut self) {
        for (interpreter, file) in std::mem::take(&mut self.awaited) {
            match whole(&file) {
                Some(_) if self.known.iter().any(|(known, _)| *known == interpreter) => {}
                Some(code) => {
                    kept::write(&interpreter, &code);
                    self.known.push((interpreter, code.into()));
                }
                None => self.awaited.push((interpreter, file)),
            }
        }
    }
}

impl Drop for Shelf {
    /// The command has ended; it may have had but one Python.
    fn drop(&mut self) {
        self.take_in();
    }
}

/// The code in a file, if all of it is there.
fn whole(file: &File) -> Option<Vec<u8>> {
    let length = file.metadata().ok()?.len();
    let mut bytes = vec![0; usize::try_from(length.min(MOST)).ok()?];
    file.read_exact_at(&mut bytes, 0).ok()?;
    let code = bytes.len().checked_sub(LENGTH)?;
    let length = bytes.split_off(code);
    (length == (code as u64).to_le_bytes()).then_some(bytes)
}

/// A file in a process, from which it takes the code, or in which it leaves it.
pub(super) struct Store {
    pub(super) end: i32,
    pub(super) inode: u64,
    /// Of the code that is there already. Bytes.
    pub(super) code: Option<usize>,
}

impl Store {
    /// Nothing where the process may not have one.
    pub(super) fn bring(
        hold: &mut Hold,
        interpreter: Interpreter,
        compiled: &Compiled,
    ) -> Option<Store> {
        let low = make_named_file(hold, CODE_NAME).ok()??;
        let [end] = numbered_high(hold, [low]).unwrap_or([low]);
        let path = format!("/proc/{}/fd/{end}", hold.pid());
        let opened = OpenOptions::new().read(true).write(true).open(path);
        let inode = opened.as_ref().ok().and_then(|file| file.metadata().ok());
        let (Ok(mut file), Some(inode)) = (opened, inode.map(|about| about.ino())) else {
            // It compiles for itself.
            close(hold, &[end]);
            return None;
        };
        let store = |code| Some(Store { end, inode, code });
        match compiled.of(interpreter) {
            Some(code) => store(file.write_all(&code).is_ok().then_some(code.len())),
            // What another user's process leaves is not for those of this one to run.
            None if !runs_as_pmdb(hold.pid()) => store(None),
            None => {
                compiled.expect(interpreter, file);
                store(None)
            }
        }
    }
}
