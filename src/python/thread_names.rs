//! The names that threads have in Python: those of `threading.Thread` objects.

use std::collections::HashMap;

use num_traits::ToPrimitive;

use super::LookError;
use super::layout::FrameLayout;
use super::look::Look;
use super::object::{Builtin, Integer};
use crate::model::Addr;

/// Entries of `threading._active` that are read.
const MOST_THREADS: usize = 100_000;

/// How often they are read anew when the dict was changing.
const MOST_READS: usize = 8;

/// What `threading` calls the thread that was there first, also where `threading` was never imported.
pub(super) const MAIN_THREAD: &str = "MainThread";

/// What a `threading.Thread` says of its thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ThreadName {
    pub name: Option<String>,
    pub daemon: Option<bool>,
}

impl Look<'_> {
    /// By `Thread.ident`, the pthread_t: `threading._active` of an interpreter (`Lib/threading.py`). Empty if it has
    /// not imported `threading`, or is changing it.
    pub(super) fn thread_names(&self, interpreter: Addr) -> HashMap<u64, ThreadName> {
        for _ in 0..MOST_READS {
            if let Ok(names) = self.active_threads(interpreter) {
                return names;
            }
            self.memory.forget();
        }
        HashMap::new()
    }

    fn active_threads(&self, interpreter: Addr) -> Result<HashMap<u64, ThreadName>, LookError> {
        let modules = self.known_modules(interpreter)?;
        let mut names = HashMap::new();
        let Some(&threading) = modules.get("threading") else {
            return Ok(names);
        };
        let Some(active) = self.dict_get_str(threading, "_active")? else {
            return Ok(names);
        };
        for (key, thread) in self.dict_items(active, MOST_THREADS)? {
            // A thread may leave while this is read, and its objects become others; the rest keep their names.
            if let Ok(Some(ident)) = self.number(key)
                && self.ident_of(thread).is_ok_and(|own| own == Some(ident))
                && let Ok(name) = self.thread_name(thread)
            {
                names.insert(ident, name);
            }
        }
        Ok(names)
    }

    /// `Thread._ident`, which is also its key in `_active`.
    fn ident_of(&self, thread: Addr) -> Result<Option<u64>, LookError> {
        match self.held_attribute(thread, "_ident")? {
            Some(ident) => self.number(ident),
            None => Ok(None),
        }
    }

    fn number(&self, object: Addr) -> Result<Option<u64>, LookError> {
        if self.type_of(object)?.builtin != Builtin::Int {
            return Ok(None);
        }
        Ok(match self.integer(object)? {
            Integer::Exact(number) => number.to_u64(),
            Integer::Huge { .. } => None,
        })
    }

    fn thread_name(&self, thread: Addr) -> Result<ThreadName, LookError> {
        let daemon = match self.held_attribute(thread, "_daemonic")? {
            Some(value) if self.type_of(value)?.builtin == Builtin::Bool => {
                match self.integer(value)? {
                    Integer::Exact(number) => Some(number != 0.into()),
                    Integer::Huge { .. } => None,
                }
            }
            _ => None,
        };
        Ok(ThreadName {
            name: self.text_attribute(thread, "_name")?,
            daemon,
        })
    }

    /// The name of a thread that `_active` does not have yet, because it is being started: its first function is
    /// `Thread._bootstrap(self)`.
    pub(super) fn starting_thread_name(&self, state: Addr) -> Option<ThreadName> {
        let stack = self.stack(state);
        let first = stack.frames.last()?;
        let is_bootstrap = matches!(
            first.code.qualname.as_str(),
            "Thread._bootstrap" | "_bootstrap"
        ) && first.code.file.ends_with("threading.py");
        if !is_bootstrap {
            return None;
        }
        let (slots, tag) = match self.layout().frame {
            FrameLayout::Object(layout) => (first.address.plus(layout.localsplus), 0),
            FrameLayout::Interpreter(layout) => {
                (first.address.plus(layout.localsplus), layout.reference_tag)
            }
        };
        let thread = Addr(self.memory.u64(slots).ok()? & !tag);
        self.thread_name(thread).ok()
    }
}
