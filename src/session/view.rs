//! What the focus is on: a stack as it was last read, and one frame of it.

use super::display::Displays;
use crate::model::{Addr, ColumnRange, Frame, Tid};
use crate::python::{Look, PythonFrame};

/// A frame as it was read.
#[derive(Clone)]
pub(super) struct Seen {
    pub frame: PythonFrame,
    /// Without variables. In a traceback, at the line that raised.
    pub described: Frame,
    /// In a traceback: the line that raised.
    pub raised: Option<u32>,
}

impl Seen {
    pub fn of_stack(look: &Look<'_>, frame: PythonFrame) -> Seen {
        Seen {
            described: look.describe(&frame, None),
            frame,
            raised: None,
        }
    }

    pub fn of_traceback(
        look: &Look<'_>,
        frame: PythonFrame,
        line: Option<u32>,
        columns: Option<ColumnRange>,
    ) -> Seen {
        let mut seen = Seen::of_stack(look, frame);
        seen.described.line = line;
        seen.described.columns = columns;
        seen.raised = line;
        seen
    }

    /// Whether both are the same activation of the same code, as far as can be told from outside.
    fn is_same(&self, other: &Seen) -> bool {
        self.frame.address == other.frame.address
            && self.frame.code.first_line == other.frame.code.first_line
            && self.described.function == other.described.function
            && self.described.file == other.described.file
    }

    /// The line that the frame is at now.
    pub fn current_line(&self) -> Option<u32> {
        self.frame.position.line
    }
}

/// The exception at which a thread stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thrown {
    /// It is being raised: the stack of the thread is that which it is about to leave.
    Raised(Addr),
    /// It has come to the newest frame of the thread, and has left those below, which a traceback keeps.
    Passing { exception: Addr, traceback: Addr },
    /// Nobody has caught it, and it has left its frames, which its traceback keeps.
    Lost(Addr),
}

impl Thrown {
    pub fn exception(self) -> Addr {
        let (Thrown::Raised(exception)
        | Thrown::Passing { exception, .. }
        | Thrown::Lost(exception)) = self;
        exception
    }

    /// What is looked at when the thread stops.
    pub fn subject(self) -> Subject {
        match self {
            Thrown::Raised(_) | Thrown::Passing { .. } => Subject::Thread,
            Thrown::Lost(exception) => Subject::Raised(exception),
        }
    }
}

/// Which stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// That of the thread.
    Thread,
    /// The traceback of an exception.
    Exception(Addr),
    /// The same of one that the process keeps, since a stop is about it or about what it led to. In the frames of the one that was
    /// caught statements run.
    Raised(Addr),
}

impl Subject {
    pub fn exception(self) -> Option<Addr> {
        match self {
            Subject::Thread => None,
            Subject::Exception(exception) | Subject::Raised(exception) => Some(exception),
        }
    }
}

#[derive(Clone)]
pub(super) struct View {
    /// The thread state.
    pub thread: Addr,
    pub tid: Option<Tid>,
    pub subject: Subject,
    /// The newest first.
    pub frames: Vec<Seen>,
    /// Which of them the thread is in: those before it an exception has left already.
    pub newest: usize,
    /// Why the stack ends early, if it does.
    pub note: Option<String>,
    /// Which of `frames`.
    pub selected: usize,
    /// The last line of the last listing in this frame.
    pub listed: Option<u32>,
    /// What is displayed, by frame.
    pub displays: Displays,
}

impl View {
    pub fn new(thread: Addr, tid: Option<Tid>) -> View {
        View {
            thread,
            tid,
            subject: Subject::Thread,
            frames: Vec::new(),
            newest: 0,
            note: None,
            selected: 0,
            listed: None,
            displays: Displays::default(),
        }
    }

    pub fn frame(&self) -> Option<&Seen> {
        self.frames.get(self.selected)
    }

    pub fn select(&mut self, number: usize) {
        self.selected = number;
        self.listed = None;
    }

    /// Puts another reading in the place of the stack. The focus stays on its frame, and goes to the newest one if
    /// that is not there any more: then this says `false`.
    pub fn replace(&mut self, frames: Vec<Seen>, newest: usize) -> bool {
        let kept = self.frame().map(|old| {
            // A function that calls itself has several frames with one code; addresses tell them apart.
            frames.iter().position(|new| new.is_same(old))
        });
        self.frames = frames;
        self.newest = newest;
        match kept {
            None => self.select(newest),
            Some(Some(number)) => {
                // A listing goes on from where it was as long as the frame is the same.
                self.selected = number;
            }
            Some(None) => {
                self.select(newest);
                return false;
            }
        }
        true
    }
}
