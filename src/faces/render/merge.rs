//! Many stacks as one tree: what they share is there once.

use std::collections::HashMap;

use crate::model::{Frame, Language, ProcessReport, Thread};

/// One stack: a thread of a process.
#[derive(Debug, Clone, Copy)]
pub struct Unit<'r> {
    /// The index of the process in the report.
    pub index: usize,
    pub process: &'r ProcessReport,
    pub thread: &'r Thread,
}

/// Stacks that agree up to the end of `frames`. Those of them that differ then are its children; without
/// children, they end here.
#[derive(Debug)]
pub struct Branch<'r> {
    pub units: Vec<Unit<'r>>,
    /// The oldest first. Empty where a stack ends and another, equal so far, goes on.
    pub frames: Vec<&'r Frame>,
    pub children: Vec<Branch<'r>>,
}

/// Deeper nested branches are not looked for: what is left of a stack becomes one branch. Keeps the tree
/// readable, and the walks over it shallow whatever the stacks are.
const DEEPEST: usize = 24;

/// Two frames are the same if these are: the same line of the same function.
type Place<'r> = (Language, &'r str, Option<&'r str>, Option<u32>);

/// All threads of a report.
pub fn units(processes: &[ProcessReport]) -> Vec<Unit<'_>> {
    let processes = processes.iter().enumerate();
    processes
        .flat_map(|(index, process)| {
            process.threads.iter().map(move |thread| Unit {
                index,
                process,
                thread,
            })
        })
        .collect()
}

/// One tree for each outermost frame, in the order in which these appear.
pub fn merge(units: Vec<Unit<'_>>) -> Vec<Branch<'_>> {
    split(units, 0, 0)
}

fn split(units: Vec<Unit<'_>>, depth: usize, nesting: usize) -> Vec<Branch<'_>> {
    let taken = if nesting < DEEPEST { 1 } else { usize::MAX };
    let groups = group(units, |unit| {
        places(unit, depth).take(taken).collect::<Vec<_>>()
    });
    groups
        .into_iter()
        .map(|units| branch(units, depth, nesting))
        .collect()
}

/// The branch of stacks that agree at `depth`: follows them as far as they go on agreeing.
fn branch(units: Vec<Unit<'_>>, depth: usize, nesting: usize) -> Branch<'_> {
    let end = depth + agreement(&units, depth);
    let frames = match units.first() {
        Some(first) => frames(first, depth).take(end - depth).collect(),
        None => Vec::new(),
    };
    let all_end_here = units.iter().all(|unit| unit.thread.frames.len() <= end);
    let children = if all_end_here {
        Vec::new()
    } else {
        let mut children = split(units.clone(), end, nesting + 1);
        children.sort_by_key(|child| std::cmp::Reverse(child.units.len()));
        children
    };
    Branch {
        units,
        frames,
        children,
    }
}

/// For how many frames from `depth` on all stacks are the same.
fn agreement(units: &[Unit<'_>], depth: usize) -> usize {
    let Some((first, others)) = units.split_first() else {
        return 0;
    };
    let all = frames(first, depth).count();
    others.iter().fold(all, |length, other| {
        let pairs = places(first, depth).zip(places(other, depth)).take(length);
        pairs.take_while(|(one, other)| one == other).count()
    })
}

/// From the oldest on, without the first `depth`.
fn frames<'r>(unit: &Unit<'r>, depth: usize) -> impl Iterator<Item = &'r Frame> + use<'r> {
    unit.thread.frames.iter().rev().skip(depth)
}

fn places<'r>(unit: &Unit<'r>, depth: usize) -> impl Iterator<Item = Place<'r>> + use<'r> {
    frames(unit, depth).map(|frame| {
        (
            frame.language,
            frame.function.as_str(),
            frame.file.as_deref(),
            frame.line,
        )
    })
}

/// Sorts into groups of an equal key, in the order in which the keys appear.
pub fn group<T, K: Eq + std::hash::Hash>(items: Vec<T>, key: impl Fn(&T) -> K) -> Vec<Vec<T>> {
    let mut groups: Vec<Vec<T>> = Vec::new();
    let mut places: HashMap<K, usize> = HashMap::new();
    for item in items {
        let place = *places.entry(key(&item)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(item),
            None => groups.push(vec![item]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::super::sample::{process, thread};
    use super::*;

    /// A tree in one line: `a>b{2: c, 1: d}`.
    fn shape(branches: &[Branch<'_>]) -> String {
        let one = |branch: &Branch<'_>| {
            let names: Vec<&str> = branch
                .frames
                .iter()
                .map(|frame| frame.function.as_str())
                .collect();
            let children = if branch.children.is_empty() {
                String::new()
            } else {
                format!("{{{}}}", shape(&branch.children))
            };
            format!("{}:{}{children}", branch.units.len(), names.join(">"))
        };
        branches.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    #[track_caller]
    fn check(stacks: &[&[&str]], expected: &str) {
        let threads = (1..)
            .zip(stacks)
            .map(|(tid, names)| thread(tid, "t", names));
        let processes = [process(1, "p", threads.collect())];
        assert_eq!(shape(&merge(units(&processes))), expected);
    }

    #[test]
    fn equal_stacks_are_one_branch() {
        check(&[&["a", "b"], &["a", "b"], &["a", "b"]], "3:a>b");
    }

    #[test]
    fn stacks_part_where_they_differ_the_larger_part_first() {
        check(
            &[
                &["a", "b", "d"],
                &["a", "b", "c", "e"],
                &["a", "b", "c", "e"],
            ],
            "3:a>b{2:c>e, 1:d}",
        );
    }

    #[test]
    fn stack_that_is_the_beginning_of_another_ends_in_a_branch_without_frames() {
        check(&[&["a"], &["a", "b"], &["a", "b"]], "3:a{2:b, 1:}");
    }

    #[test]
    fn different_roots_are_different_trees_in_order() {
        check(&[&["a"], &["b"], &["b"]], "1:a, 2:b");
        check(&[&["a"], &[], &[]], "1:a, 2:");
    }

    #[test]
    fn lines_and_files_tell_frames_apart() {
        let mut processes = [process(
            1,
            "p",
            vec![thread(1, "t", &["a"]), thread(2, "t", &["a"])],
        )];
        processes[0].threads[1].frames[0].line = Some(99);
        assert_eq!(shape(&merge(units(&processes))), "1:a, 1:a");
        processes[0].threads[1].frames[0].line = processes[0].threads[0].frames[0].line;
        processes[0].threads[1].frames[0].file = Some("other.py".to_string());
        assert_eq!(shape(&merge(units(&processes))), "1:a, 1:a");
    }

    #[test]
    fn branches_do_not_nest_without_end() {
        let names = vec!["f"; 400];
        let threads = (1..300).map(|depth| thread(depth, "t", &names[..depth as usize]));
        let processes = [process(1, "p", threads.collect())];
        let mut branches = merge(units(&processes));
        let mut nesting = 0;
        while let Some(next) = branches.pop() {
            branches = next.children;
            nesting += 1;
        }
        assert!(nesting <= DEEPEST + 2, "{nesting}");
    }
}
