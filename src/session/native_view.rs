//! The stack of a thread with its native frames, as it was last read, and the frame of it that is looked at. In a process with Python
//! the frames of Python stand in it where the interpreter runs them.

use super::api::{FrameEntry, FrameStep, Lines, Listing, ListingLine, StackListing};
use super::error::SessionError;
use super::inferior::Inferior;
use super::listing::Library;
use crate::model::{Addr, Frame, Language, Tid};
use crate::native::{LoadedModules, NativeStack, describe};

/// Frames that are kept, the newest.
const MOST_FRAMES: usize = 10_000;

/// What a thread goes through to fail, by the beginning of names: whoever looks at it wants to see who has called that.
const MACHINERY: [&str; 24] = [
    "<signal handler called>",
    "__GI_",
    "__assert",
    "__cxa_",
    "__cxxabiv1::",
    "__pthread_kill",
    "__rustc::",
    "abort",
    "core::option::",
    "core::panicking::",
    "core::result::",
    "core::slice::index::",
    "gsignal",
    "pthread_kill",
    "raise",
    "rust_begin_unwind",
    "rust_panic",
    "std::panic::",
    "std::panicking::",
    "std::process::abort",
    "std::rethrow_exception",
    "std::sys::backtrace::",
    "std::terminate",
    "std::__throw",
];

/// Where a frame of the list comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A machine frame of the stack, and which of its functions.
    Native { machine: usize, inlined: usize },
    /// One of the frames of Python.
    Python(usize),
}

/// What a call keeps while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Identity {
    /// Where its caller's part of the stack begins.
    Begin(Addr),
    /// How many frames of Python there are from the oldest up to it.
    FromOldest(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub frame: Frame,
    pub place: Place,
}

/// The newest frame first.
#[derive(Debug, Clone)]
pub(super) struct NativeView {
    pub tid: Tid,
    pub stack: NativeStack,
    pub calls: Vec<Call>,
    pub note: Option<String>,
    selected: usize,
    /// The last line of the last listing.
    listed: Option<u32>,
}

/// The frames of the source of a stack.
pub(super) fn calls(stack: &NativeStack, modules: &LoadedModules<'_>) -> Vec<Call> {
    let machines = stack.frames.iter().enumerate();
    let calls = machines.flat_map(|(machine, frame)| {
        let sources = describe(frame, modules).into_iter().enumerate();
        sources.map(move |(inlined, frame)| Call {
            frame,
            place: Place::Native { machine, inlined },
        })
    });
    calls.take(MOST_FRAMES).collect()
}

impl NativeView {
    /// Of a thread that fails, the frame is chosen that has called what fails.
    pub fn new(
        tid: Tid,
        stack: NativeStack,
        calls: Vec<Call>,
        note: Option<String>,
        fails: bool,
    ) -> NativeView {
        let is_machinery = |call: &Call| {
            let name = call.frame.function.trim_start_matches('<');
            MACHINERY
                .iter()
                .any(|begin| name.starts_with(begin.trim_start_matches('<')))
        };
        let caller = calls.iter().position(|call| !is_machinery(call));
        NativeView {
            tid,
            note,
            stack,
            selected: caller.filter(|_| fails).unwrap_or(0),
            calls,
            listed: None,
        }
    }

    pub fn selected(&self) -> Option<&Call> {
        self.calls.get(self.selected)
    }

    /// Where a machine frame's part of the stack begins, from its oldest end.
    fn top_of(&self, machine: usize) -> Option<Addr> {
        let frame = self.stack.frames.get(machine)?;
        Some(frame.registers.stack_pointer())
    }

    /// Puts another reading in its place. The focus stays on its frame, and goes to the newest one if that is not there any more: then this
    /// says `false`.
    pub fn replace(&mut self, new: NativeView) -> bool {
        let old = self
            .selected()
            .map(|call| (call.clone(), self.identity(call)));
        let (selected, listed) = (self.selected, self.listed);
        *self = new;
        let Some((old, identity)) = old else {
            return true;
        };
        let is_same = |call: &&Call| {
            call.frame.function == old.frame.function && self.identity(call) == identity
        };
        let same = self.calls.iter().position(|call| is_same(&call));
        // The newest one has moved on within its function.
        let is_newest = selected == 0;
        match same {
            Some(place) => (self.selected, self.listed) = (place, listed),
            None if is_newest => return false,
            None => {
                self.selected = 0;
                return false;
            }
        }
        true
    }

    /// Tells a call from others of the same function.
    fn identity(&self, call: &Call) -> Option<Identity> {
        match call.place {
            Place::Native { machine, .. } => self.top_of(machine + 1).map(Identity::Begin),
            Place::Python(number) => {
                let is_python = |call: &&Call| matches!(call.place, Place::Python(_));
                let count = self.calls.iter().filter(is_python).count();
                Some(Identity::FromOldest(count.saturating_sub(number)))
            }
        }
    }

    fn entry(
        &self,
        number: usize,
        inferior: &Inferior,
        library: &mut Library,
    ) -> Option<FrameEntry> {
        let frame = self.calls.get(number)?.frame.clone();
        let at = frame.file.as_deref().zip(frame.line);
        let module = || frame.module.as_deref().map(str::to_string);
        let is_native = frame.language == Language::Native;
        // Where a compiler worked has nothing to do with where the program does.
        let path = match is_native {
            true => frame.file.clone().or_else(module),
            false => inferior.path_of(&frame),
        };
        let source = at.and_then(|(file, line)| library.line(inferior, file, line));
        Some(FrameEntry {
            number,
            focused: number == self.selected,
            path,
            source: source.map(|line| {
                if is_native {
                    without_syntax(line)
                } else {
                    line
                }
            }),
            frame,
        })
    }

    /// Lines of the selected frame's file, and the last of them, from which the next listing goes on.
    pub fn lines(
        &self,
        lines: Lines,
        inferior: &Inferior,
        library: &mut Library,
    ) -> Result<(Listing, u32), SessionError> {
        let frame = &self.selected().ok_or(SessionError::NoFrame)?.frame;
        let (file, current) = frame.file.as_deref().zip(frame.line).ok_or_else(|| {
            let module = frame.module.as_deref().unwrap_or("the code");
            let why = format!(
                "{module} has no debug information here: build it with `-g` to see its lines"
            );
            SessionError::NoSource { why }
        })?;
        let (first, last) = lines.bounds(self.listed, current).ok_or_else(|| {
            let why = "where a native function ends is not known: `list FIRST, LAST` shows lines";
            let why = why.to_string();
            SessionError::NoSource { why }
        })?;
        let (shown, count) = library.range(inferior, file, first, last)?;
        let listing = Listing {
            lines: shown.into_iter().map(without_syntax).collect(),
            current: Some(current),
            raised: None,
            breakpoints: Vec::new(),
            end_of_file: count < last,
            not_compiled: None,
            edited: None,
        };
        Ok((listing, last.min(count)))
    }

    pub fn note_listed(&mut self, last: u32) {
        self.listed = Some(last);
    }

    pub fn frame(&self, inferior: &Inferior, library: &mut Library) -> Option<FrameEntry> {
        self.entry(self.selected, inferior, library)
    }

    pub fn listing(&self, inferior: &Inferior, library: &mut Library) -> StackListing {
        let numbers = (0..self.calls.len()).rev();
        let frames = numbers.filter_map(|number| self.entry(number, inferior, library));
        StackListing {
            frames: frames.collect(),
            exception: None,
            note: self.note.clone(),
        }
    }

    /// Goes to a frame of Python, if it is there.
    pub fn select_python(&mut self, number: usize) {
        let is_it = |call: &Call| call.place == Place::Python(number);
        self.selected = self.calls.iter().position(is_it).unwrap_or(self.selected);
        self.listed = None;
    }

    pub fn select(&mut self, step: FrameStep) -> Result<(), SessionError> {
        let last = self
            .calls
            .len()
            .checked_sub(1)
            .ok_or(SessionError::NoFrame)?;
        self.selected = step.leads_from(self.selected, last)?;
        self.listed = None;
        Ok(())
    }
}

/// A library knows the syntax of Python.
fn without_syntax(line: ListingLine) -> ListingLine {
    ListingLine {
        syntax: Vec::new(),
        ..line
    }
}
