//! Looking at the native frames of a process: in one without Python at nothing else, in one with Python after `native on`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use super::api::{Event, FrameStep, ThreadEntry};
use super::error::SessionError;
use super::inferior::Inferior;
use super::interrupt::Interruptible;
use super::mixed_stack::{MachineFrame, PythonFrames, mix};
use super::native_stack::without_python;
use super::native_view::{Call, NativeView, Place, calls};
use crate::model::{Addr, Frame, Language, Tid};
use crate::native::{FrameScope, LoadedModules, NativeStack, describe, unwind};
use crate::process::{Memory, Process, Registers, still};
use crate::python::{Evaluation, Look};

/// How often a stack is read again whose Python moves on meanwhile.
const MOST_TRIES: usize = 3;

/// What was read of a thread at one moment.
struct Read {
    stack: NativeStack,
    calls: Vec<Call>,
    /// The frames of Python with the calls of its loop, of a thread that has any.
    python: Option<(Vec<Frame>, Vec<Evaluation>)>,
}

impl Inferior {
    /// Whether there is nothing but native code to look at.
    pub fn is_native(&self) -> bool {
        self.python.is_err() && !self.has_no_interpreter
    }

    /// The stack with its native frames, if that is what is looked at.
    pub fn native_view(&self) -> Option<&NativeView> {
        self.native.as_ref()
    }

    /// The same, if the focus is on a native frame of it.
    pub fn native_frame(&self) -> Option<&NativeView> {
        let view = self.native.as_ref()?;
        let is_python = view
            .selected()
            .is_some_and(|call| matches!(call.place, Place::Python(_)));
        (!is_python).then_some(view)
    }

    /// Shows the native frames of a process with Python, or those of Python alone.
    pub fn show_native(
        &mut self,
        shows: bool,
        interrupted: &AtomicBool,
    ) -> Result<(), SessionError> {
        if self.is_native() {
            return match shows {
                true => Ok(()),
                false => Err(SessionError::Unreadable {
                    why: "the process has no Python: its native frames are all there is".to_owned(),
                }),
            };
        }
        self.shows_native = shows;
        if !shows {
            self.native = None;
            return Ok(());
        }
        let selected = self.view.as_ref().map(|view| view.selected);
        let read = self.refresh_native(interrupted, &mut Vec::new());
        if read.is_err() {
            self.shows_native = false;
            self.native = None;
        }
        // The focus stays where it is.
        if let (Some(view), Some(selected)) = (&mut self.native, selected) {
            view.select_python(selected);
        }
        self.follow_selection();
        read
    }

    /// What is to be done for what only a native frame can answer.
    pub fn no_native_frame(&self) -> SessionError {
        SessionError::Unreadable {
            why: match self.native {
                Some(_) => "this is a frame of Python: `up` and `down` lead to native ones",
                None => "this is about native frames: `native on` shows them",
            }
            .to_owned(),
        }
    }

    /// Has something read while the process stands still, or is a core.
    pub fn at_one_moment<T: Send>(
        &self,
        interrupted: &AtomicBool,
        look: impl Fn(&dyn Process) -> T + Send + Sync,
    ) -> Result<T, SessionError> {
        self.still_there()?;
        let standing: Option<BTreeMap<Tid, Registers>> = self.crashed.as_ref().map(|crashed| {
            let threads = self.process.threads().unwrap_or_default();
            crashed.registers(threads.into_iter().map(|status| status.tid))
        });
        let within = |process: &dyn Process| {
            look(&Interruptible {
                process,
                interrupted,
                registers: standing.as_ref(),
            })
        };
        let answer = match self.report.pid {
            Some(pid) if standing.is_none() && !self.is_core() => {
                let rehearse = |process: &dyn Process| drop(within(process));
                let custody = self.custody();
                still::look_at_one_moment(&*self.process, (pid, &custody), rehearse, within)
                    .map_err(|error| SessionError::NotOpened {
                        why: error.to_string(),
                    })?
            }
            _ => within(&*self.process),
        };
        if interrupted.load(Ordering::Relaxed) {
            return Err(SessionError::Interrupted);
        }
        Ok(answer)
    }

    /// Reads the stack that the focus is on anew.
    pub fn refresh_native(
        &mut self,
        interrupted: &AtomicBool,
        events: &mut Vec<Event>,
    ) -> Result<(), SessionError> {
        let threads = self.process.threads();
        let threads = threads.map_err(|error| SessionError::NoThreads {
            who: self.who(),
            why: error.to_string(),
        })?;
        let lives = |tid: Tid| {
            let is_it = |status: &crate::process::ThreadStatus| status.tid == tid;
            threads
                .iter()
                .any(|status| is_it(status) && !status.state.has_ended())
        };
        let before = self.native.as_ref().map(|view| view.tid);
        if let Some(tid) = before.filter(|tid| !lives(*tid)) {
            events.push(Event::ThreadEnded { thread: Some(tid) });
            self.native = None;
        }
        let of_python = self.view.as_ref().and_then(|view| view.tid);
        let main = self.report.pid.map(|pid| Tid(pid.0));
        let first = threads.first().map(|status| status.tid);
        let wanted = [before, of_python, self.signalled, main, first];
        let tid = wanted.into_iter().flatten().find(|tid| lives(*tid));
        let tid = tid.ok_or(SessionError::NoSuchThread)?;
        let new = self.read_native(tid, interrupted)?;
        let moved = match &mut self.native {
            Some(view) if before == Some(tid) => !view.replace(new),
            slot => {
                *slot = Some(new);
                false
            }
        };
        if moved {
            events.push(Event::MovedOn { thread: Some(tid) });
        }
        self.follow_selection();
        Ok(())
    }

    /// The focus of Python goes with the frame that is chosen.
    fn follow_selection(&mut self) {
        let place = self.native.as_ref().and_then(NativeView::selected);
        if let (Some(Place::Python(number)), Some(view)) =
            (place.map(|call| call.place), &mut self.view)
            && view.selected != number
        {
            view.select(number);
        }
    }

    fn read_native(
        &mut self,
        tid: Tid,
        interrupted: &AtomicBool,
    ) -> Result<NativeView, SessionError> {
        let fails = self.signalled == Some(tid);
        for _ in 0..MOST_TRIES {
            let read = self.read_thread(tid, interrupted)?;
            let whole = read.stack.broken.is_none();
            let note = read.stack.broken.map(|broken| broken.to_string());
            let Some((python, evaluations)) = read.python else {
                return Ok(NativeView::new(tid, read.stack, read.calls, note, fails));
            };
            self.read_frames(interrupted, &mut Vec::new())?;
            let known = self.view.as_ref().map_or(Vec::new(), |view| {
                let frames = view.frames.iter();
                frames.map(|seen| seen.described.clone()).collect()
            });
            if known != python {
                continue;
            }
            let (calls, odd) = mixed(&read.stack, &read.calls, python, evaluations, whole);
            let notes = note.into_iter().chain(odd);
            let note = notes.reduce(|before, note| format!("{before}; {note}"));
            return Ok(NativeView::new(tid, read.stack, calls, note, false));
        }
        Err(SessionError::Unreadable {
            why: format!(
                "thread {tid} moves on faster than its stack can be read: `stop` it first, or `native off`"
            ),
        })
    }

    fn read_thread(&self, tid: Tid, interrupted: &AtomicBool) -> Result<Read, SessionError> {
        let view = self.view.as_ref().filter(|view| view.tid == Some(tid));
        let thread: Option<Addr> = view.map(|view| view.thread);
        let (located, parsed) = (self.python.as_ref().ok(), &*self.parsed);
        let read = self.at_one_moment(interrupted, |process| {
            let registers = process.registers(tid)?;
            let modules = LoadedModules::new(process, parsed);
            let stack = unwind(&registers, &modules, &Memory::new(process));
            let python = located.zip(thread).map(|(located, thread)| {
                let look = Look::new(process, located);
                let python = look.stack(thread);
                let frames = python.frames.iter();
                let frames = frames.map(|frame| look.describe(frame, None)).collect();
                (frames, python.evaluations)
            });
            let calls = calls(&stack, &modules);
            modules.index_names_in_background();
            Some(Read {
                calls,
                stack,
                python,
            })
        })?;
        read.ok_or_else(|| SessionError::Unreadable {
            why: format!(
                "the registers of thread {tid} cannot be had: it has ended, or waits in the kernel and cannot be stopped"
            ),
        })
    }

    pub fn select_native_frame(&mut self, step: FrameStep) -> Result<(), SessionError> {
        let view = self.native.as_mut().ok_or(SessionError::NoFrame)?;
        view.select(step)?;
        self.follow_selection();
        Ok(())
    }

    pub fn native_thread_entries(
        &self,
        interrupted: &AtomicBool,
    ) -> Result<Vec<ThreadEntry>, SessionError> {
        let focused = self.native.as_ref().map(|view| view.tid);
        let parsed = &*self.parsed;
        let threads = self.at_one_moment(interrupted, |process| {
            let modules = LoadedModules::new(process, parsed);
            let memory = Memory::new(process);
            let entry = |status: crate::process::ThreadStatus| {
                let mut thread = without_python(&status);
                if let Some(registers) = process.registers(status.tid) {
                    let stack = unwind(&registers, &modules, &memory);
                    let newest = stack.frames.first();
                    let newest = newest.and_then(|it| describe(it, &modules).into_iter().next());
                    thread.frames.extend(newest);
                }
                ThreadEntry {
                    id: Addr(status.tid.0.into()),
                    focused: focused == Some(status.tid),
                    thread,
                }
            };
            let threads = process.threads().map_err(|error| error.to_string())?;
            let living = threads.into_iter().filter(|it| !it.state.has_ended());
            Ok(living.map(entry).collect::<Vec<_>>())
        })?;
        let mut threads: Vec<ThreadEntry> =
            threads.map_err(|why: String| SessionError::NoThreads {
                who: self.who(),
                why,
            })?;
        // Those of Python say more.
        if self.python.is_ok()
            && let Ok(of_python) = self.thread_entries(interrupted)
        {
            for known in of_python {
                let same = |entry: &&mut ThreadEntry| entry.thread.tid == known.thread.tid;
                if let Some(entry) = threads.iter_mut().find(same) {
                    let focused = entry.focused;
                    *entry = ThreadEntry { focused, ..known };
                }
            }
        }
        Ok(threads)
    }

    /// Puts the focus on a thread that [`Inferior::native_thread_entries`] has told of.
    pub fn select_native_thread(
        &mut self,
        id: Addr,
        interrupted: &AtomicBool,
    ) -> Result<(), SessionError> {
        let entries = self.native_thread_entries(interrupted)?;
        let chosen = entries.iter().find(|entry| entry.id == id);
        let tid = chosen.and_then(|entry| entry.thread.tid);
        let tid = tid.ok_or(SessionError::NoSuchThread)?;
        if id != Addr(tid.0.into()) {
            self.select_thread(id, interrupted)?;
        }
        let view = self.read_native(tid, interrupted)?;
        self.native = Some(view);
        self.follow_selection();
        Ok(())
    }

    /// Reads something in the frame that is looked at, as it is now.
    pub fn in_native_frame<T: Send>(
        &self,
        interrupted: &AtomicBool,
        read: impl Fn(&FrameScope<'_>) -> T + Send + Sync,
    ) -> Result<T, SessionError> {
        let view = self.native.as_ref().ok_or(SessionError::NoFrame)?;
        let call = view.selected().ok_or(SessionError::NoFrame)?;
        let Place::Native { machine, inlined } = call.place else {
            return Err(SessionError::NoFrame);
        };
        let (tid, parsed, seen) = (view.tid, &*self.parsed, &view.stack);
        let answer = self.at_one_moment(interrupted, |process| {
            let registers = process.registers(tid)?;
            let modules = LoadedModules::new(process, parsed);
            let memory = Memory::new(process);
            let stack = unwind(&registers, &modules, &memory);
            // By its place from the oldest end, which is the same as long as the frame is there.
            let from_end = seen.frames.len().checked_sub(machine)?;
            let machine = stack.frames.len().checked_sub(from_end)?;
            let pc = |stack: &NativeStack, machine: usize| {
                let frame = stack.frames.get(machine)?;
                Some((frame.registers.stack_pointer(), frame.pc()))
            };
            let is_same = pc(&stack, machine + 1) == pc(seen, seen.frames.len() - from_end + 1);
            is_same.then(|| {
                read(&FrameScope {
                    process,
                    modules: &modules,
                    memory: &memory,
                    stack: &stack,
                    machine,
                    inlined,
                })
            })
        })?;
        answer.ok_or_else(|| SessionError::Unreadable {
            why: "the frame has returned meanwhile: try again".to_owned(),
        })
    }
}

/// Puts the frames of Python where the interpreter runs them.
fn mixed(
    stack: &NativeStack,
    calls: &[Call],
    python: Vec<Frame>,
    evaluations: Vec<Evaluation>,
    is_whole: bool,
) -> (Vec<Call>, Option<String>) {
    let begin = |machine: usize| {
        let frame = stack.frames.get(machine);
        frame.map_or(Addr(u64::MAX), |frame| frame.registers.stack_pointer())
    };
    let machines: Vec<MachineFrame> = (0..stack.frames.len())
        .map(|machine| MachineFrame {
            sources: calls
                .iter()
                .filter(
                    |call| matches!(call.place, Place::Native { machine: of, .. } if of == machine),
                )
                .map(|call| call.frame.clone())
                .collect(),
            stack: begin(machine)..begin(machine + 1),
        })
        .collect();
    let frames = PythonFrames {
        frames: python,
        evaluations,
    };
    let mixed = mix(machines, vec![frames], is_whole).into_iter().next();
    let Some(mixed) = mixed else {
        return (calls.to_vec(), None);
    };
    // Both keep their order, and what is left out are loops of the interpreter.
    let (mut natives, mut number) = (calls.iter(), 0..);
    let calls = mixed.frames.into_iter().filter_map(|frame| {
        if frame.language == Language::Python {
            let place = Place::Python(number.next()?);
            return Some(Call { frame, place });
        }
        natives.find(|call| call.frame == frame).cloned()
    });
    (calls.collect(), mixed.note)
}
