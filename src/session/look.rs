//! A session that only looks.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::api::{
    Event, FrameEntry, NativeQuestion, ProcessEntry, Request, Response, Resume, StackListing,
};
use super::display::Displays;
use super::error::SessionError;
use super::evaluate::Asking;
use super::inferior::Inferior;
use super::launched::Program;
use super::listing::Library;
use super::running::Running;
use super::shm::OpenedSegments;
use super::stack::Target;
use super::view::Seen;
use super::{native_answers, native_code};
use crate::model::Pid;
use crate::python::Limits;
use crate::python::eval::Segments;
use crate::python::locate::Locator;

/// How a session answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionOptions {
    /// How much of a value is shown.
    pub limits: Limits,
    /// Lines of source come with what their pieces are.
    pub syntax: bool,
    /// The targets are a family: with [`Request::Follow`] they are followed with all that they make.
    pub is_family: bool,
}

/// A set of processes, one of which has the focus.
pub struct Session {
    pub(super) inferiors: Vec<Inferior>,
    pub(super) focus: usize,
    pub(super) events: Vec<Event>,
    pub(super) library: Library,
    pub(super) limits: Limits,
    pub(super) interrupted: Arc<AtomicBool>,
    /// If it is about a command with all its processes.
    pub(super) running: Option<Running>,
    /// If that may become a session about a family of processes.
    pub(super) is_family: bool,
    /// Of several processes that were let go or asked to stop together, those that have not come to a stop.
    pub(super) under_way: Vec<Pid>,
    /// The shared memory in the dumps that it is about.
    pub(super) dumped: Option<Arc<dyn Segments>>,
}

impl Session {
    /// Opens the targets. Those that cannot be opened come second, with why; without any there is no session.
    pub fn open(
        targets: &[Target],
        options: SessionOptions,
    ) -> (Option<Session>, Vec<(Target, SessionError)>) {
        let locator = Locator::default();
        let mut inferiors = Vec::new();
        let mut refused = Vec::new();
        for target in targets {
            match Inferior::open(target, &locator) {
                Ok(mut inferior) => {
                    inferior.way_in.wanted.while_running = options.is_family;
                    inferiors.push(inferior);
                }
                Err(error) => {
                    let why = error.to_string();
                    refused.push((target.clone(), SessionError::NotOpened { why }));
                }
            }
        }
        let first_with_python = inferiors
            .iter()
            .position(|inferior| inferior.located().is_ok());
        let files: Vec<PathBuf> = inferiors.iter().filter_map(Inferior::core_file).collect();
        let dumped = (!files.is_empty())
            .then(|| -> Arc<dyn Segments> { Arc::new(OpenedSegments::of(files)) });
        let session = (!inferiors.is_empty()).then(|| Session {
            focus: first_with_python.unwrap_or(0),
            inferiors,
            events: Vec::new(),
            library: Library::new(options.syntax),
            limits: options.limits,
            interrupted: Arc::default(),
            running: None,
            is_family: options.is_family,
            under_way: Vec::new(),
            dumped,
        });
        (session, refused)
    }

    /// Starts a program and waits until it stands still at the first line of its main program, which comes as an event.
    /// Once `interrupted` is set, it is given up.
    pub fn launch(
        program: Program,
        options: SessionOptions,
        interrupted: Arc<AtomicBool>,
    ) -> Result<Session, SessionError> {
        let (inferior, events) = Inferior::launch(program, &interrupted)?;
        Ok(Session {
            focus: 0,
            inferiors: vec![inferior],
            events,
            library: Library::new(options.syntax),
            limits: options.limits,
            interrupted,
            running: None,
            is_family: options.is_family,
            under_way: Vec::new(),
            dumped: None,
        })
    }

    /// Which segments expressions open now.
    pub(super) fn segments(&self) -> Arc<dyn Segments> {
        segments_in(self.dumped.as_ref())
    }

    /// Ends what pmdb has started and not let go. Gives back the exit code that a shell would have, if it ended by itself.
    pub fn end_program(&mut self) -> Option<i32> {
        if self.running.is_some() {
            return self.end_command();
        }
        self.inferiors.iter_mut().find_map(Inferior::end_program)
    }

    /// Set it, from a signal handler or another thread, and the request under way ends soon. A face clears it.
    pub fn interrupted(&self) -> Arc<AtomicBool> {
        self.interrupted.clone()
    }

    /// Whether a thread of the focused process stands still.
    pub fn stands_still(&self) -> bool {
        self.inferiors
            .get(self.focus)
            .is_some_and(Inferior::stands_still)
    }

    /// What happened since this was asked last.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Answers a request.
    pub fn ask(&mut self, request: Request) -> Result<Response, SessionError> {
        let reads_frame = request.reads_frame();
        let answer = self.answer(request);
        if let Err(SessionError::Crashed { pid }) = answer {
            self.show_crash(pid);
        }
        for inferior in &mut self.inferiors {
            let text = std::mem::take(&mut inferior.printed);
            if !text.is_empty() {
                self.events.push(Event::Printed { text });
            }
        }
        let has_left = |inferior: &Inferior| inferior.has_left_frame(&self.interrupted);
        if reads_frame && self.focused().is_ok_and(has_left) {
            self.events.push(Event::Torn);
        }
        answer
    }

    fn answer(&mut self, request: Request) -> Result<Response, SessionError> {
        if request == Request::Discover {
            return self.discover().map(|()| Response::Done);
        }
        if self.running.is_some() && request == Request::Wait {
            return self.wait_for_any().map(|()| Response::Done);
        }
        if request == Request::Follow {
            return self.join().map(|()| Response::Done);
        }
        if request == Request::NextFailure {
            return self.next_failure().map(|()| Response::Done);
        }
        match &request {
            Request::Hold => {
                let events = self.hold_focused()?;
                self.events.extend(events);
                // Whatever else waits to be shown, it comes before that.
                self.note_step();
                return Ok(Response::Done);
            }
            Request::SetBreakpoint(request) => {
                if let Some(text) = self.about_segment(request) {
                    let made = self.watch_segment(request, &text)?;
                    return Ok(Response::Breakpoints(vec![made]));
                }
            }
            Request::ChangeBreakpoint { number, change } => {
                if let Some(changed) = self.change_segment_watch(*number, change) {
                    return Ok(Response::Breakpoints(vec![changed?]));
                }
            }
            Request::Breakpoint { number } => {
                let number = number.or_else(|| self.newest_segment_watch());
                let mut of_segments = self.segment_breakpoints().into_iter();
                if let Some(one) = of_segments.find(|one| Some(one.number) == number) {
                    return Ok(Response::Breakpoints(vec![one]));
                }
            }
            Request::ResumeSeveral { processes, how } => {
                return Ok(Response::Several(self.resume_several(processes, *how)));
            }
            Request::HoldSeveral { processes } => {
                return Ok(Response::Several(self.hold_several(processes)));
            }
            Request::Keep { processes } => return Ok(Response::Several(self.keep(processes))),
            Request::LetGo { processes } => {
                self.let_go_of(processes);
                return Ok(Response::Done);
            }
            Request::WaitForSeveral => return self.wait_for_several().map(Response::Several),
            _ => {}
        }
        let focus = self.focus;
        let asking = Asking {
            limits: &self.limits,
            interrupted: &self.interrupted,
            segments: segments_in(self.dumped.as_ref()),
        };
        let flag = &*self.interrupted;
        let inferior = self
            .inferiors
            .get_mut(focus)
            .ok_or(SessionError::NoSuchProcess)?;
        inferior.may_be_asked(&request)?;
        if inferior.native_frame().is_some()
            && let Some(answer) = native_answers::answer(inferior, &request, &self.limits, flag)?
        {
            return Ok(answer);
        }
        // What the process computes itself, where it stands still.
        let is_own = |inferior: &Inferior, text: &str| {
            inferior.held_frame().is_some() && !asking.opens_segments(inferior, text)
        };
        Ok(match request {
            Request::Refresh => {
                let events = inferior.refresh(flag)?;
                self.library.look_again();
                self.events.extend(events);
                if inferior.held_frame().is_none() {
                    self.events.extend(changed_displays(inferior, &asking));
                }
                Response::Done
            }
            Request::ShowChanges => {
                self.events.extend(changed_displays(inferior, &asking));
                Response::Done
            }
            Request::Discover
            | Request::Follow
            | Request::NextFailure
            | Request::Hold
            | Request::ResumeSeveral { .. }
            | Request::HoldSeveral { .. }
            | Request::Keep { .. }
            | Request::LetGo { .. }
            | Request::WaitForSeveral => Response::Done,
            Request::Processes => Response::Processes(self.process_entries()),
            Request::SelectProcess { index } => {
                self.inferiors
                    .get(index)
                    .ok_or(SessionError::NoSuchProcess)?;
                self.focus = index;
                return self.ask(Request::Refresh);
            }
            Request::Threads if inferior.native_view().is_some() => {
                Response::Threads(inferior.native_thread_entries(flag)?)
            }
            Request::Threads => Response::Threads(inferior.thread_entries(flag)?),
            Request::Tasks => Response::Tasks(Box::new(inferior.tasks(flag)?)),
            Request::SelectThread { id } if inferior.native_view().is_some() => {
                inferior.select_native_thread(id, flag)?;
                self.focused_frame()?
            }
            Request::SelectThread { id } => {
                inferior.select_thread(id, flag)?;
                self.focused_frame()?
            }
            Request::Stack => self.stack()?,
            Request::Frame => self.focused_frame()?,
            Request::SelectFrame { step } => {
                inferior.select_frame(step)?;
                self.focused_frame()?
            }
            Request::List { lines } => Response::Listing(self.library.list(inferior, lines)?),
            Request::Arguments => Response::Variables(asking.arguments(inferior)?),
            Request::Locals => Response::Variables(asking.locals(inferior)?),
            Request::Globals => Response::Variables(asking.globals(inferior)?),
            Request::Evaluate { text } if is_own(inferior, &text) => {
                let limits = self.limits;
                let value = inferior.own_value(&text, &limits, &self.interrupted);
                Response::Value(value.map_err(|error| asking.with_hint(inferior, &text, error))?)
            }
            Request::Evaluate { text } => Response::Value(asking.value(inferior, &text)?),
            Request::Execute { text } if is_own(inferior, &text) => {
                let limits = self.limits;
                let printed = inferior.run_statement(&text, &limits, &self.interrupted);
                match printed.map_err(|error| asking.with_hint(inferior, &text, error))? {
                    Some(printed) => Response::Text(printed),
                    None => Response::Unfinished,
                }
            }
            Request::Execute { text } => {
                let value = asking.execute(inferior, &text);
                if matches!(value, Err(SessionError::Statement)) {
                    inferior.may_run()?;
                }
                Response::Value(value?)
            }
            Request::Console { what } => {
                let limits = self.limits;
                inferior.console(&what, &limits, &self.interrupted)?
            }
            Request::Pretty { text, width } if is_own(inferior, &text) => {
                let limits = self.limits;
                Response::Text(inferior.own_pretty(&text, &limits, width, &self.interrupted)?)
            }
            Request::Pretty { text, width } => {
                Response::Text(asking.pretty(inferior, &text, width)?)
            }
            Request::WhatIs { text } => Response::Text(asking.what_is(inferior, &text)?),
            Request::SourceOf { text } => {
                let place = asking.place_of(inferior, &text)?;
                Response::Listing(self.library.definition(inferior, &place)?)
            }
            Request::Complete { text } => Response::Names(asking.completions(inferior, &text)?),
            Request::Display { text } => {
                let display = asking.display(inferior, &text)?;
                let activation = inferior.activation(true, flag)?;
                let add = |displays: &mut Displays, seen: &Seen| {
                    displays.add(seen, activation, display.clone());
                };
                change_displays(inferior, add)?;
                Response::Displays(vec![display])
            }
            Request::Undisplay { text } => {
                let text = text.as_deref();
                let activation = inferior.activation(false, flag)?;
                let remove =
                    |displays: &mut Displays, seen: &Seen| displays.remove(seen, activation, text);
                let removed = change_displays(inferior, remove)?;
                match text {
                    Some(text) if !removed => {
                        let expression = text.to_string();
                        return Err(SessionError::NotDisplayed { expression });
                    }
                    _ => Response::Done,
                }
            }
            Request::Displays => {
                let activation = inferior.activation(false, flag)?;
                let (view, seen) = inferior.frame()?;
                Response::Displays(view.displays.of(seen, activation))
            }
            Request::Exceptions => {
                let entries = inferior.exceptions(&self.limits, flag)?;
                Response::Exceptions(entries.into_iter().map(|(_, entry)| entry).collect())
            }
            Request::SelectException { number } => {
                inferior.select_exception(number, flag)?;
                self.focused_frame()?
            }
            Request::Meet => {
                let events = inferior.meet(flag)?;
                self.events.extend(events);
                Response::Done
            }
            Request::Resume { how } => {
                self.resume_focused(how)?;
                Response::Done
            }
            Request::Wait => {
                let events = inferior.wait(flag)?;
                self.events.extend(events);
                Response::Done
            }
            Request::Restart { arguments } => {
                let (said, events) = inferior.restart(arguments.as_deref(), flag)?;
                self.events.extend(events);
                Response::Text(said)
            }
            Request::Release => {
                inferior.let_go()?;
                Response::Done
            }
            Request::SetBreakpoint(request) => {
                Response::Breakpoints(vec![self.set_breakpoint(&request)?])
            }
            Request::Breakpoints => {
                let mut list = inferior.breakpoints.list().to_vec();
                list.extend(self.segment_breakpoints());
                list.sort_by_key(|one| one.number);
                Response::Breakpoints(list)
            }
            Request::Breakpoint { number } => {
                Response::Breakpoints(vec![inferior.breakpoints.one(number)?.clone()])
            }
            Request::ChangeBreakpoint { number, change } => {
                Response::Breakpoints(vec![self.change_breakpoint(number, &change)?])
            }
            Request::Jump { line } => {
                inferior.jump(line, flag)?;
                self.focused_frame()?
            }
            Request::Debug { text } => {
                inferior.debug(&text, flag)?;
                self.note_resumed(Resume::Step);
                Response::Done
            }
            Request::QuitLevel => {
                inferior.quit_level()?;
                self.note_resumed(Resume::Step);
                Response::Done
            }
            Request::Native {
                what: what @ (NativeQuestion::Show | NativeQuestion::Hide),
            } => {
                inferior.show_native(what == NativeQuestion::Show, flag)?;
                self.focused_frame()?
            }
            Request::Native { what } if inferior.native_frame().is_some() => {
                let library = &mut self.library;
                Response::Text(native_code::answer(inferior, library, &what, flag)?)
            }
            Request::Native { .. } => return Err(inferior.no_native_frame()),
            Request::Returned => {
                let text = inferior.returned.clone().ok_or(SessionError::NotReturned)?;
                Response::Text(text)
            }
        })
    }

    fn process_entries(&self) -> Vec<ProcessEntry> {
        let entry = |(index, inferior): (usize, &Inferior)| ProcessEntry {
            report: inferior.report.clone(),
            focused: index == self.focus,
            state: inferior.state(),
            held: inferior.kept.is_some(),
            levels: inferior.levels.len(),
        };
        self.inferiors.iter().enumerate().map(entry).collect()
    }

    fn focused(&self) -> Result<&Inferior, SessionError> {
        self.inferiors
            .get(self.focus)
            .ok_or(SessionError::NoSuchProcess)
    }

    fn focused_frame(&mut self) -> Result<Response, SessionError> {
        let Session {
            inferiors,
            library,
            focus,
            ..
        } = self;
        let inferior = inferiors.get(*focus).ok_or(SessionError::NoSuchProcess)?;
        if let Some(native) = inferior.native_view() {
            let frame = native.frame(inferior, library);
            return Ok(Response::Frame(frame.ok_or(SessionError::NoFrame)?));
        }
        let (view, seen) = inferior.frame()?;
        Ok(Response::Frame(entry(
            library,
            inferior,
            seen,
            view.selected,
            true,
        )))
    }

    fn stack(&mut self) -> Result<Response, SessionError> {
        let Session {
            inferiors,
            library,
            focus,
            ..
        } = &mut *self;
        let standing = inferiors.get(*focus);
        if let Some((inferior, native)) = standing.and_then(|it| Some((it, it.native_view()?))) {
            return Ok(Response::Stack(native.listing(inferior, library)));
        }
        let exception = self.focused()?.exception_number(&self.interrupted);
        let inferior = self
            .inferiors
            .get(self.focus)
            .ok_or(SessionError::NoSuchProcess)?;
        let view = inferior.view()?;
        let library = &mut self.library;
        let frames = view.frames.iter().enumerate().rev();
        let frames = frames
            .map(|(number, seen)| entry(library, inferior, seen, number, number == view.selected))
            .collect();
        Ok(Response::Stack(StackListing {
            frames,
            exception,
            note: view.note.clone(),
        }))
    }
}

impl Drop for Session {
    /// No process is left with anything in it. One that cannot be asked now frees itself when it notices that pmdb is gone.
    fn drop(&mut self) {
        for inferior in &mut self.inferiors {
            let _ = inferior.release();
            if let Some(mark) = &inferior.mark {
                mark.answer();
            }
        }
    }
}

fn entry(
    library: &mut Library,
    inferior: &Inferior,
    seen: &Seen,
    number: usize,
    focused: bool,
) -> FrameEntry {
    let frame = seen.described.clone();
    let at = frame.file.as_deref().zip(frame.line);
    FrameEntry {
        number,
        focused,
        path: inferior.path_of(&frame),
        source: at.and_then(|(file, line)| library.line(inferior, file, line)),
        frame,
    }
}

/// Where expressions find shared memory: in the dumps that the session is about, else on this machine as it is now.
fn segments_in(dumped: Option<&Arc<dyn Segments>>) -> Arc<dyn Segments> {
    match dumped {
        Some(dumped) => Arc::clone(dumped),
        None => Arc::new(OpenedSegments::of(Vec::new())),
    }
}

fn change_displays<T>(
    inferior: &mut Inferior,
    change: impl FnOnce(&mut Displays, &Seen) -> T,
) -> Result<T, SessionError> {
    inferior.with_view(|view| {
        let mut displays = std::mem::take(&mut view.displays);
        let changed = view.frame().map(|seen| change(&mut displays, seen));
        view.displays = displays;
        changed.ok_or(SessionError::NoFrame)
    })?
}

/// What is displayed in the focused frame and has another value than before.
fn changed_displays(inferior: &mut Inferior, asking: &Asking<'_>) -> Vec<Event> {
    let Ok(activation) = inferior.activation(false, asking.interrupted) else {
        return Vec::new();
    };
    let Ok((view, seen)) = inferior.frame() else {
        return Vec::new();
    };
    let displays = view.displays.of(seen, activation);
    let mut values = Vec::new();
    for display in displays {
        if let Ok(now) = asking.display(inferior, &display.text) {
            values.push(now);
        }
    }
    let value_of = |display: &super::api::Display| {
        let now = values.iter().find(|now| now.text == display.text);
        now.map_or(display.value.clone(), |now| now.value.clone())
    };
    let update = |displays: &mut Displays, seen: &Seen| displays.update(seen, activation, value_of);
    change_displays(inferior, update).unwrap_or_default()
}
