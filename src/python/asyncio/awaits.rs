//! What a task waits for in the end, told from the future that it waits for and from asyncio's own frames.

use super::chain::Chain;
use super::future::{Future, FutureState};
use crate::model::{Addr, Awaited, AwaitedKind};
use crate::python::object::Builtin;
use crate::python::{Look, LookError, PythonFrame};

/// Tasks that one task waits for at once, and that are told.
const MOST_MEMBERS: usize = 10_000;
/// Futures inside futures: gather in gather, shield in gather.
const DEEPEST_FUTURE: usize = 20;
/// Tasks that are named one by one in a sentence.
const MOST_NAMED: usize = 3;

/// The frames of asyncio that a task has entered last: what its own code has called.
struct Operation<'c> {
    /// Without the module: `Queue.get`.
    function: &'c str,
    /// The module of asyncio: `queues`.
    module: &'c str,
    outermost: &'c PythonFrame,
    innermost: &'c PythonFrame,
}

/// The module of asyncio that a frame's code is from.
fn module_of(frame: &PythonFrame) -> Option<&str> {
    let file = frame.code.file.strip_suffix(".py")?;
    let (folder, module) = file.rsplit_once('/')?;
    folder.ends_with("/asyncio").then_some(module)
}

fn operation(chain: &Chain) -> Option<Operation<'_>> {
    // A future written in Python waits in a frame of its own, `Future.__await__`.
    let mut inward = chain.frames.iter().rev();
    let innermost = inward.find(|frame| module_of(frame) != Some("futures"))?;
    module_of(innermost)?;
    let outermost = inward
        .take_while(|frame| module_of(frame).is_some())
        .filter(|frame| !passes_on(frame))
        .last()
        .unwrap_or(innermost);
    Some(Operation {
        function: &outermost.code.qualname,
        module: module_of(outermost)?,
        outermost,
        innermost,
    })
}

/// Whether a function of asyncio only hands on to another one, whose name tells more: `async with lock`, and
/// `wait_for(queue.get())` (3.12+).
fn passes_on(frame: &PythonFrame) -> bool {
    matches!(last_part(&frame.code.qualname), "__aenter__" | "wait_for")
}

impl Look<'_> {
    /// What a task that is suspended, or has not begun, waits for.
    pub(super) fn awaits(&self, task: Future, chain: &Chain) -> Result<Awaited, LookError> {
        let waiter = match self.task_waiter(task)? {
            Some(waiter) => Some((waiter, self.future(waiter)?)),
            None => None,
        };
        let (address, future) = match waiter {
            Some((address, Some(future))) => (address, future),
            Some((address, None)) => return self.other(address),
            None => match chain.end {
                Some(end) if self.future(end)?.is_none() && !task.class.native => {
                    return self.other(end);
                }
                _ => return Ok(turn()),
            },
        };
        if self.future_state(future)? != FutureState::Pending {
            return Ok(turn());
        }
        if future.class.task {
            return Ok(Awaited {
                kind: AwaitedKind::Task,
                text: self.task_name(future)?,
                tasks: vec![address],
            });
        }
        if future.class.gathers {
            let tasks = self.tasks_behind(future);
            let text = format!("gather of {}", self.names_of_tasks(&tasks));
            return Ok(Awaited {
                kind: AwaitedKind::Gather,
                text,
                tasks,
            });
        }
        if let Some(awaited) = self.told_by_callbacks(future)? {
            return Ok(awaited);
        }
        match operation(chain) {
            Some(operation) => self.told_by_frames(&operation),
            None => self.other(address),
        }
    }

    fn other(&self, object: Addr) -> Result<Awaited, LookError> {
        let kind = if self.future(object)?.is_some() {
            AwaitedKind::Future
        } else {
            AwaitedKind::Other
        };
        Ok(Awaited {
            kind,
            text: format!("{} at {object}", self.type_of(object)?.name),
            tasks: Vec::new(),
        })
    }

    /// `shield` and `run_in_executor` leave no frame, but a function that is called when their future is done.
    fn told_by_callbacks(&self, future: Future) -> Result<Option<Awaited>, LookError> {
        for callback in self.future_callbacks(future)? {
            match self.python_function_name(callback)?.as_deref() {
                Some("shield.<locals>._outer_done_callback") => {
                    let tasks = self.tasks_behind(future);
                    return Ok(Some(Awaited {
                        kind: AwaitedKind::Wait,
                        text: format!("shield of {}", self.names_of_tasks(&tasks)),
                        tasks,
                    }));
                }
                Some("_chain_future.<locals>._call_check_cancel") => {
                    return Ok(Some(Awaited {
                        kind: AwaitedKind::Executor,
                        text: "a call in another thread or process".to_string(),
                        tasks: Vec::new(),
                    }));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    fn told_by_frames(&self, operation: &Operation<'_>) -> Result<Awaited, LookError> {
        let tasks = self.awaited_members(operation)?;
        let of = |object: Option<Addr>| match object {
            Some(object) => match self.type_of(object) {
                Ok(kind) => format!("{} at {object}", kind.name),
                Err(_) => format!("object at {object}"),
            },
            None => "?".to_string(),
        };
        let receiver = self.frame_variable(operation.outermost, "self")?;
        let method = self.method_name(operation, receiver)?;
        let shown = |name| self.shown_variable(operation.innermost, name);
        let (kind, text) = match operation.module {
            "tasks" => match last_part(operation.function) {
                "sleep" => (AwaitedKind::Sleep, format!("sleep({})", shown("delay"))),
                "_wait_for_one" => (AwaitedKind::Wait, "as_completed".to_string()),
                name => {
                    let names = self.names_of_tasks(&tasks);
                    (AwaitedKind::Wait, format!("{name} of {names}"))
                }
            },
            "locks" => (AwaitedKind::Lock, format!("{method} of {}", of(receiver))),
            "queues" => (AwaitedKind::Queue, format!("{method} of {}", of(receiver))),
            "taskgroups" => {
                let names = self.names_of_tasks(&tasks);
                (AwaitedKind::TaskGroup, format!("TaskGroup of {names}"))
            }
            "streams" => (AwaitedKind::Stream, method),
            "subprocess" | "base_subprocess" => {
                let process = self.pid_of(operation)?;
                let process = process.map_or(String::new(), |pid| format!(" of process {pid}"));
                (AwaitedKind::Subprocess, method + &process)
            }
            "selector_events" | "unix_events" | "base_events" | "proactor_events" => {
                let descriptor = self.descriptor_of(operation)?;
                let descriptor = descriptor.map_or(String::new(), |fd| format!(" on fd {fd}"));
                let name = last_part(operation.function).to_string();
                (AwaitedKind::Stream, name + &descriptor)
            }
            "threads" => (AwaitedKind::Executor, method),
            _ => (AwaitedKind::Future, method),
        };
        Ok(Awaited { kind, text, tasks })
    }

    /// The tasks that an operation of asyncio waits for.
    fn awaited_members(&self, operation: &Operation<'_>) -> Result<Vec<Addr>, LookError> {
        let frame = operation.innermost;
        let name = last_part(&frame.code.qualname);
        let objects = match (module_of(frame).unwrap_or_default(), name) {
            ("tasks", "_wait") => self.collection(self.frame_variable(frame, "fs")?)?,
            ("tasks", "wait_for" | "_cancel_and_wait") => {
                self.frame_variable(frame, "fut")?.into_iter().collect()
            }
            ("taskgroups", _) => match self.frame_variable(frame, "self")? {
                Some(group) => self.collection(self.own(group, "_tasks")?)?,
                None => Vec::new(),
            },
            _ if last_part(operation.function) == "_wait_for_one" => {
                self.collection(self.frame_variable(operation.outermost, "todo")?)?
            }
            _ => Vec::new(),
        };
        let mut tasks = Vec::new();
        for object in objects {
            if let Some(future) = self.future(object)? {
                self.gather_tasks(future, &mut tasks, DEEPEST_FUTURE);
            }
        }
        Ok(self.in_order(tasks))
    }

    /// Tasks in the order of their names: a set has none.
    fn in_order(&self, mut tasks: Vec<Addr>) -> Vec<Addr> {
        tasks.sort_by_cached_key(|&task| match self.future(task) {
            Ok(Some(task)) => super::natural_order(&self.task_name(task).unwrap_or_default()),
            _ => Default::default(),
        });
        tasks
    }

    fn collection(&self, object: Option<Addr>) -> Result<Vec<Addr>, LookError> {
        let Some(object) = object else {
            return Ok(Vec::new());
        };
        match self.type_of(object)?.builtin {
            Builtin::Set | Builtin::FrozenSet => Ok(self.set_members(object, MOST_MEMBERS)?.0),
            Builtin::List | Builtin::Tuple => self.sequence(object, MOST_MEMBERS as u64),
            _ => Ok(Vec::new()),
        }
    }

    /// The unfinished tasks that a future is made of.
    fn tasks_behind(&self, future: Future) -> Vec<Addr> {
        let mut tasks = Vec::new();
        self.gather_tasks(future, &mut tasks, DEEPEST_FUTURE);
        tasks
    }

    /// Parts that cannot be read are left out.
    fn gather_tasks(&self, future: Future, tasks: &mut Vec<Addr>, depth: usize) {
        let is_pending = matches!(self.future_state(future), Ok(FutureState::Pending));
        if !is_pending || depth == 0 || tasks.len() >= MOST_MEMBERS {
            return;
        }
        if future.class.task {
            if !tasks.contains(&future.address) {
                tasks.push(future.address);
            }
            return;
        }
        let parts = if future.class.gathers {
            self.own(future.address, "_children")
                .and_then(|children| self.collection(children))
        } else {
            self.shielded(future)
        };
        for part in parts.unwrap_or_default() {
            if let Ok(Some(part)) = self.future(part) {
                self.gather_tasks(part, tasks, depth - 1);
            }
        }
    }

    fn shielded(&self, future: Future) -> Result<Vec<Addr>, LookError> {
        for callback in self.future_callbacks(future)? {
            let name = self.python_function_name(callback)?;
            if name.as_deref() == Some("shield.<locals>._outer_done_callback") {
                let inner = self.closure_variable(callback, "inner")?;
                return Ok(inner.into_iter().collect());
            }
        }
        Ok(Vec::new())
    }

    /// `Task-2, Task-3`, or `1,000 tasks`.
    fn names_of_tasks(&self, tasks: &[Addr]) -> String {
        if tasks.is_empty() {
            return "other futures".to_string();
        }
        if tasks.len() > MOST_NAMED {
            return format!("{} tasks", tasks.len());
        }
        let names: Vec<String> = tasks
            .iter()
            .map(|&task| match self.future(task) {
                Ok(Some(task)) => self.task_name(task).ok(),
                _ => None,
            })
            .map(|name| name.unwrap_or_else(|| "a task".to_string()))
            .collect();
        names.join(", ")
    }

    /// `Queue.get`. Up to 3.10 a code object has the bare name, and the class is that of the receiver.
    fn method_name(
        &self,
        operation: &Operation<'_>,
        receiver: Option<Addr>,
    ) -> Result<String, LookError> {
        match receiver {
            Some(receiver) if !operation.function.contains('.') => Ok(format!(
                "{}.{}",
                self.type_of(receiver)?.name,
                operation.function
            )),
            _ => Ok(operation.function.to_string()),
        }
    }

    fn shown_variable(&self, frame: &PythonFrame, name: &str) -> String {
        match self.frame_variable(frame, name) {
            Ok(Some(value)) => self.value(value, &super::brief()).text,
            _ => "…".to_string(),
        }
    }

    fn pid_of(&self, operation: &Operation<'_>) -> Result<Option<String>, LookError> {
        let Some(receiver) = self.frame_variable(operation.outermost, "self")? else {
            return Ok(None);
        };
        // `asyncio.subprocess.Process` has `pid`, and a transport `_pid`.
        for name in ["pid", "_pid"] {
            if let Some(pid) = self.own(receiver, name)? {
                return Ok(Some(self.value(pid, &super::brief()).text));
            }
        }
        Ok(None)
    }

    fn descriptor_of(&self, operation: &Operation<'_>) -> Result<Option<String>, LookError> {
        let descriptor = self.frame_variable(operation.innermost, "fd")?;
        Ok(descriptor.map(|fd| self.value(fd, &super::brief()).text))
    }
}

fn turn() -> Awaited {
    Awaited {
        kind: AwaitedKind::Turn,
        text: "its turn".to_string(),
        tasks: Vec::new(),
    }
}

fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}
