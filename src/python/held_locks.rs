//! Locks that a thread holds, as far as its variables name them: those of `multiprocessing`, and of `threading`.
//!
//! Looked through are the locals of the thread's frames, the globals of their modules, and two levels of attributes of the instances among
//! these: `self.lock` of `multiprocessing` has its `SemLock` in `_semlock`, and so has a lock of `Value` and `Array`.

use rustc_hash::FxHashSet;

use super::look::Look;
use super::object::Builtin;
use super::repr::Limits;
use super::thread::PythonThread;
use crate::model::{Addr, HeldLock};
use crate::process::Backing;

/// Of the thread, the newest.
const MOST_FRAMES: usize = 50;
/// Of each module or instance.
const MOST_NAMES: usize = 1_000;
/// Objects that are looked at in all.
const MOST_OBJECTS: usize = 20_000;
/// Attributes of attributes that are looked at.
const DEEPEST: usize = 2;
/// Their text is not wanted.
const BRIEF: Limits = Limits {
    characters: 1,
    depth: 0,
};

/// `SemLockObject`, `Modules/_multiprocessing/semaphore.c`, CPython 3.8 to 3.15: bytes from its beginning.
mod sem_lock {
    pub const HANDLE: u64 = 16;
    pub const LAST_THREAD: u64 = 24;
    pub const COUNT: u64 = 32;
}
/// `rlockobject`, `Modules/_threadmodule.c`: the thread that has it, or 0, after the head and a pointer (to CPython 3.13) or a mutex. Bytes from its
/// beginning.
const OWNER: u64 = 24;
/// Of `lockobject`, the same file, the last word says whether it is locked: a byte, to CPython 3.13; since then a mutex, whose first bit it is.
const LOCKED_WORD: u64 = 8;

struct Search<'s, 'p> {
    look: &'s Look<'p>,
    /// `pthread_self()` of the thread.
    thread: u64,
    found: Vec<HeldLock>,
    seen: FxHashSet<u64>,
}

impl Look<'_> {
    /// The locks that a thread holds; of a lock of `threading`, which does not say who has it, those that somebody has. `ident` is what the
    /// thread has in FS; with 0, which is that of nobody, any thread of the process may be the owner.
    pub fn held_locks(&self, thread: &PythonThread, ident: u64) -> Vec<HeldLock> {
        let mut search = Search {
            look: self,
            thread: ident,
            found: Vec::new(),
            seen: FxHashSet::default(),
        };
        for frame in self.stack(thread.address).frames.iter().take(MOST_FRAMES) {
            let described = self.describe(frame, Some(&BRIEF));
            if frame.code.is_function() {
                for local in &described.locals {
                    if let Some(object) = local.value.address {
                        search.object(object, &local.name, DEEPEST);
                    }
                }
            }
            search.globals(frame.globals);
        }
        search.found
    }
}

impl Search<'_, '_> {
    fn globals(&mut self, globals: Addr) {
        if !self.seen.insert(globals.0) {
            return;
        }
        let items = self.look.dict_items(globals, MOST_NAMES);
        for (name, object) in items.unwrap_or_default() {
            if let Ok(name) = self.look.name(name) {
                self.object(object, &name, DEEPEST);
            }
        }
    }

    fn object(&mut self, object: Addr, expression: &str, depth: usize) {
        if self.seen.len() >= MOST_OBJECTS {
            return;
        }
        let Ok(kind) = self.look.type_of(object) else {
            return;
        };
        if kind.builtin != Builtin::Other || !self.seen.insert(object.0) {
            return;
        }
        let identity = match (kind.module.as_str(), kind.plain_name()) {
            ("_multiprocessing", "SemLock") => self.sem_lock(object),
            ("_thread", "RLock") => self.recursive_lock(object),
            ("_thread", "lock") => self.lock(object, kind.basic_size),
            _ if depth > 0 => {
                let attributes = self.look.instance_attributes(object, MOST_NAMES);
                for (name, value) in attributes.unwrap_or_default() {
                    // What the lock is called, and not what it is made of.
                    let expression = match name.as_str() {
                        "_semlock" => expression.to_string(),
                        name => format!("{expression}.{name}"),
                    };
                    self.object(value, &expression, depth - 1);
                }
                None
            }
            _ => None,
        };
        if let Some(identity) = identity {
            let name = expression.to_string();
            self.found.push(HeldLock { name, identity });
        }
    }

    /// By the semaphore, which is the same in all processes.
    fn sem_lock(&self, object: Addr) -> Option<String> {
        let memory = &self.look.memory;
        let count = memory.i32(object.plus(sem_lock::COUNT)).ok()?;
        let owner = memory.u64(object.plus(sem_lock::LAST_THREAD)).ok()?;
        if count <= 0 || !self.is_it(owner) {
            return None;
        }
        let handle = memory.pointer(object.plus(sem_lock::HANDLE)).ok()?;
        let mapping = self.look.process.mapping_at(handle)?;
        let Backing::File {
            device,
            inode,
            offset,
            ..
        } = &mapping.backing
        else {
            return None;
        };
        let into = handle.0.wrapping_sub(mapping.start.0).wrapping_add(*offset);
        Some(format!("semaphore {device}:{inode}+{into}"))
    }

    fn recursive_lock(&self, object: Addr) -> Option<String> {
        let owner = self.look.memory.u64(object.plus(OWNER)).ok()?;
        (owner != 0 && self.is_it(owner)).then(|| self.own(object))
    }

    fn lock(&self, object: Addr, size: u64) -> Option<String> {
        let at = object.plus(size.checked_sub(LOCKED_WORD)?);
        let locked = self.look.memory.u32(at).ok()?;
        (locked & 1 == 1).then(|| self.own(object))
    }

    fn is_it(&self, owner: u64) -> bool {
        self.thread == 0 || owner == self.thread
    }

    /// Of this process alone.
    fn own(&self, object: Addr) -> String {
        let pid = self.look.process.identity().pid;
        format!("lock {object} of process {}", pid.map_or(0, |pid| pid.0))
    }
}
