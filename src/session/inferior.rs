//! One process of a session: where it is read from, the Python in it, and what the focus is on.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::api::{Event, ProcessState, ThreadEntry};
use super::breakpoints::Breakpoints;
use super::crashed::Crashed;
use super::error::SessionError;
use super::held::{Held, WayIn};
use super::interrupt::Interruptible;
use super::keeping::Kept;
use super::launched::Launched;
use super::levels::Outer;
use super::native_view::NativeView;
use super::stack::{Target, identify, thread_facts, why_no_python};
use super::view::{Subject, Thrown, View};
use super::who::{note_of, who};
use crate::model::{Addr, CauseFacts, Frame, Pid, ProcessReport, Tid};
use crate::native::ParsedModules;
use crate::process::core::CoreProcess;
use crate::process::live::ending::Ending;
use crate::process::live::mark::Mark;
use crate::process::trace::Custody;
use crate::process::{Process, ProcessError, Source};
use crate::python::agent::{WantedStops, remains};
use crate::python::locate::{Effort, Locator};
use crate::python::{Located, Look, PythonError, PythonThread, locate};

pub(super) struct Inferior {
    target: Target,
    /// If pmdb has started it.
    pub(super) launched: Option<Launched>,
    pub process: Box<dyn Process>,
    /// Without threads.
    pub report: ProcessReport,
    pub python: Result<Located, String>,
    /// It is a Python that has taken its interpreter apart, or has not made one yet.
    pub(super) has_no_interpreter: bool,
    /// Python was not found in it, which may come.
    pub(super) may_become_python: bool,
    /// The thread that got the signal which ended the process.
    pub(super) signalled: Option<Tid>,
    pub ended: bool,
    /// It was said that job control has stopped it, since it was to go on last.
    pub is_suspended: bool,
    /// It was to stop for a moment, which came to nothing in time: the stop that may still come is not one for the user.
    pub(super) stop_is_given_up: bool,
    /// `exit code 3`, once it has ended and if that is known.
    pub how: Option<String>,
    /// By which that is found if pmdb has not started it.
    ending: Option<Ending>,
    pub view: Option<View>,
    /// How the agent comes into it, if that is not in it yet, or not any more.
    pub way_in: WayIn,
    /// If the agent is in it.
    pub held: Option<Held>,
    /// The thread state of the thread that stands still, or stood still last.
    pub standing_thread: Option<Addr>,
    /// Why it stood still last: the reason and what was raised.
    pub why_stopped: Option<(String, Option<String>)>,
    /// The exception that the stop is about.
    pub raised: Option<Thrown>,
    /// In whose frames the agent runs statements.
    pub(super) runs_in: Subject,
    /// If it stands still before a signal that will end it.
    pub crashed: Option<Crashed>,
    /// If the user keeps it where it is.
    pub kept: Option<Kept>,
    /// If it waits for a debugger by itself.
    pub mark: Option<Mark>,
    pub breakpoints: Breakpoints,
    /// The stack with its native frames, if that is looked at.
    pub native: Option<NativeView>,
    /// In a process with Python: whether the native frames are shown, too.
    pub shows_native: bool,
    /// The files of code that were parsed.
    pub(super) parsed: Arc<ParsedModules>,
    /// Who holds it when its native frames are read, if the agent is not in it.
    pub(super) custody: Custody,
    /// `repr()` of what the frame returned at which a thread stands still.
    pub returned: Option<String>,
    /// The stops in which code of `debug` is under way, the innermost last.
    pub(super) levels: Vec<Outer>,
    /// What a command printed before it failed.
    pub printed: String,
}

/// The exception that a process stood still for when it was written down.
fn thrown(cause: &CauseFacts) -> Option<Thrown> {
    let thrown = match cause.has_left {
        true => Thrown::Lost,
        false => Thrown::Raised,
    };
    cause.exception.map(thrown)
}

/// The pid of a live process.
fn pid_of(target: &Target) -> Option<Pid> {
    match target {
        Target::Live(pid) => Some(*pid),
        Target::Core { .. } => None,
    }
}

/// Where Python has the state of a thread.
fn python_thread(look: &Look<'_>, process: &dyn Process, tid: Tid) -> Option<Addr> {
    let (threads, _) = look.threads(&process.threads().ok()?);
    let is_it = |thread: &&PythonThread| {
        let status = thread.status.as_ref();
        status.is_some_and(|status| status.tid == tid)
    };
    threads.iter().find(is_it).map(|thread| thread.address)
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
        let cause = process.cause().cloned();
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
        let standing_thread = cause.as_ref().and_then(|cause| {
            let of_number = || python_thread(look.as_ref()?, &*process, cause.thread?);
            cause.thread_state.or_else(of_number)
        });
        report.phase = look.map(|look| look.phase());
        report.notes.extend(report.phase.and_then(note_of));
        report.name = who.name;
        report.rank = who.rank;
        let may_become_python = !matches!(python, Ok(_) | Err(PythonError::NotPython));
        let has_no_interpreter = matches!(python, Err(PythonError::NoInterpreter));
        let python = python.map_err(|error| why_no_python(&*process, &error));
        match &python {
            Ok(located) => {
                report.interpreter = Some(located.name());
                report.notes.extend(located.notes.iter().cloned());
            }
            // Its native code is looked at.
            Err(_) if !may_become_python => report.notes.extend(process.lacks()),
            Err(why) => report.error = Some(why.clone()),
        }
        let mark = match target {
            // What cannot be looked at has not been seen.
            Target::Live(pid) if python.is_ok() => Mark::of(*pid),
            Target::Live(_) | Target::Core { .. } => None,
        };
        Ok(Inferior {
            target: target.clone(),
            launched: None,
            process,
            report,
            python,
            has_no_interpreter,
            may_become_python,
            signalled: signalled.or(cause.as_ref().and_then(|cause| cause.thread)),
            ended: false,
            is_suspended: false,
            stop_is_given_up: false,
            how: None,
            ending: pid_of(target).map(Ending::of),
            view: None,
            way_in: WayIn::default(),
            held: None,
            standing_thread,
            raised: cause.as_ref().and_then(thrown),
            why_stopped: cause.map(|cause| (cause.reason, cause.what)),
            runs_in: Subject::Thread,
            crashed: None,
            kept: None,
            mark,
            breakpoints: Breakpoints::default(),
            native: None,
            shows_native: false,
            parsed: Arc::default(),
            custody: Custody::Nobody,
            returned: None,
            levels: Vec::new(),
            printed: String::new(),
        })
    }

    pub fn is_core(&self) -> bool {
        matches!(self.process.identity().source, Source::Core(_))
    }

    /// The dump that it was read from.
    pub fn core_file(&self) -> Option<PathBuf> {
        match &self.process.identity().source {
            Source::Core(path) => Some(path.clone()),
            _ => None,
        }
    }

    pub fn state(&self) -> ProcessState {
        if self.ended {
            ProcessState::Ended
        } else if self.is_core() {
            ProcessState::Core
        } else if self.stands_still() {
            let (reason, error) = self.why_stopped.clone().unwrap_or_default();
            ProcessState::Stopped { reason, error }
        } else {
            ProcessState::Running
        }
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

    pub(super) fn still_there(&self) -> Result<(), SessionError> {
        match self.report.pid {
            Some(pid) if self.ended => Err(SessionError::Ended {
                pid,
                how: self.how.clone(),
                again: self.launched.is_some(),
            }),
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
            registers: None,
        };
        let answer = answer(&Look::new(&process, located));
        if interrupted.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(SessionError::Interrupted);
        }
        Ok(answer)
    }

    /// Whether it is this thread that stands still, and talks.
    pub fn stands_in(&self, tid: Tid) -> bool {
        let held = self.held.as_ref();
        held.is_some_and(|held| held.stands_in(&*self.process, tid))
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

    /// Whether a core has been looked at as it is to be.
    fn is_read(&self) -> bool {
        match self.is_native() || self.shows_native {
            true => self.native.is_some(),
            false => self.view.is_some(),
        }
    }

    /// Takes away what a pmdb has left in it that was killed. Gives back whether all of that is gone.
    pub(super) fn clear_remains(&self) -> Result<bool, SessionError> {
        let Some(pid) = self.report.pid else {
            return Ok(true);
        };
        let located = self.located()?;
        Ok(remains::clear(
            &*self.process,
            located,
            pid,
            &self.custody(),
        )?)
    }

    /// Who holds it still when that is needed.
    pub(super) fn custody(&self) -> Custody {
        match &self.held {
            Some(held) => held.custody(),
            None => self.custody.clone(),
        }
    }

    /// Somebody follows it from now on, and an agent that comes in stops for what is wanted of those that are followed.
    pub(super) fn be_followed(&mut self, custody: &Custody, wanted: WantedStops) {
        self.custody = custody.clone();
        self.way_in = WayIn {
            custody: custody.clone(),
            wanted: WantedStops {
                while_running: true,
                ..wanted
            },
        };
        if let Some(held) = &mut self.held {
            held.be_followed(custody.clone());
        }
    }

    /// Looks at it again: what happened since the last time.
    pub fn refresh(&mut self, interrupted: &AtomicBool) -> Result<Vec<Event>, SessionError> {
        if self.ended || (self.is_core() && self.is_read()) {
            return Ok(Vec::new());
        }
        match self.process.has_changed() {
            Some(ProcessError::Gone { .. }) => return Ok(vec![self.note_end()]),
            Some(ProcessError::Replaced { .. }) => return self.open_again(interrupted),
            _ => {}
        }
        let mut events = Vec::new();
        let before = self.view.clone();
        let has_frames = |view: &View| !view.frames.is_empty();
        if self.is_native() && !self.may_become_python {
            if let Err(error) = self.refresh_native(interrupted, &mut events) {
                if self.is_ending() {
                    return Ok(vec![self.note_end()]);
                }
                return Err(error);
            }
            return Ok(events);
        }
        let looked = self.look_at_threads(interrupted, &mut events);
        let is_empty = looked.is_err() || !self.view.as_ref().is_some_and(has_frames);
        if is_empty && before.as_ref().is_some_and(has_frames) && self.is_ending() {
            // What was read meanwhile is that of a process without memory.
            self.view = before;
            return Ok(vec![self.note_end()]);
        }
        looked.map(|()| events)
    }

    /// The process has ended: nothing stands still in it any more.
    fn note_end(&mut self) -> Event {
        self.ended = true;
        self.levels.clear();
        self.held = None;
        self.kept = None;
        self.standing_thread = None;
        self.how = match &self.ending {
            _ if self.launched.is_some() => self.how_it_ended(),
            Some(ending) => ending.how(),
            None => None,
        };
        Event::Ended {
            pid: self.report.pid,
            how: self.how.clone(),
            again: self.launched.is_some(),
        }
    }

    /// Reads the threads, and the stack of the focused one.
    fn look_at_threads(
        &mut self,
        interrupted: &AtomicBool,
        events: &mut Vec<Event>,
    ) -> Result<(), SessionError> {
        let pid = self.report.pid;
        let threads = match self.threads(interrupted) {
            Err(SessionError::NoPython { .. }) if self.crashed.is_some() && self.is_native() => {
                return self.refresh_native(interrupted, events);
            }
            Err(error) if self.crashed.is_some() => {
                let is_over = match error {
                    SessionError::NoPython { .. } => self.has_no_interpreter,
                    SessionError::NoThreads { .. } | SessionError::NoPythonThread => true,
                    _ => false,
                };
                return Err(match pid {
                    Some(pid) if is_over => SessionError::ShutDown { pid },
                    _ => error,
                });
            }
            Err(SessionError::NoPython { .. }) if self.locate_again() => {
                self.threads(interrupted)?
            }
            other => other?,
        };
        events.extend(self.find_thread(&threads, interrupted)?);
        self.read_frames(interrupted, events)?;
        if self.shows_native {
            self.refresh_native(interrupted, events)?;
        }
        Ok(())
    }

    /// It has executed another program.
    fn open_again(&mut self, interrupted: &AtomicBool) -> Result<Vec<Event>, SessionError> {
        let opened = Inferior::open(&self.target, &Locator::default());
        let launched = self.launched.take();
        let breakpoints = self.breakpoints.list().len();
        let custody = self.custody.clone();
        *self = opened.map_err(|error| SessionError::NotOpened {
            why: error.to_string(),
        })?;
        self.launched = launched;
        self.custody = custody;
        let now = match &self.python {
            Ok(located) => located.name(),
            Err(why) => why.clone(),
        };
        let pid = self.report.pid;
        let mut events = vec![Event::Replaced {
            pid,
            now,
            breakpoints,
        }];
        if self.python.is_ok() {
            events.extend(self.refresh(interrupted)?);
        }
        Ok(events)
    }

    /// Whether Python is there by now: it may have been starting up.
    fn locate_again(&mut self) -> bool {
        // What is mapped was asked for once: its libraries may have come since.
        if let (Target::Live(_), Ok(process)) = (&self.target, self.target.open()) {
            self.process = process;
        }
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
