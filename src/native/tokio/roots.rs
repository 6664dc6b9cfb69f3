//! Where runtimes are found: in what tokio keeps for each thread, and what a thread waits for that is in no runtime's list.

use std::collections::{HashMap, HashSet, VecDeque};

use super::{Survey, Typed};
use crate::model::{Absence, Addr, Tid};
use crate::native::dwarf::{EntryRef, Module, variable, variables_at};
use crate::native::expression::thread_local;
use crate::native::locals::frame_address;
use crate::native::types::{Shape, Type};
use crate::native::values::{FrameState, Locator, Storage};

/// What a thread knows of the runtime that it is in, and the set of local tasks that it runs (`tokio::runtime::context`, `tokio::task::local`).
const CONTEXT: &str = "tokio::runtime::context::CONTEXT";
const CURRENT: &str = "tokio::task::local::CURRENT";
/// Of the context: the scheduler that the thread drives, the runtime that it would start tasks in, and the task that it runs.
const DRIVEN: &str = "scheduler";
const ENTERED: &str = "current";
const TASK: &str = "current_task_id";
/// The lists of tasks (`tokio::runtime::task::list`).
const LISTS: [&str; 2] = ["OwnedTasks<", "LocalOwnedTasks<"];
/// Where the types are declared that lead from a thread to its list. Others, as the registrations with the kernel, are many.
const ON_THE_WAY: [&str; 6] = [
    "tokio::runtime::scheduler::",
    "tokio::runtime::handle::",
    "tokio::runtime::basic_scheduler::",
    "tokio::runtime::thread_pool::",
    "tokio::runtime::spawner::",
    "tokio::task::local::",
];
/// Values that are looked through for lists from one place on.
const MOST_LOOKED_AT: usize = 10_000;

/// The variables that are there for each thread.
pub(super) struct Roots<'s, 'a> {
    context: EntryRef<'s, 'a>,
    current: Option<EntryRef<'s, 'a>>,
}

impl<'s, 'a> Roots<'s, 'a> {
    pub fn of(module: &'s Module<'a>) -> Option<Roots<'s, 'a>> {
        Some(Roots {
            context: thread_local(module, CONTEXT)?,
            current: thread_local(module, CURRENT),
        })
    }
}

/// The list that a runtime or a set of local tasks has of its tasks.
pub(super) struct TaskList<'s, 'a> {
    pub list: Typed<'s, 'a>,
    pub address: Addr,
    /// The type whose list it is: `tokio::runtime::scheduler::multi_thread::handle::Handle`.
    pub scheduler: String,
    /// The one that runs all of its tasks, if it is one.
    pub driver: Option<Tid>,
    /// Those that are in the runtime.
    pub threads: Vec<Tid>,
}

/// A future that a thread runs by itself (`block_on`), and is in no list.
pub(super) struct Blocked<'s, 'a> {
    pub tid: Tid,
    pub future: Typed<'s, 'a>,
    /// The functions that the thread executes for it, the innermost first.
    pub above: Vec<String>,
}

impl<'s, 'a> Survey<'_, 's, 'a> {
    /// What a thread has of a variable that is there for each.
    fn of_thread(&self, at: EntryRef<'s, 'a>, thread_pointer: Addr) -> Option<Typed<'s, 'a>> {
        let variable = variable(at, self.module())?;
        let frame = FrameState {
            memory: self.writer.memory,
            bias: self.writer.bias,
            register: &|_| None,
            cfa: None,
            thread_block: &|| {
                let memory = self.writer.memory;
                self.modules
                    .thread_block(&self.of.loaded, memory, thread_pointer)
            },
        };
        let locator = Locator {
            frame: &frame,
            within: at.within,
            function: at,
            address: 0,
        };
        let kind = Type::read(variable.kind?, self.module())?;
        let storage = locator.locate(&variable.place, kind.size.unwrap_or(0));
        let storage = storage.ok()?;
        Some(Typed { kind, storage })
    }

    fn member_of(&self, whole: &Typed<'s, 'a>, name: &str) -> Option<Typed<'s, 'a>> {
        let (kind, storage) = self.writer.find(&whole.kind, &whole.storage, name)?;
        Some(Typed { kind, storage })
    }

    /// Those that threads lead to, each once.
    pub fn lists_of_threads(&self, roots: &Roots<'s, 'a>) -> Vec<TaskList<'s, 'a>> {
        let mut found: Vec<TaskList<'s, 'a>> = Vec::new();
        let mut add = |lists: Vec<TaskList<'s, 'a>>, tid: Tid, drives: bool| {
            for list in lists {
                let known = found.iter_mut().find(|known| known.address == list.address);
                let known = match known {
                    Some(known) => known,
                    None => {
                        found.push(list);
                        let Some(new) = found.last_mut() else {
                            continue;
                        };
                        new
                    }
                };
                if !known.threads.contains(&tid) {
                    known.threads.push(tid);
                }
                // Any number of threads drive a runtime of many.
                if drives && !known.scheduler.contains("::multi_thread") {
                    known.driver = Some(tid);
                }
            }
        };
        for thread in self.threads {
            let of_thread = |at| self.of_thread(at, thread.stack.thread_pointer);
            if let Some(context) = of_thread(roots.context) {
                for name in [DRIVEN, ENTERED] {
                    let lists = self.member_of(&context, name);
                    let lists = lists.map(|start| self.lists_in(start));
                    add(lists.unwrap_or_default(), thread.tid, name == DRIVEN);
                }
            }
            if let Some(current) = roots.current.and_then(of_thread) {
                add(self.lists_in(current), thread.tid, true);
            }
        }
        found
    }

    /// The tasks that threads run right now, by their numbers.
    pub fn running_tasks(&self, roots: &Roots<'s, 'a>) -> HashMap<u64, Tid> {
        let of_thread = |thread: &super::TokioThread<'_>| {
            let context = self.of_thread(roots.context, thread.stack.thread_pointer)?;
            let task = self.member_of(&context, TASK)?;
            let (task, at) = self.writer.innermost(&task.kind, &task.storage)?;
            let (_, some) = self.writer.variant(&task, &at).ok()??;
            let number = some.unsigned(self.writer.memory, 8).ok()? as u64;
            (number != 0).then_some((number, thread.tid))
        };
        self.threads.iter().filter_map(of_thread).collect()
    }

    /// The lists that a value has, or leads to by what tokio's schedulers are made of.
    pub fn lists_in(&self, start: Typed<'s, 'a>) -> Vec<TaskList<'s, 'a>> {
        let (module, memory) = (self.module(), self.writer.memory);
        let mut found = Vec::new();
        let mut followed: HashSet<Addr> = HashSet::new();
        let mut waiting = VecDeque::from([start]);
        for _ in 0..MOST_LOOKED_AT {
            let Some(Typed { kind, storage }) = waiting.pop_front() else {
                break;
            };
            if memory.spent().is_some() {
                break;
            }
            if let Shape::Pointer { to: Some(to), .. } = kind.shape {
                let target = Type::read(to, module).filter(|it| self.is_on_the_way(it));
                if let (Some(kind), Ok(at)) = (target, storage.pointer(memory))
                    && !at.is_null()
                    && followed.insert(at)
                {
                    let storage = Storage::Memory(at);
                    waiting.push_back(Typed { kind, storage });
                }
                continue;
            }
            let is_list = LISTS.iter().any(|begin| kind.name.starts_with(begin));
            if let Some(address) = storage.address().filter(|_| is_list) {
                if kind.path(module).starts_with("tokio::") {
                    found.push(TaskList {
                        scheduler: self.scheduler_of(&kind),
                        list: Typed { kind, storage },
                        address,
                        driver: None,
                        threads: Vec::new(),
                    });
                }
                continue;
            }
            if let Shape::Structure {
                variants: Some(_), ..
            } = kind.shape
            {
                if let Ok(Some((kind, storage))) = self.writer.variant(&kind, &storage) {
                    waiting.push_back(Typed { kind, storage });
                }
                continue;
            }
            for member in kind.members() {
                if let Some(kind) = member.kind.and_then(|at| Type::read(at, module)) {
                    let storage = storage.at(member.offset);
                    waiting.push_back(Typed { kind, storage });
                }
            }
        }
        found
    }

    /// Whether a pointer to it is followed: to a part of a scheduler, or to what counts the references to one.
    fn is_on_the_way(&self, kind: &Type<'s, 'a>) -> bool {
        let path = kind.path(self.module());
        if path.starts_with("alloc::") {
            let parameter = kind.name.split_once('<').map_or("", |(_, rest)| rest);
            return ON_THE_WAY.iter().any(|begin| parameter.starts_with(begin));
        }
        let whole = format!("{path}{}", kind.name);
        ON_THE_WAY.iter().any(|begin| whole.starts_with(begin))
    }

    /// `Handle` of `OwnedTasks<Arc<Handle>>`, with its path.
    fn scheduler_of(&self, list: &Type<'s, 'a>) -> String {
        let module = self.module();
        let inner = || {
            let counted = Type::read(list.parameter("S", module)?, module)?;
            let inner = Type::read(counted.parameter("T", module)?, module)?;
            Some(format!("{}{}", inner.path(module), inner.name))
        };
        inner().unwrap_or_else(|| format!("{}{}", list.path(module), list.name))
    }

    /// The futures that threads are blocked on: what functions of the runtime have pinned.
    pub fn blocked_on(&self) -> Vec<Blocked<'s, 'a>> {
        let mut found: Vec<Blocked<'s, 'a>> = Vec::new();
        for thread in self.threads {
            let frames = &thread.stack.frames;
            let mut above = Vec::new();
            for (number, frame) in frames.iter().enumerate() {
                let executed = frame.executed();
                let code = self.modules.find(executed);
                let is_own = code.is_some_and(|code| {
                    let own = &self.of.loaded.module;
                    let found = code.module.as_ref();
                    found.is_ok_and(|found| std::sync::Arc::ptr_eq(&found.module, own))
                });
                if !is_own {
                    continue;
                }
                let address = self.of.loaded.svma(executed).0;
                let scopes = self.module().scopes_at(address);
                let Some(&function) = scopes.last() else {
                    continue;
                };
                let state = FrameState {
                    memory: self.writer.memory,
                    bias: self.writer.bias,
                    register: &|register| frame.registers.get(register),
                    cfa: frames.get(number + 1).and_then(frame_address),
                    thread_block: &|| Err(Absence::OptimizedOut),
                };
                let locator = Locator {
                    frame: &state,
                    within: function.within,
                    function,
                    address,
                };
                for scope in scopes {
                    let name = self.module().full_name(scope).unwrap_or_default();
                    if !name.starts_with("tokio::runtime::") {
                        above.push(name);
                        continue;
                    }
                    for variable in variables_at(scope, address, self.module()) {
                        let kind = variable.kind.and_then(|at| Type::read(at, self.module()));
                        let pinned = kind.filter(|kind| kind.name.starts_with("Pin<&mut "));
                        let Some(kind) = pinned else { continue };
                        let size = kind.size.unwrap_or(8);
                        let Ok(storage) = locator.locate(&variable.place, size) else {
                            continue;
                        };
                        let future = self.unboxed(Typed { kind, storage });
                        if !super::future::is_state(&future.kind) {
                            continue;
                        }
                        let address = future.storage.address();
                        let same = |it: &Blocked<'s, 'a>| it.future.storage.address() == address;
                        // A task's own future is in its runtime's list; here it stands by way of `poll`.
                        if !name.contains("::task::") && !found.iter().any(same) {
                            found.push(Blocked {
                                tid: thread.tid,
                                future,
                                above: above.clone(),
                            });
                        }
                    }
                }
            }
        }
        found
    }
}
