//! Interpreters and their threads.

use std::collections::{HashMap, HashSet};

use super::LookError;
use super::layout::{Collecting, GilPlace};
use super::look::Look;
use super::thread_names::{MAIN_THREAD, ThreadName};
use super::tid::TidPlace;
use crate::model::{Addr, GilState};
use crate::process::{SystemCall, ThreadStatus};

/// More interpreters than this are damage.
const MOST: usize = 10_000;

/// `__NR_futex` on x86-64.
const FUTEX: u64 = 202;

/// One Python thread state.
#[derive(Debug, Clone)]
pub struct PythonThread {
    pub address: Addr,
    /// Its name in Python (`Thread.name`).
    pub name: Option<String>,
    /// `Thread.daemon`.
    pub daemon: Option<bool>,
    /// 0 is the main interpreter.
    pub interpreter: i64,
    /// As the kernel here numbers it; unknown for a thread state whose thread is gone or is not ours to see.
    pub status: Option<ThreadStatus>,
    pub gil: GilState,
    pub collecting_garbage: bool,
}

impl PythonThread {
    /// Up to 3.11 a thread state has the ident and tid of its creator until its own thread runs (`t_bootstrap`,
    /// `Modules/_threadmodule.c`), and none from 3.12 on.
    fn being_created(address: Addr, interpreter: i64) -> PythonThread {
        PythonThread {
            address,
            name: None,
            daemon: None,
            interpreter,
            status: None,
            gil: GilState::Released,
            collecting_garbage: false,
        }
    }
}

/// The lock of one interpreter.
struct Gil {
    start: Addr,
    holder: Option<Addr>,
}

impl Look<'_> {
    /// The threads of every interpreter; `kernel` are those that the process has. What could not be read comes second.
    pub fn threads(&self, kernel: &[ThreadStatus]) -> (Vec<PythonThread>, Option<LookError>) {
        let (states, broken) = self.all_states();
        let all: Vec<Addr> = states
            .iter()
            .flat_map(|(_, members)| members)
            .copied()
            .collect();
        let place = self.tid_place(&all, kernel);
        let main = self.main_interpreter().unwrap_or(Addr::NULL);
        let of_main = self.thread_names(main);
        let mut threads = Vec::new();
        for (interpreter, members) in states {
            let mut names = of_main.clone();
            if interpreter != main {
                names.extend(self.thread_names(interpreter));
            }
            threads.extend(self.threads_of(interpreter, &members, place, kernel, &names));
        }
        (threads, broken)
    }

    /// The thread states that are there at this moment: of those that were read before, the others have ended. Nothing
    /// if the list cannot be read whole.
    pub fn living_threads(&self) -> Option<HashSet<Addr>> {
        match self.all_states() {
            (states, None) => Some(
                states
                    .into_iter()
                    .flat_map(|(_, members)| members)
                    .collect(),
            ),
            (_, Some(_)) => None,
        }
    }

    /// Of each interpreter.
    fn all_states(&self) -> (Vec<(Addr, Vec<Addr>)>, Option<LookError>) {
        let layout = self.layout();
        let head = self.located.runtime.plus(layout.runtime.interpreters_head);
        let (interpreters, mut broken) = self.list(head, layout.interpreter.next);
        let mut states = Vec::new();
        for interpreter in interpreters {
            let (members, problem) = self.thread_states(interpreter);
            states.push((interpreter, members));
            broken = broken.or(problem);
        }
        (states, broken)
    }

    fn threads_of(
        &self,
        interpreter: Addr,
        states: &[Addr],
        place: TidPlace,
        kernel: &[ThreadStatus],
        names: &HashMap<u64, ThreadName>,
    ) -> Vec<PythonThread> {
        let layout = self.layout();
        let id = self.memory.i64(interpreter.plus(layout.interpreter.id));
        let id = id.unwrap_or(-1);
        let gil = self.gil(interpreter).ok();
        let collecting = self.is_collecting(interpreter);
        // A thread that lets go of the lock in a finalizer still collects.
        let is_alone = states.len() == 1;
        let idents: Vec<Option<u64>> = states.iter().map(|&state| self.ident(state)).collect();
        let is_being_created = |state: Addr| {
            let ident = self.ident(state);
            let same = idents.iter().filter(|&&other| other == ident).count();
            let has_frame = self.newest_frame(state).is_ok_and(|frame| !frame.is_null());
            !has_frame && (same > 1 || ident == Some(0))
        };
        let describe = |&address: &Addr| {
            if is_being_created(address) {
                return PythonThread::being_created(address, id);
            }
            let tid = self.tid_of(address, place);
            let status = kernel.iter().find(|status| Some(status.inner_tid) == tid);
            let call = status.and_then(|status| self.process.system_call(status.tid));
            let state = gil.as_ref().map_or(GilState::Unknown, |gil| {
                gil.state_of(address, call, layout.gil.size)
            });
            let said = self.name_of_thread(address, id, names);
            PythonThread {
                address,
                daemon: said.as_ref().and_then(|said| said.daemon),
                name: said.and_then(|said| said.name),
                interpreter: id,
                status: status.cloned(),
                gil: state,
                collecting_garbage: collecting && (is_alone || state == GilState::Holds),
            }
        };
        states.iter().map(describe).collect()
    }

    /// The pthread_t.
    fn ident(&self, state: Addr) -> Option<u64> {
        let at = self.layout().thread.thread_id;
        self.memory.u64(state.plus(at)).ok()
    }

    fn name_of_thread(
        &self,
        state: Addr,
        interpreter: i64,
        names: &HashMap<u64, ThreadName>,
    ) -> Option<ThreadName> {
        let layout = self.layout();
        let ident = self.ident(state)?;
        if let Some(known) = names.get(&ident) {
            return Some(known.clone());
        }
        let main = self.located.runtime.plus(layout.runtime.main_thread);
        if interpreter == 0 && self.memory.u64(main) == Ok(ident) {
            return Some(ThreadName {
                name: Some(MAIN_THREAD.to_string()),
                daemon: None,
            });
        }
        self.starting_thread_name(state)
    }

    /// The members of a linked list whose head pointer is at `head`.
    pub(super) fn list(&self, head: Addr, next: u64) -> (Vec<Addr>, Option<LookError>) {
        let (mut members, mut seen) = (Vec::new(), HashSet::new());
        let mut at = head;
        loop {
            match self.memory.pointer(at) {
                Ok(member) if member.is_null() => return (members, None),
                Ok(member) if seen.insert(member) && members.len() < MOST => {
                    if let Err(error) = self.memory.keep(member, size_of::<PythonThread>()) {
                        return (members, Some(error.into()));
                    }
                    members.push(member);
                    at = member.plus(next);
                }
                Ok(address) => {
                    let what = "the list of interpreters";
                    return (members, Some(LookError::Torn { what, address }));
                }
                Err(error) => return (members, Some(error.into())),
            }
        }
    }

    fn gil(&self, interpreter: Addr) -> Result<Gil, LookError> {
        let layout = &self.layout().gil;
        let start = match layout.place {
            GilPlace::Runtime(at) => self.located.runtime.plus(at),
            GilPlace::InterpreterPointer(at) => self.memory.pointer(interpreter.plus(at))?,
        };
        let locked = self.memory.i32(start.plus(layout.locked))? == 1;
        let holder = self.memory.pointer(start.plus(layout.last_holder))?;
        Ok(Gil {
            start,
            holder: locked.then_some(holder),
        })
    }

    fn is_collecting(&self, interpreter: Addr) -> bool {
        let at = match self.layout().interpreter.collecting {
            Collecting::Runtime(at) => self.located.runtime.plus(at),
            Collecting::Interpreter(at) => interpreter.plus(at),
        };
        matches!(self.memory.i32(at), Ok(1))
    }
}

impl Gil {
    /// A thread waits for the lock if it sits in futex(2) on a word of it (`take_gil`, `Python/ceval_gil.c`).
    fn state_of(&self, thread: Addr, call: Option<SystemCall>, size: u64) -> GilState {
        let waits = call.is_some_and(|call| {
            let word = call.arguments[0].wrapping_sub(self.start.0);
            call.number == FUTEX && word < size
        });
        if self.holder == Some(thread) {
            GilState::Holds
        } else if waits {
            GilState::Waits
        } else {
            GilState::Released
        }
    }
}
