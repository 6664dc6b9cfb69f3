//! The ring of pending calls of an interpreter, read and written while every thread of the process is stopped.
//!
//! `Py_AddPendingCall` (`Python/ceval.c`, 3.13+ `Python/ceval_gil.c`) is what is done here, without running it.

use std::ops::Range;

use super::AgentError;
use crate::model::{Addr, Pid};
use crate::process::trace::Hold;
use crate::python::LookError;
use crate::python::frame::PythonFrame;
use crate::python::layout::{Breaker, PendingCount, PendingLock, PendingPlace};
use crate::python::look::Look;
use crate::python::stack::is_of_agent;

/// Where the parts of one process's ring lie.
pub(super) struct Ring {
    pub(super) start: Addr,
    pub(super) breaker: Addr,
    /// The main thread as `_thread.get_ident()` names it.
    pub(super) main: u64,
    /// Its thread state.
    pub(super) thread: Addr,
}

/// How many of the newest frames of a thread can belong to a call that is being made: the agent comes in in some 20, with an import of a
/// module of the program's own.
const MOST_OF_CALL: usize = 200;

/// A call that was put into the ring.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    index: u64,
}

impl Ring {
    /// Whether its main thread is one of the `count` of the process. In a child that another thread forked the interpreter takes its parent's for it until it
    /// has cleaned up after the fork (`PyOS_AfterFork_Child`), or for ever if C code has forked.
    pub(super) fn has_thread(&self, hold: &Hold, count: usize) -> bool {
        // pthread_self(3) of glibc and musl is what the register holds. It may be one that has not stopped.
        let is_main = |tid| hold.registers(tid).is_ok_and(|at| at.fs_base == self.main);
        hold.stopped().count() < count || hold.stopped().any(is_main)
    }
}

impl Look<'_> {
    /// The ring of the main interpreter, if its main thread can come to it.
    pub(super) fn pending_calls(&self, pid: Pid) -> Result<Ring, AgentError> {
        let layout = self.layout();
        let runtime = self.located.runtime;
        let field = |at| {
            self.memory
                .pointer(runtime.plus(at))
                .map_err(LookError::from)
        };
        // Asked first: while it is shut down it is no longer initialized either.
        if !field(layout.runtime.finalizing)?.is_null() {
            return Err(AgentError::Finalizing { pid });
        }
        if self
            .memory
            .i32(runtime.plus(layout.runtime.initialized))
            .map_err(LookError::from)?
            == 0
        {
            return Err(AgentError::StartingUp { pid });
        }
        let interpreter = field(layout.runtime.interpreters_main)?;
        if interpreter.is_null() {
            return Err(AgentError::StartingUp { pid });
        }
        let thread = self
            .main_thread(interpreter)?
            .ok_or(AgentError::NoMainThread { pid })?;
        let start = match layout.pending_calls.place {
            PendingPlace::Runtime(at) => runtime.plus(at),
            PendingPlace::Interpreter(at) => interpreter.plus(at),
        };
        let breaker = match layout.pending_calls.breaker {
            Breaker::Runtime(at) => runtime.plus(at),
            Breaker::Interpreter(at) => interpreter.plus(at),
            Breaker::Thread { at, .. } => thread.plus(at),
        };
        let main = self
            .memory
            .u64(thread.plus(layout.thread.thread_id))
            .map_err(LookError::from)?;
        Ok(Ring {
            start,
            breaker,
            main,
            thread,
        })
    }

    /// The thread state of the thread that started the runtime, or that forked.
    fn main_thread(&self, interpreter: Addr) -> Result<Option<Addr>, LookError> {
        let layout = self.layout();
        let main = self
            .memory
            .u64(self.located.runtime.plus(layout.runtime.main_thread))?;
        let head = interpreter.plus(layout.interpreter.threads_head);
        let (threads, _) = self.list(head, layout.thread.next);
        for thread in threads {
            if self.memory.u64(thread.plus(layout.thread.thread_id))? == main {
                return Ok(Some(thread));
            }
        }
        Ok(None)
    }

    /// Whether the main thread is making a call that brings the agent in, or stops it.
    ///
    /// Another one could not be made before that one is over. And CPython 3.11 does not wait for it: a traced function begins with a look at the eval
    /// breaker, and begins anew as long as that is set (`DO_TRACING` and `make_pending_calls`, which is `busy`, in `Python/ceval.c`), for ever.
    pub(super) fn makes_call(&self, ring: &Ring) -> Result<bool, LookError> {
        let mut address = self.newest_frame(ring.thread)?;
        for _ in 0..MOST_OF_CALL {
            if address.is_null() {
                break;
            }
            let frame = self.frame(address)?;
            let is_ours = |frame: PythonFrame| {
                // Up to 3.10 code does not know the class that it is in.
                let name = frame.code.qualname.rsplit('.').next();
                is_of_agent(&frame) && matches!(name, Some("<module>" | "interrupt"))
            };
            if frame.is_some_and(is_ours) {
                return Ok(true);
            }
            address = self.caller(address)?;
        }
        Ok(false)
    }

    fn is_locked(&self, ring: &Ring) -> Result<bool, LookError> {
        Ok(match self.layout().pending_calls.lock {
            PendingLock::Byte(at) => self.memory.u8(ring.start.plus(at))? != 0,
            PendingLock::Semaphore(at) => {
                let semaphore = self.memory.pointer(ring.start.plus(at))?;
                self.memory.u32(semaphore)? == 0
            }
        })
    }

    /// Puts a call of `function(argument)` at the end of the ring and makes the interpreter look.
    pub(super) fn add_pending_call(
        &self,
        hold: &Hold,
        ring: &Ring,
        function: Addr,
        argument: Addr,
    ) -> Result<Placed, AgentError> {
        let pid = hold.pid();
        let layout = &self.layout().pending_calls;
        if self.is_locked(ring)? {
            return Err(AgentError::Locked { pid });
        }
        let int = |at| {
            self.memory
                .u32(ring.start.plus(at))
                .map_err(LookError::from)
        };
        let (first, next) = (u64::from(int(layout.first)?), u64::from(int(layout.next)?));
        if first >= layout.slots || next >= layout.slots {
            let (what, address) = ("the ring of pending calls", ring.start);
            return Err(LookError::Torn { what, address }.into());
        }
        let after = (next + 1) % layout.slots;
        let (count_at, count) = match layout.count {
            PendingCount::Flag(at) if after != first => (at, 1),
            PendingCount::Number { at, most } if int(at)? < int(most)? => (at, int(at)? + 1),
            PendingCount::Flag(_) | PendingCount::Number { .. } => {
                return Err(AgentError::Full { pid });
            }
        };
        let slot = ring.start.plus(layout.calls + next * layout.slot);
        let mut call = vec![0; layout.slot as usize];
        call[..8].copy_from_slice(&function.0.to_le_bytes());
        call[8..16].copy_from_slice(&argument.0.to_le_bytes());
        hold.write(slot, &call)?;
        hold.write(ring.start.plus(layout.next), &(after as u32).to_le_bytes())?;
        hold.write(ring.start.plus(count_at), &count.to_le_bytes())?;
        self.trip(hold, ring)?;
        Ok(Placed { index: next })
    }

    /// Sets the eval breaker.
    pub(super) fn trip(&self, hold: &Hold, ring: &Ring) -> Result<(), AgentError> {
        match self.layout().pending_calls.breaker {
            Breaker::Runtime(_) | Breaker::Interpreter(_) => {
                hold.write(ring.breaker, &1_u32.to_le_bytes())?;
            }
            Breaker::Thread { bit, .. } => {
                let word = self.memory.u64(ring.breaker).map_err(LookError::from)?;
                hold.write(ring.breaker, &(word | bit).to_le_bytes())?;
            }
        }
        Ok(())
    }

    /// Whether a call has not been begun. While somebody changes the ring, it counts as begun.
    pub(super) fn still_waits(&self, ring: &Ring, placed: Placed) -> Result<bool, AgentError> {
        let layout = &self.layout().pending_calls;
        let int = |at| {
            self.memory
                .u32(ring.start.plus(at))
                .map_err(LookError::from)
        };
        let (first, next) = (u64::from(int(layout.first)?), u64::from(int(layout.next)?));
        // The slots that wait are those from `first` up to `next`, around the end.
        let from_first = |index: u64| (index + layout.slots).wrapping_sub(first) % layout.slots;
        Ok(!self.is_locked(ring)? && from_first(placed.index) < from_first(next))
    }

    /// Calls that have not been begun, of functions that are given something in a range.
    pub(super) fn waiting_calls(
        &self,
        ring: &Ring,
        range: &Range<Addr>,
    ) -> Result<Vec<Placed>, AgentError> {
        let layout = &self.layout().pending_calls;
        let given = |index: u64| {
            let slot = ring.start.plus(layout.calls + index * layout.slot);
            self.memory.pointer(slot.plus(8)).map_err(LookError::from)
        };
        let mut found = Vec::new();
        for index in 0..layout.slots {
            let placed = Placed { index };
            if range.contains(&given(index)?) && self.still_waits(ring, placed)? {
                found.push(placed);
            }
        }
        Ok(found)
    }

    /// Takes a call back if it has not been begun: the function in its place is replaced by a harmless one. Gives back
    /// whether it was still there.
    pub(super) fn withdraw(
        &self,
        hold: &Hold,
        ring: &Ring,
        placed: Placed,
        harmless: Addr,
    ) -> Result<bool, AgentError> {
        let layout = &self.layout().pending_calls;
        if !self.still_waits(ring, placed)? {
            return Ok(false);
        }
        let slot = ring.start.plus(layout.calls + placed.index * layout.slot);
        hold.write(slot, &harmless.0.to_le_bytes())?;
        Ok(true)
    }
}
