//! Where a future stands: the async functions that await each other, down to what they wait for in the end.
//!
//! The compiler makes a state machine of an async function, in whose states it keeps what is awaited there. Other futures are structures around
//! such ones (`Timeout`, `Map`), or have several of them that they poll side by side (`join!`, `select!`).

use std::sync::Arc;

use super::{Survey, Typed};
use crate::model::{
    Addr, Awaited, AwaitedKind, Frame, Language, Local, LocalKind, Task, TaskState,
};
use crate::native::types::{Shape, Type};
use crate::native::values::{AWAITED, BY_REFERENCE, Storage, captured, declared};

/// Futures that await each other, and those side by side that have others side by side within.
const DEEPEST: usize = 200;
const DEEPEST_SIDE_BY_SIDE: usize = 8;
/// Futures side by side of one task.
const MOST_SIDE_BY_SIDE: usize = 1_000;
/// Structures inside of each other that are looked through for a future, and values that are looked at for that.
const DEEPEST_WRAPPER: usize = 10;
const MOST_LOOKED_AT: usize = 2_000;

/// Whether it is the state of an async function or block.
pub(super) fn is_state(kind: &Type<'_, '_>) -> bool {
    kind.name.starts_with("{async_")
        && kind.name.contains("_env#")
        && matches!(
            kind.shape,
            Shape::Structure {
                variants: Some(_),
                ..
            }
        )
}

/// What the function of a state machine is called where it runs, as its type is: `main::{async_block#0}`; an async function as it
/// is written: `main`.
pub(super) fn function_of(name: &str) -> String {
    let name = name.replacen("_env#", "#", 1);
    let name = name.split('<').next().unwrap_or_default();
    let parts = name
        .split("::")
        .filter(|part| !part.starts_with("{async_fn#"));
    parts.collect::<Vec<_>>().join("::")
}

/// The state in which a state machine is.
struct State<'s, 'a> {
    frame: Frame,
    next: Next<'s, 'a>,
}

enum Next<'s, 'a> {
    Awaits(Box<Typed<'s, 'a>>),
    NotBegun,
    Ended,
    Unknown,
}

/// What is at the end of a chain.
enum End<'s, 'a> {
    Waits(Awaited),
    SideBySide(Vec<Typed<'s, 'a>>),
    NotBegun,
    Ended,
}

impl<'s, 'a> Survey<'_, 's, 'a> {
    /// Says of a task where its future stands. What it polls side by side are tasks of their own, which are returned.
    pub fn describe(
        &self,
        task: &mut Task,
        future: Typed<'s, 'a>,
        sets: &mut Vec<Typed<'s, 'a>>,
    ) -> Vec<Task> {
        let mut others = Vec::new();
        self.describe_within(task, future, sets, &mut others, DEEPEST_SIDE_BY_SIDE);
        others
    }

    fn describe_within(
        &self,
        task: &mut Task,
        future: Typed<'s, 'a>,
        sets: &mut Vec<Typed<'s, 'a>>,
        others: &mut Vec<Task>,
        depth: usize,
    ) {
        let future = self.unboxed(future);
        let whole = format!("{}{}", future.kind.path(self.module()), future.kind.name);
        task.coroutine = match is_state(&future.kind) {
            true => function_of(&whole),
            false => whole,
        };
        let (frames, end) = self.chain(future, sets);
        task.frames = frames.into_iter().rev().collect();
        let side_by_side = match end {
            End::Waits(awaited) => {
                task.awaits = Some(awaited);
                return;
            }
            End::NotBegun => {
                task.awaits = Some(Awaited {
                    kind: AwaitedKind::Turn,
                    text: "its turn".to_owned(),
                    tasks: Vec::new(),
                });
                return;
            }
            End::Ended => {
                task.state = TaskState::Finished;
                return;
            }
            End::SideBySide(_) if depth == 0 => return,
            End::SideBySide(futures) => futures,
        };
        let count = side_by_side.len();
        let mut awaited = Vec::new();
        for (number, future) in side_by_side.into_iter().enumerate() {
            let address = future.storage.address().unwrap_or_default();
            let is_too_much = || self.writer.memory.keep(address, size_of::<Task>()).is_err();
            if others.len() >= MOST_SIDE_BY_SIDE || is_too_much() {
                break;
            }
            let name = format!("{}/{}", task.name, number + 1);
            let mut other = Task::pending(name, unused(address, task, others));
            awaited.push(other.address);
            let place = others.len();
            self.describe_within(&mut other, future, sets, others, depth - 1);
            others.insert(place, other);
        }
        task.awaits = Some(Awaited {
            kind: AwaitedKind::Gather,
            text: format!("any of {count} futures side by side"),
            tasks: awaited,
        });
    }

    /// What is behind the pointers that a future is polled by: large ones are put into boxes.
    pub fn unboxed(&self, future: Typed<'s, 'a>) -> Typed<'s, 'a> {
        let mut future = future;
        for _ in 0..DEEPEST_WRAPPER {
            let Typed { kind, storage } = &future;
            let inner = match kind.shape {
                Shape::Pointer { .. } if is_owning(&kind.name) => self.pointed_to(kind, storage),
                _ if kind.name.starts_with("Pin<") => self.writer.sole_member(kind, storage),
                _ => None,
            };
            let wide = || self.behind_table(&future).filter(|_| is_owning(&kind.name));
            let inner = inner.map(|(kind, storage)| Typed { kind, storage });
            match inner.or_else(wide) {
                Some(inner) => future = inner,
                None => break,
            }
        }
        future
    }

    /// The functions that await each other, the outermost first.
    fn chain(
        &self,
        future: Typed<'s, 'a>,
        sets: &mut Vec<Typed<'s, 'a>>,
    ) -> (Vec<Frame>, End<'s, 'a>) {
        let (mut frames, mut future) = (Vec::new(), future);
        for _ in 0..DEEPEST {
            if let Some(state) = self.state(&future) {
                let address = future.storage.address().unwrap_or_default();
                if self
                    .writer
                    .memory
                    .keep(address, size_of::<Frame>())
                    .is_err()
                {
                    break;
                }
                frames.push(state.frame);
                match state.next {
                    Next::Awaits(next) => future = *next,
                    Next::NotBegun => return (frames, End::NotBegun),
                    Next::Ended => return (frames, End::Ended),
                    Next::Unknown => break,
                }
                continue;
            }
            let mut inner = Inner {
                found: Vec::new(),
                looked_at: 0,
                sets: &mut *sets,
            };
            if !is_join_handle(&future.kind) {
                self.look_for_futures(&future, DEEPEST_WRAPPER, &mut inner);
            }
            let mut found = inner.found;
            match found.len() {
                0 => {
                    let awaited = self.awaited(&future, &frames);
                    return (frames, End::Waits(awaited));
                }
                1 => {
                    let Some(only) = found.pop() else { break };
                    future = only;
                }
                _ => return (frames, End::SideBySide(found)),
            }
        }
        let awaited = self.awaited(&future, &frames);
        (frames, End::Waits(awaited))
    }

    /// The state of an async function or block; nothing if it is another kind of future.
    fn state(&self, future: &Typed<'s, 'a>) -> Option<State<'s, 'a>> {
        let Typed { kind, storage } = future;
        if !is_state(kind) {
            return None;
        }
        let Shape::Structure {
            variants: Some(states),
            ..
        } = &kind.shape
        else {
            return None;
        };
        let whole = format!("{}{}", kind.path(self.module()), kind.name);
        let mut frame = Frame {
            language: Language::Native,
            function: function_of(&whole),
            file: None,
            line: None,
            columns: None,
            source: None,
            pc: None,
            module: self.of.name.clone(),
            inlined: false,
            locals: Vec::new(),
            note: None,
        };
        let active = match self.writer.active_variant(states, storage) {
            Ok(active) => active,
            Err(absence) => {
                frame.note = Some(absence.to_string());
                let next = Next::Unknown;
                return Some(State { frame, next });
            }
        };
        let unknown = "its state is none that the compiler has made";
        let Some((active, state)) =
            active.and_then(|active| Some((active, Type::read(active.kind?, self.module())?)))
        else {
            frame.note = Some(unknown.to_owned());
            let next = Next::Unknown;
            return Some(State { frame, next });
        };
        let next = match state.name.as_str() {
            "Unresumed" => Next::NotBegun,
            "Returned" | "Panicked" => Next::Ended,
            _ => Next::Unknown,
        };
        if let (Some((file, line)), Next::Unknown) = (declared(self.module(), kind, active), &next)
        {
            frame.file = Some(file.path.clone());
            frame.line = u32::try_from(line).ok();
        }
        let at = storage.at(active.offset);
        if self.limits.is_some() {
            frame.locals = self.variables(&state, &at);
        }
        let next = match next {
            Next::Unknown => match self.writer.member_at(&state, &at, AWAITED) {
                Some((kind, storage)) => Next::Awaits(Box::new(Typed { kind, storage })),
                None => Next::Unknown,
            },
            next => next,
        };
        Some(State { frame, next })
    }

    /// What a state keeps of the function's variables.
    fn variables(&self, state: &Type<'s, 'a>, at: &Storage) -> Vec<Local> {
        let Some(limits) = self.limits else {
            return Vec::new();
        };
        let kept = captured(state.members()).into_iter();
        let kept = kept.filter(|member| member.name.as_deref() != Some(AWAITED));
        kept.filter_map(|member| {
            let kind = Type::read(member.kind?, self.module())?;
            let name = member.name.as_deref()?;
            let value = self.writer.value(&kind, Ok(at.at(member.offset)), limits);
            Some(Local {
                name: name.strip_prefix(BY_REFERENCE).unwrap_or(name).into(),
                kind: LocalKind::Local,
                value: Arc::new(value),
            })
        })
        .collect()
    }

    /// The futures that another one polls.
    fn look_for_futures(&self, of: &Typed<'s, 'a>, depth: usize, inner: &mut Inner<'_, 's, 'a>) {
        inner.looked_at += 1;
        let is_enough = inner.looked_at > MOST_LOOKED_AT || inner.found.len() >= MOST_SIDE_BY_SIDE;
        if depth == 0 || is_enough || self.writer.memory.spent().is_some() {
            return;
        }
        let Typed { kind, storage } = of;
        if is_state(kind) || is_join_handle(kind) {
            inner.found.extend(of.again(self.module()));
            return;
        }
        let module = self.module();
        let deeper = |kind: Type<'s, 'a>, storage, inner: &mut Inner<'_, 's, 'a>| {
            self.look_for_futures(&Typed { kind, storage }, depth - 1, inner);
        };
        match &kind.shape {
            Shape::Pointer { .. } => {
                let Some((target, at)) = self.pointed_to(kind, storage) else {
                    return;
                };
                if target.name == "LocalSet" {
                    self.note_set(
                        Typed {
                            kind: target,
                            storage: at,
                        },
                        inner,
                    );
                } else if is_owning(&kind.name) {
                    deeper(target, at, inner);
                }
            }
            Shape::Structure {
                variants: Some(_), ..
            } => {
                if let Ok(Some((active, at))) = self.writer.variant(kind, storage) {
                    let before = inner.found.len();
                    let is_future = active.name == "Future";
                    let future = self
                        .writer
                        .member_at(&active, &at, "__0")
                        .filter(|_| is_future);
                    deeper(active, at, inner);
                    // `MaybeDone::Future` of `join!` and `select!`.
                    if let (Some((kind, storage)), true) = (future, inner.found.len() == before) {
                        inner.found.push(Typed { kind, storage });
                    }
                }
            }
            Shape::Structure { members, .. } if is_owning(&kind.name) && is_wide(kind) => {
                let second = members.get(1).and_then(|member| member.name.as_deref());
                if second == Some("length") {
                    self.look_in_elements(of, depth, inner);
                } else if let Some(behind) = self.behind_table(of) {
                    let before = inner.found.len();
                    let leaf = behind.again(module);
                    deeper(behind.kind, behind.storage, inner);
                    if inner.found.len() == before && kind.name.contains("Future<") {
                        inner.found.extend(leaf);
                    }
                }
            }
            Shape::Structure { .. } if kind.name.starts_with("Vec<") => {
                self.look_in_elements(of, depth, inner);
            }
            Shape::Structure { members, .. } => {
                if kind.name == "LocalSet" && kind.path(module).starts_with("tokio::") {
                    if let Some(set) = of.again(module) {
                        self.note_set(set, inner);
                    }
                    return;
                }
                let is_tuple = kind.name.starts_with('(');
                for member in members {
                    let Some(part) = member.kind.and_then(|at| Type::read(at, module)) else {
                        continue;
                    };
                    let before = inner.found.len();
                    let at = storage.at(member.offset);
                    let is_of_tokio = is_tuple && part.path(module).starts_with("tokio::");
                    let leaf = is_of_tokio.then(|| Type::read(part.at, module)).flatten();
                    deeper(part, at.clone(), inner);
                    // Of futures side by side, also one of the library's own.
                    if let (Some(kind), true) = (leaf, inner.found.len() == before) {
                        inner.found.push(Typed { kind, storage: at });
                    }
                }
            }
            _ => {}
        }
    }

    fn note_set(&self, set: Typed<'s, 'a>, inner: &mut Inner<'_, 's, 'a>) {
        let address = set.storage.address().unwrap_or_default();
        if self.writer.memory.keep(address, size_of_val(&set)).is_ok() {
            inner.sets.push(set);
        }
    }

    fn look_in_elements(&self, of: &Typed<'s, 'a>, depth: usize, inner: &mut Inner<'_, 's, 'a>) {
        let Some(Ok(elements)) = self.writer.elements(&of.kind, &of.storage) else {
            return;
        };
        for index in 0..elements.count.min(MOST_SIDE_BY_SIDE as u64) {
            let Some(kind) = Type::read(elements.element, self.module()) else {
                return;
            };
            // Numbers and texts are no futures.
            if kind.members().is_empty()
                && !matches!(kind.shape, Shape::Structure { .. } | Shape::Pointer { .. })
            {
                return;
            }
            let storage = elements.at(index);
            self.look_for_futures(&Typed { kind, storage }, depth - 1, inner);
        }
    }

    /// What a pointer with a table of methods points to.
    fn behind_table(&self, wide: &Typed<'s, 'a>) -> Option<Typed<'s, 'a>> {
        let member = |name| self.writer.member_at(&wide.kind, &wide.storage, name);
        let (_, data) = member("pointer")?;
        let (_, table) = member("vtable")?;
        let memory = self.writer.memory;
        let table = self.of.loaded.svma(table.pointer(memory).ok()?).0;
        let kind = Type::read(self.module().type_of_vtable(table)?, self.module())?;
        let storage = Storage::Memory(data.pointer(memory).ok()?);
        Some(Typed { kind, storage })
    }
}

/// What is found while a future is looked through.
struct Inner<'i, 's, 'a> {
    found: Vec<Typed<'s, 'a>>,
    looked_at: usize,
    /// Sets of local tasks that a future runs.
    sets: &'i mut Vec<Typed<'s, 'a>>,
}

pub(super) fn is_join_handle(kind: &Type<'_, '_>) -> bool {
    kind.name.starts_with("JoinHandle<")
}

/// Whether a pointer is one by which a future is polled: a shared reference cannot do that.
fn is_owning(name: &str) -> bool {
    name.starts_with("&mut ") || name.starts_with("Box<") || name.starts_with("alloc::boxed::Box<")
}

/// A pointer with a length or a table of methods.
fn is_wide(kind: &Type<'_, '_>) -> bool {
    let name = |index: usize| kind.members().get(index)?.name.as_deref();
    matches!(
        (name(0), name(1)),
        (Some("pointer"), Some("vtable")) | (Some("data_ptr"), Some("length"))
    )
}

/// An address that no task has: a future may begin where one does that it is a part of.
fn unused(address: Addr, task: &Task, others: &[Task]) -> Addr {
    let mut address = address;
    while address == task.address || others.iter().any(|other| other.address == address) {
        address = address.plus(1);
    }
    address
}

#[cfg(test)]
mod tests {
    use super::function_of;

    #[test]
    fn a_future_is_called_as_its_function_is_written() {
        let names = [
            ("app::serve::{async_fn_env#0}", "app::serve"),
            ("app::serve::{async_fn_env#0}<u32>", "app::serve"),
            ("app::serve::{async_fn#0}", "app::serve"),
            (
                "app::main::{async_block_env#1}",
                "app::main::{async_block#1}",
            ),
            (
                "app::serve::{async_fn#0}::{async_block_env#0}",
                "app::serve::{async_block#0}",
            ),
        ];
        for (name, function) in names {
            assert_eq!(function_of(name), function, "{name}");
        }
    }
}
