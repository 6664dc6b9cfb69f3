//! Tasks as trees: below each those that it awaits. Equal trees are one, with all their tasks.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use super::merge::group;
use crate::model::{Addr, EventLoop, Task};

/// Deeper trees go on as trees of their own.
const DEEPEST: usize = 24;

/// Tasks that are at the same place, wait for the same kind of thing, and so do those that they await.
pub struct Grove<'r> {
    pub tasks: Vec<&'r Task>,
    pub children: Vec<Child<'r>>,
}

/// What tasks await.
pub enum Child<'r> {
    Grove(Grove<'r>),
    /// Tasks that are shown elsewhere: others await them too, or they are in a circle.
    Elsewhere(Vec<&'r Task>),
}

/// All tasks of an event loop.
pub fn forest(event_loop: &EventLoop) -> Vec<Grove<'_>> {
    let mut planter = Planter::new(event_loop);
    let roots: Vec<usize> = (0..event_loop.tasks.len())
        .filter(|&place| planter.is_root(place))
        .collect();
    let mut groves = planter.groves(roots, 0);
    // What no root leads to: circles, and what lay too deep.
    for place in 0..event_loop.tasks.len() {
        if planter.is_unplanted(place) {
            groves.extend(planter.groves(vec![place], 0));
        }
    }
    groves
}

struct Planter<'r> {
    tasks: &'r [Task],
    /// By task: those that it awaits.
    awaited: Vec<Vec<usize>>,
    digests: Vec<u64>,
    planted: Vec<bool>,
}

impl<'r> Planter<'r> {
    fn new(event_loop: &'r EventLoop) -> Planter<'r> {
        let tasks = &event_loop.tasks;
        let places: HashMap<Addr, usize> = tasks
            .iter()
            .enumerate()
            .map(|(place, task)| (task.address, place))
            .collect();
        let awaited: Vec<Vec<usize>> = tasks
            .iter()
            .map(|task| {
                let addresses = task.awaits.iter().flat_map(|awaits| &awaits.tasks);
                let known = addresses.filter_map(|address| places.get(address).copied());
                let mut known: Vec<usize> = known.collect();
                known.sort_unstable();
                known
            })
            .collect();
        let digests = digests(tasks, &awaited);
        Planter {
            tasks,
            planted: vec![false; tasks.len()],
            awaited,
            digests,
        }
    }

    fn is_root(&self, place: usize) -> bool {
        self.tasks
            .get(place)
            .is_some_and(|task| task.awaited_by.is_empty())
    }

    fn is_unplanted(&self, place: usize) -> bool {
        self.planted.get(place) == Some(&false)
    }

    fn groves(&mut self, places: Vec<usize>, depth: usize) -> Vec<Grove<'r>> {
        let groups = group(places, |&place| self.digests.get(place).copied());
        // All of one level are taken before any of the next, so that each is shown as near to its root as can be.
        for &place in groups.iter().flatten() {
            if let Some(planted) = self.planted.get_mut(place) {
                *planted = true;
            }
        }
        groups
            .into_iter()
            .map(|places| self.grove(places, depth))
            .collect()
    }

    fn grove(&mut self, places: Vec<usize>, depth: usize) -> Grove<'r> {
        let mut below: Vec<usize> = places
            .iter()
            .filter_map(|&place| self.awaited.get(place))
            .flatten()
            .copied()
            .collect();
        below.sort_unstable();
        below.dedup();
        let (here, elsewhere): (Vec<usize>, Vec<usize>) = below
            .into_iter()
            .partition(|&place| self.is_unplanted(place) && depth < DEEPEST);
        let groves = self.groves(here, depth + 1);
        let mut children: Vec<Child<'r>> = groves.into_iter().map(Child::Grove).collect();
        if !elsewhere.is_empty() {
            children.push(Child::Elsewhere(self.tasks_at(&elsewhere)));
        }
        Grove {
            tasks: self.tasks_at(&places),
            children,
        }
    }

    fn tasks_at(&self, places: &[usize]) -> Vec<&'r Task> {
        let tasks = places.iter().filter_map(|&place| self.tasks.get(place));
        tasks.collect()
    }
}

/// What tells a task, with all that it awaits, from others. Walks with a list of its own: chains may be long.
fn digests(tasks: &[Task], awaited: &[Vec<usize>]) -> Vec<u64> {
    let state = RandomState::new();
    let mut digests: Vec<Option<u64>> = vec![None; tasks.len()];
    let mut open = vec![false; tasks.len()];
    for start in 0..tasks.len() {
        let mut path = vec![start];
        while let Some(&place) = path.last() {
            let (Some(task), Some(below)) = (tasks.get(place), awaited.get(place)) else {
                break;
            };
            let is_known = |place: &usize| digests.get(*place).copied().flatten().is_some();
            let is_open = |place: &usize| open.get(*place) == Some(&true);
            if is_known(&place) {
                path.pop();
                continue;
            }
            let first = !is_open(&place);
            let waiting: Vec<usize> = below
                .iter()
                .filter(|next| first && !is_known(next) && !is_open(next))
                .copied()
                .collect();
            if let Some(open) = open.get_mut(place) {
                *open = true;
            }
            if !waiting.is_empty() {
                path.extend(waiting);
                continue;
            }
            let mut hasher = state.build_hasher();
            hash_task(task, &mut hasher);
            let mut parts: Vec<u64> = below
                .iter()
                // One that is not known yet closes a circle: its members are each told apart.
                .map(|&next| {
                    digests
                        .get(next)
                        .copied()
                        .flatten()
                        .unwrap_or(task.address.0)
                })
                .collect();
            parts.sort_unstable();
            parts.dedup();
            parts.hash(&mut hasher);
            if let Some(digest) = digests.get_mut(place) {
                *digest = Some(hasher.finish());
            }
            path.pop();
        }
    }
    digests.into_iter().map(Option::unwrap_or_default).collect()
}

fn hash_task(task: &Task, hasher: &mut impl Hasher) {
    (task.state, task.cancelling, &task.coroutine, &task.note).hash(hasher);
    task.awaits.as_ref().map(|awaits| awaits.kind).hash(hasher);
    for frame in &task.frames {
        (&frame.function, &frame.file, frame.line, &frame.note).hash(hasher);
        for local in &frame.locals {
            (&local.name, &local.value.text).hash(hasher);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Awaited, AwaitedKind};

    /// Task `i` awaits `edges[i]`; all are in the same function.
    fn event_loop(edges: &[&[usize]]) -> EventLoop {
        let address = |place: usize| Addr(place as u64 + 16);
        let task = |(place, awaited): (usize, &&[usize])| Task {
            coroutine: "work".to_string(),
            awaits: Some(Awaited {
                kind: AwaitedKind::Task,
                text: String::new(),
                tasks: awaited.iter().copied().map(address).collect(),
            }),
            awaited_by: (0..edges.len())
                .filter(|&other| edges[other].contains(&place))
                .map(address)
                .collect(),
            ..Task::pending(format!("Task-{place}"), address(place))
        };
        EventLoop {
            type_name: String::new(),
            address: Addr(8),
            tid: None,
            thread: None,
            task_count: edges.len() as u64,
            tasks: edges.iter().enumerate().map(task).collect(),
            circles: Vec::new(),
        }
    }

    /// A forest in one line: `2{1, again 1}`.
    fn shape(groves: &[Grove<'_>]) -> String {
        let one = |grove: &Grove<'_>| {
            let children: Vec<String> = grove
                .children
                .iter()
                .map(|child| match child {
                    Child::Grove(grove) => shape(std::slice::from_ref(grove)),
                    Child::Elsewhere(tasks) => format!("again {}", tasks.len()),
                })
                .collect();
            if children.is_empty() {
                grove.tasks.len().to_string()
            } else {
                format!("{}{{{}}}", grove.tasks.len(), children.join(", "))
            }
        };
        groves.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    #[track_caller]
    fn check(edges: &[&[usize]], expected: &str) {
        assert_eq!(shape(&forest(&event_loop(edges))), expected);
    }

    #[test]
    fn equal_trees_are_one() {
        check(&[&[], &[], &[]], "3");
        check(&[&[2], &[3], &[], &[]], "2{2}");
        check(&[&[2], &[3, 4], &[], &[], &[]], "2{3}");
        check(&[&[2], &[3], &[], &[4], &[]], "1{1}, 1{1{1}}");
    }

    #[test]
    fn task_that_two_await_is_shown_once() {
        check(&[&[2], &[2, 3], &[], &[2]], "1{1}, 1{1{again 1}, again 1}");
    }

    #[test]
    fn circles_end_where_they_close() {
        check(&[&[1], &[0]], "1{1{again 1}}");
        check(&[&[0]], "1{again 1}");
    }

    #[test]
    fn long_chains_are_cut_and_lose_nothing() {
        let edges: Vec<Vec<usize>> = (1..=5_000).map(|next| vec![next % 5_000]).collect();
        let mut edges: Vec<&[usize]> = edges.iter().map(Vec::as_slice).collect();
        edges.push(&[]);
        let event_loop = event_loop(&edges);
        let mut waiting = forest(&event_loop);
        let mut shown = 0;
        while let Some(grove) = waiting.pop() {
            shown += grove.tasks.len();
            for child in grove.children {
                if let Child::Grove(grove) = child {
                    waiting.push(grove);
                }
            }
        }
        assert_eq!(shown, 5_001);
    }
}
