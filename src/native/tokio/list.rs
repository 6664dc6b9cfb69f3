//! The tasks of a runtime: what the list has, and what a task is made of.
//!
//! The list links the headers of tasks. What kind of future a task has is told by its table of functions: `poll::<T, S>` is of the task whose
//! cell is `Cell<T, S>`.

use std::collections::{HashMap, HashSet};

use super::roots::{Blocked, TaskList};
use super::{Survey, Typed};
use crate::model::{Addr, Awaited, AwaitedKind, Task, TaskState, Tid};
use crate::native::dwarf::{EntryRef, Module, Sort};
use crate::native::types::{Shape, Type};
use crate::native::values::Storage;

/// Where tokio declares what tasks are made of.
const CORE: &str = "tokio::runtime::task::core::";
/// The bits of a task's state (`tokio/src/runtime/task/state.rs`, the same since tokio 0.2).
const RUNNING: u64 = 0b1;
const COMPLETE: u64 = 0b10;
const NOTIFIED: u64 = 0b100;
const CANCELLED: u64 = 0b10_0000;
/// The others are counted.
const MOST_DESCRIBED: usize = 20_000;
const MOST_COUNTED: usize = 1 << 20;

/// What all tasks with one table of functions have in common.
struct TaskKind<'s, 'a> {
    /// `Cell<T, S>`, or why it is not known.
    cell: Result<Type<'s, 'a>, String>,
    /// From the header, in bytes.
    number: Option<u64>,
    trailer: Option<u64>,
}

/// What the tasks of a module are read with.
struct Layout<'s, 'a> {
    header: Type<'s, 'a>,
    trailer: Option<Type<'s, 'a>>,
    kinds: HashMap<Addr, TaskKind<'s, 'a>>,
}

impl<'s, 'a> Survey<'_, 's, 'a> {
    fn type_named(&self, name: &str, path: &str) -> Option<Type<'s, 'a>> {
        let mut named = self.module().named(Sort::Type, name);
        named.find_map(|at| {
            let kind = Type::read(at, self.module())?;
            let fits = kind.path(self.module()) == path
                && kind.own_name(self.module()).as_deref() == Some(name);
            (fits && !matches!(kind.shape, Shape::Declared)).then_some(kind)
        })
    }

    /// The tasks of a list, and how many there are. `running` are those that threads run, by their numbers.
    pub fn tasks_in(
        &self,
        list: &TaskList<'s, 'a>,
        running: &HashMap<u64, Tid>,
        sets: &mut Vec<Typed<'s, 'a>>,
        notes: &mut Vec<String>,
    ) -> (Vec<Task>, u64) {
        let Some(header) = self.type_named("Header", CORE) else {
            let what = "what a task of tokio is made of is not in the debug information, or not as pmdb knows it";
            notes.push(what.to_owned());
            return (Vec::new(), 0);
        };
        let mut layout = Layout {
            header,
            trailer: self.type_named("Trailer", CORE),
            kinds: HashMap::new(),
        };
        let (mut tasks, mut count) = (Vec::new(), 0);
        let mut seen = HashSet::new();
        for head in self.heads(list, notes) {
            let mut next = head;
            while !next.is_null() && seen.len() < MOST_COUNTED && seen.insert(next) {
                if self.writer.memory.spent().is_some() {
                    break;
                }
                count += 1;
                let kind = self.kind_of(next, &mut layout);
                if tasks.len() < MOST_DESCRIBED {
                    let found = self.task(next, &layout, kind, running, sets);
                    tasks.extend(found);
                }
                next = self.next_of(next, &layout, kind).unwrap_or(Addr::NULL);
            }
        }
        tasks.sort_by_key(|(number, _)| *number);
        (
            tasks.into_iter().flat_map(|(_, tasks)| tasks).collect(),
            count,
        )
    }

    /// The first of each of its parts: a list is split up where many threads use it.
    fn heads(&self, list: &TaskList<'s, 'a>, notes: &mut Vec<String>) -> Vec<Addr> {
        let (writer, memory) = (&self.writer, self.writer.memory);
        let Typed { kind, storage } = &list.list;
        let head = |kind: &Type<'s, 'a>, storage: &Storage| {
            let (_, head) = writer.find(kind, storage, "head")?;
            head.pointer(memory).ok()
        };
        let parts = writer.find(kind, storage, "lists");
        let parts = parts.and_then(|(kind, storage)| writer.elements(&kind, &storage)?.ok());
        let heads: Vec<Addr> = match parts {
            Some(parts) => {
                let part = Type::read(parts.element, self.module());
                let heads = part.map(|part| {
                    let count = parts.count.min(MOST_COUNTED as u64);
                    (0..count)
                        .filter_map(|index| head(&part, &parts.at(index)))
                        .collect()
                });
                heads.unwrap_or_default()
            }
            None => head(kind, storage).into_iter().collect(),
        };
        if heads.is_empty() {
            let name = &kind.name;
            notes.push(format!("the tasks in {name} at {} are not found: it is made of other parts than pmdb knows", list.address));
        }
        heads
    }

    fn vtable_of(&self, header: Addr, layout: &Layout<'s, 'a>) -> Option<Typed<'s, 'a>> {
        let at = Storage::Memory(header);
        let (pointer, at) = self.writer.find(&layout.header, &at, "vtable")?;
        let Shape::Pointer { to: Some(to), .. } = pointer.shape else {
            return None;
        };
        Some(Typed {
            kind: Type::read(to, self.module())?,
            storage: Storage::Memory(at.pointer(self.writer.memory).ok()?),
        })
    }

    /// The address of its table of functions, under which its kind is.
    fn kind_of(&self, header: Addr, layout: &mut Layout<'s, 'a>) -> Option<Addr> {
        let table = self.vtable_of(header, layout)?;
        let address = table.storage.address()?;
        layout.kinds.entry(address).or_insert_with(|| {
            let word = |name| {
                let (_, at) = self.writer.member_at(&table.kind, &table.storage, name)?;
                Some(at.unsigned(self.writer.memory, 8).ok()? as u64)
            };
            TaskKind {
                cell: self.cell_of(word("poll").map(Addr)),
                number: word("id_offset"),
                trailer: word("trailer_offset"),
            }
        });
        Some(address)
    }

    /// The type of the tasks that a function polls: of `poll::<T, S>`, `Cell<T, S>`.
    fn cell_of(&self, poll: Option<Addr>) -> Result<Type<'s, 'a>, String> {
        let poll = poll.ok_or("its table of functions is not as pmdb knows it")?;
        let unknown = || {
            format!("the debug information does not tell whose tasks the function at {poll} polls")
        };
        let scopes = self.module().scopes_at(self.of.loaded.svma(poll).0);
        let name = scopes.last().and_then(|at| own_name(*at, self.module()));
        let name = name.ok_or_else(unknown)?;
        let parameters = name.strip_prefix("poll<").ok_or_else(unknown)?;
        let cell = format!("Cell<{parameters}");
        self.type_named(&cell, CORE)
            .ok_or_else(|| format!("the debug information does not describe {CORE}{cell}"))
    }

    fn next_of(&self, header: Addr, layout: &Layout<'s, 'a>, kind: Option<Addr>) -> Option<Addr> {
        let kind = layout.kinds.get(&kind?)?;
        let links = |kind: &Type<'s, 'a>, at: Addr| {
            let (links, at) = self.writer.find(kind, &Storage::Memory(at), "owned")?;
            let (_, next) = self.writer.find(&links, &at, "next")?;
            next.pointer(self.writer.memory).ok()
        };
        // Before tokio 1.22 they were in the header.
        match (&layout.trailer, kind.trailer) {
            (Some(trailer), Some(offset)) => links(trailer, header.plus(offset)),
            _ => links(&layout.header, header),
        }
    }

    /// A task, with the futures that it polls side by side; and its number.
    fn task(
        &self,
        header: Addr,
        layout: &Layout<'s, 'a>,
        kind: Option<Addr>,
        running: &HashMap<u64, Tid>,
        sets: &mut Vec<Typed<'s, 'a>>,
    ) -> Option<(u64, Vec<Task>)> {
        let (writer, memory) = (&self.writer, self.writer.memory);
        let at = Storage::Memory(header);
        let state = writer.find(&layout.header, &at, "state");
        let state = state
            .and_then(|(_, at)| at.unsigned(memory, 8).ok())
            .unwrap_or(0) as u64;
        if state & COMPLETE != 0 {
            return None;
        }
        let kind = layout.kinds.get(&kind?)?;
        let cell = kind.cell.as_ref();
        let number = match (kind.number, cell) {
            (Some(offset), _) => Some(at.at(offset)),
            (None, Ok(cell)) => writer.find(cell, &at, "task_id").map(|(_, at)| at),
            (None, Err(_)) => None,
        };
        let number = number
            .and_then(|at| at.unsigned(memory, 8).ok())
            .map(|it| it as u64);
        let name = match number {
            Some(number) => format!("Task-{number}"),
            None => format!("task at {header}"),
        };
        writer.memory.keep(header, size_of::<Task>()).ok()?;
        let mut task = Task {
            state: match state & RUNNING {
                0 => TaskState::Pending,
                _ => TaskState::Running,
            },
            tid: number.and_then(|number| running.get(&number).copied()),
            cancelling: state & CANCELLED != 0,
            ..Task::pending(name, header)
        };
        let mut others = Vec::new();
        match cell {
            Ok(cell) => {
                task.spawned_at = self.spawned_at(cell, &at);
                match self.future_in(cell, &at) {
                    Some(future) => others = self.describe(&mut task, future, sets),
                    None => {
                        task.note = Some(
                            "its future is not there any more, or not where pmdb looks for it"
                                .to_owned(),
                        )
                    }
                }
            }
            Err(why) => {
                task.coroutine = "a future of an unknown type".to_owned();
                task.note = Some(why.clone());
            }
        }
        if state & NOTIFIED != 0 && task.state == TaskState::Pending {
            task.awaits = Some(Awaited {
                kind: AwaitedKind::Turn,
                text: "its turn".to_owned(),
                tasks: Vec::new(),
            });
            others.clear();
        }
        if task.state == TaskState::Running {
            task.awaits = None;
        }
        let mut tasks = vec![task];
        tasks.extend(others);
        Some((number.unwrap_or(u64::MAX), tasks))
    }

    /// The number of the task with a header, and whether it is a call that runs in a thread of its own (`spawn_blocking`).
    pub fn identify(&self, header: &Storage) -> (Option<u64>, bool) {
        let unknown = (None, false);
        let (Some(kind), Some(at)) = (self.type_named("Header", CORE), header.address()) else {
            return unknown;
        };
        let mut layout = Layout {
            header: kind,
            trailer: None,
            kinds: HashMap::new(),
        };
        let kind = self.kind_of(at, &mut layout);
        let Some(kind) = kind.and_then(|kind| layout.kinds.get(&kind)) else {
            return unknown;
        };
        let number = kind.number.and_then(|offset| {
            let number = header.at(offset).unsigned(self.writer.memory, 8);
            number.ok().map(|number| number as u64)
        });
        let cell = kind.cell.as_ref();
        let is_blocking = cell.is_ok_and(|cell| cell.name.contains("::BlockingSchedule"));
        (number, is_blocking)
    }

    /// The future of a task that has not ended.
    fn future_in(&self, cell: &Type<'s, 'a>, at: &Storage) -> Option<Typed<'s, 'a>> {
        let is_stage = |kind: &Type<'s, 'a>| {
            matches!(
                kind.shape,
                Shape::Structure {
                    variants: Some(_),
                    ..
                }
            )
        };
        let (stage, at) = self.writer.find(cell, at, "stage")?;
        let (stage, at) = match is_stage(&stage) {
            true => (stage, at),
            false => self
                .writer
                .innermost(&stage, &at)
                .filter(|(kind, _)| is_stage(kind))
                .or_else(|| self.writer.find_that(&stage, &at, "value", is_stage))?,
        };
        let (variant, at) = self.writer.variant(&stage, &at).ok()??;
        if variant.name != "Running" {
            return None;
        }
        let (kind, storage) = self.writer.member_at(&variant, &at, "__0")?;
        Some(Typed { kind, storage })
    }

    /// Where it was spawned (`main.rs:12`), in a build that notes it.
    fn spawned_at(&self, cell: &Type<'s, 'a>, at: &Storage) -> Option<String> {
        let (pointer, at) = self.writer.find(cell, at, "spawned_at")?;
        let (location, at) = self.pointed_to(&pointer, &at)?;
        let memory = self.writer.memory;
        let (_, line) = self.writer.member_at(&location, &at, "line")?;
        let line = line.unsigned(memory, 4).ok()?;
        let names = ["filename", "file"].into_iter();
        let mut file = names.filter_map(|name| self.writer.find(&location, &at, name));
        let (file, at) = file.next()?;
        let bytes = self.writer.elements(&file, &at).or_else(|| {
            let (slice, at) = self
                .writer
                .find_that(&file, &at, "pointer", |kind| !kind.members().is_empty())?;
            self.writer.elements(&slice, &at)
        });
        let text = bytes?.ok()?;
        let length = text.count.min(4096);
        let bytes = text.first.bytes(memory, length).ok()?;
        let file = String::from_utf8_lossy(&bytes);
        Some(format!("{}:{line}", file.trim_end_matches('\0')))
    }

    pub fn pointed_to(
        &self,
        pointer: &Type<'s, 'a>,
        at: &Storage,
    ) -> Option<(Type<'s, 'a>, Storage)> {
        let Shape::Pointer { to: Some(to), .. } = pointer.shape else {
            return None;
        };
        let address = at.pointer(self.writer.memory).ok()?;
        Some((Type::read(to, self.module())?, Storage::Memory(address)))
    }

    /// A future that a thread runs by itself, as a task.
    pub fn blocking_task(&self, root: Blocked<'s, 'a>, sets: &mut Vec<Typed<'s, 'a>>) -> Vec<Task> {
        let address = root.future.storage.address().unwrap_or_default();
        let mut task = Task {
            tid: Some(root.tid),
            ..Task::pending("block_on".to_owned(), address)
        };
        let others = self.describe(&mut task, root.future, sets);
        let is_polled = root
            .above
            .iter()
            .any(|name| super::future::function_of(name) == task.coroutine);
        if is_polled {
            task.state = TaskState::Running;
            task.awaits = None;
        }
        let mut tasks = vec![task];
        tasks.extend(others);
        tasks
    }
}

/// The name of a function with its parameters, without its path.
fn own_name<'s, 'a>(at: EntryRef<'s, 'a>, module: &'s Module<'a>) -> Option<String> {
    let full = module.full_name(at)?;
    // The path ends before the parameters, which have paths of their own.
    let before = full.split('<').next().unwrap_or_default().len();
    let begin = full.get(..before)?.rfind("::").map_or(0, |at| at + 2);
    full.get(begin..).map(str::to_owned)
}
