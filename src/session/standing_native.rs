//! The native stack of a thread that stands before the end of its process, or where its code gives up: what there is to look at in a process
//! without Python.

use super::api::{FrameEntry, FrameStep, Lines, Listing, ListingLine, StackListing};
use super::error::SessionError;
use super::inferior::Inferior;
use super::listing::Library;
use crate::model::{Frame, Pid};
use crate::native::{LoadedModules, ParsedModules, describe, unwind};
use crate::process::live::LiveProcess;
use crate::process::{Memory, Registers};

/// Frames that are kept, the newest.
const MOST_FRAMES: usize = 1_000;

/// What a thread goes through to fail, by the beginning of names: whoever looks at it wants to see who has called that.
const MACHINERY: [&str; 22] = [
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
    "std::rethrow_exception",
    "std::sys::backtrace::",
    "std::terminate",
    "std::__throw",
];

/// The newest frame first.
#[derive(Debug, Clone, Default)]
pub(super) struct NativeView {
    frames: Vec<Frame>,
    note: Option<String>,
    selected: usize,
    /// The last line of the last listing.
    listed: Option<u32>,
}

impl NativeView {
    /// Of a thread that stands still.
    pub fn of(pid: Pid, registers: &Registers) -> Option<NativeView> {
        let process = LiveProcess::open(pid).ok()?;
        let parsed = ParsedModules::default();
        let modules = LoadedModules::new(&process, &parsed);
        let stack = unwind(registers, &modules, &Memory::new(&process));
        let frames = stack
            .frames
            .iter()
            .flat_map(|frame| describe(frame, &modules));
        let frames: Vec<Frame> = frames.take(MOST_FRAMES).collect();
        let is_machinery = |frame: &Frame| {
            let name = frame.function.trim_start_matches('<');
            MACHINERY.iter().any(|begin| name.starts_with(begin))
        };
        let selected = frames.iter().position(|frame| !is_machinery(frame));
        Some(NativeView {
            frames,
            note: stack.broken.map(|broken| broken.to_string()),
            selected: selected.unwrap_or(0),
            listed: None,
        })
    }

    fn entry(
        &self,
        number: usize,
        inferior: &Inferior,
        library: &mut Library,
    ) -> Option<FrameEntry> {
        let frame = self.frames.get(number)?.clone();
        let at = frame.file.as_deref().zip(frame.line);
        let module = || frame.module.as_deref().map(str::to_string);
        let path = frame.file.clone().or_else(module);
        let source = at.and_then(|(file, line)| library.line(inferior, file, line));
        Some(FrameEntry {
            number,
            focused: number == self.selected,
            path,
            source: source.map(without_syntax),
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
        let frame = self
            .frames
            .get(self.selected)
            .ok_or(SessionError::NoFrame)?;
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
        let numbers = (0..self.frames.len()).rev();
        let frames = numbers.filter_map(|number| self.entry(number, inferior, library));
        StackListing {
            frames: frames.collect(),
            exception: None,
            note: self.note.clone(),
        }
    }

    pub fn select(&mut self, step: FrameStep) -> Result<(), SessionError> {
        let last = self
            .frames
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
