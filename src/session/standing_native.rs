//! The native stack of a thread that stands before the end of its process, or where its code gives up: what there is to look at in a process
//! without Python.

use super::api::{FrameEntry, FrameStep, StackListing};
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
        Some(FrameEntry {
            number,
            focused: number == self.selected,
            path,
            source: at.and_then(|(file, line)| library.line(inferior, file, line)),
            frame,
        })
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
        Ok(())
    }
}
