//! One walk through one interpreter process.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::asyncio::FutureClass;
use super::code::Code;
use super::layout::Layout;
use super::locate::Located;
use super::modules::Modules;
use super::numpy::{Release, SegmentMemory};
use super::object::{KeyHash, TypeInfo};
use super::repr::KnownValues;
use crate::model::Addr;
use crate::process::{Budget, Memory, Process, Spent};

/// Reads the objects of one process through a cache that lasts as long as this does. A live target goes on running:
/// make a new one for each answer.
pub struct Look<'p> {
    pub(super) process: &'p dyn Process,
    pub(super) memory: Memory<'p>,
    pub(super) located: &'p Located,
    pub(super) types: RefCell<FxHashMap<u64, Rc<TypeInfo>>>,
    pub(super) codes: RefCell<FxHashMap<u64, Arc<Code>>>,
    /// The dicts of static types that the interpreter keeps apart, by type (3.12+).
    pub(super) static_dicts: OnceCell<HashMap<u64, Addr>>,
    /// The numpy that the process has imported, once that was asked for.
    pub(super) numpy: OnceCell<Option<Release>>,
    /// How the process hashes, once a dict has shown it; nothing if that is not known.
    pub(super) key_hash: OnceCell<Option<KeyHash>>,
    /// By interpreter.
    pub(super) modules: RefCell<HashMap<u64, Rc<Modules>>>,
    /// Values as they are shown.
    pub(super) values: RefCell<KnownValues>,
    /// Where the text of a value is put together: empty, and as large as one needed before.
    pub(super) writing_room: Cell<String>,
    /// Names of static types by their address, once one could not be read of a type itself.
    pub(super) nameless: RefCell<Option<HashMap<u64, String>>>,
    /// Objects that are being written inside each other, in all values at once: what writes one may ask for the value
    /// of another.
    pub(super) writing: Cell<usize>,
    /// Segments of shared memory that an expression has opened.
    pub(super) segments: RefCell<Vec<Arc<dyn SegmentMemory>>>,
    /// By the address of a type: how its instances are futures, if they are.
    pub(super) futures: RefCell<HashMap<u64, Option<FutureClass>>>,
}

impl<'p> Look<'p> {
    /// With the usual budget, of its own.
    pub fn new(process: &'p dyn Process, located: &'p Located) -> Look<'p> {
        Look::within(process, located, Budget::usual())
    }

    pub fn within(process: &'p dyn Process, located: &'p Located, budget: Arc<Budget>) -> Look<'p> {
        let memory = Memory::within(process, budget);
        memory.fetch_habits(&located.habits);
        Look {
            process,
            memory,
            located,
            types: RefCell::default(),
            codes: RefCell::default(),
            static_dicts: OnceCell::new(),
            numpy: OnceCell::new(),
            key_hash: OnceCell::new(),
            modules: RefCell::default(),
            values: RefCell::default(),
            writing_room: Cell::default(),
            nameless: RefCell::default(),
            writing: Cell::default(),
            segments: RefCell::default(),
            futures: RefCell::default(),
        }
    }

    /// Which limit of its budget this walk has reached, if any: what it gave is then not all.
    pub fn spent(&self) -> Option<Spent> {
        self.memory.spent()
    }

    /// Forgets the memory that was read, so that what is asked next is as it then is.
    pub fn forget(&self) {
        self.memory.forget();
    }

    pub(super) fn layout(&self) -> &'static Layout {
        self.located.layout
    }
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        self.memory.keep_habits(&self.located.habits);
    }
}
