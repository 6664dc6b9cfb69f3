//! Interpreters and their threads.

use std::collections::HashSet;

use super::LookError;
use super::layout::{Collecting, GilPlace};
use super::look::Look;
use crate::model::{Addr, GilState, Tid};
use crate::process::{SystemCall, ThreadStatus};

/// More interpreters or threads than this in one list are damage.
const MOST: usize = 100_000;

/// In glibc's `struct pthread` on x86-64, the tid (`nptl/descr.h`); tids found by it are checked against `/proc`.
const GLIBC_TID: u64 = 0x2d0;

/// `__NR_futex` on x86-64.
const FUTEX: u64 = 202;

/// One Python thread state.
#[derive(Debug, Clone)]
pub struct PythonThread {
    pub address: Addr,
    /// 0 is the main interpreter.
    pub interpreter: i64,
    /// As the kernel here numbers it; unknown for a thread state whose thread is gone or is not ours to see.
    pub status: Option<ThreadStatus>,
    pub gil: GilState,
    pub collecting_garbage: bool,
}

/// The lock of one interpreter.
struct Gil {
    start: Addr,
    holder: Option<Addr>,
}

impl Look<'_> {
    /// The threads of every interpreter; `kernel` are those that the process has. What could not be read comes second.
    pub fn threads(&self, kernel: &[ThreadStatus]) -> (Vec<PythonThread>, Option<LookError>) {
        let layout = self.layout();
        let mut threads = Vec::new();
        let head = self.located.runtime.plus(layout.runtime.interpreters_head);
        let interpreters = self.list(head, layout.interpreter.next);
        for interpreter in &interpreters.0 {
            let head = interpreter.plus(layout.interpreter.threads_head);
            let (states, broken) = self.list(head, layout.thread.next);
            let id = self.memory.i64(interpreter.plus(layout.interpreter.id));
            let gil = self.gil(*interpreter).ok();
            let collecting = self.is_collecting(*interpreter);
            for address in states {
                let status = self.kernel_thread(address, kernel).cloned();
                let call = status
                    .as_ref()
                    .and_then(|status| self.process.system_call(status.tid));
                let state = gil.as_ref().map_or(GilState::Unknown, |gil| {
                    gil.state_of(address, call, layout.gil.size)
                });
                threads.push(PythonThread {
                    address,
                    interpreter: id.clone().unwrap_or(-1),
                    status,
                    gil: state,
                    collecting_garbage: collecting && state == GilState::Holds,
                });
            }
            if broken.is_some() {
                return (threads, broken);
            }
        }
        (threads, interpreters.1)
    }

    /// The members of a linked list whose head pointer is at `head`.
    fn list(&self, head: Addr, next: u64) -> (Vec<Addr>, Option<LookError>) {
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
                    let what = "a list of threads";
                    return (members, Some(LookError::Torn { what, address }));
                }
                Err(error) => return (members, Some(error.into())),
            }
        }
    }

    fn kernel_thread<'k>(
        &self,
        thread: Addr,
        kernel: &'k [ThreadStatus],
    ) -> Option<&'k ThreadStatus> {
        let layout = &self.layout().thread;
        let tid = match layout.native_thread_id {
            Some(at) => self.memory.u64(thread.plus(at)).ok()? as u32,
            None => {
                let pthread = self.memory.pointer(thread.plus(layout.thread_id)).ok()?;
                self.memory.u32(pthread.plus(GLIBC_TID)).ok()?
            }
        };
        kernel.iter().find(|status| status.inner_tid == Tid(tid))
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
