//! One process of a session: where it is read from, the Python in it, and what the focus is on.

use std::sync::atomic::AtomicBool;

use super::api::{Event, ExceptionEntry, FrameStep, ThreadEntry};
use super::breakpoints::Breakpoints;
use super::error::SessionError;
use super::held::Held;
use super::interrupt::Interruptible;
use super::stack::{Target, identify, thread_facts, why_no_python};
use super::tasks::add_tasks;
use super::view::{Seen, Subject, View};
use super::who::{note_of, who};
use crate::model::{Addr, Frame, ProcessReport, Tid};
use crate::process::core::CoreProcess;
use crate::process::{Process, ProcessError, Source};
use crate::python::locate::{Effort, Locator};
use crate::python::{Limits, Located, Look, PythonThread, locate};

/// How often a stack is read that cannot be read to its end.
const MOST_TRIES: usize = 3;

pub(super) struct Inferior {
    target: Target,
    pub process: Box<dyn Process>,
    /// Without threads.
    pub report: ProcessReport,
    pub python: Result<Located, String>,
    /// The thread that got the signal which ended the process.
    signalled: Option<Tid>,
    pub ended: bool,
    pub view: Option<View>,
    /// If the agent is in it.
    pub held: Option<Held>,
    /// The thread state of the thread that stands still, or stood still last.
    pub standing_thread: Option<Addr>,
    pub breakpoints: Breakpoints,
    /// `repr()` of what the frame returned at which a thread stands still.
    pub returned: Option<String>,
    /// What a command printed before it failed.
    pub printed: String,
}

impl Inferior {
    pub fn open(target: &Target, locator: &Locator) -> Result<Inferior, ProcessError> {
        let (process, signalled): (Box<dyn Process>, _) = match target {
            Target::Live(_) => (target.open()?, None),
            Target::Core { path, executable } => {
                let core = CoreProcess::open(path, super::stack::core_options(executable))?;
                let signal = core.fatal_signal();
                (Box::new(core), signal.map(|signal| signal.thread))
            }
        };
        let mut report = identify(&*process);
        let python = locator.locate(&*process, Effort::Thorough);
        // Nothing can be found in one that has ended meanwhile.
        if python.is_err()
            && let Some(error @ ProcessError::Gone { .. }) = process.has_changed()
        {
            return Err(error);
        }
        let look = python
            .as_ref()
            .ok()
            .map(|located| Look::new(&*process, located));
        let who = who(&*process, look.as_ref());
        report.phase = look.map(|look| look.phase());
        report.notes.extend(report.phase.and_then(note_of));
        report.name = who.name;
        report.rank = who.rank;
        let python = python.map_err(|error| why_no_python(&*process, &error));
        match &python {
            Ok(located) => {
                report.interpreter = Some(located.name());
                report.notes.extend(located.notes.iter().cloned());
            }
            Err(why) => report.error = Some(why.clone()),
        }
        Ok(Inferior {
            target: target.clone(),
            process,
            report,
            python,
            signalled,
            ended: false,
            view: None,
            held: None,
            standing_thread: None,
            breakpoints: Breakpoints::default(),
            returned: None,
            printed: String::new(),
        })
    }

    pub fn is_core(&self) -> bool {
        matches!(self.process.identity().source, Source::Core(_))
    }

    /// `process 4242`, or the path of the core.
    pub fn who(&self) -> String {
        match (&self.process.identity().source, self.report.pid) {
            (Source::Core(path), _) => path.display().to_string(),
            (Source::Live, Some(pid)) => format!("process {pid}"),
            (Source::Live, None) => "the process".to_string(),
        }
    }

    pub fn located(&self) -> Result<&Located, SessionError> {
        self.python.as_ref().map_err(|why| SessionError::NoPython {
            who: self.who(),
            why: why.clone(),
        })
    }

    fn still_there(&self) -> Result<(), SessionError> {
        match self.report.pid {
            Some(pid) if self.ended => Err(SessionError::Ended { pid }),
            _ => Ok(()),
        }
    }

    /// Answers from the memory as it is; `Interrupted` if the user gave up meanwhile.
    pub fn look<T>(
        &self,
        interrupted: &AtomicBool,
        answer: impl FnOnce(&Look<'_>) -> T,
    ) -> Result<T, SessionError> {
        self.still_there()?;
        let located = self.located()?;
        let process = Interruptible {
            process: &*self.process,
            interrupted,
        };
        let answer = answer(&Look::new(&process, located));
        if interrupted.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(SessionError::Interrupted);
        }
        Ok(answer)
    }

    /// The thread states, the main thread first.
    pub fn threads(&self, interrupted: &AtomicBool) -> Result<Vec<PythonThread>, SessionError> {
        let no_threads = |why: String| SessionError::NoThreads {
            who: self.who(),
            why,
        };
        self.still_there()?;
        let kernel = self.process.threads();
        let kernel = kernel.map_err(|error| no_threads(error.to_string()))?;
        let (mut threads, broken) = self.look(interrupted, |look| look.threads(&kernel))?;
        if threads.is_empty() {
            return Err(broken.map_or(SessionError::NoPythonThread, |error| {
                no_threads(error.to_string())
            }));
        }
        // CPython puts the newest thread first in its list.
        threads.reverse();
        Ok(threads)
    }

    /// Looks at it again: what happened since the last time.
    pub fn refresh(&mut self, interrupted: &AtomicBool) -> Result<Vec<Event>, SessionError> {
        if self.ended || (self.is_core() && self.view.is_some()) {
            return Ok(Vec::new());
        }
        let pid = self.report.pid;
        match self.process.has_changed() {
            Some(ProcessError::Gone { .. }) => {
                self.ended = true;
                return Ok(vec![Event::Ended { pid }]);
            }
            Some(ProcessError::Replaced { .. }) => return self.open_again(interrupted),
            _ => {}
        }
        let mut events = Vec::new();
        let threads = match self.threads(interrupted) {
            Err(SessionError::NoPython { .. }) if self.locate_again() => {
                self.threads(interrupted)?
            }
            other => other?,
        };
        events.extend(self.find_thread(&threads, interrupted)?);
        self.read_frames(interrupted, &mut events)?;
        Ok(events)
    }

    /// It has executed another program.
    fn open_again(&mut self, interrupted: &AtomicBool) -> Result<Vec<Event>, SessionError> {
        let opened = Inferior::open(&self.target, &Locator::default());
        *self = opened.map_err(|error| SessionError::NotOpened {
            why: error.to_string(),
        })?;
        let now = match &self.python {
            Ok(located) => located.name(),
            Err(why) => why.clone(),
        };
        let pid = self.report.pid;
        let mut events = vec![Event::Replaced { pid, now }];
        if self.python.is_ok() {
            events.extend(self.refresh(interrupted)?);
        }
        Ok(events)
    }

    /// Whether Python is there by now: it may have been starting up.
    fn locate_again(&mut self) -> bool {
        match locate(&*self.process) {
            Ok(located) => {
                self.report.interpreter = Some(located.name());
                self.report.error = None;
                self.python = Ok(located);
                true
            }
            Err(error) => {
                let why = why_no_python(&*self.process, &error);
                self.report.error = Some(why.clone());
                self.python = Err(why);
                false
            }
        }
    }

    /// Keeps the focus on its thread, or puts it on the one that a person expects: the one that got the signal, else the
    /// main thread; another one only if that runs no Python.
    fn find_thread(
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
        self.view = chosen.map(|thread| View::new(thread.address, tid(thread)));
        Ok(event)
    }

    /// Reads the stack that the focus is on.
    fn read_frames(
        &mut self,
        interrupted: &AtomicBool,
        events: &mut Vec<Event>,
    ) -> Result<(), SessionError> {
        let Some(view) = &self.view else {
            return Ok(());
        };
        let (thread, subject) = (view.thread, view.subject);
        let read = || self.look(interrupted, |look| frames_of(look, thread, subject));
        let (mut frames, mut note, mut found) = read()?;
        // The process may have been changing its stack. What is cut off now is whole a moment later.
        for _ in 1..MOST_TRIES {
            if note.is_none() || self.is_core() {
                break;
            }
            (frames, note, found) = read()?;
        }
        let Some(view) = &mut self.view else {
            return Ok(());
        };
        view.note = note;
        if found != view.subject {
            view.subject = found;
            events.push(Event::ExceptionGone);
            view.replace(frames);
        } else if !view.replace(frames) {
            events.push(Event::MovedOn { thread: view.tid });
        }
        Ok(())
    }

    pub fn thread_entries(
        &self,
        interrupted: &AtomicBool,
    ) -> Result<Vec<ThreadEntry>, SessionError> {
        let threads = self.threads(interrupted)?;
        let focused = self.view.as_ref().map(|view| view.thread);
        self.look(interrupted, |look| {
            let entry = |thread: &PythonThread| {
                let mut facts = thread_facts(thread);
                let newest = look.newest(thread.address);
                facts.frames = newest
                    .map(|frame| look.describe(&frame, None))
                    .into_iter()
                    .collect();
                ThreadEntry {
                    id: thread.address,
                    focused: focused == Some(thread.address),
                    thread: facts,
                }
            };
            threads.iter().map(entry).collect()
        })
    }

    /// The process with its event loops and their tasks.
    pub fn tasks(&self, interrupted: &AtomicBool) -> Result<ProcessReport, SessionError> {
        let threads = self.threads(interrupted)?;
        let mut report = self.report.clone();
        report.threads.clear();
        report.notes.clear();
        self.look(interrupted, |look| {
            add_tasks(look, &threads, None, &mut report);
        })?;
        Ok(report)
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
        if self.is_core() || view.subject != Subject::Thread {
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
        let view = self.view_mut()?;
        let last = view
            .frames
            .len()
            .checked_sub(1)
            .ok_or(SessionError::NoFrame)?;
        let far = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let number = match step {
            FrameStep::Up(_) if view.selected >= last => return Err(SessionError::OldestFrame),
            FrameStep::Down(_) if view.selected == 0 => return Err(SessionError::NewestFrame),
            FrameStep::Up(count) => view.selected.saturating_add(far(count)).min(last),
            FrameStep::Down(count) => view.selected.saturating_sub(far(count)),
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
        };
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
                let entry = ExceptionEntry {
                    value: look.value(exception, limits),
                    has_traceback: look.has_traceback(exception),
                    focused: view.subject == Subject::Exception(exception),
                };
                (exception, entry)
            };
            look.chained_exceptions(view.thread)
                .into_iter()
                .map(entry)
                .collect()
        })
    }

    /// The exception that is looked at, else the newest one that the thread raises or handles.
    pub fn exception(&self, interrupted: &AtomicBool) -> Result<Option<Addr>, SessionError> {
        let view = self.view()?;
        match view.subject {
            Subject::Exception(exception) => Ok(Some(exception)),
            Subject::Thread => {
                let thread = view.thread;
                let chain = self.look(interrupted, |look| look.chained_exceptions(thread))?;
                Ok(chain.last().copied())
            }
        }
    }

    /// Puts the focus on the newest frame of an exception's traceback.
    pub fn select_exception(
        &mut self,
        number: usize,
        interrupted: &AtomicBool,
    ) -> Result<(), SessionError> {
        let thread = self.view()?.thread;
        let chain = self.look(interrupted, |look| look.chained_exceptions(thread))?;
        let chosen = chain.get(number).ok_or(SessionError::NoSuchException)?;
        let subject = Subject::Exception(*chosen);
        let (frames, note, found) =
            self.look(interrupted, |look| frames_of(look, thread, subject))?;
        if found != subject {
            return Err(SessionError::NoTraceback);
        }
        let view = self.view_mut()?;
        view.subject = subject;
        view.frames = frames;
        view.note = note;
        view.select(0);
        Ok(())
    }

    /// The number of the exception whose traceback is looked at.
    pub fn exception_number(&self, interrupted: &AtomicBool) -> Option<usize> {
        let view = self.view.as_ref()?;
        let Subject::Exception(exception) = view.subject else {
            return None;
        };
        let chain = self
            .look(interrupted, |look| look.chained_exceptions(view.thread))
            .ok()?;
        chain.iter().position(|of| *of == exception)
    }

    /// The whole name of a frame's file: a relative one begins in the folder that the process works in.
    pub fn path_of(&self, frame: &Frame) -> Option<String> {
        let file = frame.file.as_deref()?;
        let is_made_up = file.starts_with('<') && file.ends_with('>');
        if file.starts_with('/') || is_made_up {
            return Some(file.to_string());
        }
        let folder = self.process.working_folder();
        Some(match folder {
            Some(folder) => folder.join(file).display().to_string(),
            None => file.to_string(),
        })
    }
}

/// The frames of a subject, and why there are no more. If the exception has no traceback any more, the stack of the
/// thread is taken.
fn frames_of(
    look: &Look<'_>,
    thread: Addr,
    subject: Subject,
) -> (Vec<Seen>, Option<String>, Subject) {
    if let Subject::Exception(exception) = subject {
        let still_there = look.chained_exceptions(thread).contains(&exception);
        let frames: Vec<Seen> = if still_there {
            let raised = look.raised_frames(exception).into_iter();
            raised
                .map(|raised| {
                    let at = raised.raised;
                    Seen::of_traceback(look, raised.frame, at.line, at.columns)
                })
                .collect()
        } else {
            Vec::new()
        };
        if !frames.is_empty() {
            return (frames, None, subject);
        }
    }
    let stack = look.stack(thread);
    let note = stack.note();
    let frames = stack
        .frames
        .into_iter()
        .map(|frame| Seen::of_stack(look, frame))
        .collect();
    (frames, note, Subject::Thread)
}
