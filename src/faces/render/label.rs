//! What to call a process among others.

use std::collections::{HashMap, HashSet};

use super::printable;
use crate::model::{Pid, ProcessReport};

/// A short name for each process of a report: its rank, else its rank and name (`rank3/ForkPoolWorker-1`), else its
/// name, else its pid, else its core; the first of these that no other process of the report goes by.
#[derive(Debug)]
pub struct Labels(Vec<String>);

impl Labels {
    pub fn new(processes: &[ProcessReport]) -> Labels {
        let by_pid: HashMap<Pid, &ProcessReport> = processes
            .iter()
            .filter_map(|process| Some((process.pid?, process)))
            .collect();
        let candidates: Vec<Vec<String>> = processes
            .iter()
            .map(|process| candidates(process, has_rank_itself(process, &by_pid)))
            .collect();
        let mut users: HashMap<&str, usize> = HashMap::new();
        for names in &candidates {
            let distinct: HashSet<&str> = names.iter().map(String::as_str).collect();
            for name in distinct {
                *users.entry(name).or_default() += 1;
            }
        }
        let choose = |(index, names): (usize, &Vec<String>)| {
            let unique = names
                .iter()
                .find(|name| users.get(name.as_str()) == Some(&1));
            unique.cloned().unwrap_or_else(|| format!("#{}", index + 1))
        };
        Labels(candidates.iter().enumerate().map(choose).collect())
    }

    /// Of the process with this index in the report.
    pub fn of(&self, index: usize) -> &str {
        self.0.get(index).map_or("?", String::as_str)
    }
}

/// A rank is inherited with the environment: it belongs to the first Python process of a family that has it, and the
/// others work for that one.
fn has_rank_itself(process: &ProcessReport, by_pid: &HashMap<Pid, &ProcessReport>) -> bool {
    let mut next = process.parent;
    // Parents of a report put together from several moments may form a circle.
    for _ in 0..by_pid.len() {
        let Some(ancestor) = next.and_then(|pid| by_pid.get(&pid)) else {
            break;
        };
        if ancestor.interpreter.is_some() && ancestor.rank == process.rank {
            return false;
        }
        next = ancestor.parent;
    }
    process.interpreter.is_some()
}

fn candidates(process: &ProcessReport, has_rank_itself: bool) -> Vec<String> {
    let mut names = Vec::new();
    let rank = process.rank.map(|rank| format!("rank{rank}"));
    let name = printable::one_line(&process.name).into_owned();
    if has_rank_itself {
        names.extend(rank.clone());
    }
    if !name.is_empty() {
        names.extend(rank.map(|rank| format!("{rank}/{name}")));
        names.push(name);
    }
    names.extend(process.pid.map(|pid| pid.to_string()));
    if let Some(core) = &process.core {
        let core = printable::one_line(core);
        names.extend(core.rsplit('/').next().map(str::to_string));
        names.push(core.into_owned());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::sample::process;
    use super::*;

    fn labels(processes: &[ProcessReport]) -> Vec<String> {
        Labels::new(processes).0
    }

    #[test]
    fn rank_comes_before_name_and_pid() {
        let mut one = process(10, "w", Vec::new());
        one.rank = Some(3);
        assert_eq!(
            labels(&[one, process(11, "launcher", Vec::new())]),
            ["rank3", "launcher"]
        );
    }

    #[test]
    fn workers_of_a_rank_carry_it_in_front_of_their_names() {
        let mut family = [
            process(10, "train.py", Vec::new()),
            process(11, "ForkPoolWorker-1", Vec::new()),
            process(20, "train.py", Vec::new()),
            process(21, "ForkPoolWorker-1", Vec::new()),
        ];
        for (index, member) in family.iter_mut().enumerate() {
            member.rank = Some(if index < 2 { 0 } else { 1 });
        }
        family[1].parent = Some(Pid(10));
        family[3].parent = Some(Pid(20));
        assert_eq!(
            labels(&family),
            [
                "rank0",
                "rank0/ForkPoolWorker-1",
                "rank1",
                "rank1/ForkPoolWorker-1"
            ]
        );
        family[1].parent = Some(Pid(21));
        family[3].parent = Some(Pid(11));
        assert_eq!(labels(&family).len(), 4);
    }

    #[test]
    fn name_that_several_go_by_is_not_used() {
        let same = [
            process(10, "python", Vec::new()),
            process(11, "python", Vec::new()),
            process(12, "sh", Vec::new()),
        ];
        assert_eq!(labels(&same), ["10", "11", "sh"]);
    }

    #[test]
    fn cores_of_one_pid_are_told_apart_by_their_files() {
        let mut cores = [
            process(1, "python", Vec::new()),
            process(1, "python", Vec::new()),
        ];
        cores[0].core = Some("a/core.1".to_string());
        cores[1].core = Some("b/core.1".to_string());
        assert_eq!(labels(&cores), ["a/core.1", "b/core.1"]);
        cores[1].core = Some("a/core.1".to_string());
        assert_eq!(labels(&cores), ["#1", "#2"]);
    }
}
