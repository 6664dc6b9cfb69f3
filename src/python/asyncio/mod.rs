//! asyncio: the event loops of a process, their tasks, and what each task waits for.
//!
//! Read the same way on all versions, from the side of those that wait: a task knows its coroutine and the future that
//! it waits for. See `docs/internals/coroutines.md`.

mod awaits;
mod chain;
mod future;
mod roster;

pub(super) use future::{Future, FutureClass, FutureState};

use std::collections::HashMap;

use super::object::Attribute;
use super::repr::Limits;
use super::{Look, LookError, PythonFrame, PythonThread};
use crate::model::{Addr, EventLoop, Task, TaskState};

/// Tasks that are described. More of them are counted.
const MOST_DESCRIBED: usize = 20_000;
/// Circles of tasks that are told.
const MOST_CIRCLES: usize = 100;

/// For what stands inside a sentence.
fn brief() -> Limits {
    Limits {
        characters: 60,
        depth: 2,
    }
}

/// What was found, and why there may be more.
pub struct Loops {
    pub loops: Vec<EventLoop>,
    pub broken: Option<LookError>,
}

impl Look<'_> {
    /// The event loops of a process with their tasks, those first that a thread runs. `threads` are all of the
    /// process, and the variables of every frame are read if `limits` are given.
    pub fn event_loops(&self, threads: &[PythonThread], limits: Option<&Limits>) -> Loops {
        let roster = self.roster(threads);
        let mut by_loop: Vec<(Addr, Vec<Future>)> = Vec::new();
        let mut places: HashMap<Addr, usize> = HashMap::new();
        let mut broken = roster.broken;
        for address in roster.tasks {
            match self.pending_task(address) {
                Ok(Some((owner, task))) => {
                    let place = *places.entry(owner).or_insert_with(|| {
                        by_loop.push((owner, Vec::new()));
                        by_loop.len() - 1
                    });
                    if let Some((_, tasks)) = by_loop.get_mut(place) {
                        tasks.push(task);
                    }
                }
                Ok(None) => {}
                Err(error) => broken = broken.or(Some(error)),
            }
        }
        let addresses: Vec<Addr> = by_loop.iter().map(|(address, _)| *address).collect();
        let mut owners: HashMap<Addr, &PythonThread> = HashMap::new();
        for thread in threads {
            match self.running_loop(thread, &addresses) {
                Ok(Some(running)) => {
                    owners.insert(running, thread);
                }
                Ok(None) => {}
                Err(error) => broken = broken.or(Some(error)),
            }
        }
        let mut room = MOST_DESCRIBED;
        let mut stacks = RunningStacks::new(threads);
        let mut loops: Vec<EventLoop> = by_loop
            .into_iter()
            .map(|(address, tasks)| {
                let owner = owners.get(&address).copied();
                self.event_loop(address, owner, tasks, &mut room, &mut stacks, limits)
            })
            .collect();
        loops.sort_by_key(|event_loop| (event_loop.tid.is_none(), event_loop.tid));
        for event_loop in &mut loops {
            complete(event_loop);
        }
        Loops { loops, broken }
    }

    /// A task that has not ended, with its loop. What is in asyncio's sets and has no loop is none of its tasks.
    fn pending_task(&self, address: Addr) -> Result<Option<(Addr, Future)>, LookError> {
        let task = match self.future(address)? {
            Some(task) => task,
            // A task of a class of its own, which asyncio allows: most have these attributes, too.
            None => Future {
                address,
                class: FutureClass {
                    native: false,
                    task: true,
                    gathers: false,
                },
            },
        };
        if self.future_state(task)? != FutureState::Pending {
            return Ok(None);
        }
        Ok(self.future_loop(task)?.map(|owner| (owner, task)))
    }

    fn event_loop(
        &self,
        address: Addr,
        owner: Option<&PythonThread>,
        mut tasks: Vec<Future>,
        room: &mut usize,
        stacks: &mut RunningStacks<'_>,
        limits: Option<&Limits>,
    ) -> EventLoop {
        let task_count = tasks.len() as u64;
        let shown = tasks.len().min(*room);
        *room -= shown;
        tasks.truncate(shown);
        let mut described = Vec::new();
        for task in tasks {
            if self.memory.keep(task.address, size_of::<Task>()).is_err() {
                break;
            }
            described.push(self.describe_task(task, stacks, limits));
        }
        described.sort_by_cached_key(|task| natural_order(&task.name));
        let status = owner.and_then(|thread| thread.status.as_ref());
        let kind = self
            .memory
            .pointer(address.plus(self.layout().object.kind))
            .map_err(LookError::from)
            .and_then(|kind| self.qualified_type_name(kind));
        EventLoop {
            type_name: kind.unwrap_or_else(|error| error.absence().to_string()),
            address,
            tid: status.map(|status| status.tid),
            thread: status.and_then(|status| status.name.clone()),
            task_count,
            tasks: described,
            circles: Vec::new(),
        }
    }

    fn describe_task(
        &self,
        task: Future,
        stacks: &mut RunningStacks<'_>,
        limits: Option<&Limits>,
    ) -> Task {
        let name = self
            .task_name(task)
            .unwrap_or_else(|_| format!("task at {}", task.address));
        let mut described = Task {
            cancelling: self.task_is_cancelling(task).unwrap_or(false),
            ..Task::pending(name, task.address)
        };
        if let Err(error) = self.describe_coroutine(task, &mut described, stacks, limits) {
            described.note = Some(error.to_string());
        }
        described
    }

    fn describe_coroutine(
        &self,
        task: Future,
        described: &mut Task,
        stacks: &mut RunningStacks<'_>,
        limits: Option<&Limits>,
    ) -> Result<(), LookError> {
        described.state = self.task_state(task)?;
        let Some(coroutine) = self.task_coroutine(task)? else {
            return Ok(());
        };
        if self.generator_kind(coroutine)?.is_none() {
            described.coroutine = self.foreign_coroutine(coroutine)?;
        } else {
            described.coroutine = self.generator_name(coroutine)?;
            if described.state == TaskState::Running {
                let frame = self.generator_frame(coroutine)?;
                let frames = stacks.of_coroutine(self, frame);
                let describe = |frame: &PythonFrame| self.describe(frame, limits);
                described.frames = frames.iter().map(describe).collect();
                return Ok(());
            }
        }
        let chain = self.await_chain(coroutine);
        let innermost_first = chain.frames.iter().rev();
        described.frames = innermost_first
            .map(|frame| self.describe(frame, limits))
            .collect();
        described.awaits = Some(self.awaits(task, &chain)?);
        described.note = chain.broken.map(|error| error.to_string());
        Ok(())
    }

    /// A coroutine of Cython or another compiler: it has a name, and no frame.
    fn foreign_coroutine(&self, coroutine: Addr) -> Result<String, LookError> {
        if let Ok(Some(Attribute::Object(name))) = self.attribute(coroutine, "__qualname__")
            && let Ok(name) = self.name(name)
        {
            return Ok(name);
        }
        Ok(format!("{} object", self.type_of(coroutine)?.name))
    }
}

/// The stacks of the threads, read when the first running task is met.
struct RunningStacks<'t> {
    threads: &'t [PythonThread],
    stacks: Option<Vec<Vec<PythonFrame>>>,
}

impl<'t> RunningStacks<'t> {
    fn new(threads: &'t [PythonThread]) -> RunningStacks<'t> {
        RunningStacks {
            threads,
            stacks: None,
        }
    }

    /// From the newest frame of the thread that runs a coroutine down to the coroutine's own.
    fn of_coroutine(&mut self, look: &Look<'_>, frame: Addr) -> &[PythonFrame] {
        let read = || {
            let threads = self.threads.iter();
            threads
                .map(|thread| look.stack(thread.address).frames)
                .collect()
        };
        for stack in self.stacks.get_or_insert_with(read) {
            let place = stack.iter().position(|other| other.address == frame);
            if let Some(above) = place.and_then(|place| stack.get(..=place)) {
                return above;
            }
        }
        &[]
    }
}

/// `Task-9` comes before `Task-10`.
fn natural_order(name: &str) -> (String, u64, String) {
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    let prefix = name.len() - digits.len();
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    let number = digits
        .get(..end)
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0);
    (
        name.get(..prefix).unwrap_or_default().to_string(),
        number,
        name.to_string(),
    )
}

/// Fills in what follows from all tasks together: who awaits each, and the circles.
fn complete(event_loop: &mut EventLoop) {
    let places: HashMap<Addr, usize> = event_loop
        .tasks
        .iter()
        .enumerate()
        .map(|(place, task)| (task.address, place))
        .collect();
    let edges: Vec<Vec<usize>> = event_loop
        .tasks
        .iter()
        .map(|task| {
            let awaited = task.awaits.iter().flat_map(|awaits| &awaits.tasks);
            awaited
                .filter_map(|task| places.get(task).copied())
                .collect()
        })
        .collect();
    for (waiting, awaited) in edges.iter().enumerate() {
        let address = event_loop.tasks.get(waiting).map(|task| task.address);
        for &place in awaited {
            if let Some(task) = event_loop.tasks.get_mut(place) {
                task.awaited_by.extend(address);
            }
        }
    }
    let address = |place: usize| event_loop.tasks.get(place).map(|task| task.address);
    event_loop.circles = circles(&edges)
        .into_iter()
        .map(|circle| circle.into_iter().filter_map(address).collect())
        .collect();
}

/// Circles of a graph, each from the node where it was entered; one for each edge that closes one.
fn circles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Visit {
        Not,
        Open,
        Done,
    }
    let mut visits = vec![Visit::Not; edges.len()];
    let mut found = Vec::new();
    for start in 0..edges.len() {
        if visits.get(start) != Some(&Visit::Not) {
            continue;
        }
        // The path from `start`, with how many edges of each node have been followed.
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((node, followed)) = path.last_mut() {
            let node = *node;
            let next = edges.get(node).and_then(|edges| edges.get(*followed));
            *followed += 1;
            if let Some(visit) = visits.get_mut(node) {
                *visit = Visit::Open;
            }
            match next {
                None => {
                    if let Some(visit) = visits.get_mut(node) {
                        *visit = Visit::Done;
                    }
                    path.pop();
                }
                Some(&next) => match visits.get(next) {
                    Some(Visit::Not) => path.push((next, 0)),
                    Some(Visit::Open) if found.len() < MOST_CIRCLES => {
                        let entered = path.iter().skip_while(|(node, _)| *node != next);
                        found.push(entered.map(|(node, _)| *node).collect());
                    }
                    _ => {}
                },
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_found_once() {
        let edges = [vec![1], vec![2, 3], vec![0], vec![], vec![4], vec![0]];
        assert_eq!(circles(&edges), [vec![0, 1, 2], vec![4]]);
        assert!(circles(&[vec![1, 2], vec![2], vec![]]).is_empty());
    }

    #[test]
    fn names_are_in_the_order_of_their_numbers() {
        let mut names = ["Task-10", "b", "Task-9", "Task-9x", "a"];
        names.sort_by_key(|name| natural_order(name));
        assert_eq!(names, ["Task-9", "Task-9x", "Task-10", "a", "b"]);
    }
}
