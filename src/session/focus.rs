//! What the commands are about: one thread of a process, the stack of it or the traceback of an exception, and one frame of that.

use std::sync::atomic::AtomicBool;

use super::api::{Event, ExceptionEntry, FrameStep};
use super::error::SessionError;
use super::inferior::Inferior;
use super::view::{Seen, Subject, Thrown, View};
use crate::model::{Addr, Tid};
use crate::python::{Limits, Look, PythonThread, RaisedFrame};

/// How often a stack is read that cannot be read to its end.
const MOST_TRIES: usize = 3;

impl Inferior {
    /// Keeps the focus on its thread, or puts it on the one that a person expects: the one that got the signal, else the
    /// main thread; another one only if that runs no Python.
    pub(super) fn find_thread(
        &mut self,
        threads: &[PythonThread],
        interrupted: &AtomicBool,
    ) -> Result<Option<Event>, SessionError> {
        let tid = |thread: &PythonThread| thread.status.as_ref().map(|status| status.tid);
        let mut event = None;
        if let Some(view) = &self.view {
            let is_same =
                |thread: &PythonThread| thread.address == view.thread && tid(thread) == view.tid;
            if threads.iter().any(is_same) {
                return Ok(None);
            }
            event = Some(Event::ThreadEnded { thread: view.tid });
        }
        let main = self.report.pid.map(|pid| Tid(pid.0));
        let expected = [self.signalled, main].into_iter().flatten();
        let expected: Vec<&PythonThread> = expected
            .filter_map(|wanted| threads.iter().find(|thread| tid(thread) == Some(wanted)))
            .chain(threads)
            .collect();
        let busy = self.look(interrupted, |look| {
            let runs_python = |thread: &&&PythonThread| look.newest(thread.address).is_some();
            expected.iter().find(runs_python).copied()
        })?;
        let chosen = busy.or(expected.first().copied());
        self.view = chosen.map(|thread| {
            let mut view = View::new(thread.address, tid(thread));
            // It was written down where it stood still.
            if self.is_core() && self.standing_thread == Some(thread.address) {
                view.subject = self.subject_of_stop();
            }
            view
        });
        Ok(event)
    }

    /// Reads the stack that the focus is on.
    pub(super) fn read_frames(
        &mut self,
        interrupted: &AtomicBool,
        events: &mut Vec<Event>,
    ) -> Result<(), SessionError> {
        let Some(view) = &self.view else {
            return Ok(());
        };
        let (thread, subject) = (view.thread, view.subject);
        let (raised, is_in_level) = (self.being_raised(thread), self.is_in_level(thread));
        let read = || {
            self.look(interrupted, |look| {
                frames_of(look, thread, subject, raised, is_in_level)
            })
        };
        let mut stack = read()?;
        // The process may have been changing its stack. What is cut off now is whole a moment later.
        for _ in 1..MOST_TRIES {
            if stack.note.is_none() || self.is_core() {
                break;
            }
            stack = read()?;
        }
        let Some(view) = &mut self.view else {
            return Ok(());
        };
        view.note = stack.note;
        if stack.subject != view.subject {
            view.subject = stack.subject;
            events.push(Event::ExceptionGone);
            view.replace(stack.frames, stack.newest);
        } else if !view.replace(stack.frames, stack.newest) {
            events.push(Event::MovedOn { thread: view.tid });
        }
        Ok(())
    }

    /// Puts the focus on the stack of a thread.
    pub fn select_thread(
        &mut self,
        id: Addr,
        interrupted: &AtomicBool,
    ) -> Result<(), SessionError> {
        let threads = self.threads(interrupted)?;
        let chosen = threads.iter().find(|thread| thread.address == id);
        let chosen = chosen.ok_or(SessionError::NoSuchThread)?;
        let tid = chosen.status.as_ref().map(|status| status.tid);
        let mut view = View::new(chosen.address, tid);
        if let Some(old) = self.view.take() {
            view.displays = old.displays;
        }
        if self.stands_still() && self.standing_thread == Some(chosen.address) {
            // Back to where it stopped.
            view.subject = self.subject_of_stop();
            self.run_in(view.subject);
        }
        self.view = Some(view);
        self.read_frames(interrupted, &mut Vec::new())
    }

    pub fn view(&self) -> Result<&View, SessionError> {
        self.still_readable()?;
        self.view.as_ref().ok_or(SessionError::NoPythonThread)
    }

    fn view_mut(&mut self) -> Result<&mut View, SessionError> {
        self.still_readable()?;
        self.view.as_mut().ok_or(SessionError::NoPythonThread)
    }

    /// Whether there is a stack to show: that of a process which has ended stays.
    fn still_readable(&self) -> Result<(), SessionError> {
        match &self.view {
            Some(_) => Ok(()),
            None => self.still_there().and_then(|()| self.located().map(drop)),
        }
    }

    /// The focused frame.
    pub fn frame(&self) -> Result<(&View, &Seen), SessionError> {
        let view = self.view()?;
        let seen = view.frame().ok_or(SessionError::NoFrame)?;
        Ok((view, seen))
    }

    /// Whether the focused frame, which was on its thread's stack when that was read last, has left it.
    pub fn has_left_frame(&self, interrupted: &AtomicBool) -> bool {
        let Ok((view, seen)) = self.frame() else {
            return false;
        };
        let stands_still = self.stands_still() && self.standing_thread == Some(view.thread);
        if self.is_core() || stands_still || view.subject != Subject::Thread {
            return false;
        }
        let (thread, frame) = (view.thread, seen.frame.address);
        self.look(interrupted, |look| !look.is_on_stack(thread, frame))
            .unwrap_or(false)
    }

    /// The view, to remember something of it.
    pub fn with_view<T>(&mut self, change: impl FnOnce(&mut View) -> T) -> Result<T, SessionError> {
        self.view_mut().map(change)
    }

    pub fn select_frame(&mut self, step: FrameStep) -> Result<(), SessionError> {
        if self.native.is_some() {
            return self.select_native_frame(step);
        }
        let view = self.view_mut()?;
        let last = view
            .frames
            .len()
            .checked_sub(1)
            .ok_or(SessionError::NoFrame)?;
        let number = step.leads_from(view.selected, last)?;
        view.select(number);
        Ok(())
    }

    /// The exceptions of the thread, the oldest first.
    pub fn exceptions(
        &self,
        limits: &Limits,
        interrupted: &AtomicBool,
    ) -> Result<Vec<(Addr, ExceptionEntry)>, SessionError> {
        let view = self.view()?;
        self.look(interrupted, |look| {
            let entry = |exception: Addr| {
                let is_it = |raised: Thrown| raised.exception() == exception;
                let entry = ExceptionEntry {
                    value: look.value(exception, limits),
                    // Up to 3.11 one that has just come to a frame has none yet.
                    has_traceback: self.being_raised(view.thread).is_some_and(is_it)
                        || look.has_traceback(exception),
                    focused: self.subject_exception(view) == Some(exception),
                };
                (exception, entry)
            };
            self.chain(look, view.thread)
                .into_iter()
                .map(entry)
                .collect()
        })
    }

    /// The exception that is looked at, else the newest one that the thread raises or handles.
    pub fn exception(&self, interrupted: &AtomicBool) -> Result<Option<Addr>, SessionError> {
        let view = self.view()?;
        if let Some(exception) = self.subject_exception(view) {
            return Ok(Some(exception));
        }
        let chain = self.look(interrupted, |look| self.chain(look, view.thread))?;
        Ok(chain.last().copied())
    }

    /// The exception that a thread is raising where it stands still, or that has come there.
    fn being_raised(&self, thread: Addr) -> Option<Thrown> {
        self.raised
            .filter(|raised| !matches!(raised, Thrown::Lost(_)))
            .filter(|_| self.standing_thread == Some(thread))
    }

    /// The exception whose traceback is looked at, or which is about to leave the stack that is.
    fn subject_exception(&self, view: &View) -> Option<Addr> {
        let raised = self.raised.filter(|lost| {
            view.subject == lost.subject() && self.standing_thread == Some(view.thread)
        });
        view.subject
            .exception()
            .or_else(|| raised.map(Thrown::exception))
    }

    /// The exceptions of a thread, the oldest first; of one that stands still at an exception, that and what led to it.
    fn chain(&self, look: &Look<'_>, thread: Addr) -> Vec<Addr> {
        match self.raised {
            Some(lost) if self.standing_thread == Some(thread) => look.chain_of(lost.exception()),
            _ => look.chained_exceptions(thread),
        }
    }

    /// Puts the focus on the newest frame of an exception's traceback.
    pub fn select_exception(
        &mut self,
        number: usize,
        interrupted: &AtomicBool,
    ) -> Result<(), SessionError> {
        let thread = self.view()?.thread;
        let chain = self.look(interrupted, |look| self.chain(look, thread))?;
        let chosen = *chain.get(number).ok_or(SessionError::NoSuchException)?;
        let subject = match self.raised {
            Some(lost) if lost.exception() == chosen => lost.subject(),
            // What led to the one that is kept is kept with it.
            Some(_) => Subject::Raised(chosen),
            None => Subject::Exception(chosen),
        };
        let (raised, is_in_level) = (self.being_raised(thread), self.is_in_level(thread));
        let stack = self.look(interrupted, |look| {
            frames_of(look, thread, subject, raised, is_in_level)
        })?;
        if stack.subject != subject {
            return Err(SessionError::NoTraceback);
        }
        let view = self.view_mut()?;
        view.subject = subject;
        view.frames = stack.frames;
        view.newest = stack.newest;
        view.note = stack.note;
        view.select(stack.newest);
        self.run_in(subject);
        Ok(())
    }

    /// The number of the exception whose traceback is looked at.
    pub fn exception_number(&self, interrupted: &AtomicBool) -> Option<usize> {
        let view = self.view.as_ref()?;
        let exception = view.subject.exception()?;
        let chain = self
            .look(interrupted, |look| self.chain(look, view.thread))
            .ok()?;
        chain.iter().position(|of| *of == exception)
    }
}

struct StackSeen {
    /// The newest first.
    frames: Vec<Seen>,
    /// Which of them the thread is in.
    newest: usize,
    /// Why there are no more.
    note: Option<String>,
    subject: Subject,
}

/// The frames of a subject, and why there are no more. If the exception has no traceback any more, the stack of the
/// thread is taken; what the thread is raising there has a line of its own in the newest frame, where `finally` may have run since.
fn frames_of(
    look: &Look<'_>,
    thread: Addr,
    subject: Subject,
    raised: Option<Thrown>,
    is_in_level: bool,
) -> StackSeen {
    let in_traceback = |raised: RaisedFrame| {
        let at = raised.raised;
        Seen::of_traceback(look, raised.frame, at.line, at.columns)
    };
    if let Some(exception) = subject.exception() {
        let still_there = matches!(subject, Subject::Raised(_))
            || look.chained_exceptions(thread).contains(&exception);
        let frames: Vec<Seen> = if still_there {
            let raised = look.raised_frames(exception).into_iter();
            raised.map(in_traceback).collect()
        } else {
            Vec::new()
        };
        if !frames.is_empty() {
            return StackSeen {
                frames,
                newest: 0,
                note: None,
                subject,
            };
        }
    }
    let stack = look.stack(thread);
    let note = stack.note();
    let bottom = stack.below_agent.first().filter(|_| is_in_level);
    let count = bottom.copied().unwrap_or(stack.frames.len());
    let mut frames: Vec<Seen> = stack
        .frames
        .into_iter()
        .take(count)
        .map(|frame| Seen::of_stack(look, frame))
        .collect();
    let mut left = Vec::new();
    let own = match raised {
        // The traceback begins with the frame that the exception has come to.
        Some(Thrown::Passing { traceback, .. }) => {
            left = look.frames_in_traceback(traceback);
            left.pop_if(|entry| {
                let newest = frames.first();
                newest.is_some_and(|newest| newest.frame.address == entry.frame.address)
            })
        }
        Some(raised) => look.raised_frames(raised.exception()).into_iter().next(),
        None => None,
    };
    if let (Some(newest), Some(own)) = (frames.first_mut(), own)
        && newest.frame.address == own.frame.address
    {
        *newest = in_traceback(own);
    }
    let left: Vec<Seen> = left.into_iter().map(in_traceback).collect();
    StackSeen {
        newest: left.len(),
        frames: left.into_iter().chain(frames).collect(),
        note,
        subject: Subject::Thread,
    }
}

impl FrameStep {
    /// The number of the frame that it leads to, from the one that has the focus. `last` is the oldest.
    pub(super) fn leads_from(self, selected: usize, last: usize) -> Result<usize, SessionError> {
        let far = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        Ok(match self {
            FrameStep::Up(_) if selected >= last => return Err(SessionError::OldestFrame),
            FrameStep::Down(_) if selected == 0 => return Err(SessionError::NewestFrame),
            FrameStep::Up(count) => selected.saturating_add(far(count)).min(last),
            FrameStep::Down(count) => selected.saturating_sub(far(count)),
            FrameStep::Number(number) => {
                let from_oldest = number.unsigned_abs();
                let chosen = if number < 0 {
                    (last + 1).checked_sub(far(from_oldest))
                } else {
                    Some(far(from_oldest))
                };
                chosen
                    .filter(|chosen| *chosen <= last)
                    .ok_or(SessionError::NoSuchFrame { number, last })?
            }
        })
    }
}
