//! Exceptions that a thread raises or handles, with the frames of their tracebacks.

use std::collections::HashSet;

use super::LookError;
use super::frame::PythonFrame;
use super::layout::{FrameLayout, RaisedLayout};
use super::look::Look;
use super::repr::Limits;
use crate::model::{Addr, Exception, ExceptionState, Frame};

/// Exceptions along a chain, members of a group, notes and traceback entries that are followed.
const MOST_LINKED: usize = 100;
const MOST_ENTRIES: usize = 50_000;
/// `Py_TPFLAGS_BASE_EXC_SUBCLASS`, `Include/object.h`.
const BASE_EXCEPTION: u64 = 1 << 30;

/// What one walk along causes and contexts has seen and shows.
struct Chain<'a> {
    locals: Option<&'a Limits>,
    text: Limits,
    /// Exceptions that were met: a circle ends where it closes, a long chain at [`MOST_LINKED`].
    seen: Vec<Addr>,
}

impl Look<'_> {
    /// The exceptions of the thread state at `thread`: the one being raised, then those being handled, newest first.
    pub fn exceptions(&self, thread: Addr, locals: Option<&Limits>) -> Vec<Exception> {
        let mut found = Vec::new();
        let mut chain = Chain {
            locals,
            text: locals.copied().unwrap_or_default(),
            seen: Vec::new(),
        };
        if let Ok(Some(object)) = self.raised(thread) {
            found.extend(self.exception(object, ExceptionState::Raised, &mut chain));
        }
        for object in self.handled(thread) {
            found.extend(self.exception(object, ExceptionState::Handled, &mut chain));
        }
        found
    }

    /// One that is known otherwise, with those that led to it.
    pub fn exception_at(&self, object: Addr, locals: Option<&Limits>) -> Option<Exception> {
        let mut chain = Chain {
            locals,
            text: locals.copied().unwrap_or_default(),
            seen: Vec::new(),
        };
        self.exception(object, ExceptionState::Raised, &mut chain)
    }

    pub(super) fn raised(&self, thread: Addr) -> Result<Option<Addr>, LookError> {
        let at = match self.layout().thread.raised {
            RaisedLayout::Triple { value, .. } | RaisedLayout::Value(value) => value,
        };
        let object = self.memory.pointer(thread.plus(at))?;
        // Up to 3.11 the value may not be an exception yet.
        let is_exception = !object.is_null() && self.is_exception(object)?;
        Ok(is_exception.then_some(object))
    }

    pub(super) fn handled(&self, thread: Addr) -> Vec<Addr> {
        let layout = &self.layout().thread;
        let mut objects = Vec::new();
        let mut item = self.memory.pointer(thread.plus(layout.exc_info));
        for _ in 0..MOST_LINKED {
            let Ok(at) = item else { break };
            if at.is_null() {
                break;
            }
            let object = self.memory.pointer(at.plus(layout.stack_item.exc_value));
            let is_exception = |object: &Addr| self.is_exception(*object).unwrap_or(false);
            objects.extend(
                object
                    .ok()
                    .filter(|object| !object.is_null())
                    .filter(is_exception),
            );
            item = self
                .memory
                .pointer(at.plus(layout.stack_item.previous_item));
        }
        objects
    }

    pub(super) fn is_exception(&self, object: Addr) -> Result<bool, LookError> {
        let kind = self
            .memory
            .pointer(object.plus(self.layout().object.kind))?;
        let flags = self.memory.u64(kind.plus(self.layout().types.flags))?;
        Ok(flags & BASE_EXCEPTION != 0)
    }

    fn exception(
        &self,
        object: Addr,
        state: ExceptionState,
        chain: &mut Chain<'_>,
    ) -> Option<Exception> {
        if object.is_null() || chain.seen.contains(&object) || chain.seen.len() >= MOST_LINKED {
            return None;
        }
        chain.seen.push(object);
        self.is_exception(object)
            .ok()
            .filter(|is_exception| *is_exception)?;
        let layout = &self.layout().exception;
        let field = |at| self.memory.pointer(object.plus(at)).unwrap_or(Addr::NULL);
        let kind = field(self.layout().object.kind);
        let message = self.message(object, &chain.text);
        let size = size_of::<Exception>() + message.as_ref().map_or(0, String::len);
        self.memory.keep(object, size).ok()?;
        let linked = ExceptionState::Linked;
        Some(Exception {
            type_name: self.exception_name(kind),
            message: message.unwrap_or_else(|error| error.absence().to_string()),
            state,
            notes: self.notes(object, MOST_LINKED as u64, &chain.text),
            frames: self.traceback(field(layout.traceback), chain.locals),
            cause: self
                .exception(field(layout.cause), linked, chain)
                .map(Box::new),
            context: self
                .exception(field(layout.context), linked, chain)
                .map(Box::new),
            suppress_context: self
                .memory
                .u8(object.plus(layout.suppress_context))
                .is_ok_and(|flag| flag != 0),
            members: self.members(object, kind, chain),
        })
    }

    /// As a traceback prints it: without `builtins` and `__main__`.
    fn exception_name(&self, kind: Addr) -> String {
        match self.qualified_type_name(kind) {
            Ok(name) => name.strip_prefix("__main__.").unwrap_or(&name).to_string(),
            Err(error) => error.absence().to_string(),
        }
    }

    fn members(&self, group: Addr, kind: Addr, chain: &mut Chain<'_>) -> Vec<Exception> {
        let layout = self.layout().exception.group;
        let Some(layout) = layout.filter(|_| self.is_group(kind)) else {
            return Vec::new();
        };
        let members = self
            .memory
            .pointer(group.plus(layout.members))
            .map_err(LookError::from);
        let members = members.and_then(|tuple| self.sequence(tuple, MOST_LINKED as u64));
        members
            .unwrap_or_default()
            .into_iter()
            .filter_map(|member| self.exception(member, ExceptionState::Linked, chain))
            .collect()
    }

    fn is_group(&self, kind: Addr) -> bool {
        let is = |class| {
            self.type_at(class)
                .is_ok_and(|class| class.static_name() == Some("BaseExceptionGroup"))
        };
        self.mro(kind)
            .is_ok_and(|classes| classes.into_iter().any(is))
    }

    /// The newest frame first. The traceback itself begins with the oldest.
    fn traceback(&self, first: Addr, locals: Option<&Limits>) -> Vec<Frame> {
        self.traceback_entries(first)
            .into_iter()
            .filter_map(|entry| self.traceback_frame(entry).ok())
            .map(|frame| self.describe(&frame, locals))
            .collect()
    }

    /// The entries of a traceback, the newest first.
    pub(super) fn traceback_entries(&self, first: Addr) -> Vec<Addr> {
        let next = self.layout().traceback.next;
        let mut entries = Vec::new();
        let mut entry = first;
        let mut seen = HashSet::new();
        while !entry.is_null() && entries.len() < MOST_ENTRIES && seen.insert(entry) {
            entries.push(entry);
            entry = self.memory.pointer(entry.plus(next)).unwrap_or(Addr::NULL);
        }
        entries.reverse();
        entries
    }

    /// The frame of an entry, at the position that it is at.
    pub(super) fn frame_of_entry(&self, entry: Addr) -> Result<PythonFrame, LookError> {
        let object = self
            .memory
            .pointer(entry.plus(self.layout().traceback.frame))?;
        let address = match self.layout().frame {
            FrameLayout::Object(_) => object,
            FrameLayout::Interpreter(frame) => {
                self.memory.pointer(object.plus(frame.frame_object_frame))?
            }
        };
        self.frame(address)?.ok_or(LookError::Torn {
            what: "a traceback",
            address: entry,
        })
    }

    /// The frame of an entry, at the position that raised.
    pub(super) fn traceback_frame(&self, entry: Addr) -> Result<PythonFrame, LookError> {
        let layout = &self.layout().traceback;
        let mut frame = self.frame_of_entry(entry)?;
        let lasti = self.memory.i32(entry.plus(layout.lasti))?;
        let line = self.memory.i32(entry.plus(layout.lineno))?;
        frame.position = self.position(&frame.code, lasti.into());
        if let Some(line) = u32::try_from(line).ok().filter(|line| *line > 0) {
            frame.position.line = Some(line);
        }
        Ok(frame)
    }
}
