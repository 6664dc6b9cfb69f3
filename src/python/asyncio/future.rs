//! Futures and tasks, whether of `_asyncio` (C) or of `asyncio` itself (Python).

use crate::model::{Addr, TaskState};
use crate::python::object::{Attribute, Builtin, Integer};
use crate::python::{GeneratorPhase, Look, LookError};

/// Bases that are followed.
const DEEPEST_BASE: usize = 100;
/// Callbacks of one future that are looked at.
const MOST_CALLBACKS: u64 = 100;

/// How the instances of a class of futures are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::python) struct FutureClass {
    /// `FutureObj` or `TaskObj` of `Modules/_asynciomodule.c`; else attributes with the same names behind `_`.
    pub native: bool,
    pub task: bool,
    /// What `asyncio.gather` returns.
    pub gathers: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::python) enum FutureState {
    Pending,
    Cancelled,
    Finished,
}

/// A future: where it lies, and how to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::python) struct Future {
    pub address: Addr,
    pub class: FutureClass,
}

impl Look<'_> {
    /// The object as a future or task; `None` if it is neither.
    pub(in crate::python) fn future(&self, object: Addr) -> Result<Option<Future>, LookError> {
        let kind = self
            .memory
            .pointer(object.plus(self.layout().object.kind))?;
        let known = self.futures.borrow().get(&kind.0).copied();
        let class = match known {
            Some(class) => class,
            None => {
                let class = self.future_class(kind)?;
                self.futures.borrow_mut().insert(kind.0, class);
                class
            }
        };
        Ok(class.map(|class| Future {
            address: object,
            class,
        }))
    }

    fn future_class(&self, kind: Addr) -> Result<Option<FutureClass>, LookError> {
        let gathers = self.type_at(kind)?.plain_name() == "_GatheringFuture";
        let mut base = kind;
        for _ in 0..DEEPEST_BASE {
            if base.is_null() {
                break;
            }
            let info = self.type_at(base)?;
            let name = info.plain_name();
            if name == "Future" || name == "Task" {
                let class = |native| FutureClass {
                    native,
                    task: name == "Task",
                    gathers,
                };
                match info.full_name().as_str() {
                    "_asyncio.Future" | "_asyncio.Task" => return Ok(Some(class(true))),
                    "asyncio.futures.Future" | "asyncio.tasks.Task" => {
                        return Ok(Some(class(false)));
                    }
                    _ => {}
                }
            }
            base = self.memory.pointer(base.plus(self.layout().types.base))?;
        }
        Ok(None)
    }

    /// An attribute that the object itself holds, unless it is `None`.
    pub(super) fn own(&self, object: Addr, name: &str) -> Result<Option<Addr>, LookError> {
        match self.attribute(object, name)? {
            Some(Attribute::Object(value)) => self.unless_none(value),
            _ => Ok(None),
        }
    }

    fn unless_none(&self, object: Addr) -> Result<Option<Addr>, LookError> {
        if object.is_null() || self.type_of(object)?.builtin == Builtin::None {
            return Ok(None);
        }
        Ok(Some(object))
    }

    /// A field that holds an object: at an offset in C, under a name in Python. `None` also for Python's `None`.
    fn future_field(&self, future: Future, at: u64, name: &str) -> Result<Option<Addr>, LookError> {
        if future.class.native {
            self.unless_none(self.memory.pointer(future.address.plus(at))?)
        } else {
            self.own(future.address, name)
        }
    }

    pub(in crate::python) fn future_state(&self, future: Future) -> Result<FutureState, LookError> {
        let torn = LookError::Torn {
            what: "the state of a future",
            address: future.address,
        };
        if future.class.native {
            let at = self.layout().asyncio.future_state;
            return match self.memory.i32(future.address.plus(at))? {
                0 => Ok(FutureState::Pending),
                1 => Ok(FutureState::Cancelled),
                2 => Ok(FutureState::Finished),
                _ => Err(torn),
            };
        }
        let state = self.own(future.address, "_state")?.ok_or(torn.clone())?;
        match self.name(state)?.as_str() {
            "PENDING" => Ok(FutureState::Pending),
            "CANCELLED" => Ok(FutureState::Cancelled),
            "FINISHED" => Ok(FutureState::Finished),
            _ => Err(torn),
        }
    }

    pub(in crate::python) fn future_loop(&self, future: Future) -> Result<Option<Addr>, LookError> {
        self.future_field(future, self.layout().asyncio.future_loop, "_loop")
    }

    pub(in crate::python) fn future_result(
        &self,
        future: Future,
    ) -> Result<Option<Addr>, LookError> {
        if future.class.native {
            let at = self.layout().asyncio.future_result;
            let result = self.memory.pointer(future.address.plus(at))?;
            return Ok((!result.is_null()).then_some(result));
        }
        match self.attribute(future.address, "_result")? {
            Some(Attribute::Object(value)) => Ok(Some(value)),
            _ => Ok(None),
        }
    }

    pub(in crate::python) fn future_exception(
        &self,
        future: Future,
    ) -> Result<Option<Addr>, LookError> {
        self.future_field(future, self.layout().asyncio.future_exception, "_exception")
    }

    /// What is called when the future is done, the first of them.
    pub(in crate::python) fn future_callbacks(
        &self,
        future: Future,
    ) -> Result<Vec<Addr>, LookError> {
        let layout = &self.layout().asyncio;
        let mut callbacks = Vec::new();
        if future.class.native {
            let first = self
                .memory
                .pointer(future.address.plus(layout.future_callback0))?;
            callbacks.extend(self.unless_none(first)?);
        }
        let others = self.future_field(future, layout.future_callbacks, "_callbacks")?;
        if let Some(list) = others {
            for pair in self.sequence(list, MOST_CALLBACKS)? {
                callbacks.extend(self.sequence(pair, 1)?);
            }
        }
        Ok(callbacks)
    }

    pub(in crate::python) fn task_coroutine(
        &self,
        task: Future,
    ) -> Result<Option<Addr>, LookError> {
        self.future_field(task, self.layout().asyncio.task_coro, "_coro")
    }

    /// The future that a task waits for.
    pub(in crate::python) fn task_waiter(&self, task: Future) -> Result<Option<Addr>, LookError> {
        self.future_field(task, self.layout().asyncio.task_fut_waiter, "_fut_waiter")
    }

    pub(in crate::python) fn task_name(&self, task: Future) -> Result<String, LookError> {
        let name = self.future_field(task, self.layout().asyncio.task_name, "_name")?;
        let Some(name) = name else {
            return Ok(format!("task at {}", task.address));
        };
        match self.type_of(name)?.builtin {
            Builtin::Str => self.name(name),
            // `Task-3` is written only when somebody asks for it (3.12+).
            Builtin::Int => match self.integer(name)? {
                Integer::Exact(number) => Ok(format!("Task-{number}")),
                Integer::Huge { .. } => Ok(format!("task at {}", task.address)),
            },
            _ => Ok(self.value(name, &super::brief()).text),
        }
    }

    /// Whether somebody has asked for the cancellation of a task that has not ended.
    pub(super) fn task_is_cancelling(&self, task: Future) -> Result<bool, LookError> {
        if self.task_says_cancelling(task)? {
            return Ok(true);
        }
        // Without a count of requests (up to 3.10), the future that it waits for tells.
        match self.task_waiter(task)? {
            Some(waiter) => match self.future(waiter)? {
                Some(waiter) => Ok(self.future_state(waiter)? == FutureState::Cancelled),
                None => Ok(false),
            },
            None => Ok(false),
        }
    }

    /// The same as far as the task itself has it noted, which is what its `repr()` says.
    pub(in crate::python) fn task_says_cancelling(&self, task: Future) -> Result<bool, LookError> {
        let layout = &self.layout().asyncio;
        if task.class.native {
            let flags = self.memory.u8(task.address.plus(layout.task_must_cancel))?;
            if flags & layout.task_must_cancel_bit != 0 {
                return Ok(true);
            }
            if let Some(at) = layout.task_cancel_requests {
                return Ok(self.memory.i32(task.address.plus(at))? > 0);
            }
        } else {
            for name in ["_must_cancel", "_num_cancels_requested"] {
                let Some(value) = self.own(task.address, name)? else {
                    continue;
                };
                if self.integer(value)? != Integer::Exact(0.into()) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    pub(in crate::python) fn task_state(&self, task: Future) -> Result<TaskState, LookError> {
        Ok(match self.future_state(task)? {
            FutureState::Cancelled => TaskState::Cancelled,
            FutureState::Finished => TaskState::Finished,
            FutureState::Pending => match self.task_coroutine(task)? {
                Some(coroutine)
                    if self.generator_kind(coroutine)?.is_some()
                        && self.generator_phase(coroutine)? == GeneratorPhase::Running =>
                {
                    TaskState::Running
                }
                _ => TaskState::Pending,
            },
        })
    }
}
